"""The demonstration counts a real election, and does not call a wrong count right."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.app import main
from cli.demo import command
from cli.demo.check import Expectation, differences
from cli.demo.facts import LISTS
from tests.left_out import needs
from tests.servers import Redis
from tests.source import ROOT


def test_a_small_demonstration_comes_out_exactly_right_and_goes_on_until_ctrl_c(tmp_path: Path) -> None:
    needs(Redis)
    demo = subprocess.Popen(
        [sys.executable, "-m", "cli", "demo", "--scale", "200", "--keep"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert demo.stdout is not None
        said = ""
        while "official4@urna.example" not in said:
            line = demo.stdout.readline()
            assert line, f"It ended: {said}"
            said += line
        assert "Every figure is right" in said
        assert "17,385" in said
        address = re.search(r"http://127\.0\.0\.1:[0-9]+/elections/1", said)
        assert address is not None
        assert httpx.get(address.group(), timeout=20).status_code == 200
        (folder,) = tmp_path.iterdir()
    finally:
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=60)
    assert demo.returncode == 0, said
    assert not folder.exists()


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
    assert main(["demo", "--scale", "1000", "--files", "30", "--json"]) == 1
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["right"], found["differences"]) == (False, ["Votes of list 1: 1737, and not 1738."])
    assert found["files"] == 30
    assert [one["seats"] for one in found["lists"]] == [one.seats for one in LISTS]
    ballots = found["ballots"]
    assert ballots["duplicate"] > 0
    assert ballots["invalid"] > 0
    assert ballots["received"] == ballots["counted"] + ballots["duplicate"] + ballots["invalid"]
    assert ballots["counted"] == sum(one["votes"] for one in found["lists"])
    assert f"kept in {tmp_path}" in said.err
    assert (tmp_path / "data" / "election.db").exists()
