"""The running suite that is measured: Redis, stations, daemons and results, each a real process as deployed."""

import http.client
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import jwt

from benchmarks import engines, processes
from benchmarks.engines import Databases
from cli.demo import facts
from shared.apportionment.rule_packs import SERBIA_2014
from shared.auth import ACCESS_SECONDS
from shared.database import Database
from shared.queue import keys
from shared.schema.election import Election, Entry, Participant
from shared.terms import Role
from tests.servers import DatabaseServer, Redis, Server, ServerError
from tests.services.tokens import Keys, access_claims, new_keys

ROOT = Path(__file__).resolve().parents[1]
_SECONDS_TO_OPEN = 30.0
_KINDS = ("station", "Redis", "daemon", "database", "results")


class Program(Server):
    """A part of the suite as a process of its own, with no settings but its own: it logs as much as a deployed one."""

    part: ClassVar[str] = "program"

    def __init__(self, name: str, command: Sequence[str], settings: dict[str, str], *, serves: bool) -> None:
        super().__init__()
        self.part = name  # type: ignore[misc]  # Messages name this one, not its class.
        self._arguments = list(command)
        self._settings = settings
        self._serves = serves

    @classmethod
    def missing(cls) -> str | None:
        return None

    @classmethod
    def _user(cls) -> tuple[int, int] | None:
        return None

    def _prepare(self) -> None:
        """There is nothing to make."""

    def _environment(self) -> dict[str, str]:
        return {
            **super()._environment(),
            "PYTHONPATH": str(ROOT),
            "PYTHONSAFEPATH": "1",
            "PYTHONUNBUFFERED": "1",
            **self._settings,
            "PORT": str(self.port),
        }

    def _command(self) -> list[str]:
        return [sys.executable, *self._arguments]

    def _answers(self) -> bool:
        if not self._serves:
            return True
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health/live")
            return connection.getresponse().status == 200
        except http.client.HTTPException:
            return False
        finally:
            connection.close()


def service(name: str, settings: dict[str, str]) -> Program:
    """A service as it is deployed, not started yet."""
    return Program(
        name,
        ["-m", "gunicorn", "--no-control-socket", "--config", "python:shared.web.gunicorn", f"{name}.app:create_app()"],
        settings,
        serves=True,
    )


@dataclass
class Suite:
    """An open election with nothing counted yet, and everything that takes its ballots in.

    ``election`` is 0 until somebody has made it; ``others`` are further programs by the kind under which they work.
    """

    url: str
    partitions: int
    election: int
    redis: Redis
    database: DatabaseServer | None
    station: Program
    daemons: list[Program]
    keys: Keys = field(repr=False)
    results: list[Program] = field(default_factory=list)
    others: dict[str, Program] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Where the ballots of the election are handed in."""
        return f"/api/elections/{self.election}/batches"

    def token(self, official: int) -> str:
        """An access token of one of the officials."""
        claims = access_claims(
            Role.OFFICIAL,
            email=f"official{official}@example.org",
            jmbg="0101994704401",
            forename="Vera",
            surname="Verić",
        )
        # The whole benchmark, whatever it takes.
        claims["exp"] += timedelta(seconds=11 * ACCESS_SECONDS)
        return jwt.encode(claims, self.keys.private_pem, algorithm="EdDSA")

    def check(self) -> None:
        """Raise ``ServerError`` with the end of its log when a process has died."""
        for one in [self.redis, self.database, *self._programs]:
            if one is not None and not one.running:
                raise died(one)

    def seconds(self) -> dict[str, float]:
        """Seconds of processor time that each kind of process has taken so far."""
        kinds: dict[str, list[Server]] = {
            "station": [self.station],
            "Redis": [self.redis],
            "daemon": list(self.daemons),
            "database": [self.database] if self.database else [],
            "results": list(self.results),
            **{kind: [program] for kind, program in self.others.items()},
        }
        return {
            kind: processes.processor_seconds([one.process_id for one in kinds[kind]])
            for kind in (*self.others, *_KINDS)
        }

    def log_tails(self) -> str:
        """What the suite's own programs wrote last."""
        return "\n".join(f"{one.part}:\n{one.log_tail()}" for one in self._programs if one.log_tail())

    @property
    def _programs(self) -> list[Program]:
        return [*self.others.values(), self.station, *self.daemons, *self.results]


