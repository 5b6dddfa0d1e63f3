"""What accepted sheets declare: sums and shares of their own, and how many ballots that were counted were blank."""

import pytest

from results_service.rules.declared import Declared, blank_among_counted, together
from shared.station_sums import Count

SHEET = Declared(sheets=1, voted=100, in_box=100, invalid=3, blank=2)


def test_sheets_together_have_their_sums_and_shares_of_the_ballots_in_their_boxes() -> None:
    both = together([SHEET, Declared(sheets=1, voted=21, in_box=20, invalid=1, blank=1)])
    assert both == Declared(sheets=2, voted=121, in_box=120, invalid=4, blank=3)
    assert (both.invalid_share, both.blank_share) == ("0.0333", "0.0250")
    # No sheet is not a sheet with zeros, and of an empty box there are no shares.
    assert together([]) is None
    nobody = together([Declared(sheets=1)])
    assert nobody is not None
    assert (nobody.blank, nobody.invalid_share, nobody.blank_share) == (0, None, None)


def test_blank_ballots_are_known_where_every_sheet_is_of_the_ballots_that_were_counted() -> None:
    same, empty = (Count(counted=95, duplicate=7, invalid=5), SHEET), (None, Declared(sheets=1))
    assert blank_among_counted([same]) == 2
    assert blank_among_counted([same, same, empty, (None, None)]) == 4
    assert blank_among_counted([empty]) == 0
    # Duplicates are no ballots in the box.
    assert blank_among_counted([same, (Count(duplicate=3), None)]) == 2


@pytest.mark.parametrize(
    "other",
    [
        # No sheet is accepted.
        (Count(counted=95, invalid=5), None),
        # The files hold no ballot without a valid vote, or one fewer, or none at all.
        (Count(counted=95), SHEET),
        (Count(counted=95, invalid=4), SHEET),
        (None, SHEET),
        # As many ballots, of which another number has a valid vote.
        (Count(counted=96, invalid=4), SHEET),
    ],
)
def test_a_station_whose_sheet_says_nothing_of_its_counted_ballots_leaves_the_sum_unknown(
    other: tuple[Count | None, Declared | None],
) -> None:
    assert blank_among_counted([(Count(counted=95, invalid=5), SHEET)]) == 2
    assert blank_among_counted([(Count(counted=95, invalid=5), SHEET), other]) is None
    assert blank_among_counted([]) is None
