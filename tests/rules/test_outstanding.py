"""How many ballots may still come from a station, on which the certainty of seats rests."""

import pytest

from results_service.rules.declared import Declared
from results_service.rules.places import Facts, outstanding_in, reporting
from shared.electorate import Station
from shared.station_sums import Count
from shared.terms import StationStatus


def station(number: int, registered: int, *, constituency: int = 1, status: str = StationStatus.ACTIVE) -> Station:
    return Station(number, str(number), 1, "School", "A", constituency, None, None, registered, status)


@pytest.mark.parametrize(
    ("count", "in_box", "outstanding"),
    [
        (None, None, 100),
        # It has reported, and may send another file.
        (Count(counted=30, duplicate=7, invalid=5), None, 65),
        (Count(counted=100), None, 0),
        (Count(counted=120), None, 0),
        (None, 80, 80),
        (Count(counted=30, invalid=5), 80, 45),
        (Count(counted=80), 80, 0),
        (Count(counted=90), 80, 0),
        # Nobody voted there.
        (None, 0, 0),
        # More were in the box than are registered, as the sheet explains.
        (Count(counted=100), 103, 3),
    ],
)
def test_what_is_not_there_yet_is_outstanding_also_from_a_station_that_has_reported(
    count: Count | None, in_box: int | None, outstanding: int
) -> None:
    facts = Facts(
        {1: station(1, 100)},
        {} if count is None else {1: count},
        {} if in_box is None else {1: Declared(sheets=1, voted=in_box, in_box=in_box)},
    )
    assert facts.outstanding(1) == outstanding
    assert reporting(facts, [1]).outstanding == outstanding
    assert outstanding_in(facts) == {1: outstanding}


def test_constituencies_together_have_what_the_whole_has_and_nobody_waits_for_a_disabled_station() -> None:
    stations = {
        1: station(1, 100),
        2: station(2, 200, constituency=2),
        3: station(3, 400, constituency=2, status=StationStatus.DISABLED),
        # Disabled after it had sent.
        4: station(4, 800, constituency=2, status=StationStatus.DISABLED),
    }
    facts = Facts(stations, {1: Count(counted=40), 4: Count(counted=10)}, {})
    assert outstanding_in(facts) == {1: 60, 2: 200 + 790}
    assert reporting(facts, stations).outstanding == 60 + 200 + 790
