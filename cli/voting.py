"""``urna elections``, ``urna vote``, ``urna verify``: the voter's own program. It alone knows whose the ballot is."""

import base64
import json
from binascii import Error as NoBase64
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import click
from rich.console import Console

from cli.client import Client, client_options, read_json
from cli.durable import OTHERS, replace
from cli.elections import ElectionNumber, local_time
from cli.failure import NOT_ALLOWED, REFUSED, SUCCESS, USAGE, Failure
from cli.output import Output, table, with_output
from shared.ballot_proofs import is_proven, read_key
from shared.blind_signatures import Blinded, PublicKey, ballot_message, blind, finalize, new_prefix, prepare
from shared.errors import InvalidInput

PUBLISHED = (
    "When the count of this election is final, it is published how each ballot was cast, with the number of the "
    "ballot. Whoever sees your receipt can then see how you voted."
)
CAST_BEFORE = "This ballot was cast before; the first choice counts."
# What stands in a file while the ballot is not cast, and what of it is the receipt. The choice is in neither.
_RECEIPT = ("election", "ballot_key", "guid", "prefix", "signature")


@click.command("elections")
@client_options("authentication")
@with_output
def own_elections(output: Output, *, client: Client) -> None:
    """Show a voter's own elections, and whether he may vote in each."""
    found = client.get("authentication", "/api/elections")
    output.result(found, lambda console: _show_elections(console, found["items"]))


@click.command()
@click.argument("election", type=ElectionNumber(1))
@click.argument("poll_number", type=click.IntRange(1))
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the ballot, and then its receipt, is kept.  [default: urna-ballot-ELECTION.json]",
)
@click.option(
    "--sign-only", is_flag=True, help="Get the signature now and cast later, with the same command without this."
)
@client_options("authentication", "station", "results")
@with_output
def vote(output: Output, election: int, poll_number: int, file: Path | None, sign_only: bool, *, client: Client) -> int:
    """Vote for POLL_NUMBER in ELECTION (its number).

    The ballot is signed for the log-in and cast without it. When the connection is lost in between, call it again: it
    goes on where it was, by the file, which holds the ballot and not the choice. Keep the file: it is the receipt.

    Whoever runs the machines knows when you log in and when a ballot is cast, so that one which follows at once may be
    known to be yours. With --sign-only you keep it, to cast it later, among those of others and from another network.
    """
    place = file or Path(f"urna-ballot-{election}.json")
    kept = _read(place) if place.exists() else None
    if kept is not None:
        _check_kept(kept, election, place)
    paper = client.get("station", f"/api/elections/{election}/ballot-paper", public=True)
    key, publishes = _check(client, paper, poll_number, kept, place)
    if publishes:
        output.notice(PUBLISHED, style="bold yellow")
    # Whoever else has the file may have cast it, or it was sent from here and the answer was lost.
    is_recorded = kept is not None and "signature" in kept and _found(client, kept) is not None
    if kept is None:
        guid, prefix = uuid4(), new_prefix()
        made = blind(key, prepare(ballot_message(election, guid.bytes), prefix))
        kept = {
            "election": election,
            "ballot_key": paper["ballot_key"],
            "guid": str(guid),
            "prefix": _text(prefix),
            "blinded": _text(made.message),
            "inverse": f"{made.inverse:x}",
        }
        # Before anybody is asked: whoever loses it afterwards has lost the vote.
        _write(place, kept)
    if "signature" not in kept:
        if not sign_only:
            output.notice(_at_once(paper))
        kept["signature"] = _text(_signature(client, key, kept))
        _write(place, kept)
    told = {"election": election, "guid": kept["guid"], "file": str(place), "choices_public": publishes}
    if sign_only and not is_recorded:
        told = {**told, "cast": False, "until": paper["end"]}
        output.result(told, lambda console: _show_signed(console, place, paper))
        return SUCCESS
    is_first, was_sent = False, bool(kept.get("sent"))
    if not is_recorded:
        # That it was sent is kept, and never what.
        _write(place, {**kept, "sent": True})
        is_first, attempts = _cast(client, kept, poll_number)
        was_sent = was_sent or attempts > 1
    # Without what was asked for, which with the signer's records could say whose ballot it is.
    _write(place, {name: kept[name] for name in _RECEIPT})
    is_first = is_first and not _came_again(client, kept)
    told = {**told, "cast": True, "repeated": not is_first}
    output.result(told, lambda console: _show_cast(console, place, publishes, is_first))
    # Who sent it before and got no answer has voted by that, most likely; nobody else has got what he asked for.
    return SUCCESS if is_first or was_sent else REFUSED


