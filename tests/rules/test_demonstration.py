"""The demonstration's election, ballots and check, without running anything."""

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from authentication_service.rules import is_jmbg
from cli.demo import facts
from cli.demo.ballots import BallotFile, write_files
from cli.demo.check import Expectation, differences
from cli.demo.people import jmbg_of_birth
from cli.demo.scaling import scaled_votes, seats_of
from cli.failure import Failure
from shared.terms import Refusal
from tests.left_out import MARK
from tests.source import ROOT

OFFICIAL = {one.poll_number: one.seats for one in facts.LISTS}
PUBLISHED = ROOT.parent / "shared" / "data" / "serbia-2014-parliamentary.json"


def test_the_facts_add_up() -> None:
    assert [one.poll_number for one in facts.LISTS] == list(range(1, 20))
    assert sum(one.votes for one in facts.LISTS) == facts.VALID_VOTES
    assert sum(one.seats for one in facts.LISTS) == facts.SEATS
    assert seats_of(facts.LISTS, {one.poll_number: one.votes for one in facts.LISTS}) == OFFICIAL


def test_the_facts_are_those_that_were_published() -> None:
    if not PUBLISHED.exists():
        # No machine has to have them: the facts are the project's own, and the other tests hold them together.
        pytest.skip(f"{MARK}published figures: {PUBLISHED.name} does not lie beside the checkout")
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    assert (published["valid"], published["ballots_in_box"]) == (facts.VALID_VOTES, facts.BALLOTS_IN_BOX)
    assert (published["seats"], published["stations"]) == (facts.SEATS, facts.POLLING_STATIONS)
    for one, right in zip(facts.LISTS, published["lists"], strict=True):
        assert (one.poll_number, one.name, one.votes, one.seats, one.minority) == (
            right["poll_number"],
            right["name"],
            right["votes"],
            right["official_seats"],
            right["national_minority"],
        )


def test_the_whole_election_is_not_changed_by_scaling() -> None:
    assert scaled_votes(facts.LISTS, 1) == {one.poll_number: one.votes for one in facts.LISTS}


@pytest.mark.parametrize("scale", [2, 3, 7, 10, 33, 100, 200, 333, 1000])
def test_a_scaled_election_has_the_official_seats_and_votes_within_one_of_the_fraction(scale: int) -> None:
    votes = scaled_votes(facts.LISTS, scale)
    assert seats_of(facts.LISTS, votes) == OFFICIAL
    for one in facts.LISTS:
        assert abs(votes[one.poll_number] - one.votes / scale) <= 1


def test_an_election_that_is_too_small_is_refused() -> None:
    with pytest.raises(Failure, match="choose a smaller scale"):
        scaled_votes(facts.LISTS, 100_000)


@pytest.mark.parametrize("files", [1, 8, 42])
def test_the_files_hold_every_vote_once_and_the_errors_that_they_announce(tmp_path: Path, files: int) -> None:
    votes = scaled_votes(facts.LISTS, 500)
    written = write_files(tmp_path, votes, files)
    assert len(written) == files
    assert len({file.ballots for file in written}) > files // 2
    seen: set[str] = set()
    counted: Counter[int] = Counter()
    # A late file is handed in after the others, so that its repetitions are known to come second.
    for file in sorted(written, key=lambda file: file.late):
        refused: dict[int, str] = {}
        lines = file.path.read_text().splitlines()
        assert len(lines) == file.ballots
        for line, text in enumerate(lines):
            guid, number = text.split(",")
            assert (len(guid), guid[14], guid[19] in "89ab") == (36, "4", True)
            if guid in seen:
                refused[line] = Refusal.DUPLICATE
            elif int(number) not in votes:
                refused[line] = Refusal.INVALID_POLL_NUMBER
            else:
                counted[int(number)] += 1
            seen.add(guid)
        assert refused == {one.line: one.reason for one in file.refused}
        assert all(lines[one.line] == f"{one.guid},{one.poll_number}" for one in file.refused)
        assert file.counted == file.ballots - len(refused)
    assert counted == votes
    reasons = Counter(one.reason for file in written for one in file.refused)
    assert reasons[Refusal.DUPLICATE] > 0
    assert reasons[Refusal.INVALID_POLL_NUMBER] > 0


