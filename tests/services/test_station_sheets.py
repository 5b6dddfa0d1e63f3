"""Tally sheets at the voting station's API: who may enter which, what is refused and what is shown to whom."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.queue import keys, sheet_copies, sheet_line, snapshot
from shared.queue.connection import as_bytes
from shared.queue.sheet_copies import SheetCopy
from shared.terms import Role, SheetState
from tests.services.sheets import OTHER, SHEET, Desk, jmbg_of, picture, prepare_desk, sheet
from tests.services.station import COMING, MULTIPART, OVER, Station, contents, json_of, known, multipart, running
from tests.services.tokens import ServiceSettings, Token

NOW = datetime.now(UTC)
OLD = 4


@pytest.fixture
def desk(station: Station) -> Desk:
    elections = [known(1, -1, 1), known(OVER, -3, -2), known(COMING, 2, 3), known(OLD, -24 * 9, -24 * 7 - 1)]
    snapshot.write(station.redis, elections)
    return prepare_desk(station)


def stands(desk: Desk, state: SheetState, **how: Any) -> None:
    """Let the daemon have said so of the first polling station's sheet."""
    copy = SheetCopy(state=state, since=NOW, last=how.pop("last", 2), **how)
    sheet_copies.write(desk.station.redis, {(desk.election, desk.numbers[0]): copy}, whole=True)


def recorded(desk: Desk) -> None:
    """Let the daemon have recorded all that waits."""
    redis = desk.station.redis
    waiting = sheet_line.front(redis, 100)
    told = {"state": "recorded", "number": 1}
    sheet_line.remove(redis, [sheet_line.Done(one, told) for one in waiting])


def test_an_entry_gets_a_receipt_and_waits_with_all_that_the_daemon_needs(desk: Desk) -> None:
    answer = desk.enter("vera", sheet(in_box=299, votes={"1": 149, "2": 100, "3": 44}, blank=2))
    receipt = json_of(answer)
    assert answer.status_code == 202
    assert receipt["findings"] == []
    assert receipt["links"] == {"sheet": desk.path(), "photographs": f"{desk.path()}/photographs"}
    (item,) = sheet_line.front(desk.station.redis, 10)
    assert (item.id, item.sheet, item.official_email) == (receipt["id"], (1, 1), "vera@example.org")
    assert item.received_at == datetime.fromisoformat(receipt["received_at"])
    assert item.said["numbers"]["votes"] == {"1": 149, "2": 100, "3": 44}
    assert item.fault == ""


