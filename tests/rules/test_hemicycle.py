"""Seats drawn as half a circle, and places laid out on a map."""

from math import dist, isclose

import pytest

from results_service.rules.hemicycle import MOST_SEATS, Block, hemicycle, wedges
from results_service.rules.map_layout import WIDTH, Spot, map_of

SIZES = [1, 2, 3, 4, 7, 10, 29, 100, 250, 577, 705, MOST_SEATS]


@pytest.mark.parametrize("seats", SIZES)
def test_every_seat_has_a_place_of_its_own_within_the_picture(seats: int) -> None:
    picture = hemicycle(seats)
    assert len(set(picture.seats)) == len(picture.seats) == seats
    half = picture.diameter / 2 - 0.1
    for x, y in picture.seats:
        assert half <= x <= picture.width - half
        assert half <= y <= picture.height - half
    # Neighbours in the order from the left are no proof; every pair is looked at where that is quick.
    if seats <= 705:
        for number, one in enumerate(picture.seats):
            for other in picture.seats[:number]:
                assert dist(one, other) >= picture.diameter


@pytest.mark.parametrize("seats", [7, 250, 577])
def test_a_picture_is_the_same_from_the_left_and_from_the_right(seats: int) -> None:
    picture = hemicycle(seats)
    mirrored = {(round(picture.width - x, 1), y) for x, y in picture.seats}
    for x, y in picture.seats:
        assert min(dist((x, y), other) for other in mirrored) < 0.3


def test_what_cannot_be_drawn_has_no_seats() -> None:
    for seats in (0, -1, MOST_SEATS + 1):
        assert hemicycle(seats).seats == ()


def test_the_lists_have_all_seats_in_their_order_and_each_its_wedge() -> None:
    picture = hemicycle(250)
    blocks = [Block(1, 150, 8), Block(2, 40, 4), Block(3, 0), Block(5, 0, 6), Block(8, 19), Block(11, 18)]
    found = wedges(picture, blocks)
    assert [(one.key, len(one.certain), len(one.unsettled)) for one in found] == [
        (block.key, block.certain, block.unsettled) for block in blocks if block.certain + block.unsettled
    ]
    given = [place for one in found for place in (*one.certain, *one.unsettled)]
    assert given == list(picture.seats[:245])
    middle = picture.width / 2
    # The first list begins at the left, and the last one ends at the right, with the seats that nobody has.
    assert found[0].label[0] < middle < found[-1].label[0]
    radius = middle - picture.diameter / 2
    ground = picture.height - picture.diameter / 2
    for one in found:
        assert isclose(dist(one.label, (middle, ground)), radius, abs_tol=0.2)


def test_a_map_keeps_north_up_and_distances_alike_in_both_directions() -> None:
    # Belgrade, a place a degree north of it, and one as far to the east (a degree there is cos 45° of one).
    spots = {"south": Spot(44.5, 20, 100), "north": Spot(45.5, 20, 400), "east": Spot(44.5, 21.41421, 0)}
    found = map_of(spots)
    at = {symbol.key: symbol for symbol in found.symbols}
    assert at["north"].y < at["south"].y
    assert at["north"].x == at["south"].x < at["east"].x
    assert isclose(at["south"].y - at["north"].y, at["east"].x - at["south"].x, rel_tol=0.01)
    # Areas go by the voters; one without voters can still be seen, and the largest comes first.
    assert isclose(at["north"].radius, 2 * at["south"].radius, rel_tol=0.02)
    assert 0 < at["east"].radius < at["south"].radius
    assert found.symbols[0].key == "north"
    for symbol in found.symbols:
        assert symbol.radius <= symbol.x <= found.width - symbol.radius <= WIDTH
        assert symbol.radius <= symbol.y <= found.height - symbol.radius


def test_a_map_of_one_spot_or_of_none_is_possible() -> None:
    alone = map_of({"here": Spot(44, 20, 10), "too": Spot(44, 20, 10)})
    assert len(alone.symbols) == 2
    assert alone.width == alone.height > 0
    assert map_of({}).symbols == ()
