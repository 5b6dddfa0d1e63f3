"""For a minute more is handed in than a daemon behind a slow database can take."""

import http.client
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks.processes import family, memory_kib
from benchmarks.suite import Program
from cli.recount.command import recounted
from shared.queue import keys as redis_keys
from shared.schema.election import Batch
from shared.terms import Role
from tests.faults.wire import Wire, Wires
from tests.services.counting import Counting, Line, counting, new_lines, reference
from tests.services.station import MULTIPART, multipart
from tests.services.tokens import Keys, access_claims, bearer, new_keys, signed

SECONDS = 60.0
LIMIT = 20_000
FILE_BALLOTS = 2_000
SENDERS = 6
# Each block between the daemon and the database takes so long; about thirty files a second at most.
SLOW_SECONDS = 0.1

# A station's answer costs nothing that stays; what Redis keeps of a batch after it is recorded has some two kilobytes.
STATION_MIB = 160
REDIS_MIB = 64


@dataclass
class Sent:
    """What the stations have answered."""

    accepted: dict[str, tuple[str, list[Line]]] = field(default_factory=dict)
    refused: int = 0
    other: list[Any] = field(default_factory=list)


class Sender(threading.Thread):
    """An official's program that sends file after file, and sends one that was put off again at once."""

    def __init__(self, number: int, port: int, bearer_of: dict[str, str], sent: Sent, until: float) -> None:
        super().__init__()
        self.number, self.port, self.bearer, self.sent, self.until = number, port, bearer_of, sent, until

    def run(self) -> None:
        place = 0
        while time.monotonic() < self.until:
            if hand_in(self.port, self.bearer, self.file(place), f"{self.number}-{place}", self.sent):
                place += 1

    def file(self, place: int) -> list[Line]:
        """New ballots, and the first of the file before once more, with another number."""
        lines = new_lines(FILE_BALLOTS, seed=1000 * self.number + place)
        before = new_lines(FILE_BALLOTS, seed=1000 * self.number + place - 1)[:50] if place else []
        return [*lines, *((ballot, 1 + number % 3) for ballot, number in before)]


def hand_in(port: int, bearer_of: dict[str, str], lines: list[Line], key: str, sent: Sent) -> bool:
    """Send a file; whether it was accepted."""
    body = multipart("".join(f"{ballot},{number}\n" for ballot, number in lines).encode())
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        headers = {**bearer_of, "Content-Type": MULTIPART, "Idempotency-Key": key}
        connection.request("POST", "/api/batches", body=body, headers=headers)
        answer = connection.getresponse()
        said = json.loads(answer.read())
    if answer.status == 202:
        sent.accepted[said["id"]] = (said["received_at"], lines)
    elif answer.status == 503 and int(answer.headers["Retry-After"]) > 0:
        sent.refused += 1
    else:
        sent.other.append((answer.status, said))
    return answer.status == 202


@pytest.fixture
def keys() -> Keys:
    """With which the officials' tokens are signed."""
    return new_keys()


@pytest.fixture
def suite(election_database_url: str, redis_url: str) -> Iterator[Counting]:
    with counting(election_database_url, redis_url, partitions=2) as made:
        yield made


@pytest.fixture
def wire(suite: Counting) -> Iterator[Wire]:
    """A slow wire to the database."""
    port = suite.database.engine.url.port
    assert port is not None
    with Wires() as wires:
        laid = wires.lay(port)
        laid.slow(SLOW_SECONDS)
        yield laid


@pytest.fixture
def stations(suite: Counting, keys: Keys) -> Iterator[Sequence[Program]]:
    """Two stations that refuse what comes when too much waits."""
    settings = {
        "REDIS_URL": suite.redis_url,
        "JWT_PUBLIC_KEY": keys.public_pem,
        "WEB_WORKERS": "1",
        "LOG_LEVEL": "error",
        "MAX_QUEUED_BALLOTS": str(LIMIT),
        "UPLOADS_PER_MINUTE": "1000000",
        "REFUSED_UPLOADS_PER_MINUTE": "1000000",
    }
    command = ["-m", "gunicorn", "--no-control-socket", "--config", "python:shared.web.gunicorn"]
    command.append("voting_station_service.app:create_app()")
    programs = [Program(f"station {number}", command, settings, serves=True) for number in (1, 2)]
    with programs[0], programs[1]:
        yield programs


@pytest.fixture
def daemon(suite: Counting, wire: Wire) -> Iterator[Program]:
    """A daemon behind the slow wire."""
    url = suite.database.engine.url.set(port=wire.port).render_as_string(hide_password=False)
    settings = {"REDIS_URL": suite.redis_url, "ELECTION_DATABASE_URL": url, "PARTITIONS": "2", "LOG_LEVEL": "error"}
    with Program("daemon", ["-m", "daemon.app"], settings, serves=False) as program:
        yield program


@pytest.mark.parametrize("engine", ["mariadb"])
def test_more_than_a_daemon_can_take_is_refused_and_all_that_was_accepted_is_counted(
    suite: Counting, stations: Sequence[Program], daemon: Program, keys: Keys
) -> None:
    election = suite.election(ends=36_000)
    wait_until(lambda: suite.redis.exists(redis_keys.ELECTIONS), 30)
    claims = access_claims(Role.OFFICIAL, email="o@example.org", jmbg="0101994704401", forename="Vera", surname="V")
    official = bearer(signed(claims, keys.private_pem))
    sent = Sent()
    until = time.monotonic() + SECONDS
    senders = [Sender(number, stations[number % 2].port, official, sent, until) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    queued = [0]
    while any(sender.is_alive() for sender in senders):
        queued.append(int(suite.redis.get(redis_keys.QUEUED_BALLOTS) or 0))
        time.sleep(0.02)

    assert sent.other == []
    assert sent.refused > 100, "It was no overload."
    # Whoever has looked when there was room may still come in: each sender with one file.
    assert LIMIT <= max(queued) < LIMIT + SENDERS * (FILE_BALLOTS + 50)
    for station in stations:
        assert max(memory_kib(process, "VmHWM") for process in family(station.process_id)) < STATION_MIB * 1024
    assert suite.redis.info("memory")["used_memory_peak"] < REDIS_MIB << 20

    # It recovers by itself: as soon as there is room, the first file is accepted; and all of it is counted.
    wait_until(lambda: int(suite.redis.get(redis_keys.QUEUED_BALLOTS)) < LIMIT, 120)
    assert hand_in(stations[0].port, official, new_lines(10, seed=1), "after", sent), sent.other
    wait_until(lambda: suite.redis.get(redis_keys.QUEUED_BALLOTS) == b"0" and suite.waiting() == 0, 120)
    with suite.database.reading() as session:
        stored = set(session.scalars(sa.select(Batch.id)))
    assert stored == set(sent.accepted), "What was refused was stored, or what was accepted was not."
    files = [lines for _, lines in sorted(sent.accepted.values(), key=lambda one: one[0])]
    assert suite.tally(election) == reference(files, 3)
    url = suite.database.engine.url.render_as_string(hide_password=False)
    assert recounted(url, election, 20)["findings"] == []
    print(
        f"accepted {len(files)}, refused {sent.refused}, at most {max(queued):,} ballots waited; Redis at most "
        f"{suite.redis.info('memory')['used_memory_peak'] >> 20} MiB, stations "
        f"{[max(memory_kib(one, 'VmHWM') for one in family(station.process_id)) >> 10 for station in stations]} MiB"
    )


def wait_until(is_so: Any, seconds: float) -> None:
    """Fails when it is not so after so many seconds."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
