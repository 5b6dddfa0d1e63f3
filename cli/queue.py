"""``urna queue``: what waits to be counted, what could not be, and how to try that again. For operators."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import update_wrapper
from pathlib import Path
from typing import Any, TypeVar

import click
from redis import Redis
from rich.console import Console
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from cli import dismissal
from cli.failure import UNAVAILABLE, USAGE, Failure
from cli.output import Output, table, with_output
from cli.suite.directory import DataDirectory
from shared.database import Database
from shared.errors import Unavailable
from shared.journal import events
from shared.queue import inspection, provisional
from shared.queue.connection import connect
from shared.queue.inspection import BuriedPart, QueueState
from shared.queue.keys import from_microseconds
from shared.queue.provisional import ProvisionalCounts

R = TypeVar("R")

_REDIS_URL = "redis_url"
_DATABASE_URL = "election_database_url"
_LONGEST_REASON = 1024


def redis_option(command: Callable[..., R]) -> Callable[..., R]:
    """Let a command be told where Redis is; what stands before a subcommand's name holds for the subcommand too."""

    def called(*args: Any, data: Path | None, redis_url: str | None, **kwargs: Any) -> R:
        if data is not None:
            facts = DataDirectory(data).running()
            redis_url = str(facts["redis_url"])
            click.get_current_context().meta[_DATABASE_URL] = str(facts["election_database_url"])
        if redis_url:
            click.get_current_context().meta[_REDIS_URL] = redis_url
        return command(*args, **kwargs)

    made = update_wrapper(called, command)
    made = click.option("--redis-url", envvar="REDIS_URL", help="URL with user and password; better in REDIS_URL.")(
        made
    )
    return click.option(
        "--data", type=click.Path(file_okay=False, path_type=Path), help="Data directory of a running embedded suite."
    )(made)


@contextmanager
def connected() -> Iterator[Redis]:
    """The Redis that the command was told of."""
    url = click.get_current_context().meta.get(_REDIS_URL)
    if url is None:
        raise Failure("Say where Redis is: --data with the directory of an embedded suite, or REDIS_URL.", status=USAGE)
    try:
        redis = connect(url)
    except ValueError as error:
        raise Failure(f"REDIS_URL is not the URL of a Redis: {error}.", status=USAGE) from None
    try:
        yield redis
    except Unavailable as error:
        # Its own words are for who hands in a file.
        raise Failure(
            f"The queues cannot be read: {error.__cause__ or error}. Is Redis there, and is it the suite's?",
            status=UNAVAILABLE,
        ) from None
    finally:
        redis.close()


