"""Voters from end to end: each registers, logs in, gets a blind signature, and casts a ballot without a log-in.

Nothing is made short: the register is imported, accounts are made over HTTP with a password hash of their own, the
services run with the settings that they have by themselves, and the voters' side does its cryptography as ``urna vote``
does. What differs from an election night: voters come as fast as answers do, all from one machine, and the limits of
registrations from one address are lifted.
"""

import base64
import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import sqlalchemy as sa

from authentication_service.actions import ballot_signatures, voter_elections
from authentication_service.actions.citizen_import import import_citizens
from authentication_service.actions.registration import create_first_administrator
from authentication_service.passwords import Passwords
from authentication_service.sealed import open_store
from benchmarks import processes
from benchmarks.ballots import Outcome
from benchmarks.bench import Bench
from benchmarks.citizens import JMBG, KEY, write_file
from benchmarks.store import Recorded, differences
from benchmarks.suite import Program, Suite, running, service
from benchmarks.voters import wait_for_key
from shared.auth import Identity
from shared.ballot_proofs import write_key
from shared.blind_signatures import PublicKey, ballot_message, blind, finalize, new_prefix, prepare, public_key
from shared.database import Database, migrate
from shared.schema.accounts import BallotSignature
from shared.schema.election import Election
from shared.terms import Restriction
from tests.servers import ServerError

SCENARIO = "electors"
ADMIN = "administrator@example.org"
_PASSWORD = "Aa123456"
# Voters' programs that work at the same time: processes, for their cryptography, and connections of each.
_PROCESSES, _CONNECTIONS = 2, 4
_STEPS = ("log-in", "signature", "own cryptography", "cast")


@dataclass(frozen=True)
class Voter:
    """A citizen with what he registers with, and whom he votes for."""

    number: int
    jmbg: str
    forename: str
    surname: str
    poll_number: int


@dataclass(frozen=True)
class Polls:
    """Where voters go, and with which key their ballots are signed."""

    accounts_port: int
    station_port: int
    election: int
    key: bytes


@dataclass
class Done:
    """What some voters have done: seconds of each step, all together, and of the processor in their own process."""

    seconds: dict[str, float] = field(default_factory=dict)
    processor: float = 0.0

    def add(self, other: "Done") -> None:
        self.seconds = dict(Counter(self.seconds) + Counter(other.seconds))
        self.processor += other.processor


def measure(bench: Bench) -> None:
    """Bring as many voters as the size says from the register to the count, and hold every count against the truth."""
    count = bench.size.electors
    bench.report.begin(f"Electors: {count:,} voters from the register to the count")
    with (
        running(bench.databases, bench.partitions) as suite,
        Recorded(suite) as recorded,
        _accounts(bench, suite) as (
            url,
            accounts,
        ),
    ):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "citizens.csv"
            write_file(path, count)
            voters = list(_voters(path, _poll_numbers(suite)))
            key, imported = _prepare(url, path, suite)
        polls = Polls(accounts.port, suite.station.port, suite.election, key.der)
        facts: dict[str, object] = {"voters": count, "citizens imported/s": count / imported}
        used = {**suite.seconds(), "accounts": processes.processor_seconds([accounts.process_id])}
        registered, _ = _together(_register, polls, voters)
        facts["registered/s"] = count / registered
        before_votes = {**suite.seconds(), "accounts": processes.processor_seconds([accounts.process_id])}
        facts["processor ms of a registration"] = 1000 * (before_votes["accounts"] - used["accounts"]) / count
        began = time.monotonic()
        voted, done = _together(_vote, polls, voters)
        counted = recorded.wait_for(count) - began
        after = {**suite.seconds(), "accounts": processes.processor_seconds([accounts.process_id])}
        facts |= {
            "voted/s (log-in, signature, cast)": count / voted,
            "voted and counted/s": count / counted,
            "milliseconds of a voter by step": {name: 1000 * done.seconds[name] / count for name in _STEPS},
            "processor ms of a voter": {
                **{kind: 1000 * (spent - before_votes[kind]) / count for kind, spent in after.items() if spent},
                "voters' programs": 1000 * done.processor / count,
            },
        }
        bench.report.add(SCENARIO, facts)
        bench.report.check(SCENARIO, _differences(suite, url, voters))


@contextmanager
def _accounts(bench: Bench, suite: Suite) -> Iterator[tuple[str, Program]]:
    """An accounts store and its service."""
    url = bench.databases.new_database()
    try:
        migrate(url, "accounts", KEY)
        settings = {
            "ACCOUNTS_DATABASE_URL": url,
            "JWT_PRIVATE_KEY": suite.keys.private_pem,
            "JWT_PUBLIC_KEY": suite.keys.public_pem,
            "ADMIN_EMAIL": ADMIN,
            "ADMIN_PASSWORD": _PASSWORD,
            "REGISTER_KEY": KEY,
            "REGISTRATIONS_PER_HOUR": "1000000000",
        }
        with service("authentication_service", settings) as program:
            yield url, program
    finally:
        bench.databases.drop_database(url)


def _prepare(url: str, path: Path, suite: Suite) -> tuple[PublicKey, float]:
    """Import the register, make the election known and its key, and carry that over; and the seconds of the import."""
    database = open_store(url, KEY)
    now = datetime.now(UTC)
    actor = Identity(ADMIN, JMBG, "", "", frozenset())
    try:
        create_first_administrator(database, Passwords(8, 1, 1), email=ADMIN, password=_PASSWORD, jmbg=JMBG, now=now)
        began = time.monotonic()
        with path.open("rb") as file:
            import_citizens(database, actor, file, preview=False, now=now)
        took = time.monotonic() - began
        # Said before it opened, which was a minute ago.
        said = voter_elections.Settings(
            "Measured", now - timedelta(minutes=1), now + timedelta(days=1), Restriction.EVERYONE
        )
        earlier, keys = now - timedelta(minutes=2), ballot_signatures.BallotKeys(KEY)
        voter_elections.put_election(database, actor, suite.election, said, matches=lambda _: None, now=earlier)
        key, _ = ballot_signatures.make_key(database, keys, actor, suite.election, matches=lambda _: None, now=earlier)
    finally:
        database.close()
    elections = Database(suite.url)
    try:
        with elections.writing() as session:
            session.get_one(Election, suite.election).ballot_key = write_key(key)
    finally:
        elections.close()
    wait_for_key(suite, write_key(key))
    return key, took


