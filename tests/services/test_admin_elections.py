"""/api/elections: from the draft to the lots of a tie, and the uploads that were received."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from shared.schema.election import Batch, Part
from shared.terms import Refusal, Role
from tests.services.administration import HOUR, Administration, answered, entries, running
from tests.services.recorded import CLASSIC_RULES, EVENING, NOON, Recorded
from tests.services.tokens import ServiceSettings, Token

OPENING = datetime(2030, 5, 1, 7, tzinfo=UTC)
CLOSING = datetime(2030, 5, 1, 20, tzinfo=UTC)
DAY: dict[str, Any] = {"start": "2030-05-01T09:00:00", "end": "2030-05-01T20:00:00Z"}
SECOND = timedelta(seconds=1)


@pytest.fixture
def admin(
    recorded: Recorded, sqlite_url: str, service_settings: ServiceSettings, token: Token
) -> Iterator[Administration]:
    with running(sqlite_url, service_settings, token, prepared=False, election_timezone="Europe/Belgrade") as service:
        yield service


def fields(problem: Any) -> list[str]:
    return [error["field"] for error in problem["errors"]]


def path(election: Any) -> str:
    return f"/api/elections/{election['id']}"


def test_an_election_is_made_with_everything_said(admin: Administration) -> None:
    first, second = admin.participants()
    body = {
        "title": " Избори 2030 ",
        "kind": "parliamentary",
        **DAY,
        "rules": "serbia_2020",
        "entries": entries([second, first], exempt=[first]),
    }
    response = admin.call("POST", "/api/elections", body)
    made = answered(response, 201)
    assert response.headers["Location"] == path(made)
    assert response.headers["ETag"] == '"1"'
    assert made == admin.get(path(made))
    assert (made["title"], made["kind"], made["individual"], made["jurisdiction_id"], made["state"]) == (
        "Избори 2030",
        "parliamentary",
        False,
        1,
        "scheduled",
    )
    assert (made["start"], made["end"]) == ("2030-05-01T07:00:00Z", "2030-05-01T20:00:00Z")
    assert (made["rules"]["threshold"], made["rules"]["exempt_factor"]) == ("0.03", "1.35")
    assert made["entries"] == [
        {"poll_number": 1, "participant_id": second, "name": "Participant 2", "exempt": False},
        {"poll_number": 2, "participant_id": first, "name": "Participant 1", "exempt": True},
    ]
    assert (made["lots"], made["cancelled_at"], made["cancelled_reason"]) == ([], None, "")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"kind": None}, "kind"),
        ({"kind": "european"}, "kind"),
        ({"start": "2030-05-01"}, "start"),
        ({"start": 5}, "start"),
        ({"start": "2030-03-31T02:30:00"}, "start"),
        ({"end": "2030-05-01T24:00:00Z"}, "end"),
        ({"end": DAY["start"]}, "end"),
        ({"individual": True}, "individual"),
        ({"individual": "no"}, "individual"),
        ({"jurisdiction_id": 99}, "jurisdiction_id"),
        ({"jurisdiction_id": True}, "jurisdiction_id"),
        ({"title": "T" * 257}, "title"),
        ({"rules": "unknown"}, "rules"),
        ({"rules": {"seats": 5}}, "rules.method"),
        ({"rules": {**CLASSIC_RULES, "seats": 10**9}}, "rules.seats"),
        ({"entries": [{"participant_id": 1}]}, "entries"),
        ({"entries": [{"participant_id": 1}, {"participant_id": 1}]}, "entries.1.participant_id"),
        ({"entries": [{"participant_id": 1}, {"participant_id": 3}]}, "entries.1.participant_id"),
        ({"entries": [{"participant_id": 1}, {"participant_id": 99}]}, "entries.1.participant_id"),
        ({"entries": [{"participant_id": 1}, {"participant_id": "2"}]}, "entries.1.participant_id"),
        ({"entries": [{"participant_id": 1}, {"exempt": True}]}, "entries.1.participant_id"),
        ({"entries": [{"participant_id": 1}] * 1001}, "entries"),
        ({"entries": "1,2"}, "entries"),
        ({"draft": "yes"}, "draft"),
        ({"stage": "published"}, "stage"),
    ],
)
def test_an_election_with_a_fault_is_refused_with_its_field(
    admin: Administration, changed: dict[str, Any], field: str
) -> None:
    parties = admin.participants()
    admin.participants(1, individual=True)
    body = {"kind": "parliamentary", **DAY, "entries": entries(parties), **changed}
    assert field in fields(admin.post("/api/elections", body, 422))
    assert admin.get("/api/elections")["total"] == 0


def test_kinds_that_do_not_say_it_may_have_individuals_or_parties(admin: Administration) -> None:
    for kind, individual in (("municipal", True), ("regional", False), ("local", True)):
        made = admin.election(kind=kind, individual=individual, draft=True)
        assert (made["kind"], made["individual"], made["rules"]) == (kind, individual, None)
    assert admin.election(kind="presidential", draft=True)["individual"] is True


def test_elections_of_one_jurisdiction_neither_overlap_nor_touch(admin: Administration) -> None:
    parties = entries(admin.participants())
    other = admin.post("/api/jurisdictions", {"name": "Province"}, 201)["id"]
    made = admin.election(title="First", entries=parties, **DAY)
    problem = admin.election(409, entries=parties, start="2030-05-01T20:00:00Z", end="2030-05-02T20:00:00Z")
    assert fields(problem) == ["start"]
    assert "“First”" in problem["detail"]
    admin.election(entries=parties, **DAY, jurisdiction_id=other)
    admin.election(entries=parties, **DAY, draft=True)
    later = admin.election(entries=parties, start="2030-05-01T20:00:01Z", end="2030-05-02T20:00:00Z")
    # Moving one into the other is refused as well, and moving it within its own hours is not.
    assert fields(admin.patch(path(later), {"start": "2030-05-01T20:00:00Z"}, 1, 409)) == ["start"]
    assert fields(admin.patch(path(made), {"jurisdiction_id": other}, 1, 409)) == ["start"]
    admin.patch(path(made), {"end": "2030-05-01T19:00:00Z"}, 1)
    admin.patch(path(later), {"start": "2030-05-01T20:00:00Z"}, 1)


def test_states_follow_from_the_time_and_from_what_is_counted(admin: Administration, recorded: Recorded) -> None:
    made = admin.election(**DAY)

    def state_at(moment: datetime) -> str:
        with time_machine.travel(moment, tick=False):
            state = admin.get(path(made))["state"]
            listed = admin.get(f"/api/elections?state={state}")
            assert [(item["id"], item["state"]) for item in listed["items"]] == [(made["id"], state)]
            for other in {"draft", "scheduled", "open", "counting", "final", "cancelled"} - {state}:
                assert admin.get(f"/api/elections?state={other}")["items"] == []
            return str(state)

    assert state_at(OPENING - SECOND) == "scheduled"
    assert state_at(OPENING) == "open"
    recorded.drained(CLOSING - SECOND, CLOSING - SECOND)
    assert state_at(CLOSING - SECOND) == "open"
    assert state_at(CLOSING) == "counting"
    recorded.drained(CLOSING, CLOSING)
    assert state_at(CLOSING) == "final"
    recorded.dead_letter(OPENING)
    assert state_at(CLOSING) == "counting"


def test_elections_are_listed_with_the_latest_start_first_and_in_pages(admin: Administration) -> None:
    parties = entries(admin.participants())
    other = admin.post("/api/jurisdictions", {"name": "Province"}, 201)["id"]
    for year, jurisdiction in ((2031, 1), (2033, other), (2032, 1)):
        admin.election(
            title=str(year),
            entries=parties,
            jurisdiction_id=jurisdiction,
            start=f"{year}-01-01T00:00Z",
            end=f"{year}-01-02T00:00Z",
        )
    page = admin.get("/api/elections?per_page=2")
    assert ([item["title"] for item in page["items"]], page["total"]) == (["2033", "2032"], 3)
    assert [item["title"] for item in admin.get("/api/elections?per_page=2&page=2")["items"]] == ["2031"]
    assert [item["title"] for item in admin.get(f"/api/elections?jurisdiction_id={other}")["items"]] == ["2033"]
    assert fields(admin.get("/api/elections?state=over", 422)) == ["state"]


def test_a_draft_grows_until_it_is_published(admin: Administration) -> None:
    first, second = admin.participants()
    draft = admin.election(draft=True, entries=[], **DAY)
    assert draft["state"] == "draft"
    assert fields(admin.post(f"{path(draft)}/publication", None, 422, match=1)) == ["entries"]
    assert admin.get(path(draft))["version"] == 1
    admin.patch(path(draft), {"entries": entries([first])}, 1)
    filled = admin.patch(path(draft), {"entries": entries([second, first], exempt=[second])}, 2)
    assert [(entry["poll_number"], entry["participant_id"], entry["exempt"]) for entry in filled["entries"]] == [
        (1, second, True),
        (2, first, False),
    ]
    admin.post(f"{path(draft)}/publication", None, 412, match=2)
    admin.post(f"{path(draft)}/publication", None, 428)
    published = admin.post(f"{path(draft)}/publication", match=3)
    assert (published["state"], published["version"]) == ("scheduled", 4)
    assert "Only a draft" in admin.post(f"{path(draft)}/publication", None, 409, match=4)["detail"]


def test_a_draft_in_the_way_of_an_election_cannot_be_published(admin: Administration) -> None:
    draft = admin.election(draft=True, **DAY)
    admin.election(**DAY)
    assert fields(admin.post(f"{path(draft)}/publication", None, 409, match=1)) == ["start"]
    assert admin.get(path(draft))["state"] == "draft"


def test_only_drafts_are_deleted(admin: Administration) -> None:
    draft, scheduled = admin.election(draft=True), admin.election(**DAY)
    answered(admin.call("DELETE", path(draft)), 204)
    admin.get(path(draft), 404)
    assert "cancelled" in answered(admin.call("DELETE", path(scheduled)), 409)["detail"]


def test_participants_may_swap_their_poll_numbers(admin: Administration) -> None:
    first, second, third = admin.participants(3)
    made = admin.election(entries=entries([first, second, third]), **DAY)
    for order in ([third, second, first], [second, third], [first, second, third]):
        current = admin.get(path(made))
        changed = admin.patch(path(made), {"entries": entries(order)}, current["version"])
        assert [entry["participant_id"] for entry in changed["entries"]] == order
        assert [entry["poll_number"] for entry in changed["entries"]] == list(range(1, len(order) + 1))
        assert changed == admin.get(path(made))
        assert changed["version"] == current["version"] + 1


def test_what_is_not_sent_or_null_stays_as_it_is(admin: Administration) -> None:
    made = admin.election(title="Title", rules={**CLASSIC_RULES, "seats": 75}, **DAY)
    changed = admin.patch(path(made), {"title": "Other", "kind": None, "rules": None, "entries": None}, 1)
    assert changed == {**made, "title": "Other", "version": 2}
    assert admin.patch(path(made), {}, 2) == {**changed, "version": 3}


def test_another_kind_brings_its_own_rules_and_participants(admin: Administration) -> None:
    made = admin.election(**DAY)
    assert fields(admin.patch(path(made), {"kind": "presidential"}, 1, 422)) == ["entries.0.participant_id"]
    people = admin.participants(individual=True)
    changed = admin.patch(path(made), {"kind": "presidential", "entries": entries(people)}, 1)
    assert (changed["kind"], changed["individual"], changed["rules"]) == ("presidential", True, None)
    council = {"kind": "municipal", "individual": True, "rules": {**CLASSIC_RULES, "seats": 30}}
    changed = admin.patch(path(made), council, 2)
    assert (changed["individual"], changed["rules"]["seats"]) == (True, 30)
    assert admin.patch(path(made), {"rules": {}}, 3)["rules"] is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"start": DAY["end"]}, "end"),
        ({"end": "never"}, "end"),
        ({"entries": []}, "entries"),
        ({"rules": {}}, "rules.seats"),
        ({"jurisdiction_id": 9}, "jurisdiction_id"),
        ({"state": "open"}, "state"),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_changes_nothing(
    admin: Administration, changes: dict[str, Any], field: str
) -> None:
    made = admin.election(**DAY)
    assert fields(admin.patch(path(made), {"title": "No", **changes}, 1, 422)) == [field]
    assert admin.get(path(made)) == made


def test_of_two_administrators_who_change_an_election_the_second_has_to_read_it_again(admin: Administration) -> None:
    made = admin.election(**DAY)
    # A change of the ballot alone counts as well.
    admin.patch(path(made), {"entries": entries(admin.participants())}, 1)
    admin.patch(path(made), {"title": "Second"}, 1, 412)
    admin.patch(path(made), {"title": "Second"}, None, 428)
    admin.post(f"{path(made)}/cancellation", {"reason": "Flood"}, 412, match=1)
    assert admin.patch(path(made), {"title": "Second"}, 2)["version"] == 3


def test_an_open_election_is_frozen(admin: Administration) -> None:
    made = admin.election(**DAY)
    with time_machine.travel(OPENING - timedelta(seconds=6), tick=False):
        admin.patch(path(made), {"title": "Last change"}, 1)
    for moment in (OPENING - timedelta(seconds=5), OPENING, CLOSING - SECOND, CLOSING):
        with time_machine.travel(moment, tick=False):
            for changes in ({"title": "New"}, {"entries": entries(admin.participants())}, {"end": "2031-01-01T00:00Z"}):
                assert "frozen" in admin.patch(path(made), changes, 2, 409)["detail"]
            answered(admin.call("DELETE", path(made)), 409)
    assert admin.get(path(made))["title"] == "Last change"


def test_an_open_election_is_closed_five_seconds_after_the_order(admin: Administration) -> None:
    made = admin.election(**DAY)
    admin.post(f"{path(made)}/closing", None, 409, match=1)
    order = OPENING + HOUR + timedelta(milliseconds=300)
    with time_machine.travel(order, tick=False):
        admin.post(f"{path(made)}/closing", None, 428)
        admin.post(f"{path(made)}/closing", None, 412, match=7)
        closing = admin.post(f"{path(made)}/closing", match=1)
        assert (closing["state"], closing["end"], closing["version"]) == ("open", "2030-05-01T08:00:06Z", 2)
    with time_machine.travel(OPENING + HOUR + timedelta(seconds=6), tick=False):
        assert admin.get(path(made))["state"] == "counting"
        admin.post(f"{path(made)}/closing", None, 409, match=2)


def test_an_election_is_frozen_and_closed_before_anything_is_counted_by_whatever_clock(
    admin: Administration, recorded: Recorded
) -> None:
    made = admin.election(**DAY)
    order = OPENING + HOUR
    # Redis's clock is ahead of the administration's, and ballots with its later stamps are counted already.
    recorded.drained(OPENING - HOUR, OPENING)
    with time_machine.travel(OPENING - 30 * SECOND, tick=False):
        assert "frozen" in admin.patch(path(made), {"title": "Too late"}, 1, 409)["detail"]
    recorded.drained(order - HOUR, order + timedelta(seconds=30, milliseconds=1))
    with time_machine.travel(order, tick=False):
        assert admin.post(f"{path(made)}/closing", match=1)["end"] == "2030-05-01T08:00:36Z"


def test_an_election_that_ends_anyway_is_not_made_longer_by_closing_it(admin: Administration) -> None:
    made = admin.election(**DAY)
    with time_machine.travel(CLOSING - SECOND, tick=False):
        assert admin.post(f"{path(made)}/closing", match=1)["end"] == made["end"]


def test_an_election_without_a_final_result_is_cancelled_with_a_reason(
    admin: Administration, recorded: Recorded
) -> None:
    made = admin.election(**DAY)
    assert fields(admin.post(f"{path(made)}/cancellation", {}, 422, match=1)) == ["reason"]
    assert fields(admin.post(f"{path(made)}/cancellation", {"reason": " "}, 422, match=1)) == ["reason"]
    admin.post(f"{path(made)}/cancellation", {"reason": "Flood"}, 428)
    with time_machine.travel(CLOSING, tick=False):
        cancelled = admin.post(f"{path(made)}/cancellation", {"reason": "Поплава"}, match=1)
    assert (cancelled["state"], cancelled["cancelled_reason"]) == ("cancelled", "Поплава")
    assert cancelled["cancelled_at"] == "2030-05-01T20:00:00Z"
    admin.post(f"{path(made)}/cancellation", {"reason": "Again"}, 409, match=2)
    admin.patch(path(made), {"title": "No"}, 2, 409)
    # Its hours are free again.
    again = admin.election(**DAY)
    recorded.drained(CLOSING, CLOSING)
    with time_machine.travel(CLOSING, tick=False):
        assert "final" in admin.post(f"{path(again)}/cancellation", {"reason": "Late"}, 409, match=1)["detail"]
    draft = admin.election(draft=True)
    assert "deleted" in admin.post(f"{path(draft)}/cancellation", {"reason": "Not yet"}, 409, match=1)["detail"]


def test_lots_settle_a_tie_that_the_rules_leave_to_them(admin: Administration, recorded: Recorded) -> None:
    rules = {**CLASSIC_RULES, "seats": 2, "tie_policy": "lots"}
    made = recorded.election(["A", "B", "C", "D"], rules=rules)
    recorded.part(made, {1: 10, 2: 6, 3: 6, 4: 5})
    lots = f"/api/elections/{made}/lots"
    assert "counted" in admin.post(lots, {"poll_numbers": [2]}, 409, match=1)["detail"]
    recorded.drained(EVENING, EVENING)
    admin.post(lots, {"poll_numbers": [2]}, 428)
    admin.post(lots, {"poll_numbers": [2]}, 412, match=2)
    for wrong in ([1], [4], [9], [2, 3], [2, 2], [True], ["2"], []):
        assert fields(admin.post(lots, {"poll_numbers": wrong}, 422, match=1))[0].startswith("poll_numbers")
    drawn = admin.post(lots, {"poll_numbers": [3]}, match=1)
    assert (drawn["lots"], drawn["version"], drawn["state"]) == ([3], 2, "final")
    assert "already" in admin.post(lots, {"poll_numbers": [2]}, 409, match=2)["detail"]


def test_lots_are_refused_where_nothing_is_tied(admin: Administration, recorded: Recorded) -> None:
    clear = recorded.election(rules={**CLASSIC_RULES, "tie_policy": "lots"})
    ruled = recorded.election(hours=(EVENING + HOUR, EVENING + 2 * HOUR), rules={**CLASSIC_RULES, "seats": 1})
    shares = recorded.election(hours=(NOON - 2 * HOUR, NOON - HOUR), individual=True)
    for made in (ruled, shares):
        recorded.part(made, {1: 5, 2: 5})
    recorded.part(clear, {1: 5, 2: 7})
    recorded.drained(EVENING + 2 * HOUR, EVENING + 2 * HOUR)
    for made, words in ((clear, "No seats are tied"), (ruled, "No seats are tied"), (shares, "gives no seats")):
        assert words in admin.post(f"/api/elections/{made}/lots", {"poll_numbers": [1]}, 409, match=1)["detail"]


def test_the_uploads_of_an_election_add_up_and_say_who_sent_them(admin: Administration, recorded: Recorded) -> None:
    made = recorded.election()
    other = recorded.election(hours=(EVENING + SECOND, EVENING + HOUR))
    first = recorded.part(
        made, {1: 3, 2: 4}, [(1, Refusal.DUPLICATE), (9, Refusal.INVALID_POLL_NUMBER), (8, Refusal.INVALID_POLL_NUMBER)]
    )
    named = recorded.part(None, outside=5, named=made, received_at=NOON + SECOND)
    recorded.part(other, {1: 1}, received_at=NOON + 2 * SECOND)
    last = recorded.part(made, {1: 1}, named=made, received_at=NOON + 3 * SECOND, partition=1)
    with recorded.database.writing() as session:
        # An upload of two parts of which one is recorded.
        batch = session.get(Batch, last)
        part = session.get(Part, (last, 0))
        assert batch is not None
        assert part is not None
        batch.parts, batch.lines = 2, 10
    page = admin.get(f"/api/elections/{made}/batches")
    assert (page["total"], page["page"], page["per_page"]) == (3, 1, 50)
    assert [item["id"] for item in page["items"]] == [first, named, last]
    outcomes = ("status", "lines", "received", "counted", "duplicate", "invalid", "outside")
    assert [tuple(item[name] for name in outcomes) for item in page["items"]] == [
        ("counted", 10, 10, 7, 1, 2, 0),
        ("counted", 5, 5, 0, 0, 0, 5),
        ("counting", 10, 1, 1, 0, 0, 0),
    ]
    assert page["items"][0]["official_email"] == "official@example.org"
    assert page["items"][0]["official_jmbg"] == "0101994704401"
    assert [item["election_id"] for item in page["items"]] == [None, made, made]
    assert [item["id"] for item in admin.get(f"/api/elections/{made}/batches?per_page=2&page=2")["items"]] == [last]
    admin.get("/api/elections/99/batches", 404)


def test_uploads_are_shown_to_administrators_and_auditors_only(admin: Administration, recorded: Recorded) -> None:
    made = recorded.election()
    for role in Role:
        allowed = role in (Role.ADMINISTRATOR, Role.AUDITOR)
        admin.get(f"/api/elections/{made}/batches", 200 if allowed else 403, role)


def test_results_have_no_route_here(admin: Administration, recorded: Recorded) -> None:
    admin.get(f"/api/elections/{recorded.election()}/results", 404)
