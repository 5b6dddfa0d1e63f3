"""``urna station``: the polling stations, from a file of the election authority."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from cli.client import Client, client_options, read_json
from cli.failure import REFUSED, SUCCESS
from cli.imports import show_import
from cli.listing import everything
from cli.output import Output, table, with_output


@click.group()
def station() -> None:
    """Polling stations: import them from a file, list them."""


@station.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--preview", is_flag=True, help="Say what would become of each line, and change nothing.")
@click.option("--skip-wrong", is_flag=True, help="Import the right lines although others are wrong.")
@client_options("authentication", "admin")
@with_output
def import_file(output: Output, file: Path, preview: bool, skip_wrong: bool, *, client: Client) -> int:
    """Import polling stations from FILE, a CSV file with a header; all lines or none.

    To send the same file again changes nothing.
    """
    answer = client.authorized(
        "POST",
        "admin",
        "/api/polling-stations/import",
        content=file.read_bytes,
        headers={"Content-Type": "text/csv"},
        query={"preview": str(preview).lower(), "skip_wrong": str(skip_wrong).lower()},
        repeatable=True,
    )
    found = dict(read_json(answer))
    output.result(found, lambda console: show_import(console, found))
    return REFUSED if found["wrong"] else SUCCESS


@station.command("list")
@click.option("--code", help="Only those with this in their code.")
@click.option("--status", type=click.Choice(["active", "disabled"]), help="Only those that are so.")
@client_options("authentication", "admin")
@with_output
def list_all(output: Output, code: str | None, status: str | None, *, client: Client) -> None:
    """List polling stations."""
    found = everything(client, "admin", "/api/polling-stations", code=code, status=status)
    output.result({"items": found}, lambda console: _show(console, found))


def _show(console: Console, found: list[dict[str, Any]]) -> None:
    made = table("Polling stations", "Number", "Code", "Registered", "Status", right=("Number", "Registered"))
    for one in found:
        state = one["status"] + (f": {one['reason']}" if one["reason"] else "")
        made.add_row(str(one["id"]), one["code"], f"{one['registered']:,}", state)
    console.print(made)
