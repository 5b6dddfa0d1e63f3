"""``urna sheet``: an official enters the tally sheet of a polling station, looks at it, and sends photographs of it."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import click
from rich.console import Console

from cli.client import Client, client_options, read_json
from cli.elections import ElectionNumber
from cli.failure import REFUSED, SUCCESS, USAGE, Failure
from cli.output import Output, table, with_output
from shared.sheets import COUNTS, MOST
from shared.terms import Severity

_LABELS = {
    "registered": "Voters on the electoral roll",
    "voted": "Voters who voted",
    "received": "Ballots received",
    "unused": "Ballots left over",
    "in_box": "Ballots in the box",
    "invalid": "Invalid ballots, without the blank ones",
    "blank": "Blank ballots",
}

_ELECTION = click.option(
    "--election", type=ElectionNumber(1), help="The election's number; may be left out while there is a single one."
)
_STATION = click.option(
    "--station", type=click.IntRange(1), help="The polling station's number; needed by officials of several stations."
)


@click.group()
def sheet() -> None:
    """Tally sheets: enter one, try one, look at one, send photographs of one."""


@sheet.command()
@click.argument("file", required=False, type=click.File("rb"))
@_ELECTION
@_STATION
@client_options("authentication", "station")
@with_output
def enter(output: Output, file: IO[bytes] | None, election: int | None, station: int | None, *, client: Client) -> int:
    """Enter a tally sheet from FILE, which is JSON (- for standard input); without FILE each number is asked for.

    A sheet is entered twice, by two officials who do not see each other's numbers.
    """
    path, numbers = _path(client, election, station)
    body = _read(file) if file is not None else _ask(output, client, path, numbers)
    # Whatever is lost on the way, one call of this command makes one entry.
    receipt = dict(read_json(_post(client, path, body, {"Idempotency-Key": uuid4().hex})))
    output.result(receipt, lambda console: _show_receipt(console, receipt))
    return SUCCESS


@sheet.command()
@click.argument("file", type=click.File("rb"))
@_ELECTION
@_STATION
@client_options("authentication", "station")
@with_output
def check(output: Output, file: IO[bytes], election: int | None, station: int | None, *, client: Client) -> int:
    """Say what would be found about the sheet in FILE (JSON, - for standard input), and store nothing.

    The exit status is 1 when an error is found, with which it would be refused.
    """
    path, _ = _path(client, election, station)
    found = dict(read_json(_post(client, f"{path}/check", _read(file), {})))
    output.result(found, lambda console: _show_findings(console, found["findings"]))
    return REFUSED if any(one["severity"] == Severity.ERROR for one in found["findings"]) else SUCCESS


@sheet.command()
@_ELECTION
@_STATION
@client_options("authentication", "station")
@with_output
def show(output: Output, election: int | None, station: int | None, *, client: Client) -> None:
    """Show where a sheet stands, and what became of your own entries and photographs."""
    path, _ = _path(client, election, station)
    found = dict(client.get("station", path))
    output.result(found, lambda console: _show_sheet(console, found))


@sheet.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_ELECTION
@_STATION
@client_options("authentication", "station")
@with_output
def photograph(output: Output, file: Path, election: int | None, station: int | None, *, client: Client) -> None:
    """Send FILE, a photograph (JPEG, PNG, WebP) or scan (PDF) of a sheet, of at most 8 MiB."""
    path, _ = _path(client, election, station)
    answer = client.authorized(
        "POST",
        "station",
        f"{path}/photographs",
        content=file.read_bytes,
        headers={"Content-Type": "application/octet-stream", "Idempotency-Key": uuid4().hex},
        query={"name": file.name},
        repeatable=True,
    )
    receipt = dict(read_json(answer))
    said = f"Accepted: {receipt['name']}, {receipt['media_type']}, {receipt['size']:,} bytes."
    output.result(receipt, lambda console: console.print(said, soft_wrap=True))


def _path(client: Client, election: int | None, station: int | None) -> tuple[str, list[int]]:
    """The path of the sheet that is meant, and the poll numbers on it."""
    elections = {one["id"]: one for one in client.get("station", "/api/elections")["items"]}
    if election is None:
        if len(elections) != 1:
            raise Failure(f"There are {len(elections)} elections; say with --election which one.", status=USAGE)
        (election,) = elections
    poll_numbers = elections[election]["poll_numbers"] if election in elections else []
    if station is None:
        own = client.get("station", f"/api/elections/{election}/stations")["items"]
        if len(own) != 1:
            raise Failure(
                f"You belong to {len(own)} polling stations"
                + ("; say with --station which one." if own else ". An administrator sees to it."),
                status=USAGE,
            )
        station = own[0]["id"]
    return f"/api/elections/{election}/stations/{station}/sheet", poll_numbers


def _post(client: Client, path: str, body: Any, headers: Mapping[str, str]) -> Any:
    try:
        return client.authorized("POST", "station", path, body=body, headers=headers, repeatable=True)
    except Failure as failure:
        faults = failure.details.get("fields", ())
        if not faults:
            raise
        # A sheet has many numbers, and a sentence about one of them does not say which.
        said = "\n".join(f"{one['field']}: {one['message']}" for one in faults)
        raise Failure(said, status=failure.status, **failure.details) from None


def _read(file: IO[bytes]) -> dict[str, Any]:
    try:
        body = json.load(file)
    except (ValueError, RecursionError) as error:
        raise Failure(f"The sheet is not JSON: {error}.") from None
    if not isinstance(body, dict):
        raise Failure("The sheet is a JSON object: the numbers by their names, and `votes` by poll numbers.")
    return body


def _ask(output: Output, client: Client, path: str, poll_numbers: list[int]) -> dict[str, Any]:
    """Ask for every number, again for those that an error is about, and for the reason of each warning."""
    if not sys.stdin.isatty():
        raise Failure("Nobody is at this terminal to be asked; give the sheet as a file, or as - on standard input.")
    wanted = [*COUNTS, *(f"votes.{number}" for number in poll_numbers)]
    body: dict[str, Any] = {"votes": {}}
    while wanted:
        for name in wanted:
            _ask_number(body, name)
        findings = read_json(_post(client, f"{path}/check", body, {}))["findings"]
        _show_findings(output.aside, findings)
        fields = {field for one in findings if one["severity"] == Severity.ERROR for field in one["fields"]}
        if "votes" in fields:
            fields |= {f"votes.{number}" for number in poll_numbers}
        wanted = [name for name in [*COUNTS, *(f"votes.{number}" for number in poll_numbers)] if name in fields]
    if click.confirm("Mend anything before it is sent?", default=False, err=True):
        raise Failure("Nothing was sent. Begin again with the right numbers.")
    body["explanations"] = {one["code"]: click.prompt(f"Why {one['code']}", err=True) for one in findings}
    return body


def _ask_number(body: dict[str, Any], name: str) -> None:
    place, key, label = body, name, _LABELS.get(name, "")
    if name.startswith("votes."):
        key = name.removeprefix("votes.")
        place, label = body["votes"], f"Valid votes for list {key}"
    place[key] = click.prompt(label, type=click.IntRange(0, MOST), default=place.get(key), err=True)


def _show_receipt(console: Console, receipt: Mapping[str, Any]) -> None:
    console.print(f"Accepted at {receipt['received_at']}: entry {receipt['id']}.", soft_wrap=True)
    _show_findings(console, receipt["findings"])


def _show_findings(console: Console, findings: list[dict[str, Any]]) -> None:
    for one in findings:
        console.print(f"{one['code']} ({one['severity']}): {one['message']}", soft_wrap=True, markup=False)
    if not findings:
        console.print("Nothing is to be explained.")


def _show_sheet(console: Console, found: Mapping[str, Any]) -> None:
    state = found["state"].replace("_", " ")
    since = f" since {found['since']}" if found["since"] else ""
    console.print(f"Polling station {found['station_id']}, election {found['election_id']}: {state}{since}.")
    if found["may_enter"] == "nothing":
        console.print(found["why"], soft_wrap=True)
    else:
        console.print(f"You may make the {found['may_enter']} entry.")
    if found["differing"]:
        console.print(f"The two entries differ in: {', '.join(found['differing'])}.", soft_wrap=True)
    made = table("Yours", "What", "Received at", "State", "")
    for one in found["entries"]:
        made.add_row("entry", one["received_at"], one["state"], one["reason"])
    for one in found["photographs"]:
        made.add_row(one["name"], one["received_at"], one["state"], one["reason"])
    if made.row_count:
        console.print(made)
