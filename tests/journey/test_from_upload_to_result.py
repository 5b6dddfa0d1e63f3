"""The main job, from the first log-in to the final result, as people do it at a terminal."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cli.demo.people import jmbg_of_birth
from tests.journey.command import urna
from tests.journey.people import Journey, read_result, write_ballots

RULES = '{"seats": 10, "method": "dhondt", "threshold": "0.1", "threshold_base": "ballots_cast"}'


def test_from_the_first_party_to_the_last_seat_at_a_terminal(journey: Journey, tmp_path: Path) -> None:
    admin, official = journey.environment("admin"), journey.environment()
    added = urna("--json", "participant", "add", "Sun", "Moon", "Stars", environment=admin)
    assert added.status == 0, added.err
    numbers = [one["id"] for one in added.json["items"]]
    now = datetime.now(UTC)
    made = urna(
        *("election", "create", "--json", "--title", "A day in spring", "--jurisdiction", str(journey.new_area())),
        *("--rules", RULES),
        *("--start", now.isoformat(), "--end", (now + timedelta(hours=1)).isoformat()),
        *(option for number in numbers for option in ("--participant", str(number))),
        *("--exempt", str(numbers[2])),
        environment=admin,
    )
    assert made.status == 0, made.err
    election = made.json["id"]
    assert [entry["exempt"] for entry in made.json["entries"]] == [False, False, True]
    journey.wait_for_station(election)

    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    guids = write_ballots(first, [1] * 60 + [2] * 30 + [3] * 5 + [9])
    # The first ballot of the other file comes for a second time, and for another list.
    write_ballots(second, [2, 2, 2], guids[:1])
    bad = tmp_path / "bad.csv"
    bad.write_text(f"{guids[0]},1\n{guids[1]}\n")

    arguments = ("upload", first, second, bad, "--election", str(election), "--wait", "--json")
    sent = urna(*arguments, environment=official)
    assert sent.status == 1
    files = {Path(one["file"]).name: one for one in sent.json["files"]}
    assert files["bad.csv"]["error"]["error"] == "Incorrect number of values on line 1."
    assert files["bad.csv"]["receipt"] is None
    outcome = files["first.csv"]["outcome"]
    assert (outcome["received"], outcome["counted"], outcome["invalid"]) == (96, 95, 1)
    assert outcome["refused"] == [{"line": 95, "guid": guids[95], "poll_number": 9, "reason": "invalid_poll_number"}]
    outcome = files["second.csv"]["outcome"]
    assert (outcome["counted"], outcome["duplicate"]) == (2, 1)
    assert outcome["refused"] == [{"line": 0, "guid": guids[0], "poll_number": 2, "reason": "duplicate"}]

    again = urna("upload", first, "--election", str(election), "--json", environment=official)
    assert again.status == 0, again.err
    assert again.json["files"][0]["receipt"]["repeated"]
    assert again.json["files"][0]["receipt"]["id"] == files["first.csv"]["receipt"]["id"]

    open_result = urna("results", str(election), "--json", environment=official)
    assert open_result.json["certainty"] == "provisional"
    closed = urna("election", "close", str(election), "--json", environment=admin)
    assert closed.status == 0, closed.err
    final = urna("results", str(election), "--wait", "--json", environment=official)
    assert final.json["certainty"] == "final"
    assert [(one["votes"], one["seats"]) for one in final.json["lists"]] == [(60, 7), (32, 3), (5, 0)]
    assert final.json["ballots"] == {
        "received": 99,
        "counted": 97,
        "duplicate": 1,
        "invalid": 1,
        "outside": 0,
        "cast": 98,
    }
    listed = urna("election", "list", "--state", "final", "--json", environment=admin)
    assert election in [one["id"] for one in listed.json["items"]]


def test_a_file_is_checked_at_a_terminal_and_nothing_of_it_is_stored(journey: Journey, tmp_path: Path) -> None:
    election, official = str(journey.open_election(["Sun", "Moon"])), journey.environment()
    good, doubtful, swapped = (tmp_path / f"{name}.csv" for name in ("good", "doubtful", "swapped"))
    guids = write_ballots(good, [1, 2, 1])
    write_ballots(doubtful, [9, 1], guids[:1])
    swapped.write_text(f"1,{guids[0]}\n2,{guids[1]}\n")
    options = ("--check", "--election", election)

    clean = urna("upload", good, *options, environment=official)
    assert (clean.status, "Would be accepted" in clean.out) == (0, True), clean.err
    found = urna("upload", good, doubtful, swapped, *options, "--json", environment=official)
    files = {Path(one["file"]).name: one["check"] for one in found.json["files"]}
    assert found.status == 1
    assert (files["good.csv"]["ballots"], files["doubtful.csv"]["unknown"]) == (3, [9])
    assert [fault["line"] for fault in files["swapped.csv"]["faults"]] == [0, 1]

    said = urna("upload", doubtful, swapped, *options, environment=official)
    assert (said.status, "no list with these poll numbers: 9;" in said.out) == (1, True)
    refused = urna("upload", swapped, "--election", election, environment=official)
    for one in (said, refused):
        assert (one.status, "the columns are swapped" in one.out) == (1, True)
    both = urna("upload", good, *options, "--wait", environment=official)
    assert (both.status, "--wait" in both.err) == (2, True)
    # It was only checked, so it is not repeated.
    sent = urna("upload", good, "--election", election, "--json", environment=official)
    assert (sent.status, sent.json["files"][0]["receipt"]["repeated"]) == (0, False)


def test_people_get_tables_and_sentences(journey: Journey, tmp_path: Path) -> None:
    election = journey.open_election(["Party [red]", "Other"])
    file = tmp_path / "ballots.csv"
    write_ballots(file, [1, 1, 7])
    sent = urna("upload", file, "--election", str(election), "--wait", environment=journey.environment())
    assert sent.status == 1
    assert "ballots.csv, line 2: not counted, the election has no such poll number" in sent.out
    shown = urna("results", str(election), "--quotients", environment=journey.environment())
    assert shown.status == 0, shown.err
    assert "Party [red]" in shown.out
    assert "Ballots received: 3. Counted: 2. Duplicate: 0. With an invalid poll number: 1." in shown.out
    assert "How each seat was won" in shown.out
    ballot = urna("election", "show", str(election), environment=journey.environment("admin"))
    assert "Party [red]" in ballot.out
    people = urna("participant", "list", "--name", "Party [", environment=journey.environment("admin"))
    assert "Party [red]" in people.out


def test_a_file_after_the_end_is_refused_and_changes_nothing(journey: Journey, tmp_path: Path) -> None:
    election = journey.open_election()
    file = tmp_path / "late.csv"
    write_ballots(file, [1, 2])
    closing = urna("election", "close", str(election), "--json", environment=journey.environment("admin"))
    assert closing.status == 0, closing.err
    urna("results", str(election), "--wait", "--json", environment=journey.environment())
    late = urna("upload", file, "--election", str(election), "--json", environment=journey.environment())
    assert late.status == 1
    assert late.json["files"][0]["error"]["error"] == "The election has ended; nothing was stored."
    assert read_result(journey.official, election)["ballots"]["received"] == 0


def test_a_file_needs_no_election_while_only_one_is_open(journey: Journey, tmp_path: Path) -> None:
    file = tmp_path / "ballots.csv"
    write_ballots(file, [1])
    first = journey.open_election()
    for other in journey.official.get("station", "/api/elections")["items"]:
        if other["open"] and other["id"] != first:
            urna("election", "close", str(other["id"]), "--json", environment=journey.environment("admin"))
            urna("results", str(other["id"]), "--wait", "--json", environment=journey.environment())
    sent = urna("upload", file, "--wait", "--json", environment=journey.environment())
    assert sent.status == 0, sent.out
    assert sent.json["files"][0]["receipt"]["election_id"] == first

    journey.open_election()
    write_ballots(file, [1])
    ambiguous = urna("upload", file, "--json", environment=journey.environment())
    assert ambiguous.status == 1
    assert "Several elections are open" in ambiguous.json["files"][0]["error"]["error"]


def test_an_official_may_not_make_elections_and_a_stranger_may_do_nothing(journey: Journey) -> None:
    refused = urna("--json", "participant", "add", "Mine", environment=journey.environment())
    assert refused.status == 4
    assert "administrator" in refused.error["error"]
    stranger = {**journey.environment(), "URNA_PASSWORD": "Wrong-password-1"}
    unknown = urna("--json", "participant", "list", environment=stranger)
    assert unknown.status == 4
    assert unknown.out == ""


def test_what_does_not_exist_is_said_so(journey: Journey) -> None:
    missing = urna("--json", "results", "123456", environment=journey.environment())
    assert (missing.status, missing.error["error"]) == (1, "There is no election 123456.")
    assert missing.error["http_status"] == 404


def test_a_new_official_registers_at_a_terminal_and_may_hand_in_ballots_at_once(
    journey: Journey, tmp_path: Path
) -> None:
    election = journey.open_election()
    who = {**journey.environment(), "URNA_EMAIL": "new@example.org"}
    data = ("--forename", "Nova", "--surname", "Novak", "--jmbg", jmbg_of_birth(499))
    made = urna("official", "register", "new@example.org", *data, "--json", environment=who)
    assert made.status == 0, made.err
    assert (made.json["roles"], made.json["approval"]) == (["official"], "approved")
    taken = urna("official", "register", "new@example.org", *data, "--json", environment=who)
    assert (taken.status, taken.error["http_status"]) == (1, 409)
    file = tmp_path / "ballots.csv"
    write_ballots(file, [1])
    assert urna("upload", file, "--election", str(election), "--wait", environment=who).status == 0


def test_a_draft_is_published_and_an_election_cancelled_at_a_terminal(journey: Journey) -> None:
    admin = journey.environment("admin")
    ids = [one["id"] for one in urna("participant", "add", "A", "B", "--json", environment=admin).json["items"]]
    draft = urna(
        *("election", "create", "--json", "--draft", "--start", "2040-01-01T07:00:00", "--end", "2040-01-01T20:00:00"),
        *("--jurisdiction", str(journey.new_area()), "--participant", str(ids[0]), "--participant", str(ids[1])),
        environment=admin,
    )
    assert (draft.status, draft.json["state"]) == (0, "draft"), draft.err
    number = str(draft.json["id"])
    assert urna("election", "publish", number, "--json", environment=admin).json["state"] == "scheduled"
    refused = urna("election", "close", number, "--json", environment=admin)
    assert (refused.status, refused.error["http_status"]) == (1, 409)
    cancelled = urna("election", "cancel", number, "--reason", "Snow.", "--json", environment=admin)
    assert (cancelled.json["state"], cancelled.json["cancelled_reason"]) == ("cancelled", "Snow.")
