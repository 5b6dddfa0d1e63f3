"""What the administration decides about a tally sheet: resolved, accepted, opened again, by a third person."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shared import sheet_rows
from shared.errors import UrnaError
from shared.schema.election import CANCELLED, DRAFT, Election, Journal, TallySheet
from shared.sheets import replay
from shared.terms import Role
from tests.services.administration import answered, running
from tests.services.declared import FIRST, SECOND, numbers
from tests.services.recorded import Recorded
from tests.services.supervising import VOTES, Night, night
from tests.services.tokens import ServiceSettings, Token

ACTOR = "administrator@example.org"
WHY = {"reason": "Counted again."}


@pytest.fixture
def evening(recorded: Recorded, sqlite_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Night]:
    with running(sqlite_url, service_settings, token, prepared=False) as service:
        yield night(service, recorded)


@pytest.fixture
def anywhere(election_database_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Night]:
    """The same on each database engine in turn."""
    with (
        closing(Recorded(election_database_url)) as recorded,
        running(election_database_url, service_settings, token, prepared=False) as service,
    ):
        yield night(service, recorded)


def stored(evening: Night, station: int) -> tuple[str, int, int | None]:
    """The row of a sheet, which has to be what its events come to."""
    with evening.admin.database.reading() as session:
        row = session.get_one(TallySheet, (evening.election, station))
        sheet = replay(sheet_rows.history(session, evening.election, station))
        assert (row.state, row.last) == (sheet.state, sheet.last)
        assert row.standing == (sheet.standing.number if sheet.standing else None)
        return row.state, row.last, row.standing


def journal(evening: Night, action: str) -> list[tuple[str, str, dict[str, Any]]]:
    with evening.admin.database.reading() as session:
        rows = session.scalars(sa.select(Journal).where(Journal.action == action).order_by(Journal.sequence))
        return [(row.subject, row.outcome, json.loads(row.details)) for row in rows]


def test_a_sheet_that_nobody_entered_is_empty(evening: Night) -> None:
    answer = evening.admin.call("GET", f"{evening.path}/sheets/1")
    shown = answered(answer, 200)
    assert (shown["state"], shown["last"], answer.headers["ETag"]) == ("empty", 0, '"0"')
    assert shown["entries"] == shown["events"] == shown["photographs"] == []
    assert shown["reconciliation"]["lacking"] == ["sheet", "files"]


def test_who_resolves_sees_both_entries_beside_each_other_and_where_they_differ(evening: Night) -> None:
    evening.differ(1)
    shown = evening.sheet(1)
    assert (shown["state"], shown["differing"], shown["standing"]) == ("differing", ["votes.1", "votes.2"], None)
    assert [(one["actor"], one["numbers"]["votes"]) for one in shown["entries"]] == [
        (FIRST, {"1": 60, "2": 40}),
        (SECOND, {"1": 61, "2": 39}),
    ]
    resolved = evening.decide(1, "resolution", {"chosen": 2, "reason": "The paper says 61."}, match=2)
    assert (resolved["state"], resolved["standing"], resolved["last"]) == ("accepted", 2, 3)
    assert (resolved["events"][2]["actor"], resolved["events"][2]["reason"]) == (ACTOR, "The paper says 61.")
    assert stored(evening, 1) == ("accepted", 3, 2)
    assert journal(evening, "sheet.resolved") == [
        (
            f"sheet of station 1 in election {evening.election}",
            "done",
            {
                "chosen": 2,
                "event": 3,
                "reason": "The paper says 61.",
                "state": {"from": "differing", "to": "accepted"},
            },
        )
    ]


def test_both_entries_can_be_discarded_and_stay_in_the_history(evening: Night) -> None:
    evening.differ(1)
    discarded = evening.decide(1, "resolution", {"chosen": None, **WHY}, match=2)
    assert (discarded["state"], discarded["entries"], discarded["standing"]) == ("reopened", [], None)
    evening.enter(1)
    shown = evening.sheet(1)
    assert (shown["state"], [one["number"] for one in shown["entries"]]) == ("accepted", [4, 5])
    assert [(one["number"], one["round"]) for one in shown["events"]] == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2)]
    assert stored(evening, 1) == ("accepted", 5, 4)


def test_what_was_explained_is_shown_with_its_finding_and_accepted_by_a_third_person(evening: Night) -> None:
    evening.wait(1)
    (first, _) = evening.sheet(1)["entries"]
    assert (first["explanations"], first["findings"][0]["code"]) == ({"W202": "A protest."}, "W202")
    assert evening.decide(1, "acceptance", {}, match=2)["state"] == "accepted"
    assert stored(evening, 1) == ("accepted", 3, 1)


def test_an_accepted_sheet_is_opened_again_with_a_reason_only(evening: Night) -> None:
    evening.enter(1)
    for body in ({}, {"reason": " "}):
        assert evening.decide(1, "reopening", body, 422)["errors"][0]["field"] == "reason"
    assert stored(evening, 1) == ("accepted", 2, 1)
    assert evening.decide(1, "reopening", WHY, match=2)["state"] == "reopened"
    assert stored(evening, 1) == ("reopened", 3, None)


@pytest.mark.parametrize(
    ("state", "what", "body"),
    [
        ("waiting", "resolution", {"chosen": 1, **WHY}),
        ("accepted", "resolution", {"chosen": 1, **WHY}),
        ("differing", "acceptance", {}),
        ("accepted", "acceptance", {}),
        ("empty", "acceptance", {}),
        ("empty", "reopening", WHY),
        ("reopened", "reopening", WHY),
    ],
)
def test_what_does_not_follow_from_the_state_is_refused(
    evening: Night, state: str, what: str, body: dict[str, Any]
) -> None:
    making: dict[str, Callable[[int], None]] = {
        "waiting": evening.wait,
        "accepted": evening.enter,
        "differing": evening.differ,
        "reopened": evening.enter,
    }
    if state in making:
        making[state](1)
    if state == "reopened":
        evening.decide(1, "reopening", WHY)
    before = evening.sheet(1)
    assert evening.decide(1, what, body, 409)["detail"]
    assert evening.sheet(1) == before


def test_a_decision_needs_the_state_that_it_is_about_and_an_entry_that_is_there(evening: Night) -> None:
    evening.differ(1)
    body = {"chosen": 1, **WHY}
    evening.decide(1, "resolution", body, 428, match=None)
    evening.decide(1, "resolution", body, 412, match=1)
    for chosen in (0, 3, "1", 1.5, True):
        refused = evening.decide(1, "resolution", {**body, "chosen": chosen}, 422, match=2)
        assert refused["errors"][0]["field"] == "chosen", chosen
    assert evening.decide(1, "resolution", WHY, 422, match=2)["errors"][0]["field"] == "chosen"
    assert stored(evening, 1) == ("differing", 2, None)
    evening.decide(1, "resolution", body, match=2)


def test_who_entered_a_sheet_does_not_decide_about_it(evening: Night, token: Token) -> None:
    evening.differ(1)
    evening.wait(2)
    for station, what, body in ((1, "resolution", {"chosen": 1, **WHY}), (2, "acceptance", {})):
        for official in (FIRST, SECOND.upper()):
            both = {**token(Role.ADMINISTRATOR, Role.OFFICIAL, email=official), "If-Match": '"2"'}
            path = f"{evening.path}/sheets/{station}/{what}"
            refused = evening.admin.app.test_client().post(path, json=body, headers=both)
            assert refused.status_code == 403
            assert "third person" in refused.json["detail"]  # type: ignore[index]  # It is a JSON object.
        evening.decide(station, what, body, match=2)


@pytest.mark.parametrize(
    ("columns", "status"),
    [
        ({"stage": DRAFT}, 409),
        ({"start": datetime.now(UTC) + timedelta(minutes=30)}, 409),
        ({"stage": CANCELLED}, 409),
        ({"title": "Open"}, 200),
        ({"end": datetime.now(UTC) - timedelta(minutes=30)}, 200),
        ({"start": datetime.now(UTC) - timedelta(days=401), "end": datetime.now(UTC) - timedelta(days=400)}, 200),
    ],
)
def test_decisions_are_made_from_the_opening_on_also_long_after_the_end(
    evening: Night, columns: dict[str, Any], status: int
) -> None:
    evening.wait(1)
    with evening.admin.database.writing() as session:
        session.execute(sa.update(Election).values(**columns))
    evening.decide(1, "acceptance", {}, status)
    many = {"stations": [{"station_id": 1, "last": 2}]}
    evening.admin.post(f"{evening.path}/sheets/acceptance", many, status)


def test_many_sheets_are_accepted_and_each_answers_for_itself(evening: Night) -> None:
    evening.wait(1)
    evening.differ(2)
    evening.wait(3)
    evening.decide(3, "reopening", WHY)
    evening.wait(3)
    seen = [(1, 2), (2, 2), (3, 2), (4, 1), (9, 1), (1, 2)]
    body = {"stations": [{"station_id": station, "last": last} for station, last in seen], "reason": "Looked at."}
    told = evening.admin.post(f"{evening.path}/sheets/acceptance", body)
    assert [one["accepted"] for one in told["stations"]] == [True, *[False] * 5]
    assert told["accepted"] == 1
    assert [one["problem"][:25] for one in told["stations"]] == [
        "",
        "This tally sheet does not",
        "Somebody has changed this",
        "Somebody has changed this",
        f"Election {evening.election} has no polling",
        "Somebody has changed this",
    ]
    assert stored(evening, 1) == ("accepted", 3, 1)
    assert stored(evening, 3) == ("waiting_for_review", 5, 4)
    done, refused = journal(evening, "sheet.accepted")
    assert (done[0], done[1]) == (f"sheet of station 1 in election {evening.election}", "done")
    assert (refused[0], refused[1], set(refused[2]["stations"])) == (
        f"sheet of many stations in election {evening.election}",
        "refused",
        {"1", "2", "3", "4", "9"},
    )


def test_of_two_administrators_who_resolve_at_once_one_is_told_to_look_again(anywhere: Night) -> None:
    anywhere.differ(1)
    begin = threading.Barrier(4)
    answers: list[int] = []

    def resolve(chosen: int) -> None:
        begin.wait()
        path = f"{anywhere.path}/sheets/1/resolution"
        body = {"chosen": chosen, "reason": "The paper says so."}
        answers.append(anywhere.admin.call("POST", path, body, match=2).status_code)

    threads = [threading.Thread(target=resolve, args=(1 + number % 2,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 412, 412, 412]
    state, last, standing = stored(anywhere, 1)
    events = anywhere.sheet(1)["events"]
    assert (state, last, standing) == ("accepted", 3, events[2]["chosen"])


def test_an_entry_that_comes_while_the_sheet_is_opened_again_is_of_one_round_or_of_the_other(anywhere: Night) -> None:
    for station in (1, 2, 3):
        anywhere.declared.enter(anywhere.election, station, numbers(VOTES))
        begin = threading.Barrier(2)
        came: list[Any] = []

        def enter(station: int = station, begin: threading.Barrier = begin, came: list[Any] = came) -> None:
            begin.wait()
            try:
                came.append(anywhere.declared.enter(anywhere.election, station, numbers(VOTES), SECOND))
            except UrnaError as error:
                came.append(error)

        thread = threading.Thread(target=enter)
        thread.start()
        begin.wait()
        answer = anywhere.admin.call("POST", f"{anywhere.path}/sheets/{station}/reopening", WHY, match="*")
        thread.join()
        assert answer.status_code == 200
        # The row is what the events come to, without a gap, whoever came first.
        state, last, _ = stored(anywhere, station)
        assert (str(came[0]), state, last) in [("accepted", "reopened", 3), ("entered_once", "entered_once", 3)]
