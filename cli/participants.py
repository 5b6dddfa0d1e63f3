"""``urna participant``: the parties and individuals that may stand in elections."""

from typing import Any

import click
from rich.console import Console

from cli.client import Client, client_options, read_json
from cli.listing import everything
from cli.output import Output, table, with_output


@click.group()
def participant() -> None:
    """Parties and individuals that may stand in elections."""


@participant.command("add")
@click.argument("names", nargs=-1, required=True)
@click.option("--individual", is_flag=True, help="They are persons, not parties.")
@client_options("authentication", "admin")
@with_output
def add(output: Output, names: tuple[str, ...], individual: bool, *, client: Client) -> None:
    """Make participants known, by their NAMES."""
    made = [create(client, name, individual=individual) for name in names]
    output.result({"items": made}, lambda console: _show(console, made))


@participant.command("list")
@click.option("--name", help="Only those with this in their name.")
@client_options("authentication", "admin")
@with_output
def list_all(output: Output, name: str | None, *, client: Client) -> None:
    """List all participants."""
    found = everything(client, "admin", "/api/participants", name=name)
    output.result({"items": found}, lambda console: _show(console, found))


def create(client: Client, name: str, *, individual: bool = False) -> dict[str, Any]:
    """Make one participant known."""
    answer = client.authorized("POST", "admin", "/api/participants", body={"name": name, "individual": individual})
    return dict(read_json(answer))


def _show(console: Console, found: list[dict[str, Any]]) -> None:
    made = table("Participants", "Number", "Name", "Kind", right=("Number",))
    for one in found:
        made.add_row(str(one["id"]), one["name"], "individual" if one["individual"] else "party")
    console.print(made)
