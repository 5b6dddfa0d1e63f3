"""``urna election``: what is voted on."""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import IO, Any

import click
from rich.console import Console

from cli.client import Client, client_options, read_json
from cli.failure import USAGE, Failure
from cli.listing import everything
from cli.output import Output, table, with_output
from shared.ballot_proofs import Hours, carried_key
from shared.terms import Kind, State


class ElectionNumber(click.IntRange):
    """A number that an election may have; its name is how click calls what should stand there."""

    name = "integer"


@click.group()
def election() -> None:
    """Elections: what is voted on, when, and who stands in it."""


@election.command("create")
@click.option("--title", default="", help="What people call it.")
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), default=Kind.PARLIAMENTARY.value)
@click.option("--start", required=True, help="First moment it is open, ISO 8601; without an offset the service's zone.")
@click.option("--end", required=True, help="First moment it is open no more.")
@click.option(
    "--participant",
    "participants",
    multiple=True,
    required=True,
    type=int,
    help="Number of a participant; the first gets poll number 1. Give it once for each.",
)
@click.option("--exempt", multiple=True, type=int, help="Number of a participant without a threshold.")
@click.option("--rules", help="Name of a rule pack such as serbia_2014, or the rules as JSON.")
@click.option("--jurisdiction", type=int, default=1, show_default=True, help="Number of the area it is held in.")
@click.option("--draft", is_flag=True, help="Do not publish it yet.")
@client_options("authentication", "admin")
@with_output
def create_election(
    output: Output,
    title: str,
    kind: str,
    start: str,
    end: str,
    participants: tuple[int, ...],
    exempt: tuple[int, ...],
    rules: str | None,
    jurisdiction: int,
    draft: bool,
    *,
    client: Client,
) -> None:
    """Make an election."""
    if strangers := sorted(set(exempt) - set(participants)):
        raise Failure(f"--exempt {strangers[0]} does not stand in the election; add --participant.", status=USAGE)
    body = {
        "title": title,
        "kind": kind,
        "start": start,
        "end": end,
        "jurisdiction_id": jurisdiction,
        "draft": draft,
        "entries": [{"participant_id": one, "exempt": one in exempt} for one in participants],
    }
    if rules is not None:
        body["rules"] = _rules(rules)
    made = create(client, body)
    output.result(made, lambda console: _show(console, made))


@election.command("list")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only those in this state.")
@client_options("authentication", "admin")
@with_output
def list_elections(output: Output, state: str | None, *, client: Client) -> None:
    """List elections, those that begin last first."""
    found = everything(client, "admin", "/api/elections", state=state)
    output.result({"items": found}, lambda console: _show_all(console, found))


@election.command("show")
@click.argument("number", type=ElectionNumber(1))
@client_options("authentication", "admin")
@with_output
def show(output: Output, number: int, *, client: Client) -> None:
    """Show election NUMBER with its ballot."""
    found = client.get("admin", f"/api/elections/{number}")
    output.result(found, lambda console: _show(console, found))


@election.command("publish")
@click.argument("number", type=ElectionNumber(1))
@client_options("authentication", "admin")
@with_output
def publish_election(output: Output, number: int, *, client: Client) -> None:
    """Publish election NUMBER, which is a draft."""
    published = _change(client, number, "publication")
    output.result(published, lambda console: _show(console, published))


@election.command("key")
@click.argument("number", type=ElectionNumber(1))
@click.argument("file", type=click.File("r"), required=False)
@click.option("--remove", is_flag=True, help="Take the key away again.")
@click.option(
    "--publish-choices/--no-publish-choices",
    default=None,
    help="Whether everybody can read how each ballot was cast, by its GUID, once the count is final.  [default: as it "
    "is; no for a new election]",
)
@client_options("authentication", "admin")
@with_output
def set_key(
    output: Output, number: int, file: IO[str] | None, remove: bool, publish_choices: bool | None, *, client: Client
) -> None:
    """Give election NUMBER, which has not opened, the ballot key in FILE (base64 or PEM; - for standard input).

    Without FILE the election keeps the key that it has, and --publish-choices or --no-publish-choices alone is set.
    """
    if remove and (file is not None or publish_choices is not None):
        raise Failure("With --remove there is no key, and no choices to publish; name nothing else.", status=USAGE)
    if not remove and file is None and publish_choices is None:
        raise Failure("Name the file with the ballot key, or --remove.", status=USAGE)
    body: dict[str, object] = {}
    carried = None if file is None else carried_key(file.read())
    if carried is not None:
        body["ballot_key"] = carried.key
    if publish_choices is not None:
        body["choices_public"] = publish_choices
    if remove:
        # Without a key nobody casts a ballot whose choice could be published.
        body = {"ballot_key": "", "choices_public": False}
    election = client.get("admin", f"/api/elections/{number}")
    if carried is not None:
        carried.check(number, hours_of(election))
    changed = patch(client, election, body)
    output.result(changed, lambda console: _show(console, changed))


