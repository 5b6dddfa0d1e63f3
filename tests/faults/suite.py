"""The suite that is broken: two stations, two daemons and the results service as real processes, wired together."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import IO

import sqlalchemy as sa

from benchmarks.suite import Program
from shared.database import Database
from shared.queue import keys
from shared.schema.election import Election, Entry, Jurisdiction, Participant, Partition
from tests.faults.plan import DAEMONS, DATABASE, REDIS, RESULTS, STATIONS, Hours, Plan, link, links, partitions
from tests.faults.recount import Poll
from tests.faults.stores import QueueStore, Store
from tests.faults.wire import Wire, Wires
from tests.servers import Server, ServerError
from tests.servers.nursling import Nursling
from tests.services.tokens import Keys, new_keys

LEASE_SECONDS = 1.5
_PART_BALLOTS = 300
_SECONDS_TO_START = 60.0


class Nursed(Program):
    """A program as faults start it over and over: with its libraries read in already (tests/servers/nursling.py)."""

    def _supervised(self, log: IO[bytes]) -> Nursling:
        return Nursling(self._arguments[1:], self._environment(), self.directory, log, self.last_signal)


class Suite:
    """The processes, the wires between them and their stores; nobody but the tests goes past the wires.

    One suite serves several schedules, as a real one serves several elections.
    """

    def __init__(self, queue: QueueStore, store: Store, wires: Wires) -> None:
        self.partitions = partitions(store.engine)
        self.queue = queue
        self.store = store
        self.keys: Keys = new_keys()
        self.database: Database = store.open()
        self.wires: dict[str, Wire] = {}
        for name in links(store.engine):
            server: Server | None = queue if name.endswith(REDIS) else store.server
            assert server is not None
            self.wires[name] = wires.lay(server.port)
        self.programs: dict[str, Program] = {
            **{name: self._service(name, "voting_station_service") for name in STATIONS},
            **{name: self._daemon(name) for name in DAEMONS},
            RESULTS: self._service(RESULTS, "results_service"),
        }

    @property
    def servers(self) -> dict[str, Server]:
        """Everything that has a process, by its name in a plan."""
        found: dict[str, Server] = {**self.programs, REDIS: self.queue}
        return found | ({DATABASE: self.store.server} if self.store.server else {})

    @property
    def ports(self) -> dict[str, int]:
        return {name: program.port for name, program in self.programs.items()}

    def start(self) -> None:
        """Start every process at once, and return when each partition is owned and each service answers."""
        failures: list[BaseException] = []

        def start(program: Program) -> None:
            try:
                program.start()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=start, args=[program]) for program in self.programs.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        self._wait_until_worked()

    def open_elections(self, plan: Plan, begin: Callable[[], None]) -> list[Poll]:
        """Write the elections of a plan into the store as the administration does.

        Their hours are counted from the moment at which ``begin`` is called, which is when the store can be written to.
        """
        polls = []
        with self.database.writing() as session:
            if session.get(Jurisdiction, 2) is None:
                session.add(Jurisdiction(id=2, name="Vojvodina"))
            now = datetime.now(UTC)
            begin()
            for hours in plan.elections:
                session.add(made := _election(hours, now))
                session.flush()
                numbers = frozenset(entry.poll_number for entry in made.entries)
                polls.append(Poll(made.id, made.jurisdiction_id, made.start, made.end, numbers))
        return polls

    def logs(self) -> Iterator[tuple[str, str]]:
        """The whole log of each of our own processes."""
        for name, program in self.programs.items():
            yield name, (program.directory / "log").read_text(errors="replace")

    def close(self) -> None:
        for program in self.programs.values():
            program.close()
        self.database.close()

    def _wait_until_worked(self) -> None:
        deadline = time.monotonic() + _SECONDS_TO_START
        with self.queue.client() as client:
            while True:
                leases = client.mget([keys.lease(number) for number in range(self.partitions)])
                with self.database.reading() as session:
                    owners = set(session.scalars(sa.select(Partition.owner)))
                if all(leases) and owners == set(leases) and client.zcard(keys.DAEMONS) == len(DAEMONS):
                    return
                for name, program in self.programs.items():
                    if not program.running:
                        raise ServerError(f"{name} has ended:\n{program.log_tail()}")
                if time.monotonic() > deadline:
                    raise ServerError(f"Nobody works the partitions: {leases}, {owners}")
                time.sleep(0.2)

    def _service(self, name: str, package: str) -> Program:
        settings = {"JWT_PUBLIC_KEY": self.keys.public_pem, "WEB_WORKERS": "1", "LOG_LEVEL": "warning"}
        if name == RESULTS:
            settings |= {"REDIS_URL": self._queue_url(name, "results"), **self._store_url(name, "results")}
        else:
            settings |= {"REDIS_URL": self._queue_url(name, "station"), "MAX_PART_BALLOTS": str(_PART_BALLOTS)}
        program = f"{package}.app:create_app()"
        command = ["-m", "gunicorn", "--no-control-socket", "--config", "python:shared.web.gunicorn", program]
        return Nursed(name, command, settings, serves=True)

    def _daemon(self, name: str) -> Program:
        settings = {
            "REDIS_URL": self._queue_url(name, "daemon"),
            **self._store_url(name, "daemon"),
            "PARTITIONS": str(self.partitions),
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "LOG_LEVEL": "warning",
        }
        return Nursed(name, ["-m", "daemon.app"], settings, serves=False)

    def _queue_url(self, name: str, user: str) -> str:
        return self.queue.url_of(user, self.wires[link(name, REDIS)].port)

    def _store_url(self, name: str, user: str) -> dict[str, str]:
        wire = self.wires.get(link(name, DATABASE))
        return {"ELECTION_DATABASE_URL": self.store.url_of(user, wire.port if wire else 0)}


@contextmanager
def running(queue: QueueStore, store: Store) -> Iterator[Suite]:
    """A suite on empty stores; the processes end with the block, the stores stay."""
    queue.empty()
    store.empty()
    with Wires() as wires:
        suite = Suite(queue, store, wires)
        try:
            suite.start()
            yield suite
        finally:
            suite.close()


def _election(hours: Hours, now: datetime) -> Election:
    def participants(numbers: Sequence[int]) -> list[Entry]:
        return [
            Entry(
                poll_number=number,
                participant=Participant(name=f"List {number}", individual=False, created_at=now),
                exempt=False,
            )
            for number in numbers
        ]

    return Election(
        kind=hours.kind.value,
        individual=False,
        jurisdiction_id=hours.jurisdiction,
        start=now + timedelta(seconds=hours.begins),
        end=now + timedelta(seconds=hours.ends),
        rules={},
        lots=[],
        created_at=now,
        entries=participants(range(1, hours.poll_numbers + 1)),
    )
