"""A tally sheet that is opened again after the last day: from the administration to its officials, and in time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shared.queue import keys, sheet_copies
from shared.schema.election import Election, Electorate, ElectorateStation, SheetEvent, TallySheet
from tests.services import administration, station
from tests.services.administration import Administration
from tests.services.sheets import KEEP, OTHER, SHEET, Desk, Sheets, picture, sheets
from tests.services.station import json_of
from tests.services.station_pages import Visitor, words
from tests.services.tokens import ServiceSettings, Token

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
OVER = "The election ended more than 7 days ago; its tally sheets are not taken any more."
LAPSED = "This tally sheet was opened again more than 7 days ago and is not taken any more."
WHY = {"reason": "Counted anew."}


@dataclass(frozen=True)
class Weeks:
    """The services and the daemon on one store and one Redis, while the days go by after an election."""

    made: Sheets
    desk: Desk
    admin: Administration

    def go_by(self, time: timedelta) -> None:
        """Let everything that was stored have happened so much earlier, and the daemon look after it."""
        with self.made.database.writing() as session:
            for table, names in ((Election, ("start", "end")), (TallySheet, ("changed_at",)), (SheetEvent, ("at",))):
                for row in session.scalars(sa.select(table)):
                    for name in names:
                        setattr(row, name, getattr(row, name) - time)
        # No event tells the daemon of it, as no clock goes back.
        self.made.redis.delete(keys.SHEET_COPIES)
        self.keep_house()

    def keep_house(self) -> None:
        """What the daemon does every second."""
        self.made.refresh()
        self.made.publish()

    def enter(self, name: str, place: int = 0, body: Any = None) -> tuple[int, str]:
        """The status of an entry at the voting station, and what is said of a refused one; the daemon records it."""
        answer = self.desk.enter(name, body, path=self.desk.path(place))
        self.made.work()
        return answer.status_code, json_of(answer).get("detail", "")

    def decide(self, what: str, body: Any, status: int = 200) -> Any:
        path = f"/api/elections/{self.made.election}/sheets/{self.made.stations[0]}/{what}"
        answer = self.admin.post(path, body, status, "*")
        self.keep_house()
        return answer

    def start_page(self) -> str:
        return words(Visitor.of(self.desk.station, stations=tuple(self.made.stations)).get("/"))


@pytest.fixture
def weeks(sqlite_url: str, redis_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Weeks]:
    with (
        sheets(sqlite_url, redis_url) as made,
        administration.running(sqlite_url, service_settings, token, prepared=False) as admin,
        station.running(redis_url, service_settings, token, prepared=False) as there,
    ):
        found = Weeks(made, Desk(there, made.election, made.stations), admin)
        for official in ("vera", "milan"):
            assert found.enter(official)[0] == 202
        assert made.row() == ("accepted", 2, 1)
        # The election ends an hour after the test begins.
        found.go_by(HOUR + 8 * DAY)
        yield found


def test_a_sheet_that_is_opened_again_on_the_eighth_day_is_entered_on_the_ninth(weeks: Weeks) -> None:
    assert "No election is open at the moment" in weeks.start_page()
    reopened = weeks.decide("reopening", WHY)
    assert (reopened["state"], reopened["last"]) == ("reopened", 3)
    assert "opened again" in weeks.start_page()

    weeks.go_by(DAY)
    assert weeks.enter("vera", body=OTHER)[0] == 202
    assert weeks.desk.photograph("vera", picture()).status_code == 202
    weeks.made.work()
    assert len(weeks.made.photographs()) == 1
    assert weeks.enter("milan", body=OTHER)[0] == 202
    assert weeks.made.row() == ("accepted", 5, 4)
    # The other sheet was never opened again.
    assert weeks.enter("vera", place=1) == (409, OVER)


def test_both_entries_that_are_discarded_on_the_eighth_day_are_made_anew(weeks: Weeks) -> None:
    weeks.decide("reopening", WHY)
    assert [weeks.enter(*how)[0] for how in (("vera",), ("milan", 0, OTHER))] == [202, 202]
    weeks.go_by(8 * DAY)
    assert weeks.decide("resolution", {"chosen": None, **WHY})["state"] == "reopened"
    assert [weeks.enter(name)[0] for name in ("vera", "milan")] == [202, 202]
    assert weeks.made.row() == ("accepted", 8, 7)


def test_a_round_that_nobody_enters_in_seven_days_is_over_and_can_be_opened_once_more(weeks: Weeks) -> None:
    weeks.decide("reopening", WHY)
    weeks.go_by(7 * DAY - MINUTE)
    assert weeks.enter("vera")[0] == 202
    weeks.go_by(2 * MINUTE)
    status, said = weeks.enter("milan")
    assert (status, said.startswith(LAPSED)) == (409, True)
    assert weeks.desk.show("milan")["why"] == said
    assert "No election is open at the moment" in weeks.start_page()
    # What a station has let through before it knew is refused by the daemon in the same words.
    weeks.made.send("ana@example.org")
    weeks.made.photograph("ana@example.org", picture("PNG"))
    weeks.made.work()
    assert weeks.made.became("ana@example.org") == [("refused", said)] * 2
    assert weeks.made.row() == ("entered_once", 4, None)

    weeks.decide("reopening", WHY)
    assert weeks.decide("reopening", WHY, 409)["detail"] == "Nothing has been entered that could be opened again."
    weeks.go_by(7 * DAY + MINUTE)
    assert weeks.enter("milan") == (409, said)
    assert weeks.decide("reopening", WHY)["state"] == "reopened"
    assert [weeks.enter(name)[0] for name in ("milan", "ana")] == [202, 202]
    assert weeks.made.row() == ("accepted", 8, 7)


def test_an_election_that_the_stations_have_forgotten_comes_back_with_a_sheet_that_is_opened_again(
    weeks: Weeks,
) -> None:
    with weeks.made.database.writing() as session:
        session.add(Electorate(election_id=weeks.made.election, frozen_at=datetime.now(UTC)))
        session.flush()
        for place, number in enumerate(weeks.made.stations, start=1):
            stands = {"centre_id": 1, "centre": "School", "municipality": "Ада", "constituency_id": 1}
            session.add(
                ElectorateStation(
                    election_id=weeks.made.election,
                    station_id=number,
                    code=f"Ада {place}",
                    registered=480,
                    status="active",
                    **stands,
                )
            )
    weeks.go_by(KEEP)
    assert weeks.enter("vera") == (404, "No published election has this number, or it was cancelled.")
    weeks.decide("reopening", WHY)
    # With its roll, which is another one today.
    body = {**SHEET, "registered": 480}
    assert weeks.enter("vera", body=body)[0] == 202
    assert weeks.made.row() == ("entered_once", 4, None)
    weeks.keep_house()
    assert weeks.enter("milan", body=body)[0] == 202
    assert weeks.made.row() == ("accepted", 5, 4)


def test_what_an_earlier_daemon_has_told_the_stations_is_told_anew(weeks: Weeks) -> None:
    weeks.decide("reopening", WHY)
    earlier = replace(weeks.made.sight("vera@example.org").copy, reopened_at=None)
    sheet_copies.write(weeks.made.redis, {(weeks.made.election, weeks.made.stations[0]): earlier}, whole=True)
    sheet_copies.know(weeks.made.redis, weeks.made.election, "1:3")
    assert weeks.enter("vera") == (409, OVER)
    # The new daemon, which has just been started, knows of no copies.
    weeks.made.copies.lasts.clear()
    weeks.keep_house()
    assert weeks.enter("vera")[0] == 202
