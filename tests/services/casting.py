"""Voters with a program of their own: ballots with a signature, as they cast them at a station."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from werkzeug.test import TestResponse

from daemon import actions
from shared.ballot_proofs import write_key
from shared.blind_signatures import PREFIX_BYTES, PrivateKey, ballot_message, blind, finalize, prepare
from shared.queue import intake, snapshot
from shared.queue.parts import pack
from shared.schema.election import Election
from tests.services.counting import Counting, counting
from tests.services.station import Station, running
from tests.services.tokens import ServiceSettings, Token

PARTITIONS = 2


@cache
def new_key(number: int = 1) -> PrivateKey:
    """A key of an election; the same in a whole run, because it takes long to make."""
    assert number
    return PrivateKey.generate()[0]


def key_text(key: PrivateKey | None = None) -> str:
    return write_key((key or new_key()).public)


@dataclass(frozen=True)
class Signed:
    """A ballot's GUID with the signature that its voter has got."""

    election: int
    guid: UUID
    prefix: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def body(self, poll_number: int = 1) -> dict[str, Any]:
        """What the voter's program sends."""
        return {
            "guid": str(self.guid),
            "poll_number": poll_number,
            "prefix": base64.b64encode(self.prefix).decode(),
            "signature": base64.b64encode(self.signature).decode(),
        }


def signed(election: int, *, key: PrivateKey | None = None, guid: UUID | None = None) -> Signed:
    """Everything that a voter's program and the signer do."""
    signer, its_guid = key or new_key(), guid or uuid4()
    blinded = blind(signer.public, prepare(ballot_message(election, its_guid.bytes), secrets.token_bytes(PREFIX_BYTES)))
    signature = finalize(signer.public, blinded, signer.blind_sign(blinded.message))
    return Signed(election, its_guid, blinded.prepared[:PREFIX_BYTES], signature)


def cast(station: Station, ballot: Signed, poll_number: int = 1, **changed: Any) -> TestResponse:
    """Cast a ballot in the election that it was signed for; ``changed`` are fields of the body."""
    path = f"/api/elections/{ballot.election}/ballots"
    return station.client.post(path, json={**ballot.body(poll_number), **changed})


def announce(station: Station, *elections: snapshot.KnownElection) -> None:
    """Tell a station of elections that have the key."""
    snapshot.write(station.redis, [replace(one, ballot_key=key_text()) for one in elections])


def voted(suite: Counting, **hours: float) -> int:
    """An election in the store with the key, of which the stations know."""
    made = suite.election(**hours)  # type: ignore[arg-type]  # Hours alone.
    with suite.database.writing() as session:
        session.get_one(Election, made).ballot_key = key_text()
    actions.publish_elections(suite.database, suite.redis, datetime.now(UTC), timedelta(days=30))
    return made


def resealed(payload: bytes, salt: bytes = b"") -> bytes:
    """The same packed part with another salt; without one as stations packed it before, in version 2."""
    head, content = payload[:4] + (b"\3" if salt else b"\2") + payload[5:16], payload[32:-32] + salt
    return head + sha256(head + content).digest()[:16] + content


def enqueue(suite: Counting, election: int, ballots: list[tuple[Signed, int]], *, salted: bool = True) -> str:
    """Put ballots into the queue past every check of a station, as one in wrong hands would.

    Or, where they are not salted, as a station did before there was a salt, with a digest of the GUIDs.
    """
    guids = b"".join(one.guid.bytes for one, _ in ballots)
    digest = "" if salted else sha256(guids).hexdigest()
    upload = intake.Upload(uuid4().hex, election, "", "", "", digest, 3600)
    numbers = [number for _, number in ballots]
    payload = pack(guids, numbers, range(len(ballots)), b"".join(one.prefix + one.signature for one, _ in ballots))
    part = intake.PackedPart(0, len(ballots), payload if salted else resealed(payload))
    intake.accept(suite.redis, suite.queues, upload, None, lambda _: intake.Contents(election, [part]))
    return upload.batch_id


@contextmanager
def polling(url: str, redis_url: str, settings: ServiceSettings, token: Token) -> Iterator[tuple[Counting, Station]]:
    """A store and a queue, and a station before them."""
    with (
        counting(url, redis_url, partitions=PARTITIONS) as suite,
        running(redis_url, settings, token, prepared=False) as station,
    ):
        yield suite, station
