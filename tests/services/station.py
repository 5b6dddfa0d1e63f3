"""A voting station in this process, on a real Redis, and files of ballots to hand in there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from apiflask import APIFlask
from flask.testing import FlaskClient
from redis import Redis
from werkzeug.test import TestResponse

from shared.config import StationSettings
from shared.queue import batches, keys, snapshot
from shared.queue.connection import as_bytes, connect
from shared.terms import Role
from tests.services.tokens import ServiceSettings, Token
from voting_station_service.app import create_app

OPEN, OVER, COMING = 1, 2, 3
VOTE, BATCHES, NAMED = "/vote", "/api/batches", f"/api/elections/{OPEN}/batches"

BOUNDARY = "a-line-that-is-in-no-file"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def guid(number: int) -> str:
    """A GUID that is the same in every run, and different for every number."""
    return str(UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128)))


def file_of(count: int, first: int = 1) -> bytes:
    """A CSV file of so many ballots, for poll numbers 1 to 3."""
    return "".join(f"{guid(number)},{number % 3 + 1}\n" for number in range(first, first + count)).encode()


def multipart(content: bytes, name: str = "station-1.csv") -> bytes:
    """A multipart body with one file, of the type ``MULTIPART``; the test client would leave a large one open."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def known(election: int, begins: float, ends: float, jurisdiction: int = 1) -> snapshot.KnownElection:
    """An election from so many to so many hours from now."""
    now = datetime.now(UTC)
    start, end = (keys.to_microseconds(now + timedelta(hours=hours)) for hours in (begins, ends))
    return snapshot.KnownElection(
        election, f"Election {election}", "parliamentary", jurisdiction, start, end, [1, 2, 3]
    )


ELECTIONS = ((OPEN, -1.0, 1.0), (OVER, -3.0, -2.0), (COMING, 2.0, 3.0))


def prepare(redis: Redis, partitions: int = 2) -> None:
    """Do what a daemon does before a station can take anything in."""
    redis.set(keys.PARTITIONS, partitions)
    snapshot.write(redis, [known(*election) for election in ELECTIONS])


def contents(redis: Any) -> dict[bytes, Any]:
    """Everything that Redis holds, to compare before and after; but not the refusals that wait for the journal."""
    read: dict[Any, Any] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
    }
    found = {key: read[redis.type(key)](key) for key in redis.scan_iter(count=1000)}
    events = found.pop(keys.JOURNAL.encode(), [])
    done = [event for event in events if b'"outcome":"refused"' not in event]
    return found | ({keys.JOURNAL.encode(): done} if done else {})


def json_of(answer: TestResponse) -> dict[str, Any]:
    """The JSON object in an answer."""
    found = answer.get_json()
    assert isinstance(found, dict), answer.get_data(as_text=True)
    return found


@dataclass(frozen=True)
class Station:
    """The running service, and its Redis as the test sees it."""

    app: APIFlask
    redis: Redis
    token: Token

    @property
    def client(self) -> FlaskClient:
        """A caller of the service."""
        return self.app.test_client()

    def official(self, number: int = 1) -> dict[str, str]:
        """The header of an official's token."""
        return self.token(Role.OFFICIAL, email=f"official{number}@example.org")

    def send(
        self,
        content: bytes,
        path: str = BATCHES,
        *,
        key: str | None = None,
        name: str = "station-1.csv",
        header: dict[str, str] | None = None,
    ) -> TestResponse:
        """Hand in a file, as official 1 unless a header names somebody else."""
        headers = dict(self.official() if header is None else header)
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.client.post(path, data=multipart(content, name), content_type=MULTIPART, headers=headers)

    def accepted(self, content: bytes, path: str = BATCHES, **how: Any) -> dict[str, Any]:
        """Hand in a file that has to be accepted on an /api route; returns the receipt."""
        answer = self.send(content, path, **how)
        assert answer.status_code == 202, answer.get_data(as_text=True)
        return json_of(answer)

    def batch(self, batch_id: str) -> dict[str, Any]:
        """What the service says of a batch of official 1."""
        answer = self.client.get(f"/api/batches/{batch_id}", headers=self.official())
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return json_of(answer)

    def only_batch(self) -> str:
        """The id of the only batch that Redis holds."""
        (key,) = self.redis.scan_iter(match=keys.batch("*"), count=1000)
        return str(key.decode().rpartition(":")[2])

    def status(self, batch_id: str) -> batches.BatchStatus:
        """What Redis knows of a batch."""
        found = batches.status(self.redis, batch_id)
        assert found is not None
        return found

    def waiting(self) -> list[str]:
        """The jobs in all queues, by partition and in order."""
        queues = sorted(self.redis.scan_iter(match="rq:queue:*", count=1000))
        return [as_bytes(job).decode() for queue in queues for job in self.redis.lrange(queue, 0, -1)]


@contextmanager
def running(
    url: str, service_settings: ServiceSettings, token: Token, *, prepared: bool = True, **values: Any
) -> Iterator[Station]:
    """A station on the Redis at ``url``, which it finds prepared by a daemon; ``values`` replace settings."""
    with connect(url) as redis:
        if prepared:
            prepare(redis)
        # Tests refuse more in a minute than an official is allowed to have refused.
        defaults = {"redis_url": url, "refused_uploads_per_minute": 100_000, "ballot_repetitions_per_minute": 100_000}
        app = create_app(service_settings(StationSettings, **{**defaults, **values}))
        try:
            yield Station(app, redis, token)
        finally:
            app.extensions["station"].redis.close()