@election.command("close")
@click.argument("number", type=ElectionNumber(1))
@client_options("authentication", "admin")
@with_output
def close_election(output: Output, number: int, *, client: Client) -> None:
    """Let election NUMBER, which is open, end in five seconds."""
    closed = close(client, number)
    output.result(closed, lambda console: _show(console, closed))


@election.command("cancel")
@click.argument("number", type=ElectionNumber(1))
@click.option("--reason", required=True, help="Why it does not take place; everybody can read it.")
@client_options("authentication", "admin")
@with_output
def cancel_election(output: Output, number: int, reason: str, *, client: Client) -> None:
    """Cancel election NUMBER, which has no final result yet."""
    cancelled = _change(client, number, "cancellation", {"reason": reason})
    output.result(cancelled, lambda console: _show(console, cancelled))


def create(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    """Make an election from the body that the service takes."""
    return dict(read_json(client.authorized("POST", "admin", "/api/elections", body=body)))


def close(client: Client, number: int) -> dict[str, Any]:
    """Close an open election, in the state in which it is now."""
    return _change(client, number, "closing")


def patch(client: Client, election: Mapping[str, Any], body: Mapping[str, object]) -> dict[str, Any]:
    """Change an election as it was read; fails when somebody else has changed it meanwhile."""
    headers = {"If-Match": f'"{election["version"]}"'}
    path = f"/api/elections/{election['id']}"
    return dict(read_json(client.authorized("PATCH", "admin", path, body=body, headers=headers)))


def hours_of(election: Mapping[str, Any]) -> Hours:
    """When an election is open, by the administration."""
    return Hours.read(election["start"], election["end"])


def local_time(moment: str) -> str:
    """A moment of an answer in this machine's time zone, for people."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def fingerprint(key: str) -> str:
    """The SHA-256 of a ballot key, by which people compare it."""
    return hashlib.sha256(base64.b64decode(key)).hexdigest()


def _change(client: Client, number: int, change: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    version = client.get("admin", f"/api/elections/{number}")["version"]
    headers = {"If-Match": f'"{version}"'}
    path = f"/api/elections/{number}/{change}"
    return dict(read_json(client.authorized("POST", "admin", path, body=body, headers=headers)))


def _rules(text: str) -> Any:
    if not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failure(f"--rules is not JSON: {error}.", status=USAGE) from None


def _show_all(console: Console, found: list[dict[str, Any]]) -> None:
    made = table("Elections", "Number", "Title", "Kind", "State", "Start", "End", right=("Number",))
    for one in found:
        times = (local_time(one["start"]), local_time(one["end"]))
        made.add_row(str(one["id"]), one["title"], one["kind"], one["state"], *times)
    console.print(made)


def _show(console: Console, one: dict[str, Any]) -> None:
    console.print(f"Election {one['id']}  {one['title']}", style="bold")
    console.print(f"{one['kind']}, {one['state']}, {local_time(one['start'])} to {local_time(one['end'])}")
    made = table("", "Poll number", "Participant", "Threshold", right=("Poll number",))
    for entry in one["entries"]:
        made.add_row(str(entry["poll_number"]), entry["name"], "exempt" if entry["exempt"] else "")
    console.print(made)
    if one["rules"] is None:
        console.print("Votes become shares, not seats.")
    if one.get("ballot_key"):
        console.print(f"Voters cast ballots themselves; fingerprint of the key: {fingerprint(one['ballot_key'])}")
        who = "everybody" if one["choices_public"] else "nobody"
        console.print(f"Once the count is final, {who} can read how each ballot was cast, by its GUID.")
    if one["rules"] is not None:
        rules = ", ".join(f"{name} {value}" for name, value in one["rules"].items())
        console.print(f"Rules: {rules}")
