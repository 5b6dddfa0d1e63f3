"""``urna voters``: whom an election is for, and its electoral roll."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from cli.citizens import pieces
from cli.client import Client, client_options, read_json
from cli.elections import ElectionNumber
from cli.output import Output, table, with_output
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
    path = f"/api/voter-elections/{election}"
    body = {"title": title, "opens_at": opens, "closes_at": closes, "restriction": restriction, "values": list(values)}
    # Whoever types a command has seen nothing that somebody else may have changed meanwhile.
    answer = client.authorized("PUT", "authentication", path, body=body, headers={"If-Match": "*"})
    if citizens is not None:
        answer = client.authorized(
            "PUT",
            "authentication",
            f"{path}/citizens",
            content=lambda: pieces(citizens),
            headers={
                "If-Match": answer.headers["ETag"],
                "Content-Type": "text/csv",
                "Content-Length": str(citizens.stat().st_size),
            },
        )
    made = dict(read_json(answer))
    output.result(made, lambda console: _show(console, [made]))


@voters.command("list")
@client_options("authentication")
@with_output
def list_elections(output: Output, *, client: Client) -> None:
    """List the elections that voters know, those that open last first."""
    found = client.get("authentication", "/api/voter-elections", per_page=200)
    output.result(found, lambda console: _show(console, found["items"]))


@voters.command("roll")
@_election
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@client_options("authentication")
@with_output
def save_roll(output: Output, election: int, file: Path, *, client: Client) -> None:
    """Write the electoral roll of ELECTION into FILE, as CSV: who may vote by the register of this moment."""
    answer = client.authorized(
        "GET", "authentication", f"/api/voter-elections/{election}/roll.csv", repeatable=True, seconds=900
    )
    file.write_bytes(answer.content)
    found = {"file": str(file), "bytes": len(answer.content)}
    output.result(found, lambda console: console.print(f"Written to {file}."))


def _show(console: Console, found: list[dict[str, Any]]) -> None:
    made = table("Elections of voters", "Number", "Title", "Opens", "Closes", "For", right=("Number",))
    for one in found:
        whom = ", ".join(one["values"]) or one["restriction"]
        whom += f" ({one['listed']:,})" if one["restriction"] == Restriction.CITIZENS else ""
        made.add_row(str(one["election_id"]), one["title"], one["opens_at"], one["closes_at"], whom)
    console.print(made)
