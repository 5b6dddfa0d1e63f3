"""``urna backup`` and ``urna restore``. For operators."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import update_wrapper
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, SpinnerColumn, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bar

from cli.backup import files, places, restoring, taking
from cli.backup.passphrase import passphrase
from cli.backup.places import Places
from cli.failure import SUCCESS, USAGE, Failure
from cli.output import Output, is_terminal, table, with_output
from cli.suite.directory import DataDirectory

R = TypeVar("R")

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


def _options(command: Callable[..., R]) -> Callable[..., R]:
    """Let a command be told where everything is, and the passphrase."""
    made = update_wrapper(lambda *args, **kwargs: command(*args, **kwargs), command)
    for name, setting in (
        ("--redis-url", "REDIS_URL"),
        ("--election-database-url", "ELECTION_DATABASE_URL"),
        ("--accounts-database-url", "ACCOUNTS_DATABASE_URL"),
    ):
        made = click.option(name, envvar=setting, help=f"URL with user and password; better in {setting}.")(made)
    return click.option(
        "--passphrase-file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="File with the passphrase; otherwise it is URNA_BACKUP_PASSPHRASE, or is asked for.",
    )(made)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--data", type=_FOLDER, help="Data directory of an embedded suite, running or not; with its secrets.")
@click.option("--secrets", type=_FOLDER, help="Directory of the secrets, to be backed up as well.")
@click.option(
    "--configuration",
    type=click.Path(path_type=Path),
    multiple=True,
    help="File or directory of the configuration, to be backed up as well; may be given several times.",
)
@click.option("--verify", is_flag=True, help="Make nothing: check every byte of the archive FILE.")
@_options
@with_output
def backup(
    output: Output,
    file: Path,
    data: Path | None,
    secrets: Path | None,
    configuration: tuple[Path, ...],
    verify: bool,
    passphrase_file: Path | None,
    accounts_database_url: str | None,
    election_database_url: str | None,
    redis_url: str | None,
) -> int:
    """Back up both stores, what Redis holds, and the configuration into the new, encrypted file FILE.

    Ballots may come in meanwhile: whatever was accepted before the command began is in the archive. FILE appears only
    when it is whole. Write its SHA-256 down where nobody who can change the file can reach it.
    """
    word = passphrase(passphrase_file, is_new=not verify)
    began = time.monotonic()
    if verify:
        with _bar(output, file) as progress:
            checked = restoring.check(file, word, progress)
        found = {**_told(checked), "seconds": round(time.monotonic() - began, 3)}
        output.result(found, lambda console: _show(console, "The archive is whole.", found))
        return SUCCESS
    folders = [(files.CONFIGURATION, path) for path in configuration]
    if secrets is not None:
        folders.append((files.SECRETS, secrets))
    elif data is not None:
        folders.append((files.SECRETS, DataDirectory(data).secrets))
    with _source(data, accounts_database_url, election_database_url, redis_url) as source, _spinner(output) as told:
        done = taking.take(source, file, word, folders, told)
    found = {
        "file": str(file),
        "id": done.id,
        "sha256": done.sha256,
        "bytes": done.size,
        **done.facts,
        "tables": [asdict(one) for one in done.tables],
        "seconds": round(time.monotonic() - began, 3),
    }
    output.result(found, lambda console: _show(console, f"Backed up into {file}.", found))
    return SUCCESS


@click.command()
@click.argument("file", type=_FILE)
@click.option("--data", type=_FOLDER, help="Make this data directory of an embedded suite, which must not be there.")
@click.option("--secrets", type=_FOLDER, help="Write the secrets of the archive into this new directory.")
@click.option("--configuration", type=_FOLDER, help="Write the configuration of the archive into this new directory.")
@click.option("--files-only", is_flag=True, help="Only write secrets and configuration, and restore no store.")
@_options
@with_output
def restore(
    output: Output,
    file: Path,
    data: Path | None,
    secrets: Path | None,
    configuration: Path | None,
    files_only: bool,
    passphrase_file: Path | None,
    accounts_database_url: str | None,
    election_database_url: str | None,
    redis_url: str | None,
) -> int:
    """Restore the archive FILE into an empty deployment, on whichever databases.

    The archive is checked whole before anything is stored. Each store is restored in one transaction and compared with
    the archive before that is committed. No daemon and no station may run on the target.
    """
    targets = {files.SECRETS: secrets, files.CONFIGURATION: configuration}
    wanted = {group: folder for group, folder in targets.items() if folder is not None}
    if files_only and not wanted:
        raise Failure("Say with --secrets or --configuration where the files are to be written.", status=USAGE)
    word = passphrase(passphrase_file, is_new=False)
    began = time.monotonic()
    with _bar(output, file) as progress:
        checked = restoring.check(file, word, progress)
        for folder in wanted.values():
            files.refuse_full(folder)
        done = None
        if not files_only and data is not None:
            with places.new_directory(data) as (target, its_secrets):
                if any(one.store == "files" and one.rows for one in checked.tables):
                    archived = restoring.archived_files(file, word, progress)
                    if files.SECRETS in archived:
                        files.put(its_secrets, archived[files.SECRETS])
                done = restoring.restore(target, file, word, checked, progress)
        elif not files_only:
            target = places.named(accounts_database_url, election_database_url, redis_url)
            done = restoring.restore(target, file, word, checked, progress)
        written = restoring.put_files(file, word, wanted, progress) if wanted else {}
    found = {
        **_told(checked),
        "restored": done.stores if done else [],
        "parts_waiting": done.waiting_parts if done else 0,
        "files": written,
        "seconds": round(time.monotonic() - began, 3),
    }
    output.result(found, lambda console: _show_restored(console, found))
    return SUCCESS


@contextmanager
def _source(data: Path | None, accounts: str | None, election: str | None, redis: str | None) -> Iterator[Places]:
    if data is not None:
        with places.of_directory(data) as found:
            yield found
    else:
        yield places.named(accounts, election, redis)


def _told(checked: restoring.Checked) -> dict[str, Any]:
    return {
        **checked.head,
        "sha256": checked.sha256,
        "bytes": checked.size,
        **{name: value for name, value in checked.manifest.items() if name != "tables"},
        "tables": [asdict(one) for one in checked.tables],
    }


@contextmanager
def _spinner(output: Output) -> Iterator[taking.Progress]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,.0f} rows"))
    with _made(output, *columns) as bar:
        task = bar.add_task("", total=None)
        yield lambda name, rows: bar.update(task, description=name, completed=rows)


@contextmanager
def _bar(output: Output, file: Path) -> Iterator[restoring.Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with _made(output, *columns) as bar:
        task = bar.add_task("", total=file.stat().st_size if file.is_file() else None)
        yield lambda name, done: bar.update(task, description=name, completed=done)


def _made(output: Output, *columns: Any) -> Bar:
    return Bar(*columns, console=output.aside, disable=output.as_json or not is_terminal(), transient=True)


def _show(console: Console, title: str, found: dict[str, Any]) -> None:
    console.print(title, style="bold")
    made = table("", "Store", "Table", "Rows", right=("Rows",))
    for one in found["tables"]:
        made.add_row(one["store"], one["table"], f"{one['rows']:,}")
    console.print(made)
    console.print(f"Everything that was accepted before {found['began_at']} is in it.")
    if found["lost_parts"]:
        console.print(
            f"{found['lost_parts']} parts of accepted uploads are neither in Redis nor in the store: they were lost "
            "before the backup.",
            style="bold red",
        )
    console.print(f"{found['bytes']:,} bytes in {found['seconds']:.1f} s. SHA-256 of the file, to be written down:")
    console.print(found["sha256"], soft_wrap=True)


def _show_restored(console: Console, found: dict[str, Any]) -> None:
    for group, number in found["files"].items():
        console.print(f"{number} files of the {group} are written.")
    if found["restored"] or found["parts_waiting"]:
        ballots = next((one["rows"] for one in found["tables"] if one["table"] == "ballots"), 0)
        console.print(
            f"Restored: everything that was accepted before {found['began_at']}; {ballots:,} ballots. Both stores were "
            "compared with the archive, row by row.",
            style="bold",
        )
        console.print(f"Parts that wait to be counted: {found['parts_waiting']:,}. Start the services and the daemons.")
