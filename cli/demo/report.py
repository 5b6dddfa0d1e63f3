"""What the demonstration shows at its end."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from cli.client import Addresses
from cli.demo import facts
from cli.demo.check import Expectation
from cli.demo.people import Official
from cli.demo.run import Run
from cli.output import table
from cli.results import percent
from shared.terms import Refusal

_SHOWN_REFUSALS = 10
_REASONS = {
    Refusal.DUPLICATE: "duplicate GUID",
    Refusal.INVALID_POLL_NUMBER: "invalid poll number",
    Refusal.OUTSIDE_ELECTION: "outside the election",
}


def as_facts(scale: int, happened: Run, expected: Expectation, wrong: Sequence[str]) -> dict[str, Any]:
    """The outcome for programs."""
    official = {one.poll_number: one.seats for one in facts.LISTS}
    return {
        "right": not wrong,
        "differences": list(wrong),
        "scale": scale,
        "election": happened.election["id"],
        "files": len(expected.files),
        "ballots": happened.result["ballots"],
        "lists": [{**one, "official_seats": official[one["poll_number"]]} for one in happened.result["lists"]],
        "seconds_to_upload": round(happened.uploaded - happened.began, 3),
        "seconds_to_count": round(happened.counted - happened.began, 3),
        "ballots_per_second": round(expected.ballots["received"] / (happened.counted - happened.began)),
    }


def show(console: Console, happened: Run, expected: Expectation, wrong: Sequence[str]) -> None:
    """The outcome for people."""
    _show_lists(console, happened)
    _show_refused(console, happened)
    ballots = expected.ballots["received"]
    took = happened.counted - happened.began
    console.print(
        f"{ballots:,} ballots in {len(expected.files)} files: accepted in {happened.uploaded - happened.began:.1f} s, "
        f"all counted {took:.1f} s after the first byte was sent: ",
        end="",
    )
    console.print(f"{ballots / took:,.0f} ballots/s", style="bold")
    if wrong:
        console.print(f"{len(wrong)} figures are wrong:", style="bold red")
        for sentence in wrong:
            console.print(f"  {sentence}", style="red")
    else:
        console.print(
            "Every figure is right: the seats, the votes of each list, and for each file the ballots received, "
            "counted and refused, line by line.",
            style="bold green",
        )


def show_where_to_look(
    console: Console,
    addresses: Addresses,
    election: int,
    administrator: tuple[str, str],
    officials: Sequence[Official],
    *,
    running: bool,
) -> None:
    """Addresses and log-in data of a suite that goes on, or how to get one."""
    if not running:
        console.print("To look around in it: urna demo --keep (make demo KEEP=1). For a suite of your own: urna up.")
        return
    made = table("Where to look next", "What", "Where")
    made.add_row("Result as a page", f"{addresses.results}/elections/{election}")
    made.add_row("Result as data", f"{addresses.results}/api/elections/{election}/results")
    made.add_row("In a terminal", f"urna results {election} --quotients --results-url {addresses.results}")
    for title, address in zip(
        ("Authentication", "Administration", "Voting station", "Results"),
        (addresses.authentication, addresses.admin, addresses.station, addresses.results),
        strict=True,
    ):
        made.add_row(f"{title}: pages", f"{address}/")
        made.add_row(f"{title}: routes", f"{address}/api/docs")
    console.print(made)
    logins = table("Log-in data", "Who", "Email", "Password")
    logins.add_row("Administrator", *administrator)
    for official in officials:
        logins.add_row(f"Official {official.forename} {official.surname}", official.email, official.password)
    console.print(logins)


def _show_lists(console: Console, happened: Run) -> None:
    official = {one.poll_number: one.seats for one in facts.LISTS}
    result = happened.result
    made = table(
        f"{result['title']} ({result['certainty']})",
        *("No.", "List", "Votes", "Share", "Seats", "Official"),
        right=("No.", "Votes", "Share", "Seats", "Official"),
    )
    for one in sorted(result["lists"], key=lambda one: (-one["votes"], one["poll_number"])):
        seats, right = one["seats"], official[one["poll_number"]]
        cells = (str(one["poll_number"]), one["name"], f"{one['votes']:,}", percent(one["share"]))
        style = "bold red" if seats != right else "dim" if one["excluded"] else None
        made.add_row(*cells, str(seats), str(right), style=style)
    made.add_section()
    seats = sum(one["seats"] for one in result["lists"])
    made.add_row("", "", f"{result['valid_votes']:,}", "", str(seats), str(facts.SEATS), style="bold")
    console.print(made)


def _show_refused(console: Console, happened: Run) -> None:
    refused = [(name, line) for name, batch in sorted(happened.batches.items()) for line in batch["refused"]]
    made = table("Ballots accepted and not counted", "File", "Line", "GUID", "No.", "Reason", right=("Line", "No."))
    for name, line in refused[:_SHOWN_REFUSALS]:
        reason = _REASONS[line["reason"]]
        made.add_row(name, str(line["line"]), line["guid"], str(line["poll_number"]), reason)
    console.print(made)
    counts = Counter(_REASONS[line["reason"]] for _, line in refused)
    more = f"and {len(refused) - _SHOWN_REFUSALS} more; " if len(refused) > _SHOWN_REFUSALS else ""
    console.print(f"{more}in all {', '.join(f'{count} × {reason}' for reason, count in sorted(counts.items()))}.")
