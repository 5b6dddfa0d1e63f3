"""``urna citizen``: the citizens' register, from a file of whoever keeps it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from cli.client import Client, client_options, read_json
from cli.failure import REFUSED, SUCCESS
from cli.imports import show_import
from cli.output import Output, table, with_output
from shared.terms import CitizenStatus

_PIECE = 1 << 20


@click.group()
def citizen() -> None:
    """The citizens' register: import it from a file, look somebody up."""


@citizen.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--preview", is_flag=True, help="Say what would become of the lines, and change nothing.")
@click.option("--skip-wrong", is_flag=True, help="Import the right lines although others are wrong.")
@client_options("authentication")
@with_output
def import_file(output: Output, file: Path, preview: bool, skip_wrong: bool, *, client: Client) -> int:
    """Import citizens from FILE, a CSV file with a header; all lines or none.

    To send the same file again changes nothing.
    """
    found = hand_in(client, file, preview=preview, skip_wrong=skip_wrong)
    output.result(found, lambda console: show_import(console, found))
    return REFUSED if found["wrong"] else SUCCESS


def hand_in(client: Client, file: Path, *, preview: bool = False, skip_wrong: bool = False) -> dict[str, Any]:
    """Import a file of citizens, or say what would become of it; what the service says of its lines."""
    answer = client.authorized(
        "POST",
        "authentication",
        "/api/citizens/import",
        content=lambda: pieces(file),
        headers={"Content-Type": "text/csv", "Content-Length": str(file.stat().st_size)},
        query={"preview": str(preview).lower(), "skip_wrong": str(skip_wrong).lower()},
        repeatable=True,
        seconds=900,
    )
    return dict(read_json(answer))


@citizen.command("list")
@click.argument("search", required=False)
@click.option("--status", type=click.Choice([status.value for status in CitizenStatus]), help="Only those.")
@client_options("authentication")
@with_output
def list_citizens(output: Output, search: str | None, status: str | None, *, client: Client) -> None:
    """List the first citizens of the register: of a SURNAME's beginning, or of a whole national id."""
    found = client.get("authentication", "/api/citizens", search=search, status=status, per_page=200)
    output.result(found, lambda console: _show(console, found))


def pieces(file: Path) -> Iterator[bytes]:
    """A file, a megabyte at a time: a register is larger than a memory has to be."""
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            yield piece


def _show(console: Console, found: dict[str, Any]) -> None:
    made = table("Citizens", "Number", "Name", "Born", "National id", "Region", "Status", right=("Number",))
    for one in found["items"]:
        name = f"{one['surname']} {one['forename']}"
        made.add_row(str(one["id"]), name, one["born_on"], one["national_id"], one["region"], one["status"])
    console.print(made)
    if found["total"] > len(found["items"]):
        console.print(f"The first {len(found['items'])} of {found['total']:,} are shown.")
