"""Whether everything came out exactly right. Pure: it compares what was expected with what the services answered."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cli.demo.ballots import BallotFile
from shared.terms import Progress, Refusal


@dataclass(frozen=True)
class Expectation:
    """What the right count gives: votes and seats by poll number, and what becomes of every file."""

    votes: Mapping[int, int]
    seats: Mapping[int, int]
    files: Sequence[BallotFile]

    @property
    def ballots(self) -> dict[str, int]:
        """Sums over all files, with the names of the results service."""
        duplicate = sum(file.count(Refusal.DUPLICATE) for file in self.files)
        invalid = sum(file.count(Refusal.INVALID_POLL_NUMBER) for file in self.files)
        return {
            "received": sum(file.ballots for file in self.files),
            "counted": sum(file.counted for file in self.files),
            "duplicate": duplicate,
            "invalid": invalid,
            "outside": 0,
        }


def differences(
    expected: Expectation, result: Mapping[str, Any], batches: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """What differs, a sentence each; empty when everything is right.

    ``result`` is the results service's answer, ``batches`` the station's answers by file name.
    """
    found = []
    if result.get("certainty") != "final":
        found.append(f"The result is {result.get('certainty')} and not final.")
    for name, right in expected.ballots.items():
        _compare(found, f"Ballots {name}", right, result["ballots"].get(name))
    lists = {one["poll_number"]: one for one in result["lists"]}
    for number in sorted({*expected.votes, *lists}):
        shown = lists.get(number, {})
        _compare(found, f"Votes of list {number}", expected.votes.get(number), shown.get("votes"))
        _compare(found, f"Seats of list {number}", expected.seats.get(number), shown.get("seats"))
    for file in expected.files:
        _compare_batch(found, file, batches.get(file.path.name))
    return found


def _compare_batch(found: list[str], file: BallotFile, batch: Mapping[str, Any] | None) -> None:
    name = file.path.name
    if batch is None:
        found.append(f"{name}: the station does not know the batch.")
        return
    right = {
        "status": Progress.COUNTED,
        "received": file.ballots,
        "counted": file.counted,
        "duplicate": file.count(Refusal.DUPLICATE),
        "invalid": file.count(Refusal.INVALID_POLL_NUMBER),
        "outside": 0,
    }
    for field, value in right.items():
        _compare(found, f"{name}: {field}", value, batch.get(field))
    _compare(found, f"{name}: refused lines", [asdict(one) for one in file.refused], batch.get("refused"))


def _compare(found: list[str], what: str, right: Any, shown: Any) -> None:
    if right != shown:
        found.append(f"{what}: {shown}, and not {right}.")