def test_every_run_makes_the_same_ballots(tmp_path: Path) -> None:
    votes = scaled_votes(facts.LISTS, 1000)
    contents = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        contents.append([(file.refused, file.path.read_bytes()) for file in write_files(folder, votes, 9)])
    assert contents[0] == contents[1]


def test_the_votes_of_a_file_are_mixed(tmp_path: Path) -> None:
    votes = {1: 500, 2: 500}
    (file,) = write_files(tmp_path, votes, 1)
    numbers = [line.rpartition(",")[2] for line in file.path.read_text().splitlines()]
    changes = sum(one != following for one, following in pairwise(numbers))
    assert 400 < changes < 600


def test_the_officials_have_valid_citizen_numbers() -> None:
    assert all(is_jmbg(jmbg_of_birth(number)) for number in range(500))


@pytest.fixture
def expected(tmp_path: Path) -> Expectation:
    votes = {1: 60, 2: 40}
    return Expectation(votes, {1: 3, 2: 2}, write_files(tmp_path, votes, 2))


def right_result(expected: Expectation) -> dict[str, Any]:
    """What the results service has to answer."""
    return {
        "certainty": "final",
        "ballots": expected.ballots,
        "lists": [
            {"poll_number": number, "votes": votes, "seats": expected.seats[number]}
            for number, votes in expected.votes.items()
        ],
    }


def right_batches(expected: Expectation) -> dict[str, dict[str, Any]]:
    """What the station has to answer about each file."""
    return {file.path.name: right_batch(file) for file in expected.files}


def right_batch(file: BallotFile) -> dict[str, Any]:
    return {
        "status": "counted",
        "received": file.ballots,
        "counted": file.counted,
        "duplicate": sum(one.reason == "duplicate" for one in file.refused),
        "invalid": sum(one.reason == "invalid_poll_number" for one in file.refused),
        "outside": 0,
        "refused": [vars(one) for one in file.refused],
    }


def test_a_right_outcome_has_no_differences(expected: Expectation) -> None:
    assert differences(expected, right_result(expected), right_batches(expected)) == []


def test_every_wrong_figure_is_a_difference_of_its_own(expected: Expectation) -> None:
    for field in ("received", "counted", "duplicate", "invalid", "outside"):
        result = right_result(expected)
        result["ballots"] = {**result["ballots"], field: result["ballots"][field] + 1}
        assert len(differences(expected, result, right_batches(expected))) == 1
        batches = right_batches(expected)
        batches["0001.csv"][field] += 1
        assert len(differences(expected, right_result(expected), batches)) == 1
    for field in ("votes", "seats"):
        result = right_result(expected)
        result["lists"][1][field] -= 1
        assert len(differences(expected, result, right_batches(expected))) == 1


def test_what_is_missing_or_too_much_is_a_difference(expected: Expectation) -> None:
    provisional = {**right_result(expected), "certainty": "provisional"}
    assert differences(expected, provisional, right_batches(expected)) == ["The result is provisional and not final."]
    batches = right_batches(expected)
    del batches["0002.csv"]
    found = differences(expected, right_result(expected), batches)
    assert found == ["0002.csv: the station does not know the batch."]
    result = right_result(expected)
    result["lists"].append({"poll_number": 3, "votes": 1, "seats": 0})
    assert differences(expected, result, right_batches(expected)) == [
        "Votes of list 3: 1, and not None.",
        "Seats of list 3: 0, and not None.",
    ]
    batches = right_batches(expected)
    first = expected.files[0].refused[0]
    batches["0001.csv"]["refused"][0] = vars(replace(first, line=first.line + 1))
    assert len(differences(expected, right_result(expected), batches)) == 1
