"""``urna upload --check``: what files of ballots would come to; nothing is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from cli.client import Client, read_json
from cli.failure import REFUSED, SUCCESS, USAGE, Failure
from cli.file_sending import send_file
from cli.output import Output, table

_MOST_NUMBERS = 20


@dataclass(frozen=True)
class Checked:
    """What the station said of one file, or why it did not look at it."""

    path: Path
    found: dict[str, Any] | None = None
    error: Failure | None = None

    @property
    def is_clean(self) -> bool:
        """Whether every line would be counted, as far as that can be known before."""
        return (
            self.found is not None and self.found["good"] and not self.found["unknown"] and not self.found["repeated"]
        )


def check_files(
    output: Output, client: Client, files: Sequence[Path], election: int | None, station: int | None
) -> int:
    """Say of each file what it would come to, and return the exit status."""
    number = _only_open(client) if election is None else election
    checked = [_check(client, file, number, station) for file in files]
    output.result(_facts(checked), lambda console: _show(console, checked))
    if errors := [one.error for one in checked if one.error]:
        return errors[0].status
    return SUCCESS if all(one.is_clean for one in checked) else REFUSED


def _only_open(client: Client) -> int:
    """The election that is meant where none is named: a check is for one, whose poll numbers it looks at."""
    found = [one["id"] for one in client.get("station", "/api/elections")["items"] if one["open"]]
    if len(found) != 1:
        what = f"{len(found)} elections are open" if found else "No election is open"
        raise Failure(f"{what}; say with --election for which one the files are.", status=USAGE)
    return int(found[0])


def _check(client: Client, file: Path, election: int, station: int | None) -> Checked:
    try:
        answer = send_file(client, file, f"/api/elections/{election}/batches/check", {}, station)
        return Checked(file, found=dict(read_json(answer)))
    except Failure as error:
        return Checked(file, error=error)
    except OSError as error:
        return Checked(file, error=Failure(f"The file cannot be read: {error.strerror}."))


def _facts(checked: Sequence[Checked]) -> dict[str, Any]:
    return {
        "files": [
            {
                "file": str(one.path),
                "check": one.found,
                "error": {"error": one.error.message, **one.error.details} if one.error else None,
            }
            for one in checked
        ]
    }


def _show(console: Console, checked: Sequence[Checked]) -> None:
    made = table("Would be accepted; nothing is stored", "File", "Ballots", "Lists", right=("Ballots", "Lists"))
    for one in checked:
        if one.found is not None and one.found["good"]:
            lists = len(one.found["votes"]) - len(one.found["unknown"])
            made.add_row(one.path.name, f"{one.found['ballots']:,}", f"{lists:,}")
    if made.row_count:
        console.print(made)
    for one in checked:
        if one.error:
            console.print(f"{one.path}: not checked: {one.error.message}", style="red", soft_wrap=True, markup=False)
        if one.found is not None:
            for line in _sentences(one.found):
                console.print(f"{one.path.name}: {line}", soft_wrap=True, markup=False)


def _sentences(found: Mapping[str, Any]) -> list[str]:
    """What is not as it should be in a file, the most important first."""
    if not found["good"]:
        said = ["would be refused, all of it."]
        said += [found["advice"]] if found["advice"] else []
        said += [f"line {one['line']}: {one['problem']}: {one['text']}" for one in found["faults"]]
        return [*said, "there are more wrong lines."] if found["has_more_faults"] else said
    said = []
    if found["unknown"]:
        numbers = _some(found["unknown"], len(found["unknown"]))
        said.append(f"the election has no list with these poll numbers: {numbers}; their lines would not be counted.")
    if found["repeated"]:
        lines = _some(found["repeated_lines"], found["repeated"])
        said.append(f"lines with a GUID that stands on a line before: {lines}; they would not be counted.")
    elif found["repeated"] is None:
        said.append("it is so large that nobody looked for GUIDs that stand in it twice.")
    return said


def _some(numbers: Sequence[int], total: int) -> str:
    shown = numbers[:_MOST_NUMBERS]
    return ", ".join(map(str, shown)) + (" …" if total > len(shown) else "")
