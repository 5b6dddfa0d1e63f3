"""``urna login`` and ``urna logout``: an account that the commands after it act for."""

import click

from cli.client import Addresses, Client, client_options, patience_option
from cli.failure import NOT_ALLOWED, Failure
from cli.output import Output, with_output
from cli.session import KeptSession, Session


@click.command()
@client_options("authentication", by_session=False)
@with_output
def login(output: Output, *, client: Client) -> None:
    """Log in, once for the commands that follow: those that name nobody act for this account, until `urna logout`.

    The session is kept in a file that only you can read: `session.json` in `$XDG_STATE_HOME/urna` or
    `~/.local/state/urna`, or the file that URNA_SESSION names. It is good at this authentication service alone.
    """
    kept = KeptSession()
    # What is there and no session of ours is refused before anybody is asked for a password.
    kept.read()
    client.log_in()
    made = client.session()
    try:
        account = client.get("authentication", "/api/profile")
        with kept.alone():
            former = kept.read()
            kept.write(made)
    except Failure:
        # One that nobody could use or end any more.
        _end(made, 0.0, ignoring=True)
        raise
    if former is not None:
        # Whoever cannot be reached, or knows of no such session, has nothing to do with the new one.
        _end(former, 0.0, ignoring=True)
    told = {"email": account["email"], "roles": account["roles"], "service": made.authentication}
    output.result(
        {**told, "session": str(kept.path)},
        lambda console: console.print(
            f"{account['email']} is logged in at {made.authentication}; `urna logout` ends it.", soft_wrap=True
        ),
    )


@click.command()
@patience_option
@with_output
def logout(output: Output, patience: float) -> None:
    """End the session that `urna login` has opened, at the service and on this machine."""
    kept = KeptSession()
    with kept.alone():
        session = kept.read()
        if session is None:
            output.result({"logged_out": None}, lambda console: console.print("Nobody is logged in here."))
            return
        _end(session, patience)
        kept.forget()
    output.result({"logged_out": session.login}, lambda console: console.print(f"{session.login} is logged out."))


def _end(session: Session, patience: float, *, ignoring: bool = False) -> None:
    """End it at its service; one that has ended already is as good."""
    with Client(Addresses(*[session.authentication] * 4), patience=patience) as client:
        headers = {"Authorization": f"Bearer {session.refresh_token}"}
        try:
            client.request("POST", "authentication", "/api/logout", headers=headers, repeatable=True)
        except Failure as failure:
            if not ignoring and failure.status != NOT_ALLOWED:
                raise
