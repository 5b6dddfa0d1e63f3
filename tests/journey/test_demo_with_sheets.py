"""The demonstration with polling stations and tally sheets comes out right, and misses nothing that is wrong."""

import csv
import json
import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cli.app import main
from cli.demo import facts
from cli.demo.ballots import BallotFile
from cli.demo.country import command
from cli.demo.country.night import Night
from cli.demo.country.plan import Plan, read_plan
from cli.failure import REFUSED, SUCCESS, USAGE, Failure
from cli.output import Output
from tests.left_out import needs
from tests.rules.election_reports import faults
from tests.rules.report_schema import invalid_by_the_standard
from tests.servers import Redis

STATIONS = 16
GAP, EMPTY, SLIP = 3, 5, 7


class Heard(Output):
    """What a command says, kept."""

    def __init__(self) -> None:
        super().__init__(as_json=True)
        self.said: dict[str, Any] = {}

    def result(self, value: Any, show: Any) -> None:
        self.said = value


@dataclass(frozen=True)
class Held:
    """An election that was held by the command, with its status and what it said."""

    status: int
    said: dict[str, Any]
    plan: Plan
    files: dict[str, BallotFile]
    night: Night

    def with_answers(self, **changed: Any) -> tuple[int, list[str]]:
        """What the command makes of the same election where these answers are other ones: status, and what is wrong."""
        heard = Heard()
        night = replace(self.night, answers={**self.night.answers, **changed})
        return command.conclude(heard, self.plan, self.files, night, 1, 1.0), heard.said["differences"]


def write_stations(path: Path) -> None:
    """Polling stations as an election authority publishes them: one with a gap, and one at which nobody voted."""
    numbers = random.Random(8387)
    lists = [f"list_{one.poll_number}" for one in facts.LISTS]
    counts = ("registered", "voted", "ballots_received", "ballots_unused", "ballots_in_box", "invalid")
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["municipality", "station_number", "address", *counts, *lists])
        for place in range(STATIONS):
            votes = [0 if place == EMPTY else numbers.randrange(60 // number) + 3 for number in range(1, 20)]
            invalid = 0 if place == EMPTY else numbers.randrange(12)
            in_box = sum(votes) + invalid
            voted = in_box + (9 if place == GAP else 0)
            figures = [500, voted, 500, 500 - voted, in_box, invalid]
            writer.writerow([f"Ада {place // 8}", place + 1, f"Улица {place}", *figures, *votes])


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    needs(Redis)
    stations = tmp_path_factory.mktemp("country") / "stations.csv"
    write_stations(stations)
    happened: list[tuple[Plan, dict[str, BallotFile], Night]] = []
    conclude = command.conclude

    def concluded(output: Output, plan: Plan, files: dict[str, BallotFile], night: Night, *rest: Any) -> int:
        happened.append((plan, files, night))
        return conclude(output, plan, files, night, *rest)

    heard = Heard()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "conclude", concluded)
        status = command.hold(heard, stations, 1, keep=False)
    return Held(status, heard.said, *happened[0])


def test_everything_comes_out_as_planned_through_the_pages_and_the_routes(held: Held) -> None:
    assert held.said["differences"] == []
    assert (invalid_by_the_standard(held.night.answers["nist"]), faults(held.night.answers["nist"])) == ([], [])
    assert (held.status, held.said["right"]) == (SUCCESS, True)
    assert (held.said["stations"], held.said["entries"], len(held.said["planted"])) == (STATIONS, 2 * STATIONS, 3)
    assert len(held.files) == STATIONS - 1
    assert [one.has_gap for one in held.plan.stations].count(True) == 1
    assert list(held.night.slipped) == [held.plan.stations[SLIP].code]
    assert list(held.night.batches) == [held.plan.stations[0].code]
    units = {one["unit"] for one in held.said["stages"] if one["count"] and one["seconds"] > 0}
    assert {"stations", "officials", "entries", "files", "ballots", "sheets"} <= units
    assert held.said["seconds_to_first_result"] > 0


@pytest.mark.parametrize("place", range(3))
def test_a_planted_difference_that_is_not_found_fails_the_command_and_is_named(held: Held, place: int) -> None:
    planted = held.plan.planted[place]
    listed = [one for one in held.night.answers["differences"] if one["code"] != planted.code]
    status, wrong = held.with_answers(differences=listed)
    assert status == REFUSED
    for code in planted.differences():
        assert any(f"not found in the list: {planted.code}, {code}" in sentence for sentence in wrong)
    assert not any("not found in the CSV" in sentence for sentence in wrong)

    lines = held.night.answers["differences.csv"].splitlines(keepends=True)
    status, wrong = held.with_answers(**{"differences.csv": "".join(one for one in lines if planted.code not in one)})
    assert status == REFUSED
    assert any(f"not found in the CSV: {planted.code}" in sentence for sentence in wrong)


def test_every_wrong_answer_fails_the_command(held: Held) -> None:
    answers = held.night.answers
    result, nist = deepcopy(answers["result"]), deepcopy(answers["nist"])
    result["lists"][0]["votes"] += 1
    (contest,) = nist["Election"][0]["Contest"]
    contest["BallotSelection"][3]["VoteCounts"][-1]["Count"] += 1
    # A sum of the blank ballots of some stations would be taken for that of all.
    with_blank = deepcopy(answers["nist"])
    with_blank["Election"][0]["Contest"][0]["SummaryCounts"][0]["Undervotes"] = 0
    stations = answers["stations.csv"].replace(",true,500,", ",true,501,", 1)
    spoilt: list[dict[str, Any]] = [
        {"result": result},
        {"nist": nist},
        {"nist": with_blank},
        {"stations.csv": stations},
        {"results.csv": answers["results.csv"].replace("\r\n2,", "\r\n20,", 1)},
        {"board": {**answers["board"], "accepted": STATIONS - 1, "differing": 1}},
        {"nowhere": {**answers["nowhere"], "ballots": 1}},
        {"differences": [*answers["differences"], {"code": held.plan.stations[SLIP].code, "differences": []}]},
        {"page": 500},
    ]
    for changed in spoilt:
        status, wrong = held.with_answers(**changed)
        assert (status, bool(wrong)) == (REFUSED, True), changed.keys()


def test_without_the_file_of_polling_stations_it_says_which_one_it_needs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    missing = tmp_path / "missing.csv"
    assert main(["--json", "demo", "--with-sheets", "--stations-file", str(missing)]) == USAGE
    said = json.loads(capsys.readouterr().err)["error"]
    assert str(missing) in said
    assert "municipality, station_number, registered" in said


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda text: text.replace("invalid", "spoilt", 1), "lacks the column invalid"),
        (lambda text: text.replace("\nАда 1,9,Улица 8,500,", "\nАда 1,9,Улица 8,many,"), "line 10: every number"),
        (lambda text: f"{text}Ада 9,1,Улица,500,10,500,490,10,0{19 * ',0'}\n", "line 18: its parts do not add up"),
        (lambda text: "".join(text.splitlines(keepends=True)[:3]), "not so many; take more"),
    ],
)
def test_a_file_of_polling_stations_that_cannot_be_used_is_refused(
    tmp_path: Path, spoil: Callable[[str], str], told: str
) -> None:
    path = tmp_path / "stations.csv"
    write_stations(path)
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(Failure, match=told):
        read_plan(path, 1)
