"""``urna upload``: an official hands in files of ballots."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from cli.client import Client, client_options, read_json
from cli.elections import ElectionNumber
from cli.failure import INTERRUPTED, REFUSED, SUCCESS, USAGE, Failure
from cli.file_checks import check_files
from cli.file_sending import digest_of, send_file
from cli.output import Output, is_terminal, table, with_output

_OUTCOMES = ("counted", "duplicate", "invalid", "outside")


@dataclass
class Handed:
    """What became of one file so far: a receipt or the reason why it was refused, later the batch's outcome."""

    path: Path
    receipt: dict[str, Any] | None = None
    error: Failure | None = None
    outcome: dict[str, Any] | None = field(default=None)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--election", type=ElectionNumber(1), help="The election's number; may be left out while a single one is open."
)
@click.option(
    "--station", type=click.IntRange(1), help="The polling station's number; needed by officials of several stations."
)
@click.option("--check", is_flag=True, help="Say what each file would come to, with all its wrong lines; send nothing.")
@click.option("--wait", is_flag=True, help="Wait until every ballot is counted or refused, and show what became of it.")
@click.option(
    "--wait-seconds",
    type=click.FloatRange(1, 86400),
    default=600.0,
    show_default=True,
    help="For how long --wait waits for a batch of which nothing more is counted.",
)
@client_options("authentication", "station")
@with_output
def upload(
    output: Output,
    files: Sequence[Path],
    election: int | None,
    station: int | None,
    check: bool,
    wait: bool,
    wait_seconds: float,
    *,
    client: Client,
) -> int:
    """Hand in CSV FILES of ballots; each line is `GUID,poll number`.

    A file is accepted whole or not at all, and a file that is refused does not keep the next ones back. Sending a file
    again adds nothing: it gets the receipt of the first time. The exit status is 0 when every file was accepted and,
    with --wait, every ballot counted; it is 1 when a file or a ballot was refused. Lines count from 0.

    With --check nothing is stored: it says what each file would come to, and the exit status is 1 when a file would be
    refused or one of its lines not counted.
    """
    if check and wait:
        raise Failure("Nothing is sent with --check, so there is nothing to --wait for.", status=USAGE)
    client.log_in()
    if check:
        return check_files(output, client, files, election, station)
    handed = []
    with _progress(output) as bar:
        task = bar.add_task("", total=sum(file.stat().st_size for file in files))
        for file in files:
            bar.update(task, description=file.name)
            before = bar.tasks[0].completed
            try:
                handed.append(_try(client, file, election, lambda sent: bar.advance(task, sent), station))
            except KeyboardInterrupt:
                raise Failure(
                    f"Interrupted; {file} may have been accepted already. Upload it again: nothing is counted twice.",
                    status=INTERRUPTED,
                ) from None
            # Also what was not sent, or sent twice, is done now.
            bar.update(task, completed=before + file.stat().st_size)
    if wait:
        for one in handed:
            if one.receipt:
                _follow(client, one, wait_seconds)
    output.result(_facts(handed), lambda console: _show(console, handed))
    refused = any(one.outcome and one.outcome["counted"] != one.outcome["received"] for one in handed)
    if errors := [one.error for one in handed if one.error]:
        # Every file's reason has been said; the status is that of the first.
        return errors[0].status
    return REFUSED if refused else SUCCESS


def hand_in(
    client: Client,
    file: Path,
    election: int | None,
    advance: Callable[[int], None] = lambda _: None,
    *,
    station: int | None = None,
) -> dict[str, Any]:
    """Send one file and return its receipt; sending it again is safe, because its content is its key."""
    digest = digest_of(file)
    key = f"urna-{'open' if election is None else election}-{digest}"
    path = "/api/batches" if election is None else f"/api/elections/{election}/batches"
    key = key if station is None else f"{key}-{station}"
    answer = send_file(client, file, path, {"Idempotency-Key": key}, station, advance)
    receipt: dict[str, Any] = read_json(answer)
    if receipt["sha256"] != digest:
        raise Failure(f"The station received another content than that of {file}; send it again.")
    return receipt


def wait_for_outcome(client: Client, batch: str, seconds: float) -> dict[str, Any]:
    """What became of a batch when it is counted; fails when nothing more is counted for so many seconds."""
    deadline = time.monotonic() + seconds
    pause = 0.05
    reached = -1
    while True:
        found: dict[str, Any] = client.get("station", f"/api/batches/{batch}")
        if found["status"] == "counted":
            return found
        done = sum(found[name] for name in _OUTCOMES)
        if found["dead_parts"]:
            raise Failure(
                f"Part of batch {batch} could not be recorded; nothing is lost, an operator can replay it.",
                batch=found,
            )
        if done != reached:
            reached, deadline = done, time.monotonic() + seconds
        if time.monotonic() > deadline:
            raise Failure(
                f"Batch {batch} is accepted, and not counted after {seconds:g} s; ask again later, it will be.",
                batch=found,
            )
        time.sleep(pause)
        pause = min(1.5 * pause, 1.0)


def _follow(client: Client, one: Handed, seconds: float) -> None:
    assert one.receipt is not None  # noqa: S101 -- only accepted files are followed.
    try:
        one.outcome = wait_for_outcome(client, one.receipt["id"], seconds)
    except Failure as error:
        one.error = error


def _try(
    client: Client, file: Path, election: int | None, advance: Callable[[int], None], station: int | None
) -> Handed:
    try:
        return Handed(file, receipt=hand_in(client, file, election, advance, station=station))
    except Failure as error:
        return Handed(file, error=error)
    except OSError as error:
        return Handed(file, error=Failure(f"The file cannot be read: {error.strerror}."))


def _progress(output: Output) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=output.aside,
        disable=output.as_json or not is_terminal(),
        transient=True,
    )


def _facts(handed: Sequence[Handed]) -> dict[str, Any]:
    return {
        "files": [
            {
                "file": str(one.path),
                "receipt": one.receipt,
                "error": {"error": one.error.message, **one.error.details} if one.error else None,
                "outcome": one.outcome,
            }
            for one in handed
        ]
    }


def _show(console: Console, handed: Sequence[Handed]) -> None:
    waited = any(one.outcome for one in handed)
    columns = ("Ballots", *(name.capitalize() for name in _OUTCOMES)) if waited else ("Ballots", "Received at")
    made = table("Accepted", "File", "Batch", *columns, right=columns)
    for one in handed:
        if one.receipt is None:
            continue
        cells = [one.receipt["received_at"]]
        if waited:
            cells = [f"{one.outcome[name]:,}" for name in _OUTCOMES] if one.outcome else []
        name = f"{one.path.name} (accepted before)" if one.receipt["repeated"] else one.path.name
        made.add_row(name, one.receipt["id"], f"{one.receipt['lines']:,}", *cells)
    if made.row_count:
        console.print(made)
    for one in handed:
        for line in one.outcome["refused"] if one.outcome else ():
            console.print(
                f"{one.path.name}, line {line['line']}: not counted, {REASONS[line['reason']]} "
                f"(GUID {line['guid']}, poll number {line['poll_number']}).",
                soft_wrap=True,
            )
        if one.error:
            what = "accepted, but" if one.receipt else "not accepted:"
            console.print(f"{one.path}: {what} {one.error.message}", style="red", soft_wrap=True)


REASONS = {
    "duplicate": "a ballot with this GUID was received before",
    "invalid_poll_number": "the election has no such poll number",
    "invalid_signature": "its signature is not one of this election",
    "outside_election": "the election was not open when it was received",
}
