"""``urna official``: who hands in the ballots."""

import csv
import io
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from cli.client import Client, client_options, read_json
from cli.failure import REFUSED, SUCCESS, Failure
from cli.imports import show_import
from cli.listing import everything
from cli.output import Output, table, with_output
from cli.registration import person_options, register
from shared.csv_lines import opened, read
from shared.errors import InvalidInput
from shared.place_names import compared
from shared.terms import Role

CODE, NUMBER = "station", "station_id"
# Of a file in which everything is wrong nobody reads more.
_MOST_TOLD = 20


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


@official.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--preview", is_flag=True, help="Say what would become of each official, and change nothing.")
@client_options("authentication", "admin")
@with_output
def import_file(output: Output, file: Path, preview: bool, *, client: Client) -> int:
    """Import officials and their polling stations from FILE, a CSV file with a header; all lines or none.

    Each line has an `account` (email, username or phone number) and a polling station: its number as `station_id`, or
    its code as `station`, whose number the administration service is asked for. The lines of an account say all its
    stations. To send the same file again changes nothing.
    """
    content = with_numbers(client, file.read_bytes())
    answer = client.authorized(
        "POST",
        "authentication",
        "/api/officials/import",
        content=lambda: content,
        headers={"Content-Type": "text/csv"},
        query={"preview": str(preview).lower()},
        repeatable=True,
    )
    found = dict(read_json(answer))
    output.result(found, lambda console: _show_import(console, found))
    return REFUSED if found["wrong"] else SUCCESS


@official.command("list")
@click.option("--station", type=click.IntRange(1), help="Only those of the polling station with this number.")
@client_options("authentication")
@with_output
def list_all(output: Output, station: int | None, *, client: Client) -> None:
    """List the officials and the numbers of their polling stations."""
    found = everything(client, "authentication", "/api/users", role="official", station=station)
    output.result({"items": found}, lambda console: _show_list(console, found))


def with_numbers(client: Client, content: bytes) -> bytes:
    """The file with the numbers of polling stations where it has their codes; each line stays on its line.

    Raises Failure for codes that no station has, with the lines of the first ones.
    """
    try:
        header, rows = read(opened(io.BytesIO(content)))
        if CODE not in header or NUMBER in header:
            # The service says what it lacks, or what it leaves aside.
            return content
        at, lines = header.index(CODE), list(rows)
    except InvalidInput as error:
        raise Failure(f"{error.message} Nothing was imported.", status=REFUSED) from None
    known = {
        compared(one["properties"]["code"]): one["id"]
        for one in client.get("admin", "/api/polling-stations.geojson")["features"]
    }
    wrong = []
    made = io.StringIO(newline="")
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow([NUMBER if name == CODE else name for name in header])
    written = 1
    for number, row in lines:
        code = row[at] if at < len(row) else ""
        if at < len(row) and compared(code) not in known:
            wrong.append(f"Line {number}, {CODE}: There is no polling station with the code '{code[:80]}'.")
        # A value with a new line in it would move those after it.
        values = [" ".join(value.splitlines()) for value in row]
        values[at : at + 1] = [str(known.get(compared(code), ""))] if at < len(row) else []
        made.write("\n" * (number - 1 - written))
        writer.writerow(values)
        written = number
    if wrong:
        more = f"\n… and {len(wrong) - _MOST_TOLD:,} more." if len(wrong) > _MOST_TOLD else ""
        raise Failure("\n".join(wrong[:_MOST_TOLD]) + f"{more}\nNothing was imported.", status=REFUSED)
    return made.getvalue().encode()


def _show_import(console: Console, found: dict[str, Any]) -> None:
    for one in found["changed_officials"][:_MOST_TOLD]:
        gets = ", ".join(map(str, one["granted"])) or "none"
        loses = ", ".join(map(str, one["taken"])) or "none"
        made = ", account is new" if one["is_new"] else ""
        console.print(f"Line {one['line']}, {one['account']}{made}: gets {gets}; loses {loses}.", soft_wrap=True)
    show_import(console, found, may_skip=False)


def _show_list(console: Console, found: list[dict[str, Any]]) -> None:
    made = table("Officials", "Number", "Name", "Address", "Approval", "Stations", right=("Number",))
    for one in found:
        stations = ", ".join(map(str, one["stations"])) or "none"
        made.add_row(str(one["id"]), f"{one['forename']} {one['surname']}", one["email"], one["approval"], stations)
    console.print(made)


def _show(console: Console, made: dict[str, Any]) -> None:
    console.print(f"{made['forename']} {made['surname']}, {made['email']}: registered, {made['approval']}.")
