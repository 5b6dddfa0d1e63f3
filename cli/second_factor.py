"""``urna second-factor``: the own second factor, at a terminal instead of on its page."""

import io
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import click
from rich.console import Console

from cli.client import Client, client_options, read_json
from cli.failure import USAGE, Failure
from cli.output import Output, with_output

_OWN, _AT_LOGIN = "/api/second-factor", "/api/login/second-factor"
_code = click.option(
    "--code", help="Another one than that of the log-in, for each is good once; or a recovery code. Asked for likewise."
)


@click.group("second-factor")
def second_factor() -> None:
    """The own second factor: codes of a device (TOTP) beside the password."""


@second_factor.command()
@client_options("authentication")
@with_output
def show(output: Output, *, client: Client) -> None:
    """Say since when there is one, and how many recovery codes are left."""
    found = client.get("authentication", _OWN)
    output.result(found, lambda console: _show_standing(console, found))


@second_factor.command("set-up")
@client_options("authentication")
@with_output
def set_up(output: Output, *, client: Client) -> None:
    """Set one up: a secret for the device, then a code that it shows, then the recovery codes.

    Where nobody can be asked for the code, and with --json, it ends with the secret and an OFFER for `urna
    second-factor confirm`.
    """
    challenge = client.challenge_to_set_up()
    if challenge is None:
        answer = client.authorized("POST", "authentication", _OWN, body={"password": client.password})
    else:
        answer = client.request("POST", "authentication", _AT_LOGIN, body={"challenge": challenge})
    made = {**read_json(answer), **({"challenge": challenge} if challenge else {})}
    if output.as_json or not sys.stdin.isatty():
        output.result(made, lambda console: _show_offer(console, made))
        output.notice(
            "It counts once a code made from it has come: `urna second-factor confirm OFFER CODE`, within 15 minutes"
            + (", with --challenge." if challenge else ".")
        )
        return
    _show_secret(output.console, made)
    code = click.prompt("Code that the device shows now", err=True)
    _told(output, _confirmed(client, str(made["offer"]), str(code), challenge))


@second_factor.command()
@click.argument("offer")
@click.argument("code")
@click.option("--challenge", help="As set-up has said it, for an account that has to have a second factor.")
@client_options("authentication")
@with_output
def confirm(output: Output, offer: str, code: str, challenge: str | None, *, client: Client) -> None:
    """Set up the second factor of OFFER, with a CODE made from its secret; all other sessions of the account end."""
    _told(output, _confirmed(client, offer, code, challenge))


@second_factor.command("recovery-codes")
@_code
@client_options("authentication")
@with_output
def recovery_codes(output: Output, code: str | None, *, client: Client) -> None:
    """Make new recovery codes in the place of all earlier ones."""
    client.log_in()
    body = {"password": client.password, "code": _asked(code)}
    _told(output, read_json(client.authorized("POST", "authentication", f"{_OWN}/recovery-codes", body=body)))


@second_factor.command()
@_code
@client_options("authentication")
@with_output
def remove(output: Output, code: str | None, *, client: Client) -> None:
    """Turn the second factor off, where no role demands it."""
    client.log_in()
    body = {"password": client.password, "code": _asked(code)}
    client.authorized("POST", "authentication", f"{_OWN}/removal", body=body)
    output.result({"removed": True}, lambda console: console.print("The second factor is turned off."))


def _confirmed(client: Client, offer: str, code: str, challenge: str | None) -> Any:
    body, path = {"offer": offer, "code": code}, "/confirmation"
    if challenge is None:
        return read_json(client.authorized("POST", "authentication", _OWN + path, body=body))
    found = read_json(client.request("POST", "authentication", _AT_LOGIN + path, body={**body, "challenge": challenge}))
    # The tokens of the session are nobody's business.
    return {"recovery_codes": found["recovery_codes"]}


def _asked(code: str | None) -> str:
    if code is None and not sys.stdin.isatty():
        raise Failure("Nobody can be asked for another code of the second factor here; give --code.", status=USAGE)
    return str(code or click.prompt("The next code that the device shows, or a recovery code", err=True))


def _told(output: Output, found: Mapping[str, Any]) -> None:
    output.result(found, lambda console: _show_codes(console, found["recovery_codes"]))


def _show_codes(console: Console, codes: Sequence[str]) -> None:
    console.print("Recovery codes. They are shown this once; each stands once for a code of the device:", style="bold")
    for code in codes:
        console.print(code)


def _show_offer(console: Console, made: Mapping[str, str]) -> None:
    _show_secret(console, made)
    for name in ("offer", "challenge"):
        if name in made:
            console.print(f"{name.capitalize()}: {made[name]}", soft_wrap=True)


def _show_secret(console: Console, made: Mapping[str, str]) -> None:
    # The operator's image has no library for it, and a file no use for it.
    if console.is_terminal and find_spec("segno") is not None:
        import segno

        drawn = io.StringIO()
        segno.make_qr(made["uri"], error="m").terminal(drawn, compact=True)
        # Light on dark whatever the terminal's own colours are, which is how it is drawn.
        for line in drawn.getvalue().splitlines():
            console.print(line, style="bright_white on black", no_wrap=True, crop=False, overflow="ignore")
    console.print(f"Secret: {made['secret']}", soft_wrap=True)
    console.print(f"Address: {made['uri']}", soft_wrap=True)


def _show_standing(console: Console, found: Mapping[str, Any]) -> None:
    if found["set_up_at"] is None:
        console.print("This account has no second factor" + (", and needs one." if found["is_demanded"] else "."))
        return
    demanded = " A role of the account demands it." if found["is_demanded"] else ""
    console.print(f"Set up {found['set_up_at']}; {found['recovery_codes_left']} recovery codes are left.{demanded}")
