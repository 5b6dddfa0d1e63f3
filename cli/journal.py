"""``urna journal``: read who did what, and check that nobody has changed it. Reads the stores themselves."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from rich.console import Console
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from cli.failure import REFUSED, SUCCESS, UNAVAILABLE, USAGE, Failure
from cli.output import Output, table, with_output
from cli.suite.directory import DataDirectory
from shared.database import Database
from shared.errors import Unavailable
from shared.journal import store
from shared.journal.chain import Anchor, Finding
from shared.journal.store import Search
from shared.schema.journal import AnyJournal
from shared.terms import Outcome

_URLS = {"accounts": "ACCOUNTS_DATABASE_URL", "election": "ELECTION_DATABASE_URL"}
_FORMS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
_SHOWN = 20

data_option = click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), help="Data directory of an embedded suite."
)


class AnchorType(click.ParamType[Anchor]):
    """A place in a journal that was written down: SEQUENCE:HASH."""

    name = "SEQUENCE:HASH"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Anchor:
        if isinstance(value, Anchor):
            return value
        found = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", str(value).lower())
        if found is None:
            self.fail(f"{value} is not a number, a colon and 64 hexadecimal digits.", parameter, context)
        return Anchor(int(found[1]), found[2])


@click.group()
def journal() -> None:
    """Who did what to what, when, from where, and how it ended.

    Reads the stores at ACCOUNTS_DATABASE_URL and ELECTION_DATABASE_URL, or those of an embedded suite (--data).
    """


@journal.command("list")
@click.option("--store", "name", type=click.Choice(list(_URLS)), default="election", show_default=True)
@click.option("--actor", default="", help="Only entries of this account or program.")
@click.option("--action", default="", help="Only this action, or all of a noun (election).")
@click.option("--subject", default="", help="Only what happened to this, such as 'election 3'.")
@click.option("--outcome", type=click.Choice([outcome.value for outcome in Outcome]))
@click.option("--from", "since", type=click.DateTime(_FORMS), help="Not before this moment; UTC unless it says.")
@click.option("--to", "until", type=click.DateTime(_FORMS), help="Before this moment.")
@click.option("--text", default="", help="Only entries with this in them, in whatever case.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The newest so many.")
@data_option
@with_output
def list_entries(
    output: Output,
    name: str,
    data: Path | None,
    limit: int,
    outcome: str | None,
    since: datetime | None,
    until: datetime | None,
    **texts: str,
) -> None:
    """Show entries, the newest first."""
    wanted = Search(outcome=Outcome(outcome) if outcome else None, since=_utc(since), until=_utc(until), **texts)
    (url,) = _urls(data, name).values()
    with _reading(name, url) as session:
        found = [_facts(entry) for entry in session.scalars(store.entries(wanted).limit(limit))]
    output.result({"store": name, "items": found}, lambda console: _show_entries(console, name, found))


@journal.command("verify")
@click.option("--store", "name", type=click.Choice(list(_URLS)), help="Only the journal of this store.")
@click.option("--expect", multiple=True, type=AnchorType(), help="A place written down earlier has to be there still.")
@data_option
@with_output
def verify(output: Output, name: str | None, expect: tuple[Anchor, ...], data: Path | None) -> int:
    """Check that no entry was changed, removed, inserted or moved; exit status 1 when one was.

    Write the newest place down where nobody who can change the database can reach it, and give it to --expect the next
    time: an end that was cut off can be found in no other way.
    """
    urls = _urls(data, name)
    if expect and len(urls) > 1:
        raise Failure("Say with --store whose journal the places of --expect are in.", status=USAGE)
    found = []
    for one, url in urls.items():
        with _reading(one, url) as session:
            found.append((one, *store.check(session, expect)))
    facts = [
        {
            "store": one,
            "entries": newest.sequence,
            "newest": str(newest),
            "findings": [vars(finding) for finding in bad],
        }
        for one, newest, bad in found
    ]
    output.result({"stores": facts}, lambda console: _show_verdicts(console, found))
    return REFUSED if any(bad for _, _, bad in found) else SUCCESS


def _urls(data: Path | None, name: str | None) -> dict[str, str]:
    """The stores that are asked for, or all that are known, by name."""
    if data is not None:
        directory = DataDirectory(data)
        files = {"accounts": directory.accounts, "election": directory.election}
        for path in files.values():
            if not path.exists():
                raise Failure(f"{path} is missing; is {data} the data directory of an embedded suite?", status=USAGE)
        known = {one: f"sqlite:///{path}" for one, path in files.items()}
    else:
        known = {one: url for one, variable in _URLS.items() if (url := os.environ.get(variable))}
    wanted = {one: url for one, url in known.items() if name in (None, one)}
    if not wanted:
        variables = _URLS[name] if name else " or ".join(_URLS.values())
        raise Failure(f"Say where the store is: --data with the directory of a suite, or {variables}.", status=USAGE)
    return wanted


@contextmanager
def _reading(name: str, url: str) -> Iterator[sa.orm.Session]:
    try:
        database = Database(url, pool_size=1, answer_seconds=None)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise Failure(f"{_URLS[name]} is not the URL of a database: {error}", status=USAGE) from None
    try:
        with database.reading() as session:
            yield session
    except (SQLAlchemyError, Unavailable) as error:
        cause = str(error.__cause__ or error).partition("\n")[0]
        raise Failure(f"The journal of the {name} store cannot be read: {cause}", status=UNAVAILABLE) from None
    finally:
        database.close()


def _facts(entry: AnyJournal) -> dict[str, Any]:
    return {
        column.key: value.isoformat() if isinstance(value := getattr(entry, column.key), datetime) else value
        for column in sa.inspect(AnyJournal).column_attrs
    }


def _show_entries(console: Console, name: str, found: list[dict[str, Any]]) -> None:
    made = table(
        f"Journal of the {name} store",
        "Number",
        "When",
        "Who",
        "What",
        "To what",
        "Outcome",
        "Details",
        right=("Number",),
    )
    for one in found:
        moment = datetime.fromisoformat(one["moment"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        who = f"{one['actor'] or 'nobody known'}\n{one['address']}".rstrip()
        details = one["details"] if one["details"] != "{}" else ""
        outcome = f"{one['outcome']}: {one['reason']}" if one["reason"] else one["outcome"]
        made.add_row(str(one["sequence"]), moment, who, one["action"], one["subject"], outcome, details)
    console.print(made)


def _show_verdicts(console: Console, found: list[tuple[str, Anchor, list[Finding]]]) -> None:
    for name, newest, bad in found:
        if not bad:
            console.print(f"The journal of the {name} store is whole: {newest.sequence} entries.", style="green")
            console.print(f"Write down: {newest}", soft_wrap=True)
            console.print(f"Check it later with: urna journal verify --store {name} --expect {newest}", soft_wrap=True)
            continue
        console.print(f"The journal of the {name} store is NOT as it was written:", style="bold red")
        for finding in bad[:_SHOWN]:
            console.print(f"  Entry {finding.sequence}: {finding.message}", soft_wrap=True)
        if len(bad) > _SHOWN:
            console.print(f"  … and {len(bad) - _SHOWN} more; --json names all.")


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
