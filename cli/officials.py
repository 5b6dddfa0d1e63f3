"""``urna official``: who hands in the ballots."""

from typing import Any

import click
from rich.console import Console

from cli.client import Client, client_options, read_json
from cli.failure import REFUSED, Failure
from cli.output import Output, with_output
from cli.registration import person_options, register
from shared.terms import Role


@click.group()
def official() -> None:
    """Election officials, who hand in the ballots."""


@official.command("register")
@person_options
@client_options("authentication", log_in=False)
@with_output
def register_official(output: Output, *, client: Client, **person: str) -> None:
    """Register an official, who logs in with EMAIL.

    Where REGISTRATION is `approval`, an administrator has to approve the account before the first log-in.
    """
    made = register(client, **person, role=Role.OFFICIAL.value)
    output.result(made, lambda console: _show(console, made))


@official.command("assign")
@click.argument("who", metavar="ADDRESS")
@click.argument("stations", nargs=-1, type=click.IntRange(1))
@client_options("authentication")
@with_output
def assign_stations(output: Output, who: str, stations: tuple[int, ...], *, client: Client) -> None:
    """Say which polling STATIONS, by their numbers, the official with ADDRESS belongs to from now on.

    None at all: the official belongs to no station, and hands in for none. It is in the next token that the official
    gets, an hour from now at the latest.
    """
    found = [
        one
        for one in client.get("authentication", "/api/users", search=who, role="official")["items"]
        if one["email"].lower() == who.lower()
    ]
    if not found:
        raise Failure(f"There is no official with the address {who}.", status=REFUSED)
    path = f"/api/users/{found[0]['id']}"
    read = client.authorized("GET", "authentication", path)
    answer = client.authorized(
        "PATCH", "authentication", path, body={"stations": list(stations)}, headers={"If-Match": read.headers["ETag"]}
    )
    made = dict(read_json(answer))
    numbers = ", ".join(map(str, made["stations"])) or "none"
    output.result(made, lambda console: console.print(f"{made['email']}: polling stations {numbers}."))


def _show(console: Console, made: dict[str, Any]) -> None:
    console.print(f"{made['forename']} {made['surname']}, {made['email']}: registered, {made['approval']}.")
