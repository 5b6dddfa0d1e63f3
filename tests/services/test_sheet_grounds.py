"""Whose tally sheets the daemon records, of which polling stations, and what it counts of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from daemon import actions as ballots
from daemon.actions import sheets as actions
from shared import metrics
from shared.queue import keys
from shared.schema.election import Electorate, ElectorateStation
from shared.sheets import Person
from tests.services.sheets import OTHER, Sheets, jmbg_of, picture, sheet, sheets
from tests.services.test_metrics import read, value

VERA, MILAN, ANA = "vera@example.org", "milan@example.org", "ana@example.org"


@pytest.fixture
def made(sqlite_url: str, redis_url: str) -> Iterator[Sheets]:
    with sheets(sqlite_url, redis_url) as found:
        yield found


def test_the_stations_learn_which_polling_stations_a_frozen_electorate_does_not_have(
    election_database_url: str, redis_url: str
) -> None:
    with sheets(election_database_url, redis_url, stations=3) as made:
        rolls = [made.sight(VERA, place).roll for place in range(3)]
        assert [roll.voted_at for roll in rolls if roll] == [True] * 3
        with made.database.writing() as session:
            session.add(Electorate(election_id=made.election, frozen_at=datetime.now(UTC)))
            session.flush()
            for place, status in enumerate(("active", "disabled")):
                stands = {"centre_id": 1, "centre": "School", "municipality": "Ада", "constituency_id": 1}
                session.add(
                    ElectorateStation(
                        election_id=made.election,
                        station_id=made.stations[place],
                        code=f"Ада {place + 1}",
                        registered=480,
                        status=status,
                        **stands,
                    )
                )
        made.publish()
        rolls = [made.sight(VERA, place).roll for place in range(3)]
        assert [(roll.registered, roll.voted_at, roll.known_at) for roll in rolls if roll] == [
            (480, True, True),
            (500, False, True),
            (500, False, False),
        ]
        for place in range(3):
            made.send(VERA, sheet(registered=480), station=place)
        made.work()
        assert [made.became(VERA, place)[0][0] for place in range(3)] == ["recorded", "refused", "refused"]


def test_two_persons_of_one_address_are_two_and_one_person_of_two_addresses_is_one(made: Sheets) -> None:
    old, new = jmbg_of("the old holder"), jmbg_of("the new holder")
    made.send(VERA, official_jmbg=old)
    made.work()
    # The account was deleted, and its address is another official's by now.
    assert made.became(VERA, jmbg=old) == [("recorded", "")]
    assert made.became(VERA, jmbg=new) == []
    # The first one has come back with another address.
    made.send(MILAN, official_jmbg=old)
    made.send(VERA, official_jmbg=new)
    made.work()
    assert "made the first entry" in made.became(MILAN, jmbg=old)[0][1]
    assert made.became(VERA, jmbg=new) == [("recorded", "")]
    assert (made.row(), made.events()) == (("accepted", 2, 1), [(1, "entry", VERA), (2, "entry", VERA)])
    assert made.sight(ANA).copy.jmbgs == (old, new)
    made.redis.flushall()
    made.refresh()
    assert made.sight(ANA).copy.first == Person(VERA, old)
    for _ in range(5):
        made.photograph(VERA, picture("PNG"), jmbg=old)
    made.photograph(MILAN, picture("PNG"), jmbg=old)
    made.photograph(VERA, picture("PNG"), jmbg=new)
    made.work()
    assert made.became(MILAN, jmbg=old)[-1][0] == "refused"
    assert made.became(VERA, jmbg=new) == [("recorded", "")]


def test_what_waits_and_what_became_of_it_is_counted(made: Sheets) -> None:
    names = (("entry", "recorded"), ("entry", "refused"), ("photograph", "recorded"), ("unreadable", "damaged"))

    def counted() -> list[float]:
        found = read(metrics.exposition().decode())
        return [value(found, "urna_sheets_judged_total", kind=kind, outcome=outcome) for kind, outcome in names]

    metrics.sheets()
    before = counted()
    assert ballots.waiting(made.redis).sheets_since is None
    made.send(VERA)
    received = made.line()[0].received_at
    made.send(VERA, OTHER)
    made.photograph(VERA, picture("PNG"))
    made.redis.rpush(keys.SHEETS, b"no moment and no JSON")
    assert (waiting := ballots.waiting(made.redis)).sheets == 4
    assert waiting.sheets_since == received
    made.work()
    assert [after - was for after, was in zip(counted(), before, strict=True)] == [1, 1, 1, 1]
    assert actions.states(made.database, datetime.now(UTC)) == {"entered_once": 1}
    assert actions.states(made.database, datetime.now(UTC) + timedelta(days=30)) == {}
