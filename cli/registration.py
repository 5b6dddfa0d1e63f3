"""``urna register``: an account for a voter, a candidate or a campaign director."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from cli.client import Client, client_options, read_json
from cli.output import Output, with_output
from shared.terms import Role

R = TypeVar("R")

# Officials have `urna official register`; the other roles are granted.
_ROLES = (Role.VOTER, Role.CANDIDATE, Role.CAMPAIGN_DIRECTOR)


def person_options(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command EMAIL and the options for what everybody says who registers."""
    made = click.option(
        "--password",
        envvar="URNA_PASSWORD",
        prompt=True,
        hide_input=True,
        confirmation_prompt=True,
        help="At least 8 characters, among them a digit, a lower-case and an upper-case letter. Better in "
        "URNA_PASSWORD; asked for when neither is there.",
    )(command)
    made = click.option("--jmbg", required=True, help="Unique citizen number: 13 digits, the last a control digit.")(
        made
    )
    made = click.option("--surname", required=True)(made)
    made = click.option("--forename", required=True)(made)
    return click.argument("email")(made)


@click.command("register")
@person_options
@click.option("--role", type=click.Choice([role.value for role in _ROLES]), default=Role.VOTER.value, show_default=True)
@click.option("--username", help="To log in with instead of the address.")
@click.option("--phone", help="To log in with instead of the address, with the code of the country: +38111333444.")
@client_options("authentication", log_in=False)
@with_output
def register_person(output: Output, *, client: Client, **person: Any) -> None:
    """Register as a voter, who logs in with EMAIL and stands in the citizens' register by this name and national id.

    Candidates and campaign directors register with --role; an administrator says later of which participant.
    """
    made = register(client, **{name: value for name, value in person.items() if value is not None})
    output.result(
        made, lambda console: console.print(f"{made['forename']} {made['surname']}, {made['email']}: registered.")
    )


def register(client: Client, **person: str) -> dict[str, Any]:
    """Register one person; the account as the service made it."""
    return dict(read_json(client.request("POST", "authentication", "/api/register", body=person)))