@click.group(invoke_without_command=True)
@redis_option
@with_output
def queue(output: Output) -> None:
    """Show what waits in each partition, since when, and the dead letters.

    A dead letter is a part of an upload that could not be recorded. No election is final while it has one; `urna queue
    replay` tries it again, and `urna queue dismiss` settles what holds nothing to be counted.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    with connected() as redis:
        states, buried = inspection.states(redis), inspection.buried(redis)
    facts = {
        "partitions": [{**asdict(one), "oldest": _written(one.oldest)} for one in states],
        "dead_letters": [{**asdict(one), "buried_at": _written(one.buried_at)} for one in buried],
    }
    output.result(facts, lambda console: _show(console, states, buried))


@queue.command("replay")
@click.argument("batch", required=False)
@click.argument("part", required=False, type=click.IntRange(0))
@click.option("--all", "every", is_flag=True, help="Replay every dead letter.")
@redis_option
@with_output
def replay(output: Output, batch: str | None, part: int | None, every: bool) -> None:
    """Put PART of BATCH, a dead letter, at the end of its queue again.

    Where it cannot be recorded again, it becomes a dead letter once more.
    """
    if every == (batch is not None) or (batch is None) != (part is None):
        raise Failure("Name the BATCH and the PART of a dead letter, or give --all.", status=USAGE)
    # The daemon takes the word of it from Redis into the journal.
    events.act_as(events.OPERATOR)
    with connected() as redis:
        buried = [(one.batch_id, one.part) for one in inspection.buried(redis)] if every else [(batch or "", part or 0)]
        replayed = [
            {"batch_id": one, "part": its_part, "partition": inspection.replay(redis, one, its_part)}
            for one, its_part in buried
        ]
    output.result({"replayed": replayed}, lambda console: console.print(f"{len(replayed)} put back into the queue."))


@queue.command("dismiss")
@click.argument("batch")
@click.argument("part", type=click.IntRange(0))
@click.option("--reason", required=True, help="Why it holds nothing to be counted; for the journal.")
@click.option(
    "--database-url", envvar="ELECTION_DATABASE_URL", help="URL of the election store; better in the variable."
)
@redis_option
@with_output
def dismiss(output: Output, batch: str, part: int, reason: str, database_url: str | None) -> None:
    """Settle PART of BATCH, a dead letter that holds nothing to be counted.

    That is a job that no station wrote, or ballots of an upload that no station of ours accepted. What was accepted is
    refused here: it can only be replayed. The reason goes into the journal, and elections can become final.
    """
    url = click.get_current_context().meta.get(_DATABASE_URL) or database_url
    if not url:
        raise Failure(
            "Say where the election store is: --data, or its URL in ELECTION_DATABASE_URL.",
            status=USAGE,
        )
    if not 1 <= len(reason.strip()) <= _LONGEST_REASON:
        raise Failure(f"A reason has 1 to {_LONGEST_REASON} characters.", status=USAGE)
    events.act_as(events.OPERATOR)
    with connected() as redis, _store(url) as database:
        done = dismissal.dismiss(database, redis, batch, part, reason.strip(), datetime.now(UTC))
    output.result({"dismissed": asdict(done)}, lambda console: console.print(f"Part {part} of {batch} is dismissed."))


@queue.command("counts")
@click.argument("election", type=click.IntRange(1))
@redis_option
@with_output
def counts(output: Output, election: int) -> None:
    """Show what is counted in ELECTION so far, from the copy in Redis: also while the election store is away."""
    with connected() as redis:
        found = provisional.read(redis, election)
    if found is None:
        raise Failure(f"Redis knows nothing of election {election}: it has not begun, or no daemon works.")
    until = None if found.counted_until is None else from_microseconds(found.counted_until)
    facts = {**asdict(found), "counted_until": _written(until)}
    output.result(facts, lambda console: _show_counts(console, found, until))


@contextmanager
def _store(url: str) -> Iterator[Database]:
    try:
        database = Database(url, pool_size=1)
    except (ArgumentError, NoSuchModuleError) as error:
        raise Failure(f"ELECTION_DATABASE_URL is not the URL of a database: {error}.", status=USAGE) from None
    try:
        yield database
    except (SQLAlchemyError, Unavailable) as error:
        cause = error if isinstance(error, SQLAlchemyError) else error.__cause__
        if not isinstance(cause, SQLAlchemyError):
            raise
        raise Failure(f"The election store cannot be used: {cause.args[0]}", status=UNAVAILABLE) from None
    finally:
        database.close()


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _show_counts(console: Console, found: ProvisionalCounts, until: datetime | None) -> None:
    if found.votes is None:
        console.print("Votes are told when the election has ended and all is counted: voters cast ballots themselves.")
    else:
        made = table("Provisional counts", "List", "Votes", right=("List", "Votes"))
        for number, votes in sorted(found.votes.items()):
            made.add_row(str(number), f"{votes:,}")
        console.print(made)
    console.print(f"Counted {found.counted:,}, duplicate {found.duplicate:,}, invalid {found.invalid:,}.")
    if until is not None:
        console.print(f"Everything received before {until.astimezone():%Y-%m-%d %H:%M:%S %Z} is in it.")


def _show(console: Console, states: list[QueueState], buried: list[BuriedPart]) -> None:
    made = table(
        "Queues",
        *("Partition", "Parts waiting", "Oldest waits for", "Dead letters", "Worked by"),
        right=("Partition", "Parts waiting", "Oldest waits for", "Dead letters"),
    )
    now = datetime.now(UTC)
    for one in states:
        waits = f"{(now - one.oldest).total_seconds():.1f} s" if one.oldest else ""
        made.add_row(str(one.partition), str(one.parts), waits, str(one.dead_letters), one.owner or "nobody")
    console.print(made)
    if not buried:
        return
    made = table("Dead letters", "Batch", "Part", "Partition", "Buried at", "Reason", right=("Part", "Partition"))
    for letter in buried:
        moment = letter.buried_at.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
        made.add_row(letter.batch_id, str(letter.part), str(letter.partition), moment, letter.reason)
    console.print(made)
    console.print("Try again with: urna queue replay BATCH PART, or urna queue replay --all.")
    console.print("What no station of ours sent: urna queue dismiss BATCH PART --reason …")