@click.command()
@click.argument("receipt")
@client_options("results", log_in=False)
@with_output
def verify(output: Output, receipt: str, *, client: Client) -> int:
    """Say whether the ballot of RECEIPT was counted.

    RECEIPT is the file that `urna vote`, or the page of voters, has written, or the address in the code of that page.

    Once the count is final, the results service gives everybody the numbers of all counted ballots, to be looked
    through without telling anybody which: /api/elections/ELECTION/counted-ballots.csv.
    """
    kept = _of_address(receipt) if "#" in receipt and not Path(receipt).exists() else _read_receipt(Path(receipt))
    election, guid = int(kept["election"]), UUID(kept["guid"])
    public = client.get("results", f"/api/elections/{election}", public=True)["ballot_key"]
    if public is None:
        raise Failure(f"In election {election} voters do not cast ballots themselves.")
    if public != kept.get("ballot_key", public):
        raise Failure("The election has another ballot key now than the one this ballot was signed with.")
    if not is_proven(read_key(public), election, guid.bytes, _proof(kept)):
        raise Failure(f"{receipt} was changed: its signature is not one of this ballot.")
    found = client.get("results", f"/api/elections/{election}/receipts/{guid}", public=True)
    output.result(found, lambda console: _show_found(console, found))
    return SUCCESS if found["counted"] else REFUSED


def _check(
    client: Client, paper: Mapping[str, Any], poll_number: int, kept: Mapping[str, Any] | None, place: Path
) -> tuple[PublicKey, bool]:
    """Refuse what could not be cast, before anybody is asked to log in.

    The key that all services show, and whether it is published how each ballot was cast: one that says so is enough to
    warn the voter. For a ballot that is signed the authentication service is not asked: it would see from where, the
    moment before the ballot is cast. Its signature is good for the kept key, which was everybody's when it was made.
    """
    if paper["ballot_key"] is None:
        raise Failure(f"In election {paper['id']} voters do not cast ballots themselves.")
    if poll_number not in [one["poll_number"] for one in paper["entries"]]:
        raise Failure(f"Election {paper['id']} has no list with the poll number {poll_number}.", status=USAGE)
    if not paper["open"]:
        raise Failure(
            f"Election {paper['id']} is open from {local_time(paper['start'])} to {local_time(paper['end'])}."
        )
    if kept is not None and kept["ballot_key"] != paper["ballot_key"]:
        raise Failure(f"{place} is of another election or key; name another --file.", status=USAGE)
    is_signed = kept is not None and "signature" in kept
    result = client.get("results", f"/api/elections/{paper['id']}", public=True)
    shown = {paper["ballot_key"], result["ballot_key"]}
    if not is_signed:
        path = f"/api/voter-elections/{paper['id']}/key"
        shown.add(client.get("authentication", path, public=True)["ballot_key"])
    if len(shown) > 1:
        raise Failure(
            "The services show different ballot keys for this election. A key of your own would mark your ballot, so "
            "nothing was sent; tell the electoral commission.",
            status=NOT_ALLOWED,
        )
    key = read_key(paper["ballot_key"])
    if kept is not None and is_signed and not is_proven(key, paper["id"], UUID(kept["guid"]).bytes, _proof(kept)):
        raise Failure(f"{place} was changed: its signature is not one of this ballot.")
    # A station of an earlier version says nothing of it.
    return key, bool(paper.get("choices_public") or result["choices_public"])


def _check_kept(kept: Mapping[str, Any], election: int, place: Path) -> None:
    if kept["election"] != election:
        raise Failure(f"{place} is of another election or key; name another --file.", status=USAGE)
    if "inverse" not in kept:
        raise Failure(f"This ballot was cast already; see `urna verify {place}`.")


