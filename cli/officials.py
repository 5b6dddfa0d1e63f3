"""``urna official``: who hands in the ballots."""

from typing import Any

import click
from rich.console import Console

from cli.client import Client, client_options, read_json
from cli.failure import REFUSED, Failure
from cli.output import Output, with_output


@click.group()
def official() -> None:
    """Election officials, who hand in the ballots."""


@official.command("register")
@click.argument("email")
@click.option("--forename", required=True)
@click.option("--surname", required=True)
@click.option("--jmbg", required=True, help="Unique citizen number: 13 digits, the last of them a control digit.")
@click.option(
    "--password",
    envvar="URNA_PASSWORD",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    help="At least 8 characters, among them a digit, a lower-case and an upper-case letter. Better in URNA_PASSWORD; "
    "asked for when neither is there.",
)
@client_options("authentication", log_in=False)
@with_output
def register_official(
    output: Output, email: str, forename: str, surname: str, jmbg: str, password: str, *, client: Client
) -> None:
    """Register an official, who logs in with EMAIL.

    Where REGISTRATION is `approval`, an administrator has to approve the account before the first log-in.
    """
    made = register(client, email=email, password=password, forename=forename, surname=surname, jmbg=jmbg)
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


def register(client: Client, *, email: str, password: str, forename: str, surname: str, jmbg: str) -> dict[str, Any]:
    """Register one official; the account as the service made it."""
    body = {
        "email": email,
        "password": password,
        "forename": forename,
        "surname": surname,
        "jmbg": jmbg,
        "role": "official",
    }
    return dict(read_json(client.request("POST", "authentication", "/api/register", body=body)))


def _show(console: Console, made: dict[str, Any]) -> None:
    console.print(f"{made['forename']} {made['surname']}, {made['email']}: registered, {made['approval']}.")
