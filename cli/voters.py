"""``urna voters``: whom an election is for, and its electoral roll."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from cli.client import Client, client_options
from cli.elections import ElectionNumber, hours_of
from cli.failure import REFUSED, SUCCESS, USAGE, Failure
from cli.listing import everything
from cli.output import Output, table, with_output
from cli.voter_elections import MADE, Audience, known_hours, open_to_voters, put
from shared.ballot_proofs import Hours
from shared.terms import Restriction

_election = click.argument("election", type=ElectionNumber(1))


@click.group()
def voters() -> None:
    """Voters: whom an election is for, and who may vote in it."""


@voters.command("set")
@_election
@click.option("--title", required=True)
@click.option("--opens", required=True, help="Such as 2030-05-01T07:00:00+02:00; as the administration has it.")
@click.option("--closes", required=True, help="Likewise.")
@click.option(
    "--for",
    "restriction",
    type=click.Choice([restriction.value for restriction in Restriction]),
    default=Restriction.EVERYONE.value,
    show_default=True,
    help="Everyone of age who is registered, or only some of them.",
)
@click.option("--value", "values", multiple=True, help="A region or federal unit; may be repeated.")
@click.option(
    "--citizens",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV file with the column national_id, for --for citizens.",
)
@client_options("authentication")
@with_output
def set_election(
    output: Output,
    election: int,
    title: str,
    opens: str,
    closes: str,
    restriction: str,
    values: tuple[str, ...],
    citizens: Path | None,
    *,
    client: Client,
) -> None:
    """Say whom ELECTION, by its number in the administration, is for; before it opens."""
    said = {"title": title, "opens_at": opens, "closes_at": closes, "restriction": restriction, "values": list(values)}
    made = put(client, election, said, citizens)
    output.result(made, lambda console: _show(console, [made]))


@voters.command("open")
@_election
@click.option("--everyone", is_flag=True, help="For everyone of age who is registered; so is a new one by itself.")
@click.option("--region", "regions", multiple=True, help="For voters of this region; may be repeated.")
@click.option("--federal-unit", "federal_units", multiple=True, help="For voters of this federal unit; likewise.")
@click.option(
    "--citizens",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="For those in a CSV file with the column national_id.",
)
@click.option("--take-hours", is_flag=True, help="If voters know other hours, give them those of the administration.")
@client_options("authentication", "admin")
@with_output
def open_election(
    output: Output,
    election: int,
    everyone: bool,
    regions: tuple[str, ...],
    federal_units: tuple[str, ...],
    citizens: Path | None,
    take_hours: bool,
    *,
    client: Client,
) -> None:
    """Let voters cast ballots themselves in ELECTION, by its number in the administration; before it opens.

    Reads title and hours at the administration, makes the election known to voters with them and with whom it is for,
    makes its ballot key at the authentication service, carries the public half to the administration, and compares
    hours and fingerprints of both. It may be called again after a break anywhere: what is there is left as it is.
    """
    audience = _audience(everyone, regions, federal_units, citizens)
    found = open_to_voters(client, election, audience, take_hours=take_hours)
    output.result(found, lambda console: _show_opened(console, found))


@voters.command("list")
@client_options("authentication", "admin")
@with_output
def list_elections(output: Output, *, client: Client) -> None:
    """List the elections that voters know, those that open last first, and where the administration has other hours."""
    found = client.get("authentication", "/api/voter-elections", per_page=200)
    theirs = {one["id"]: hours_of(one) for one in everything(client, "admin", "/api/elections")}
    for one in found["items"]:
        hours = theirs.get(one["election_id"])
        one["administration"] = hours and {name: moment.isoformat() for name, moment in vars(hours).items()}
        one["hours_agree"] = hours == known_hours(one)
    output.result(found, lambda console: _show(console, found["items"]))


@voters.command("roll")
@_election
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@client_options("authentication")
@with_output
def save_roll(output: Output, election: int, file: Path, *, client: Client) -> None:
    """Write the electoral roll of ELECTION into FILE, as CSV: who may vote by the register of this moment.

    Who has got the signature to cast a ballot has `yes` under signature_given, who is noted to have voted on paper
    under voted_on_paper: a polling station refuses both.
    """
    answer = client.authorized(
        "GET", "authentication", f"/api/voter-elections/{election}/roll.csv", repeatable=True, seconds=900
    )
    file.write_bytes(answer.content)
    found = {"file": str(file), "bytes": len(answer.content)}
    output.result(found, lambda console: console.print(f"Written to {file}."))


@voters.command("signatures")
@_election
@client_options("authentication", "results", log_in=False)
@with_output
def compare_signatures(output: Output, election: int, *, client: Client) -> int:
    """Compare how many signatures were given for ELECTION, which has ended, with the ballots; needs no account.

    Exit status 1 when more ballots that are of no polling station are in the box than signatures were given.
    """
    path = f"/api/voter-elections/{election}/signatures"
    given = int(client.get("authentication", path, public=True)["given"])
    result = client.get("results", f"/api/elections/{election}/results", public=True)
    found = {"election_id": election, "given": given, "certainty": result["certainty"]}
    found |= {"of_no_station": result["unattributed"], "exceeded": result["unattributed"] > given}
    output.result(found, lambda console: _show_signatures(console, found))
    return REFUSED if found["exceeded"] else SUCCESS


def _audience(
    everyone: bool, regions: tuple[str, ...], federal_units: tuple[str, ...], citizens: Path | None
) -> Audience | None:
    """Whom the options say an election is for; None where they say nothing."""
    said = [
        *([Audience(Restriction.EVERYONE)] if everyone else []),
        *([Audience(Restriction.REGION, regions)] if regions else []),
        *([Audience(Restriction.FEDERAL_UNIT, federal_units)] if federal_units else []),
        *([Audience(Restriction.CITIZENS, citizens=citizens)] if citizens else []),
    ]
    if len(said) > 1:
        raise Failure("Name one of --everyone, --region, --federal-unit and --citizens.", status=USAGE)
    return said[0] if said else None


def _show_opened(console: Console, found: dict[str, Any]) -> None:
    done = found["done"]
    console.print(f"Election {found['election_id']}  {found['title']}", style="bold")
    console.print(f"Known to voters: {done['known']}. For whom: {_whom(found)}. Open {known_hours(found)}.")
    carried = "carried" if done["carried"] == MADE else done["carried"]
    console.print(f"Ballot key at the authentication service: {done['key']}. In the administration: {carried}.")
    console.print("Both have the same hours and the same key, whose fingerprint is to be published on paper, too:")
    console.print(found["fingerprint"])


def _show_signatures(console: Console, found: dict[str, Any]) -> None:
    console.print(f"Signatures given: {found['given']:,}.")
    console.print(f"Ballots in the box that are of no polling station: {found['of_no_station']:,}.")
    if found["certainty"] != "final":
        console.print("The count is not final.")
    if found["exceeded"]:
        console.print(
            "These are more than can have been cast by voters themselves. Either officials who belong to no polling "
            "station have sent ballots, or ballots were signed for nobody: ask the electoral commission."
        )


def _whom(one: dict[str, Any]) -> str:
    listed = f" ({one['listed']:,})" if one["restriction"] == Restriction.CITIZENS else ""
    return (", ".join(one["values"]) or str(one["restriction"])) + listed


def _show(console: Console, found: list[dict[str, Any]]) -> None:
    made = table("Elections of voters", "Number", "Title", "Opens", "Closes", "For", right=("Number",))
    for one in found:
        made.add_row(str(one["election_id"]), one["title"], one["opens_at"], one["closes_at"], _whom(one))
    console.print(made)
    for one in found:
        if "administration" in one and not one["hours_agree"]:
            console.print(f"Election {one['election_id']}: {_difference(one['administration'])}", style="bold")


def _difference(theirs: dict[str, str] | None) -> str:
    if theirs is None:
        return "the administration has no election of this number."
    return f"the hours differ; in the administration it is open {Hours.read(**theirs)}."
