"""``urna record``: the signed record of an election or a polling station, checked with a public key."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from rich.console import Console

from cli.client import Client, client_options, read_json
from cli.elections import ElectionNumber, local_time
from cli.failure import REFUSED, USAGE, Failure
from cli.output import Output, table, with_output
from cli.results import percent, show_certainty, show_declared
from shared.errors import Misconfigured
from shared.signed_records import NotProven, Problem, RecordKeys, Signed

FORMS = ("urna-record/1", "urna-record/2")
"""The forms of a record that were ever signed; the first says nothing of what sheets declare of the whole."""

key_option = click.option(
    "--key",
    "key_files",
    required=True,
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the public key of the election authority, or several: PEM, or a key set as `urna record keys` "
    "writes it.",
)


@click.group()
def record() -> None:
    """The record of an election or a polling station with its signature: fetch it, and check it without asking anybody.

    The signature says that the figures come from the holder of the key and were not changed since. Get the key, or at
    least its name, from somewhere else than the record.
    """


@record.command("fetch")
@click.argument("election", type=ElectionNumber(1))
@click.option("--station", type=click.IntRange(1), help="The record of this polling station, by its id.")
@click.option("--save", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Keep the record here.")
@key_option
@client_options("results", log_in=False)
@with_output
def fetch(
    output: Output, election: int, station: int | None, save: Path | None, key_files: Sequence[Path], *, client: Client
) -> None:
    """Fetch the record of ELECTION (its number), check its signature, and say what it says; keep it if asked to.

    Exit status 1 when it is not signed with one of the keys, or was changed.
    """
    keys = _read_keys(key_files)
    of_station = "" if station is None else f"/stations/{station}"
    answer = client.request("GET", "results", f"/api/elections/{election}/record{of_station}/signed", repeatable=True)
    with _telling():
        signed = Signed.of(answer.content)
        key = keys.check(signed)
    _refuse_other(signed.content, election, station)
    if save is not None:
        _write(save, answer.content)
    _say(output, key, signed.content)


@record.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--signature", help="The signature as it is printed on the page, for a FILE without one.")
@key_option
@with_output
def verify(output: Output, file: Path, signature: str | None, key_files: Sequence[Path]) -> None:
    """Check the signature of the record in FILE, and say what it says; needs no service.

    Exit status 1 when it is not signed with one of the keys, or was changed.
    """
    keys, text = _read_keys(key_files), _read(file)
    with _telling():
        if signature is None:
            signed = Signed.of(text)
            key, content = keys.check(signed), signed.content
        else:
            key, content = keys.check_printed(text, signature), text
    _say(output, key, content)


@record.command("keys")
@click.option("--save", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Keep the keys here.")
@client_options("results", log_in=False)
@with_output
def show_keys(output: Output, save: Path | None, *, client: Client) -> None:
    """Show the names of the public keys that the service gives out, the newest first, and keep them if asked to.

    Compare the names with those that the election authority has published.
    """
    answer = client.request("GET", "results", "/api/record-keys", repeatable=True)
    found = dict(read_json(answer))
    # The names are computed, and not believed.
    names = list(_keys_of(answer.text, str(answer.url)).by_name) if found.get("keys") != [] else []
    if save is not None:
        if not names:
            raise Failure("This service has no key for records, so there is nothing to keep.")
        _write(save, answer.content)
    facts = {"keys": names, "signing": found.get("signing")}
    output.result(facts, lambda console: _show_keys(console, names, found.get("signing")))


@contextmanager
def _telling() -> Iterator[None]:
    """Let a record that is not proven end the command with its sentence, and for programs with the reason."""
    try:
        yield
    except NotProven as error:
        raise Failure(error.message, status=REFUSED, problem=error.problem.value) from None


def _read_keys(files: Sequence[Path]) -> RecordKeys:
    found: dict[str, Ed25519PublicKey] = {}
    for file in files:
        try:
            found |= _keys_of(_read(file).decode("utf-8"), str(file)).by_name
        except UnicodeDecodeError:
            raise Failure(f"{file} is no file of keys: it is no text.", status=USAGE) from None
    return RecordKeys(found)


def _keys_of(text: str, source: str) -> RecordKeys:
    try:
        return RecordKeys.read(text, source)
    except Misconfigured as error:
        raise Failure(error.message, status=USAGE) from None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Failure(f"{file} cannot be read ({error.strerror}).", status=USAGE) from None


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise Failure(f"{file} cannot be written ({error.strerror}).", status=USAGE) from None


def _refuse_other(content: bytes, election: int, station: int | None) -> None:
    """An honest record of something else would be proven, too."""
    found = _record_of(content)
    place = found["place"]
    wanted = (election, None if station is None else str(station))
    if (found["election"]["id"], place["id"] if place else None) != wanted:
        raise Failure(
            "The service has answered with the record of another election or place than the one that was asked for.",
            problem=Problem.NO_RECORD.value,
        )


def _record_of(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("form") not in FORMS:
        raise Failure(
            "The signature is good, but this is no record of a form that is known; use the command of a newer version.",
            problem=Problem.NO_RECORD.value,
        )
    return found


def _say(output: Output, key: str, content: bytes) -> None:
    found, digest = _record_of(content), sha256(content).hexdigest()
    facts = {"key": key, "sha256": digest, "record": found}
    output.result(facts, lambda console: _show(console, key, digest, found))


def _show(console: Console, key: str, digest: str, found: dict[str, Any]) -> None:
    election, place, figures = found["election"], found["place"], found["figures"]
    console.print("The signature is good: nothing was changed since it was signed.", style="bold green")
    console.print(f"Key:     {key}")
    console.print(f"SHA-256: {digest}")
    console.print(f"Election {election['id']}  {election['title']}", style="bold")
    if place:
        lies_in = ", ".join(one["name"] for one in place["trail"])
        console.print(f"Polling station {place['name']} (id {place['id']}), in: {lies_in}", style="bold")
    show_certainty(console, election, found)
    if found["counted_until"]:
        console.print(f"Everything received before {local_time(found['counted_until'])} is counted.")
    names = {one["poll_number"]: one["name"] for one in (found["ballot"] if place else figures["lists"])}
    seats = not place and figures["apportionment"] is not None
    made = table(
        "", "No.", "List", "Votes", "Share", *(["Seats"] if seats else []), right=("No.", "Votes", "Share", "Seats")
    )
    for one in figures["lists"]:
        cells = [str(one["poll_number"]), names[one["poll_number"]], f"{one['votes']:,}", percent(one["share"])]
        made.add_row(*cells, *([str(one["seats"])] if seats else []))
    console.print(made)
    ballots, stations = figures if place else figures["ballots"], figures["stations"]
    # Of the whole there are also those that are of no polling station.
    cast = stations["cast"] if place else ballots["cast"]
    console.print(
        f"Ballots counted: {ballots['counted']:,}. Duplicate: {ballots['duplicate']:,}. "
        f"With an invalid poll number: {ballots['invalid']:,}."
    )
    show_declared(console, figures.get("declared"), stations)
    console.print(f"Registered voters: {stations['registered']:,}. Ballots in the box: {cast:,}.")
    if not place:
        console.print(f"Stations counted: {stations['counted']:,} of {stations['total']:,}.")


def _show_keys(console: Console, names: Sequence[str], signing: str | None) -> None:
    for name in names:
        console.print(f"{name}  {'signs now' if name == signing else 'does not sign now'}")
    if signing is None:
        console.print("Records are not signed here: this service was given no key.")
