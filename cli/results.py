"""``urna results``: the result of an election, for everybody."""

import time
from typing import Any

import click
from rich.console import Console

from cli.client import Client, client_options
from cli.elections import ElectionNumber, local_time
from cli.failure import UNAVAILABLE, Failure
from cli.output import Output, table, with_output


@click.command()
@click.argument("election", type=ElectionNumber(1))
@click.option("--wait", is_flag=True, help="Wait until the result is final.")
@click.option("--quotients", is_flag=True, help="Show with which quotient each seat was won.")
@client_options("results", log_in=False)
@with_output
def results(output: Output, election: int, wait: bool, quotients: bool, *, client: Client) -> None:
    """Show the result of ELECTION (its number), how certain it is, and how votes became seats."""
    found = read(client, election)
    told = None
    while wait and found["certainty"] == "provisional":
        # A lot that has to be drawn may take days: nobody should have to guess what the command waits for.
        if told != (told := found["waits_for"]):
            output.notice(f"Waiting. {' '.join(told)}")
        time.sleep(1.0)
        found = read(client, election)
    output.result(found, lambda console: _show(console, found, quotients=quotients))


def read(client: Client, election: int) -> dict[str, Any]:
    """The result as it is now."""
    return dict(client.get("results", f"/api/elections/{election}/results", public=True))


def wait_until_final(client: Client, election: int, seconds: float) -> dict[str, Any]:
    """The result when it is final; fails when it is not after so many seconds."""
    deadline = time.monotonic() + seconds
    while (found := read(client, election))["certainty"] != "final":
        if time.monotonic() > deadline:
            reasons = " ".join(found["waits_for"])
            raise Failure(f"The result is not final after {seconds:g} s. {reasons}", status=UNAVAILABLE)
        time.sleep(0.2)
    return found


def percent(share: str) -> str:
    """A share such as "0.4996" as "49.96 %"."""
    return f"{float(share):.2%}".replace("%", " %")


def show_certainty(console: Console, election: dict[str, Any], result: dict[str, Any]) -> None:
    """How certain the result of an election is, and what it waits for."""
    console.print(f"{election['state']}, the result is {result['certainty']}")
    if election["cancelled_reason"]:
        console.print(f"Why it was cancelled: {election['cancelled_reason']}")
    for sentence in result["waits_for"]:
        console.print(sentence)


def _show(console: Console, found: dict[str, Any], *, quotients: bool) -> None:
    console.print(f"Election {found['id']}  {found['title']}", style="bold")
    show_certainty(console, found, found)
    seats = found["apportionment"] is not None
    columns = ["No.", "List", "Votes", "Share", *(["Seats"] if seats else [])]
    made = table("", *columns, right=("No.", "Votes", "Share", "Seats"))
    for one in found["lists"]:
        cells = [str(one["poll_number"]), one["name"], f"{one['votes']:,}", percent(one["share"])]
        made.add_row(*cells, *([str(one["seats"])] if seats else []), style="dim" if one["excluded"] else None)
    if found["held_back"]:
        console.print(found["held_back"]["why"])
    else:
        console.print(made)
    ballots = found["ballots"]
    console.print(
        f"Ballots received: {ballots['received']:,}. Counted: {ballots['counted']:,}. "
        f"Duplicate: {ballots['duplicate']:,}. With an invalid poll number: {ballots['invalid']:,}. "
        f"Outside the election: {ballots['outside']:,}."
    )
    show_declared(console, found.get("declared"), found["stations"])
    if found["counted_until"]:
        console.print(f"Everything received before {local_time(found['counted_until'])} is counted.")
    if seats:
        _explain(console, found["apportionment"], quotients=quotients)


def show_declared(console: Console, declared: dict[str, Any] | None, stations: dict[str, Any]) -> None:
    """What accepted tally sheets say of ballots without a valid vote, and how many of all sheets those are."""
    if declared is None:
        return
    parts = []
    for name in ("invalid", "blank"):
        # Of an empty box there is none, nor in a record of the first form.
        share = declared.get(f"{name}_share")
        parts.append(f"{declared[name]:,} {name}" + (f" ({percent(share)})" if share else ""))
    console.print(
        f"By the accepted tally sheets of {declared['sheets']:,} of {stations['total']:,} polling stations: "
        f"{parts[0]} and {parts[1]} of {declared['in_box']:,} ballots in the box."
    )


def _explain(console: Console, seats: dict[str, Any], *, quotients: bool) -> None:
    threshold = seats["threshold"]
    console.print(
        f"Seats: {seats['awarded']} of {seats['seats']}. Threshold {percent(threshold['share'])} of "
        f"{threshold['base'].replace('_', ' ')} ({threshold['base_ballots']:,}); "
        f"votes needed: {threshold['votes_needed']:,}."
    )
    if quotients:
        made = table("How each seat was won", "Seat", "List", "Divisor", "Quotient", right=("Seat", "List", "Divisor"))
        for award in seats["awards"]:
            made.add_row(str(award["seat"]), str(award["poll_number"]), str(award["divisor"]), award["quotient"])
        console.print(made)