def test_the_same_key_gets_the_same_receipt_and_another_body_under_it_is_refused(desk: Desk) -> None:
    first = json_of(desk.enter("vera", key="one"))
    again = json_of(desk.enter("vera", key="one"))
    assert again == {**first, "repeated": True}
    # Also when the sheet takes nothing any more.
    recorded(desk)
    stands(desk, SheetState.ACCEPTED)
    assert json_of(desk.enter("vera", key="one")) == {**first, "repeated": True}
    other = desk.enter("vera", OTHER, key="one")
    assert (other.status_code, json_of(other)["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert desk.enter("milan", key="one").status_code == 409
    assert sheet_line.front(desk.station.redis, 10) == []


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "missing": ({name: value for name, value in SHEET.items() if name != "blank"}, ["blank"]),
    "null": (sheet(voted=None), ["voted"]),
    "a fraction": (sheet(voted=1.5), ["voted"]),
    "a text": (sheet(voted="300"), ["voted"]),
    "a truth value": (sheet(voted=True), ["voted"]),
    "negative": (sheet(voted=-1), ["voted"]),
    "too many": (sheet(voted=1_000_001), ["voted"]),
    "no such list": (sheet(votes={"1": 1, "2": 1, "3": 1, "4": 1}), ["votes.4"]),
    "a list is missing": (sheet(votes={"1": 150, "2": 100}), ["votes.3"]),
    "votes are none": (sheet(votes=[1, 2, 3]), ["votes"]),
    "unknown": (sheet(comment="x"), ["comment"]),
    "explanations are none": (sheet(explanations=["W206"]), ["explanations"]),
    "an explanation is none": (sheet(explanations={"W206": 1}), ["explanations.W206"]),
    "two are none and one is missing": (
        {**{name: value for name, value in SHEET.items() if name != "blank"}, "voted": -1, "in_box": "300"},
        ["voted", "in_box", "blank"],
    ),
    "of all kinds at once": (
        sheet(unused=1.5, votes={"1": None, "2": -4, "3": 44, "9": 1}, comment="x", explanations={"W206": 1}),
        ["unused", "votes.1", "votes.2", "comment", "votes.9", "explanations.W206"],
    ),
    "no votes and two that are none": (sheet(votes=None, registered=True, blank=[]), ["registered", "blank", "votes"]),
    "more that is on no sheet than is told": (
        sheet(**{f"z{number}": 1 for number in range(10, 50)}, voted=-1),
        ["voted", *(f"z{number}" for number in range(10, 30))],
    ),
    "two errors and a warning": (
        sheet(in_box=290, unused=600),
        ["in_box", "unused", "explanations.W203"],
    ),
    "not explained": (sheet(unused=190, voted=301), ["explanations.W206"]),
    "explained with blanks": (sheet(unused=190, explanations={"W206": " \n"}), ["explanations.W206"]),
    "explained at too great length": (sheet(unused=190, explanations={"W206": "x" * 1025}), ["explanations.W206"]),
    "explained with no text": (sheet(unused=190, explanations={"W206": "\ud800"}), ["explanations.W206"]),
    "another roll": (sheet(registered=499), ["explanations.W207"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_numbers_are_refused_with_every_field_that_is_wrong_and_nothing_is_stored(desk: Desk, case: str) -> None:
    body, fields = WRONG[case]
    before = contents(desk.station.redis)
    answer = desk.enter("vera", body)
    assert answer.status_code == 422, answer.get_data(as_text=True)
    assert [error["field"] for error in json_of(answer)["errors"]] == fields
    assert all(len(error["message"]) > 10 for error in json_of(answer)["errors"])
    assert contents(desk.station.redis) == before


def test_what_is_no_number_is_told_with_what_to_write_also_by_the_check(desk: Desk) -> None:
    wrong, header = sheet(voted=-1, invalid=1_000_001), desk.header("vera")
    checked = desk.station.client.post(f"{desk.path()}/check", json=wrong, headers=header)
    for answer in (desk.enter("vera", wrong), checked):
        assert json_of(answer)["errors"] == [
            {"field": name, "message": "Write a whole number from 0 to 1000000."} for name in ("voted", "invalid")
        ]


def test_warnings_are_taken_with_their_explanations_and_told_with_the_receipt(desk: Desk) -> None:
    body = sheet(unused=190, explanations={"W206": "  Ten were\n torn. ", "W299": "Nobody asked."})
    receipt = json_of(desk.enter("vera", body))
    assert [finding["code"] for finding in receipt["findings"]] == ["W206"]
    (item,) = sheet_line.front(desk.station.redis, 10)
    assert item.said["explanations"] == {"W206": "Ten were torn."}


def test_where_people_belong_elsewhere_what_is_over_and_what_is_not_there_is_refused(desk: Desk) -> None:
    snapshot.write_stations(desk.station.redis, "b", {1: "disabled"})
    before = contents(desk.station.redis)
    for status, words, how in (
        (403, "do not belong", {"places": (1,)}),
        (403, "no polling station", {"places": ()}),
        (409, "is disabled", {}),
        (404, "not known", {"path": desk.path(1)}),
        (403, "do not belong", {"path": desk.path().replace("stations/1", "stations/99")}),
        (404, "No published election", {"path": desk.path().replace("elections/1", "elections/99")}),
        (409, "not begun", {"path": desk.path().replace("elections/1", f"elections/{COMING}")}),
        (409, "more than 7 days ago", {"path": desk.path().replace("elections/1", f"elections/{OLD}")}),
    ):
        if status == 409 and words != "is disabled":
            snapshot.write_stations(desk.station.redis, "a", {1: "active", 2: "active"})
            before = contents(desk.station.redis)
        answer = desk.enter("vera", **how)
        assert (answer.status_code, words in json_of(answer)["detail"]) == (status, True), json_of(answer)
        assert contents(desk.station.redis) == before
    assert desk.enter("vera", path=desk.path().replace("elections/1", f"elections/{OVER}")).status_code == 202


def test_who_has_the_address_of_a_deleted_account_is_another_official_and_sees_nothing_of_the_first(desk: Desk) -> None:
    assert desk.enter("vera").status_code == 202
    recorded(desk)
    first = {"entered_by": ("vera@example.org",), "jmbgs": (jmbg_of("vera"),)}
    stands(desk, SheetState.ENTERED_ONCE, last=1, **first)
    assert [one["state"] for one in desk.show("vera")["entries"]] == ["recorded"]
    assert desk.enter("vera", OTHER).status_code == 403
    # With another address the same person; with the same address another one.
    assert desk.enter("v.veric", OTHER, person="vera").status_code == 403
    assert desk.show("vera", person="jovana")["entries"] == []
    assert desk.show("vera", person="jovana")["may_enter"] == "second"
    assert desk.enter("vera", person="jovana").status_code == 202


def test_of_a_station_that_the_frozen_electorate_does_not_have_nothing_is_taken_and_its_official_reads_why(
    desk: Desk,
) -> None:
    rolls = {number: snapshot.Roll(f"Ада {number}", "Ада", 500) for number in (1, 2)}
    snapshot.write_rolls(desk.station.redis, "d", rolls, {(desk.election, 1): snapshot.NOT_VOTED_AT})
    before = contents(desk.station.redis)
    for answer in (desk.enter("vera"), desk.photograph("vera", picture())):
        assert answer.status_code == 409
        assert "made or enabled after the election opened" in json_of(answer)["detail"]
    shown = desk.show("vera")
    assert (shown["may_enter"], "does not change any more" in shown["why"]) == ("nothing", True)
    assert contents(desk.station.redis) == before
    # The same station in another election, and another station in the same one.
    assert desk.enter("vera", path=desk.path().replace("elections/1", f"elections/{OVER}")).status_code == 202
    assert desk.enter("vera", path=desk.path(1)).status_code == 202


def test_the_second_entry_is_another_officials_and_after_it_nothing_is_taken(desk: Desk) -> None:
    assert desk.enter("vera").status_code == 202
    waits = desk.enter("vera", OTHER)
    assert (waits.status_code, "waits to be recorded" in json_of(waits)["detail"]) == (409, True)
    recorded(desk)
    stands(desk, SheetState.ENTERED_ONCE, last=1, entered_by=("Vera@example.org",))
    own = desk.enter("vera")
    assert (own.status_code, "first entry" in json_of(own)["detail"]) == (403, True)
    assert desk.enter("milan").status_code == 202
    recorded(desk)
    for state in (SheetState.DIFFERING, SheetState.WAITING_FOR_REVIEW, SheetState.ACCEPTED):
        stands(desk, state)
        answer = desk.enter("ana")
        assert (answer.status_code, "administration" in json_of(answer)["detail"]) == (409, True)
    stands(desk, SheetState.REOPENED, last=3, round=3)
    assert desk.enter("vera").status_code == 202


def test_an_official_sees_the_own_entry_and_where_the_other_one_differs_but_no_number_of_it(desk: Desk) -> None:
    assert desk.show("vera")["may_enter"] == "first"
    first = json_of(desk.enter("vera"))
    shown = desk.show("vera")
    assert (shown["state"], shown["may_enter"], shown["entries"][0]["state"]) == ("empty", "nothing", "waiting")
    recorded(desk)
    stands(desk, SheetState.ENTERED_ONCE, last=1, entered_by=("vera@example.org",))
    assert "first entry" in desk.show("vera")["why"]
    assert desk.show("milan") == {**desk.show("milan"), "may_enter": "second", "why": "", "entries": []}
    json_of(desk.enter("milan", OTHER))
    recorded(desk)
    stands(
        desk,
        SheetState.DIFFERING,
        entered_by=("vera@example.org", "milan@example.org"),
        differing=("votes.1", "votes.2"),
    )
    shown = desk.show("vera")
    assert shown["differing"] == ["votes.1", "votes.2"]
    assert [(one["id"], one["state"], one["numbers"]) for one in shown["entries"]] == [(first["id"], "recorded", SHEET)]
    for role in (Role.ADMINISTRATOR, Role.AUDITOR):
        seen = desk.show("ana", role)
        assert (seen["state"], seen["entries"], seen["may_enter"]) == ("differing", [], "nothing")
    for text in (json.dumps(desk.show("ana")), json.dumps(desk.show("milan"))):
        assert "150" not in text
    stands(desk, SheetState.REOPENED, last=3, round=3)
    assert desk.show("vera")["entries"] == []


def test_a_refused_entry_says_why_until_the_next_round(desk: Desk) -> None:
    json_of(desk.enter("vera"))
    (item,) = sheet_line.front(desk.station.redis, 10)
    refused = {"state": "refused", "reason": "A colleague was faster.", "number": 3}
    sheet_line.remove(desk.station.redis, [sheet_line.Done(item, refused)])
    stands(desk, SheetState.DIFFERING)
    (shown,) = desk.show("vera")["entries"]
    assert (shown["state"], shown["reason"]) == ("refused", "A colleague was faster.")
    stands(desk, SheetState.REOPENED, last=3, round=3)
    assert desk.show("vera")["entries"] == []


def test_a_check_says_everything_and_stores_nothing(desk: Desk) -> None:
    before = contents(desk.station.redis)
    answer = desk.enter("vera", sheet(in_box=290, unused=600), path=f"{desk.path()}/check")
    findings = json_of(answer)["findings"]
    assert answer.status_code == 200
    assert [(one["code"], one["severity"]) for one in findings] == [
        ("E101", "error"),
        ("E102", "error"),
        ("W203", "warning"),
    ]
    assert findings[0]["fields"] == ["in_box", "invalid", "blank", "votes"]
    assert desk.enter("vera", sheet(voted=-1), path=f"{desk.path()}/check").status_code == 422
    assert desk.enter("vera", path=f"{desk.path()}/check", places=(1,)).status_code == 403
    assert contents(desk.station.redis) == before


def test_the_officials_stations_are_listed_with_names_rolls_and_states(desk: Desk) -> None:
    snapshot.write_rolls(desk.station.redis, "c", {1: snapshot.Roll("Ада 1", "Ада", 500)}, {(desk.election, 1): 480})
    stands(desk, SheetState.ACCEPTED)
    path = f"/api/elections/{desk.election}/stations"
    answer = desk.station.client.get(path, headers=desk.header("vera"))
    assert [
        (one["id"], one["code"], one["municipality"], one["registered"], one["status"], one["state"])
        for one in json_of(answer)["items"]
    ] == [(1, "Ада 1", "Ада", 480, "active", "accepted"), (2, None, None, None, "active", "empty")]
    assert json_of(desk.station.client.get(path, headers=desk.header("ana", places=())))["items"] == []
    assert desk.station.client.get(path.replace("1", "77"), headers=desk.header("vera")).status_code == 404
    # Where a daemon of an older version has told nothing of rolls, none is compared.
    desk.station.redis.delete(keys.ROLLS)
    assert desk.enter("vera", sheet(registered=499), path=desk.path(1)).status_code == 202


def test_a_photograph_goes_the_same_way_as_a_form_or_as_the_body(desk: Desk) -> None:
    content = picture()
    first = json_of(desk.photograph("vera", content, file="sheets/my\x07 sheet.jpg", key="p"))
    assert (first["name"], first["media_type"], first["size"]) == ("my sheet.jpg", "image/jpeg", len(content))
    assert json_of(desk.photograph("vera", content, key="p")) == {**first, "repeated": True}
    assert desk.photograph("vera", picture("PNG"), key="p").status_code == 422
    # What it is says its content, and not its sender.
    raw = json_of(desk.photograph("vera", picture("PNG"), raw="image/jpeg", file="a.jpg"))
    assert (raw["name"], raw["media_type"]) == ("a.jpg", "image/png")
    assert desk.station.redis.get(keys.photograph(first["id"])) == content
    shown = desk.show("vera")["photographs"]
    assert [(one["id"], one["state"], one["sha256"]) for one in shown] == [
        (first["id"], "waiting", first["sha256"]),
        (raw["id"], "waiting", raw["sha256"]),
    ]
    assert desk.show("milan")["photographs"] == []
    for _ in range(3):
        assert desk.photograph("vera", content).status_code == 202
    sixth = desk.photograph("vera", content)
    assert (sixth.status_code, "5 photographs" in json_of(sixth)["detail"]) == (409, True)
    assert desk.photograph("milan", content).status_code == 202


def test_a_photograph_that_is_too_large_or_none_is_refused(desk: Desk) -> None:
    before = contents(desk.station.redis)
    size = 8 * 1024 * 1024
    for content, status in ((b"\xff\xd8\xff" + bytes(size), 413), (bytes(size + 2**21), 413), (b"", 422)):
        for raw in ("", "image/jpeg"):
            assert desk.photograph("vera", content, raw=raw).status_code == status
    headers = desk.header("vera")
    path = f"{desk.path()}/photographs"
    form = {"content_type": MULTIPART, "headers": headers}
    other = multipart(picture()).replace(b'name="file"', b'name="other"')
    assert desk.station.client.post(path, data=other, **form).status_code == 422
    two = multipart(picture()).removesuffix(b"--\r\n") + b"\r\n" + multipart(picture()).partition(b"\r\n")[2]
    assert "one file at a time" in json_of(desk.station.client.post(path, data=two, **form))["detail"]
    assert desk.station.client.post(path, data=picture(), headers=desk.header("vera", places=(1,))).status_code == 403
    assert contents(desk.station.redis) == before


def test_while_too_many_photographs_wait_none_is_taken_and_sheets_are(desk: Desk) -> None:
    desk.station.redis.set(keys.PHOTOGRAPHS, 256 * 1024 * 1024)
    answer = desk.photograph("vera", picture())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert desk.enter("vera").status_code == 202


def test_a_full_redis_takes_nothing_and_keeps_nothing_of_it(desk: Desk) -> None:
    before = contents(desk.station.redis)
    desk.station.redis.config_set("maxmemory", 1)
    try:
        for answer in (desk.enter("vera", key="k"), desk.photograph("vera", picture())):
            assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        assert contents(desk.station.redis) == before
    finally:
        desk.station.redis.config_set("maxmemory", 0)
    assert desk.enter("vera", key="k").status_code == 202
    assert desk.photograph("vera", picture()).status_code == 202


def test_who_sends_too_much_is_told_to_wait(redis_url: str, service_settings: ServiceSettings, token: Token) -> None:
    with running(redis_url, service_settings, token, uploads_per_minute=2, refused_uploads_per_minute=2) as station:
        desk = prepare_desk(station)
        assert desk.enter("vera").status_code == 202
        assert desk.photograph("vera", picture()).status_code == 202
        assert desk.photograph("vera", picture()).status_code == 429
        assert desk.enter("vera", path=desk.path(1)).status_code == 429
        for expected in (422, 422, 429):
            assert desk.enter("milan", sheet(voted=-1)).status_code == expected
        assert desk.photograph("milan", picture()).status_code == 429


def test_what_is_refused_is_told_to_the_journal_without_a_number(desk: Desk) -> None:
    desk.enter("vera", sheet(in_box=12345))
    desk.photograph("vera", b"GIF89a")
    told = [json.loads(as_bytes(text).partition(b" ")[2]) for text in desk.station.redis.lrange(keys.JOURNAL, 0, -1)]
    assert [(one["action"], one["subject"], one["outcome"]) for one in told] == [
        ("sheet.refused", "sheet of station 1 in election 1", "refused"),
        ("photograph.refused", "sheet of station 1 in election 1", "refused"),
    ]


def test_a_year_is_no_reason_to_forget_a_sheet_too_early(desk: Desk) -> None:
    json_of(desk.enter("vera"))
    kept = desk.station.redis.ttl(keys.sent(1, 1, "vera@example.org"))
    assert timedelta(days=29) < timedelta(seconds=int(kept)) <= timedelta(days=30)