def _found(client: Client, kept: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the public list says of a ballot that counts; None where it has none of this GUID."""
    try:
        path = f"/api/elections/{kept['election']}/receipts/{kept['guid']}"
        found: dict[str, Any] = client.get("results", path, public=True)
    except Failure as failure:
        if failure.status != REFUSED:
            raise
        return None
    return found if found["counted"] else None


def _came_again(client: Client, kept: Mapping[str, Any]) -> bool:
    """Whether the public list says already that a ballot came more than once; not while nobody can say."""
    try:
        found = _found(client, kept)
    except Failure:
        return False
    return found is not None and bool(found.get("repeated"))


def _cast(client: Client, kept: Mapping[str, Any], poll_number: int) -> tuple[bool, int]:
    """Send a ballot; whether the station knows of no earlier one, and how often it was sent until somebody answered."""
    body = {"poll_number": poll_number, **{name: kept[name] for name in ("guid", "prefix", "signature")}}
    attempts = 0

    def content() -> bytes:
        nonlocal attempts
        attempts += 1
        return json.dumps(body).encode()

    # A connection of its own, which no log-in was made over.
    with Client(client.addresses, patience=client.patience) as nobody:
        path, headers = f"/api/elections/{kept['election']}/ballots", {"Content-Type": "application/json"}
        try:
            nobody.request("POST", "station", path, content=content, headers=headers, repeatable=True)
        except Failure as failure:
            if [one["field"] for one in failure.details.get("fields", ())] != ["guid"] or failure.status != REFUSED:
                raise
            return False, attempts
    return True, attempts


def _proof(kept: Mapping[str, Any]) -> bytes:
    return base64.b64decode(kept["prefix"]) + base64.b64decode(kept["signature"])


def _signature(client: Client, key: PublicKey, kept: Mapping[str, Any]) -> bytes:
    """Ask for the one signature; the same question may be asked again."""
    path = f"/api/elections/{kept['election']}/signature"
    answer = client.authorized("POST", "authentication", path, body={"blinded": kept["blinded"]}, repeatable=True)
    prepared = prepare(
        ballot_message(int(kept["election"]), UUID(kept["guid"]).bytes), base64.b64decode(kept["prefix"])
    )
    asked = Blinded(prepared, base64.b64decode(kept["blinded"]), int(kept["inverse"], 16))
    return finalize(key, asked, base64.b64decode(read_json(answer)["signature"]))


def _read_receipt(place: Path) -> dict[str, Any]:
    """A receipt, which is no secret, as a ballot that is not cast yet is one."""
    if not place.is_file():
        raise Failure(f"There is no file {place}.", status=USAGE)
    kept = _read(place, is_secret=False)
    if any(name not in kept for name in _RECEIPT):
        raise Failure(f"{place} holds no ballot that was cast; finish `urna vote` first.", status=REFUSED)
    return kept


def _of_address(address: str) -> dict[str, Any]:
    """The receipt that stands behind the # of an address of the results' page for receipts."""
    try:
        election, guid, prefix, signature = address.rpartition("#")[2].split(".")
        proof = {name: _text(_from_address(text)) for name, text in (("prefix", prefix), ("signature", signature))}
        return {"election": int(election), "guid": str(UUID(guid)), **proof}
    except (ValueError, NoBase64) as error:
        raise Failure("This address bears no receipt; copy all of it.", status=USAGE) from error


def _from_address(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _read(place: Path, *, is_secret: bool = True) -> dict[str, Any]:
    if is_secret and place.stat().st_mode & OTHERS:
        raise Failure(f"Others may read {place}; chmod 600 it, and mind who has read it.", status=NOT_ALLOWED)
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or not {"election", "ballot_key", "guid", "prefix"} <= found.keys():
            raise InvalidInput("It says too little.")
        if "signature" not in found and not {"blinded", "inverse"} <= found.keys():
            raise InvalidInput("It was neither signed nor is it to be.")
        UUID(found["guid"])
        int(found["election"])
        int(found.get("inverse", "0"), 16)
        for name in ("ballot_key", "prefix", "signature", "blinded"):
            base64.b64decode(found.get(name, ""), validate=True)
    except (ValueError, TypeError, AttributeError, InvalidInput) as error:
        raise Failure(f"{place} is no ballot of `urna vote`.", status=USAGE) from error
    return found


def _write(place: Path, kept: Mapping[str, Any]) -> None:
    replace(place, json.dumps(kept, indent=1))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _show_elections(console: Console, found: list[dict[str, Any]]) -> None:
    made = table("Elections", "Number", "Title", "Open", "May vote", right=("Number",))
    for one in found:
        may = "yes" if one["may_vote"] else f"no: {one['reason'].replace('_', ' ')}"
        if one["signed"]:
            may = "signature given"
        hours = f"{local_time(one['opens_at'])} to {local_time(one['closes_at'])}"
        made.add_row(str(one["election_id"]), one["title"], hours, may)
    console.print(made)


def _at_once(paper: Mapping[str, Any]) -> str:
    """What who has a ballot signed is told before it is cast at once."""
    return (
        "The ballot is signed and cast at once. Whoever runs the machines knows when you log in and when a ballot is "
        f"cast, and may know it to be yours. With --sign-only you keep it, to cast it later, until {_end(paper)}, "
        "among those of others and from another network, so that it does not tell whose it is."
    )


def _end(paper: Mapping[str, Any]) -> str:
    return local_time(paper["end"])


def _show_signed(console: Console, place: Path, paper: Mapping[str, Any]) -> None:
    console.print(f"Signed, and not cast yet; {place} is needed for that.")
    console.print(
        f"Cast it until {_end(paper)}, with the same command without --sign-only. Later, among those of others and "
        "from another network, it does not tell whoever runs the machines whose it is; it may be cast at once, too.",
        soft_wrap=True,
    )


def _show_cast(console: Console, place: Path, publishes: bool, is_first: bool) -> None:
    console.print("Your ballot is cast." if is_first else CAST_BEFORE, style="bold")
    says = PUBLISHED if publishes else "It does not say how you voted."
    console.print(f"Your receipt is {place}. {says} `urna verify {place}` says if it was counted.")


def _show_found(console: Console, found: Mapping[str, Any]) -> None:
    said = "is counted" if found["counted"] else f"is not counted: {str(found['reason']).replace('_', ' ')}"
    console.print(f"Ballot {found['guid']} of election {found['election_id']} {said}.")
    # A service of an earlier version does not say.
    if found.get("repeated"):
        console.print("It was cast more than once; the first choice counts.")
