"""The demonstration counts a real election, and does not call a wrong count right."""

import tempfile
from pathlib import Path
from typing import Any

import pytest

from cli.app import main
from cli.demo import command
from cli.demo.check import Expectation, differences
from cli.demo.facts import LISTS
from tests.journey.command import urna
from tests.left_out import needs
from tests.servers import Redis


def test_a_small_demonstration_comes_out_exactly_right() -> None:
    needs(Redis)
    done = urna("demo", "--scale", "200", "--json", seconds=180)
    assert done.status == 0, done.out + done.err
    found = done.json
    assert (found["right"], found["differences"]) == (True, [])
    assert [one["seats"] for one in found["lists"]] == [one.seats for one in LISTS]
    ballots = found["ballots"]
    assert ballots["duplicate"] > 0
    assert ballots["invalid"] > 0
    assert (
        ballots["received"] == sum(one["votes"] for one in found["lists"]) + ballots["duplicate"] + ballots["invalid"]
    )


def test_a_wrong_count_fails_the_demonstration_and_keeps_its_data(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The suite counts for real; one list is expected to have a vote more than there are ballots for it."""
    needs(Redis)

    def expect_too_much(expected: Expectation, result: dict[str, Any], batches: dict[str, Any]) -> list[str]:
        wrong = {**expected.votes, 1: expected.votes[1] + 1}
        return differences(Expectation(wrong, expected.seats, expected.files), result, batches)

    monkeypatch.setattr(command, "differences", expect_too_much)
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: str(tmp_path))
    assert main(["demo", "--scale", "1000"]) == 1
    said = capsys.readouterr()
    assert "1 figures are wrong" in said.out
    assert "Votes of list 1: 1737, and not 1738." in said.out
    assert f"kept in {tmp_path}" in said.err
    assert (tmp_path / "data" / "election.db").exists()