def _poll_numbers(suite: Suite) -> list[int]:
    database = Database(suite.url)
    try:
        with database.reading() as session:
            return [entry.poll_number for entry in session.get_one(Election, suite.election).entries]
    finally:
        database.close()


def _voters(path: Path, poll_numbers: Sequence[int]) -> Iterator[Voter]:
    """Everybody in a register, voting for lists that differ in size."""
    with path.open(encoding="utf-8") as file:
        next(file)
        for number, line in enumerate(file):
            jmbg, forename, surname, _ = line.split(",", 3)
            yield Voter(number, jmbg, forename, surname, poll_numbers[number * number % len(poll_numbers)])


Act = Callable[["Desk", Voter, Done], None]


@dataclass
class Desk:
    """The connections of one voter after the other."""

    polls: Polls
    accounts: http.client.HTTPConnection
    station: http.client.HTTPConnection

    def post(self, connection: http.client.HTTPConnection, path: str, body: object, token: str = "") -> dict[str, str]:
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        connection.request("POST", path, json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status not in (200, 201, 202):
            raise ServerError(f"{path} answered {answer.status}: {said[:300].decode(errors='replace')}")
        return dict(json.loads(said))


def _register(desk: Desk, voter: Voter, _done: Done) -> None:
    body = {
        "jmbg": voter.jmbg,
        "forename": voter.forename,
        "surname": voter.surname,
        "email": _email(voter),
        "password": _PASSWORD,
        "role": "voter",
    }
    desk.post(desk.accounts, "/api/register", body)


def _vote(desk: Desk, voter: Voter, done: Done) -> None:
    election, key = desk.polls.election, public_key(desk.polls.key)
    clock = [time.monotonic()]

    def took(step: str) -> None:
        now = time.monotonic()
        done.seconds[step] = done.seconds.get(step, 0.0) + now - clock[0]
        clock[0] = now

    token = desk.post(desk.accounts, "/api/login", {"login": _email(voter), "password": _PASSWORD})["access_token"]
    took("log-in")
    guid, prefix = uuid4(), new_prefix()
    made = blind(key, prepare(ballot_message(election, guid.bytes), prefix))
    took("own cryptography")
    asked = {"blinded": base64.b64encode(made.message).decode()}
    answer = desk.post(desk.accounts, f"/api/elections/{election}/signature", asked, token)
    took("signature")
    signature = finalize(key, made, base64.b64decode(answer["signature"]))
    took("own cryptography")
    cast = {
        "guid": str(guid),
        "poll_number": voter.poll_number,
        "prefix": base64.b64encode(prefix).decode(),
        "signature": base64.b64encode(signature).decode(),
    }
    desk.post(desk.station, f"/api/elections/{election}/ballots", cast)
    took("cast")


def _email(voter: Voter) -> str:
    return f"voter{voter.number}@example.org"


def _together(act: Act, polls: Polls, voters: Sequence[Voter]) -> tuple[float, Done]:
    """Let all voters do something, some at a time; the seconds by the clock, and what they have done."""
    shares = [voters[number::_PROCESSES] for number in range(_PROCESSES)]
    done = Done()
    with ProcessPoolExecutor(_PROCESSES, get_context("spawn")) as pool:
        # The processes are there before the clock runs.
        list(pool.map(_share, [act] * _PROCESSES, [polls] * _PROCESSES, [()] * _PROCESSES))
        began = time.monotonic()
        for one in pool.map(_share, [act] * _PROCESSES, [polls] * _PROCESSES, shares):
            done.add(one)
        return time.monotonic() - began, done


def _share(act: Act, polls: Polls, voters: Sequence[Voter]) -> Done:
    """What one process does: its voters on some connections."""
    spent = time.process_time()
    done = Done()
    with ThreadPoolExecutor(_CONNECTIONS) as connections:
        shares = [voters[number::_CONNECTIONS] for number in range(_CONNECTIONS)]
        for one in connections.map(lambda some: _one_by_one(act, polls, some), shares):
            done.add(one)
    done.processor = time.process_time() - spent
    return done


def _one_by_one(act: Act, polls: Polls, voters: Sequence[Voter]) -> Done:
    done = Done()
    desk = Desk(
        polls,
        http.client.HTTPConnection("127.0.0.1", polls.accounts_port, timeout=120),
        http.client.HTTPConnection("127.0.0.1", polls.station_port, timeout=120),
    )
    for voter in voters:
        act(desk, voter, done)
    desk.accounts.close()
    desk.station.close()
    return done


def _differences(suite: Suite, accounts_url: str, voters: Sequence[Voter]) -> list[str]:
    """What is not as it must be of the turnout, the signatures and the tally."""
    found = differences(suite, Outcome(len(voters), Counter(voter.poll_number for voter in voters)))
    database = open_store(accounts_url, KEY)
    try:
        with database.reading() as session:
            signed = session.scalar(sa.select(sa.func.count()).select_from(BallotSignature))
    finally:
        database.close()
    if signed != len(voters):
        found.append(f"{signed} signatures were given to {len(voters)} voters")
    return found
