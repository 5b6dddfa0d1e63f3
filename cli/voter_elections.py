"""How an election of the administration becomes one of voters: known to them, with its key on both sides.

The services never talk to each other, so this program reads at one and tells the other. Each step is looked at before
it is done, so that the whole can be repeated after a break anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cli.citizens import pieces
from cli.client import Client, read_json
from cli.elections import fingerprint, hours_of, patch
from cli.failure import Failure
from shared.ballot_proofs import Hours
from shared.terms import Restriction, Scope, State

MADE, CHANGED, THERE = "made", "changed", "there already"
_CHANGEABLE = (State.DRAFT, State.SCHEDULED)


@dataclass(frozen=True)
class Audience:
    """Whom an election is for, of the register: ``citizens`` is a file of national ids."""

    restriction: Restriction
    values: tuple[str, ...] = ()
    citizens: Path | None = None


@dataclass(frozen=True)
class _Sides:
    """An election as both services have it: ``known`` and ``key`` are None where voters have none such (yet)."""

    election: Mapping[str, Any]
    known: Mapping[str, Any] | None
    key: str | None

    @property
    def number(self) -> int:
        return int(self.election["id"])

    @property
    def is_changeable(self) -> bool:
        return self.election["state"] in _CHANGEABLE

    @property
    def is_carried(self) -> bool:
        return self.key is not None and self.election["ballot_key"] == self.key

    @property
    def hours_differ(self) -> bool:
        return self.known is not None and known_hours(self.known) != hours_of(self.election)


def known_hours(known: Mapping[str, Any]) -> Hours:
    """When voters can get a signature for an election, by the authentication service."""
    return Hours.read(known["opens_at"], known["closes_at"])


def put(client: Client, number: int, said: Mapping[str, Any], citizens: Path | None = None) -> dict[str, Any]:
    """Make an election known to voters, and list the citizens of a file, if there is one."""
    path = f"/api/voter-elections/{number}"
    # Whoever types a command has seen nothing that somebody else may have changed meanwhile.
    answer = client.authorized("PUT", "authentication", path, body=said, headers={"If-Match": "*"})
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
    return dict(read_json(answer))


def open_to_voters(client: Client, number: int, audience: Audience | None, *, take_hours: bool) -> dict[str, Any]:
    """Make an election known to voters, with its key on both sides, as far as it is not; what was done and what is.

    Without an audience the election is for whom it was, at first for everyone. Fails before anything is changed where
    something cannot be done, and in the end where the two sides are not as they should be.
    """
    sides = _read(client, number)
    said = _to_be_said(sides, audience)
    lists = audience is not None and audience.citizens is not None
    known = sides.known
    announces = known is None or lists or any(known[name] != value for name, value in said.items())
    announces = announces or (take_hours and sides.hours_differ)
    _refuse(sides, take_hours=take_hours, is_work_left=announces or sides.key is None or not sides.is_carried)
    done = dict.fromkeys(("known", "key", "carried"), THERE)
    if announces:
        hours = {"opens_at": sides.election["start"], "closes_at": sides.election["end"]}
        put(client, number, {**hours, **said}, audience.citizens if audience else None)
        done["known"] = MADE if known is None else CHANGED
    if sides.key is None:
        client.authorized("POST", "authentication", f"/api/voter-elections/{number}/key", headers={"If-Match": "*"})
        done["key"] = MADE
    if not sides.is_carried:
        key = _read(client, number).key
        patch(client, sides.election, {"ballot_key": key})
        done["carried"] = MADE
    return {**_compared(_read(client, number)), "done": done}


def _read(client: Client, number: int) -> _Sides:
    path = f"/api/voter-elections/{number}"
    known = _if_there(client, path)
    key = known and known["has_key"] and client.get("authentication", f"{path}/key", public=True)["ballot_key"]
    return _Sides(client.get("admin", f"/api/elections/{number}"), known, key or None)


def _if_there(client: Client, path: str) -> dict[str, Any] | None:
    try:
        return dict(client.get("authentication", path))
    except Failure as failure:
        if failure.details.get("http_status") == httpx.codes.NOT_FOUND:
            return None
        raise


def _to_be_said(sides: _Sides, audience: Audience | None) -> dict[str, Any]:
    """Title and audience that voters should know; of one that they know only what was asked for."""
    title = sides.election["title"] or f"Election {sides.number}"
    if sides.known is not None and not sides.is_changeable:
        title = sides.known["title"]
    if audience is not None:
        # As the service keeps them.
        values = [" ".join(value.split()) for value in audience.values]
        return {"title": title, "restriction": audience.restriction.value, "values": values}
    if sides.known is not None:
        return {"title": title, **{name: sides.known[name] for name in ("restriction", "values")}}
    return {"title": title, "restriction": Restriction.EVERYONE.value, "values": []}


def _refuse(sides: _Sides, *, take_hours: bool, is_work_left: bool) -> None:
    """Fail where the election cannot be opened to voters, before anything is changed."""
    election, number = sides.election, sides.number
    if election["state"] == State.CANCELLED:
        raise Failure(f"Election {number} was cancelled.")
    if election["ballot_key"] is not None and not sides.is_carried:
        theirs = fingerprint(sides.key) if sides.key else "none"
        raise Failure(
            f"Election {number} has another ballot key in the administration ({fingerprint(election['ballot_key'])}) "
            f"than at the authentication service ({theirs}). Take it away first: `urna election key {number} --remove`."
        )
    if sides.known is not None and sides.hours_differ and not take_hours:
        raise Failure(
            f"Voters know other hours for election {number} ({known_hours(sides.known)}) than it has in the "
            f"administration ({hours_of(election)}). With --take-hours voters get those of the administration."
        )
    if is_work_left and not sides.is_changeable:
        raise Failure(
            f"Election {number} has opened, so neither whom it is for nor its ballot key can be set any more."
        )
    if (election["rules"] or {}).get("apportioned") == Scope.CONSTITUENCY:
        raise Failure(
            f"In election {number} each constituency elects for itself, and a voter's own ballot is of no polling "
            "station, so it cannot have a ballot key."
        )


def _compared(sides: _Sides) -> dict[str, Any]:
    """An election as voters know it, with its key and the fingerprint of that; fails where the two sides differ."""
    if sides.known is None or sides.key is None or not sides.is_carried or sides.hours_differ:
        raise Failure(
            f"Somebody else has changed election {sides.number} meanwhile: the two services do not have the same hours "
            "and ballot key. Look at both, and call this again."
        )
    return {**sides.known, "ballot_key": sides.key, "fingerprint": fingerprint(sides.key)}