def died(server: Server) -> ServerError:
    """The error that says which server died and what it wrote last."""
    return ServerError(f"{server.part} has ended in the middle of the measurement:\n{server.log_tail()}")


@contextmanager
def running(
    databases: Databases,
    partitions: int,
    *,
    daemons: int = 1,
    results: bool = False,
    opens: bool = True,
    pair: Keys | None = None,
) -> Iterator[Suite]:
    """A suite with an empty store and, if it ``opens`` one, an open election; everything ends with the block.

    ``pair``: what signs and checks its tokens, if not keys of its own.
    """
    with ExitStack() as stack:
        url = stack.enter_context(engines.new_database(databases))
        election = _open_election(url) if opens else 0
        pair = pair or new_keys()
        redis = stack.enter_context(Redis())
        web = {"JWT_PUBLIC_KEY": pair.public_pem}
        store = {"ELECTION_DATABASE_URL": url}
        queue = {"REDIS_URL": redis.url}
        counting = [
            stack.enter_context(
                Program(
                    "daemon",
                    ["-m", "daemon.app"],
                    # A frozen daemon keeps its partitions until it is thawed.
                    {**store, **queue, "PARTITIONS": str(partitions), "LEASE_SECONDS": "60"},
                    serves=False,
                )
            )
            for _ in range(daemons)
        ]
        # A handful of officials send what a whole country does.
        station = stack.enter_context(
            service("voting_station_service", {**web, **queue, "UPLOADS_PER_MINUTE": "1000000"})
        )
        suite = Suite(
            url,
            partitions,
            election,
            redis,
            databases if isinstance(databases, DatabaseServer) else None,
            station,
            counting,
            pair,
        )
        if results:
            suite.results.append(
                stack.enter_context(service("results_service", {**web, **store, **queue, "WEB_WORKERS": "1"}))
            )
        _wait_until_open(suite)
        yield suite


def _open_election(url: str) -> int:
    """An election of the lists of 2014 that has begun; its id."""
    now = datetime.now(UTC)
    database = Database(url)
    try:
        with database.writing() as session:
            parties = [Participant(name=one.name, individual=False, created_at=now) for one in facts.LISTS]
            session.add_all(parties)
            session.flush()
            election = Election(
                title=facts.TITLE,
                kind="parliamentary",
                individual=False,
                jurisdiction_id=1,
                start=now - timedelta(minutes=1),
                end=now + timedelta(days=1),
                rules=SERBIA_2014.to_dict(),
                lots=[],
                created_at=now,
                entries=[
                    Entry(poll_number=one.poll_number, participant_id=party.id, exempt=one.minority)
                    for one, party in zip(facts.LISTS, parties, strict=True)
                ],
            )
            session.add(election)
            session.flush()
            return election.id
    finally:
        database.close()


def _wait_until_open(suite: Suite) -> None:
    """Until every partition has a worker and the stations know the election."""
    deadline = time.monotonic() + _SECONDS_TO_OPEN
    with suite.redis.client() as client, engines.connect(suite.url) as connection:
        ask = engines.asking(connection)
        while True:
            suite.check()
            owners = ask("SELECT owner FROM partitions WHERE owner <> ''")
            leases: list[Any] = client.mget([keys.lease(number) for number in range(suite.partitions)])
            working = {owner for owner in leases if owner} & {owner for (owner,) in owners}
            everywhere = len(working) == len(suite.daemons) and all(leases) and len(owners) == suite.partitions
            if everywhere and client.exists(keys.ELECTIONS):
                return
            if time.monotonic() > deadline:
                raise died(suite.daemons[0])
            time.sleep(0.02)


def loosen_limits() -> None:
    """Let this process and its children hold thousands of connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536) if most > 0 else 65536, most))
