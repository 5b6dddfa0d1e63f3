"""``urna recount``: whether what is counted follows from what the stations received. For auditors and operators."""

import struct
from collections import Counter
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from cli.elections import ElectionNumber, local_time
from cli.failure import REFUSED, SUCCESS, USAGE, Failure
from cli.output import Output, table, with_output
from cli.recount.comparing import Comparison, expected_counts
from cli.recount.counting import Recounted, count
from cli.recount.findings import Findings
from cli.recount.placing import gather
from cli.recount.reading import Facts, Snapshot, snapshot
from cli.recount.receipts import find_changed_batches
from cli.recount.sheets import compare_sheets
from cli.suite.directory import DataDirectory

_COUNTS = ("received", "counted", "duplicate", "invalid", "outside")


@click.command()
@click.argument("election", type=ElectionNumber(1))
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data directory of an embedded suite, running or not.",
)
@click.option(
    "--database-url",
    envvar="ELECTION_DATABASE_URL",
    help="URL of the election store, for a user who may read it; better in ELECTION_DATABASE_URL.",
)
@click.option(
    "--show", default=20, type=click.IntRange(1), show_default=True, help="So many findings of each kind in full."
)
@with_output
def recount(output: Output, election: int, data: Path | None, database_url: str | None, show: int) -> int:
    """Count ELECTION (its number) again from what the stations received, and compare that with the store.

    Every ballot, refused line, tally and sum is compared, all at one moment, so that it may be asked for at any time,
    also while ballots come in. Nothing is written. The exit status is 0 only when everything agrees.
    """
    url = DataDirectory(data).election_store() if data else database_url
    if not url:
        raise Failure(
            "Say where the election store is: --data with the directory of an embedded suite, or "
            "ELECTION_DATABASE_URL.",
            status=USAGE,
        )
    found = recounted(url, election, show)
    output.result(found, lambda console: _show(console, found))
    return SUCCESS if found["agrees"] else REFUSED


def recounted(url: str, election_id: int, keep: int) -> dict[str, Any]:
    """Recount an election of the store at ``url``; of each kind of finding ``keep`` are told in full."""
    try:
        with snapshot(url) as seen:
            return _recounted(seen, election_id, Findings(keep))
    except (TypeError, ValueError, struct.error) as error:
        # SQLite stores a word where a number belongs, if somebody writes one.
        raise Failure(f"The store holds a value that no service writes, and cannot be read: {error}.") from error


def _recounted(seen: Snapshot, election_id: int, findings: Findings) -> dict[str, Any]:
    facts = seen.facts(election_id)
    waiting = gather(seen, facts, findings)
    untold = find_changed_batches(facts, findings)
    with closing(count(seen, facts, findings)) as result:
        comparison = Comparison(seen, facts, result, findings)
        comparison.run()
    sheets = compare_sheets(seen.connection, election_id, findings)
    return {
        "election": election_id,
        "title": facts.poll.title,
        "compared_at": seen.taken_at.isoformat(),
        "counted_until": facts.drained.isoformat() if facts.drained else None,
        "is_over": facts.poll.end <= (facts.drained or datetime.min.replace(tzinfo=UTC)),
        "batches": len(facts.batches),
        "batches_without_journal": untold,
        "parts": len(facts.parts),
        "parts_waiting": waiting,
        "ballots": _ballots(facts),
        "lists": _lists(facts, result, comparison),
        "sheets": sheets,
        "agrees": not findings,
        "found": dict(sorted(findings.counts.items())),
        "findings": [asdict(one) for one in findings.kept],
    }


def _ballots(facts: Facts) -> dict[str, dict[str, int]]:
    """The sums over the parts of the election, as recounted and as they stand in their rows."""
    again = dict.fromkeys(_COUNTS, 0)
    committed = dict.fromkeys(_COUNTS, 0)
    for part in facts.parts:
        batch = facts.batches.get(part.batch_id)
        # As in a result, what was received after the end belongs to nothing.
        is_outside = (
            part.belongs_to is None
            and batch is not None
            and batch.named == facts.poll.id
            and batch.received_at < facts.poll.end
        )
        if part.ballots is not None and (part.belongs_to == facts.poll.id or is_outside):
            for name, number in expected_counts(part, facts).items():
                again[name] += number
        if part.election_id == facts.poll.id or is_outside:
            for name in _COUNTS:
                committed[name] += getattr(part, name)
    return {name: {"recounted": again[name], "committed": committed[name]} for name in _COUNTS}


def _lists(facts: Facts, result: Recounted, comparison: Comparison) -> list[dict[str, Any]]:
    return [
        {
            "poll_number": number,
            "name": facts.names.get(number, ""),
            "recounted": result.votes[number],
            "committed": comparison.votes[number],
        }
        for number in sorted({*facts.names, *comparison.votes})
    ]


def _show(console: Console, found: dict[str, Any]) -> None:
    console.print(f"Election {found['election']}  {found['title']}", style="bold")
    columns = ("No.", "List", "Recounted", "Committed", "")
    made = table("", *columns, right=("No.", "Recounted", "Committed"))
    for one in found["lists"]:
        differs = "" if one["recounted"] == one["committed"] else "differs"
        made.add_row(str(one["poll_number"]), one["name"], f"{one['recounted']:,}", f"{one['committed']:,}", differs)
    made.add_section()
    for name, both in found["ballots"].items():
        differs = "" if both["recounted"] == both["committed"] else "differs"
        made.add_row("", f"Ballots {name}", f"{both['recounted']:,}", f"{both['committed']:,}", differs)
    console.print(made)
    console.print(
        f"Compared as of {local_time(found['compared_at'])}: {found['batches']:,} batches, {found['parts']:,} parts."
    )
    if not found["is_over"]:
        until = f" All that was received before {local_time(found['counted_until'])} is recorded."
        console.print(f"The count goes on.{until if found['counted_until'] else ''}")
    if found["parts_waiting"]:
        console.print(f"Parts that were received and are not recorded yet: {found['parts_waiting']:,}.")
    if found["batches_without_journal"]:
        console.print(
            f"Batches of which the journal does not say yet what was received: {found['batches_without_journal']:,}."
        )
    for one in found["findings"]:
        console.print(one["sentence"], soft_wrap=True)
    kept = Counter(one["kind"] for one in found["findings"])
    for kind, number in found["found"].items():
        if number > kept[kind]:
            console.print(f"and {number - kept[kind]:,} more of the kind {kind.replace('_', ' ')}")
    if found["agrees"]:
        console.print("Every ballot, refused line, tally and sum agrees with what the stations received.", style="bold")
    else:
        console.print(
            f"The store does not agree with what the stations received: {sum(found['found'].values()):,} findings.",
            style="bold red",
        )
