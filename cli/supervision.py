"""``urna supervise``: where the tally sheets stand, what is decided about them, and where counts differ."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from cli.client import Client, client_options, read_json
from cli.elections import ElectionNumber
from cli.failure import REFUSED, SUCCESS, Failure
from cli.listing import everything
from cli.output import Output, table, with_output
from shared.terms import SheetState

_STATES = click.Choice([state.value for state in SheetState])
# One request takes so many.
_AT_ONCE = 500

election_argument = click.argument("election", type=ElectionNumber(1))
station_argument = click.argument("station", type=click.IntRange(1))
csv_option = click.option(
    "--csv", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write a file for a spreadsheet instead."
)


@click.group()
def supervise() -> None:
    """Tally sheets of an election: find what is missing, decide, explain differences."""


@supervise.command("board")
@election_argument
@click.option("--state", "states", type=_STATES, multiple=True, help="Only those in this state; may be repeated.")
@click.option("--search", help="Only those with this in their code, municipality or centre.")
@csv_option
@client_options("authentication", "admin")
@with_output
def show_board(
    output: Output, election: int, states: tuple[str, ...], search: str | None, file: Path | None, *, client: Client
) -> None:
    """List the polling stations of ELECTION with the state of their sheets, the missing ones first."""
    query: dict[str, Any] = {"state": ",".join(states) or None, "search": search}
    path = f"/api/elections/{election}/sheets"
    if file is not None:
        _save(output, client, f"{path}.csv", query, file)
        return
    found = everything(client, "admin", path, **query)
    output.result({"items": found}, lambda console: _show_board(console, found))


@supervise.command("resolve")
@election_argument
@station_argument
@click.option("--choose", "chosen", type=click.IntRange(1), help="The number of the entry that stands.")
@click.option("--discard", is_flag=True, help="Neither stands; the sheet is entered anew.")
@click.option("--reason", required=True, help="For whoever reads the history later.")
@client_options("authentication", "admin")
@with_output
def resolve(
    output: Output, election: int, station: int, chosen: int | None, discard: bool, reason: str, *, client: Client
) -> None:
    """Say which of the two differing entries of STATION (its number) stands."""
    if discard == (chosen is not None):
        raise click.UsageError("Choose one of the two entries, or discard both.")
    _decide(output, client, election, station, "resolution", {"chosen": chosen, "reason": reason})


@supervise.command("accept")
@election_argument
@click.argument("stations", nargs=-1, type=click.IntRange(1))
@click.option("--all", "everyone", is_flag=True, help="All sheets that wait for review now.")
@click.option("--reason", default="", help="For whoever reads the history later.")
@client_options("authentication", "admin")
@with_output
def accept(
    output: Output, election: int, stations: tuple[int, ...], everyone: bool, reason: str, *, client: Client
) -> int:
    """Accept the sheets of STATIONS (their numbers) that wait for review; each for itself."""
    if everyone == bool(stations):
        raise click.UsageError("Name stations, or say --all.")
    path = f"/api/elections/{election}/sheets"
    waiting = {one["station_id"]: one["last"] for one in everything(client, "admin", path, state="waiting_for_review")}
    absent = [station for station in stations if station not in waiting]
    if absent:
        named = ", ".join(map(str, absent))
        raise Failure(f"Nothing was accepted: of these stations no sheet waits for review: {named}.")
    asked = [{"station_id": one, "last": waiting[one]} for one in (stations or waiting)]
    told: list[dict[str, Any]] = []
    for start in range(0, len(asked), _AT_ONCE):
        body = {"stations": asked[start : start + _AT_ONCE], "reason": reason}
        told += read_json(client.authorized("POST", "admin", f"{path}/acceptance", body=body))["stations"]
    output.result({"stations": told}, lambda console: _show_accepted(console, told))
    return SUCCESS if all(one["accepted"] for one in told) else REFUSED


@supervise.command("reopen")
@election_argument
@station_argument
@click.option("--reason", required=True, help="For whoever reads the history later.")
@client_options("authentication", "admin")
@with_output
def reopen(output: Output, election: int, station: int, reason: str, *, client: Client) -> None:
    """Open the sheet of STATION (its number) again, so that it is entered anew."""
    _decide(output, client, election, station, "reopening", {"reason": reason})


@supervise.command("show")
@election_argument
@station_argument
@client_options("authentication", "admin")
@with_output
def show(output: Output, election: int, station: int, *, client: Client) -> None:
    """Show the sheet of STATION (its number) with its entries beside each other, and where the counts differ."""
    found = client.get("admin", f"/api/elections/{election}/sheets/{station}")
    output.result(found, lambda console: _show_sheet(console, found))


@supervise.command("differences")
@election_argument
@click.option(
    "--show",
    "which",
    type=click.Choice(["open", "explained", "all", "lacking"]),
    default="open",
    show_default=True,
    help="Which stations.",
)
@click.option("--search", help="Only those with this in their code, municipality or centre.")
@csv_option
@client_options("authentication", "admin")
@with_output
def differences(
    output: Output, election: int, which: str, search: str | None, file: Path | None, *, client: Client
) -> None:
    """List the stations of ELECTION where sheet and ballots differ, and why."""
    query: dict[str, Any] = {"show": which, "search": search}
    path = f"/api/elections/{election}/reconciliation"
    if file is not None:
        _save(output, client, f"{path}.csv", query, file)
        return
    found = everything(client, "admin", path, **query)
    output.result({"items": found}, lambda console: _show_list_of_differences(console, found))


@supervise.command("explain")
@election_argument
@station_argument
@click.argument("difference")
@click.option("--reason", required=True, help="Why the two counts differ.")
@client_options("authentication", "admin")
@with_output
def explain(output: Output, election: int, station: int, difference: str, reason: str, *, client: Client) -> None:
    """Say why the two counts of DIFFERENCE (its code, such as list.3) differ at STATION (its number)."""
    path = f"/api/elections/{election}/reconciliation/{station}"
    there = {one["code"]: one["figures"] for one in client.get("admin", path)["differences"]}
    if difference not in there:
        raise Failure(f"Station {station} has no difference {difference}; it has {', '.join(there) or 'none'}.")
    body = {"difference": difference, "figures": there[difference], "reason": reason}
    found = read_json(client.authorized("POST", "admin", f"{path}/explanations", body=body))
    output.result(found, lambda console: _show_differences(console, [found]))


def _decide(output: Output, client: Client, election: int, station: int, what: str, body: dict[str, Any]) -> None:
    """Send a decision about the sheet as it is now."""
    path = f"/api/elections/{election}/sheets/{station}"
    seen = client.get("admin", path)["last"]
    answer = client.authorized("POST", "admin", f"{path}/{what}", body=body, headers={"If-Match": f'"{seen}"'})
    found = read_json(answer)
    output.result(found, lambda console: _show_sheet(console, found))


def _save(output: Output, client: Client, path: str, query: dict[str, Any], file: Path) -> None:
    named = {name: value for name, value in query.items() if value is not None}
    content = client.authorized("GET", "admin", path, query=named, repeatable=True).content
    file.write_bytes(content)
    output.result({"file": str(file), "bytes": len(content)}, lambda console: console.print(f"Written: {file}"))


def _show_board(console: Console, found: list[dict[str, Any]]) -> None:
    columns = ("Number", "Code", "Municipality", "State", "Registered", "Counted", "Photographs", "Differences")
    made = table("Tally sheets", *columns, right=("Number", *columns[4:]))
    for one in found:
        open_ones = "–" if one["open_differences"] is None else str(one["open_differences"])
        counted = f"{one['counted']:,}" if one["has_files"] else "–"
        numbers = (f"{one['registered']:,}", counted, str(one["photographs"]), open_ones)
        made.add_row(str(one["station_id"]), one["code"], one["municipality"], _words(one["state"]), *numbers)
    console.print(made)
    accepted = sum(one["state"] == SheetState.ACCEPTED for one in found)
    console.print(f"{accepted:,} of {len(found):,} stations have an accepted sheet.")


def _show_sheet(console: Console, found: dict[str, Any]) -> None:
    console.print(f"{found['code']} ({found['station_id']}): {_words(found['state'])}", style="bold")
    entries = found["entries"]
    if entries:
        titles = [f"Entry {one['number']}, {one['actor']}" for one in entries]
        made = table("", "Number", *titles, right=tuple(titles))
        flat = [{**one["numbers"], **_lists(one["numbers"]["votes"])} for one in entries]
        for name in (name for name in flat[0] if name != "votes"):
            differs = name in found["differing"]
            made.add_row(_words(name), *(f"{one.get(name, 0):,}" for one in flat), style="bold" if differs else None)
        console.print(made)
    for event in found["events"]:
        told = f"{event['number']}. {event['act']} by {event['actor']}"
        console.print(f"{told}: {event['reason']}" if event["reason"] else told, soft_wrap=True)
    _show_differences(console, [found["reconciliation"]])


def _show_list_of_differences(console: Console, found: list[dict[str, Any]]) -> None:
    _show_differences(console, found)
    if not found:
        console.print("There is none.")


def _show_differences(console: Console, found: list[dict[str, Any]]) -> None:
    for station in found:
        name = f"{station['code']} ({station['station_id']})"
        if station["lacking"]:
            console.print(f"{name}: nothing to compare yet; missing: {', '.join(station['lacking'])}.", soft_wrap=True)
        for one in station["differences"]:
            said = one["explanation"]
            why = f"{said['reason']} ({said['actor']})" if said else "open"
            console.print(f"{name}, {one['code']}: {one['message']} {why}", soft_wrap=True)


def _show_accepted(console: Console, told: list[dict[str, Any]]) -> None:
    for one in told:
        if not one["accepted"]:
            console.print(f"Station {one['station_id']}: {one['problem']}", soft_wrap=True)
    console.print(f"{sum(one['accepted'] for one in told):,} accepted of {len(told):,}.")


def _lists(votes: dict[str, int]) -> dict[str, int]:
    return {f"votes.{number}": cast for number, cast in votes.items()}


def _words(name: str) -> str:
    return name.replace("_", " ")
