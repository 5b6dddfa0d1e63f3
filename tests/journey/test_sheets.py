"""A tally sheet from two officials at their terminals to the store, through the whole suite."""

import json
import os
import pty
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cli.failure import REFUSED, SUCCESS
from tests.journey.command import Outcome, urna
from tests.journey.people import Journey
from tests.services.sheets import OTHER, SHEET, picture, sheet
from tests.source import ROOT


@dataclass(frozen=True)
class Place:
    """A polling station with two officials and an open election; ``options`` name both to a command."""

    options: tuple[str, ...]
    first: dict[str, str]
    second: dict[str, str]


@pytest.fixture
def place(journey: Journey, tmp_path: Path) -> Place:
    admin = journey.environment("administrator")
    code = str(uuid4())
    stations = tmp_path / "stations.csv"
    stations.write_text(f"municipality,station,registered\nАда,{code},500\n")
    assert urna("station", "import", stations, environment=admin).status == SUCCESS
    (station,) = urna("--json", "station", "list", "--code", code, environment=admin).json["items"]
    number = str(station["id"])
    officials = journey.environment(), journey.colleague()
    for official in officials:
        assert urna("official", "assign", official["URNA_EMAIL"], number, environment=admin).status == SUCCESS
    return Place(("--election", str(journey.open_election()), "--station", number), *officials)


def test_two_officials_enter_a_sheet_and_photograph_it(place: Place, tmp_path: Path) -> None:
    first, second = place.first, place.second
    paper = tmp_path / "sheet.json"

    def run(who: dict[str, str], command: str, *arguments: Any) -> Outcome:
        return urna("--json", "sheet", command, *arguments, *place.options, environment=who)

    def until(who: dict[str, str], state: str) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while (shown := run(who, "show")).status != SUCCESS or shown.json["state"] != state:
            assert time.monotonic() < deadline, shown.out + shown.err
            time.sleep(0.1)
        return dict(shown.json)

    # The voting stations learn of new polling stations within a second or two.
    until(first, "empty")
    paper.write_text(json.dumps(sheet(in_box=299)))
    checked = run(first, "check", paper)
    assert (checked.status, [one["code"] for one in checked.json["findings"]]) == (REFUSED, ["E101"])
    refused = run(first, "enter", paper).error
    assert refused["fields"][0]["field"] == "in_box"
    assert refused["error"].startswith("in_box: E101: ")

    paper.write_text(json.dumps(SHEET))
    assert run(first, "enter", paper).status == SUCCESS
    assert until(second, "entered_once")["may_enter"] == "second"
    assert "first entry" in run(first, "enter", paper).error["error"]
    paper.write_text(json.dumps(OTHER))
    assert run(second, "enter", paper).status == SUCCESS
    shown = until(first, "differing")
    assert shown["differing"] == ["votes.1", "votes.2"]
    assert [one["numbers"] for one in shown["entries"]] == [SHEET]

    taken = tmp_path / "photograph.jpg"
    taken.write_bytes(picture(size=(800, 600)))
    sent = run(first, "photograph", taken)
    assert (sent.json["name"], sent.json["media_type"]) == ("photograph.jpg", "image/jpeg")
    deadline = time.monotonic() + 30
    while run(first, "show").json["photographs"][0]["state"] != "recorded":
        assert time.monotonic() < deadline
    taken.write_bytes(b"<html>")
    assert "no photograph" in run(first, "photograph", taken).error["error"]
    words = urna("sheet", "show", *place.options, environment=first).out
    assert "differing since" in words
    assert "photograph.jpg" in words


def test_without_a_file_and_without_a_terminal_nobody_is_asked(place: Place) -> None:
    refused = urna("sheet", "enter", *place.options, environment=place.first)
    assert refused.status == REFUSED
    assert "Nobody is at this terminal" in refused.err


def test_at_a_terminal_each_number_is_asked_for_and_again_what_does_not_add_up(place: Place) -> None:
    deadline = time.monotonic() + 30
    while urna("sheet", "show", *place.options, environment=place.first).status != SUCCESS:
        assert time.monotonic() < deadline
    terminal, keyboard = pty.openpty()
    # The seven counts and the lists, with a slip in the box; then the parts of the box again, and why ten are missing.
    typed = [500, 300, 500, 190, 290, 4, 2, 150, 100, 44, 300, 4, 2, 150, 100, 44, "n", "Ten were torn."]
    os.write(terminal, "".join(f"{one}\n" for one in typed).encode())
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--json", "sheet", "enter", *place.options],
        cwd=ROOT,
        env={**os.environ, **place.first},
        stdin=keyboard,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    os.close(terminal)
    os.close(keyboard)
    assert done.returncode == SUCCESS, done.stderr
    assert [one["code"] for one in json.loads(done.stdout)["findings"]] == ["W206"]
    assert "E101" in done.stderr
    (entry,) = urna("--json", "sheet", "show", *place.options, environment=place.first).json["entries"]
    assert entry["numbers"] == sheet(unused=190)
    assert entry["explanations"] == {"W206": "Ten were torn."}
