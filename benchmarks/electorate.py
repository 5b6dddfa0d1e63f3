"""Voters who vote by themselves: their register and accounts, and their election, made as operators make them.

The services that this takes, for accounts and for the administration, run beside those that count.
"""

import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from authentication_service.passwords import Passwords
from authentication_service.rules import email_key
from authentication_service.sealed import open_store
from benchmarks import engines
from benchmarks.bench import Bench
from benchmarks.people import person, write_file
from benchmarks.suite import Program, Suite, running, service
from cli import elections, participants
from cli.citizens import hand_in
from cli.client import Addresses, Client, Credentials, read_json
from cli.demo import facts
from cli.failure import Failure
from cli.suite.directory import make_password
from shared.auth import REFRESH_SECONDS
from shared.schema.accounts import BallotSignature, Citizen, RefreshSession, User, UserRole
from shared.sealing import NationalIds
from shared.terms import Approval, Role
from tests.servers import ServerError
from tests.services.tokens import new_keys

_ADMINISTRATOR = "administrator@example.org"
_AT_ONCE = 5_000
_SECONDS_TO_PREPARE = 600.0
_SECONDS_TO_OPEN = 120.0


@dataclass(frozen=True)
class Electorate:
    """The whole suite, with ``voters`` citizens in its register; those from ``by_password`` on have open sessions."""

    suite: Suite
    authentication: Program
    operator: Client
    accounts_url: str
    voters: int
    by_password: int
    register_key: str = field(repr=False)

    def signatures(self) -> int:
        """How many citizens have got the signature of the election."""
        database = open_store(self.accounts_url, self.register_key)
        try:
            with database.reading() as session:
                given = sa.select(sa.func.count(sa.distinct(BallotSignature.citizen_id)))
                return session.scalar(given.where(BallotSignature.election_id == self.suite.election)) or 0
        finally:
            database.close()

    def hold_election(self) -> str:
        """Make an election, make its ballot key and carry it over, and open it; the key, once voters are shown it.

        It is a draft that opens in an hour until it has its key: the ballot of what is published freezes seconds before
        it opens, and a key is made before.
        """
        entries = [
            {"participant_id": participants.create(self.operator, one.name)["id"], "exempt": one.minority}
            for one in facts.LISTS
        ]
        now = datetime.now(UTC)
        later, end = (now + timedelta(hours=1)).isoformat(), (now + timedelta(days=2)).isoformat()
        # A regional one gives no seats: with the few votes of a small run they could be tied, and wait for a lot.
        shape = {"title": facts.TITLE, "kind": "regional", "individual": False, "draft": True, "entries": entries}
        number = int(elections.create(self.operator, {**shape, "start": later, "end": end})["id"])
        hours = {"title": facts.TITLE, "opens_at": later, "closes_at": end}
        self._ask("PUT", "authentication", f"/api/voter-elections/{number}", hours)
        key = str(self._ask("POST", "authentication", f"/api/voter-elections/{number}/key")["ballot_key"])
        self._ask("PATCH", "admin", f"/api/elections/{number}", {"ballot_key": key})
        start = datetime.now(UTC).isoformat()
        self._ask("PUT", "authentication", f"/api/voter-elections/{number}", {**hours, "opens_at": start})
        self._ask("PATCH", "admin", f"/api/elections/{number}", {"start": start})
        self._ask("POST", "admin", f"/api/elections/{number}/publication")
        self.suite.election = number
        self._wait_until_open(key)
        return key

    def _wait_until_open(self, key: str) -> None:
        """Until voters' programs are shown an open election with this key; stations learn of it once a second."""
        deadline = time.monotonic() + _SECONDS_TO_OPEN
        while time.monotonic() < deadline:
            with suppress(Failure):
                path = f"/api/elections/{self.suite.election}/ballot-paper"
                paper = self.operator.get("station", path, public=True)
                if paper["open"] and paper["ballot_key"] == key:
                    return
            self.suite.check()
            time.sleep(0.05)
        raise ServerError(f"The stations were not told of the election and its key.\n{self.suite.log_tails()}")

    def _ask(self, method: str, of: str, path: str, body: Any = None) -> Any:
        # Nobody else changes anything meanwhile.
        return read_json(self.operator.authorized(method, of, path, body=body, headers={"If-Match": "*"}))


@contextmanager
def gathered(bench: Bench, voters: int, by_password: int) -> Iterator[Electorate]:
    """The whole suite with its register, and with accounts and sessions but for the first ``by_password`` voters.

    Those register and log in by themselves. To hash and check a password for each of a hundred thousand would take
    hours of processor time, so the rows of the others are put into the store as their log-in would have made them.
    """
    with ExitStack() as stack:
        pair, accounts_url = new_keys(), stack.enter_context(engines.new_store(bench.databases))
        register_key, password = secrets.token_hex(32), make_password()
        web = {"JWT_PUBLIC_KEY": pair.public_pem}
        authentication = service(
            "authentication_service",
            {
                **web,
                "JWT_PRIVATE_KEY": pair.private_pem,
                "ACCOUNTS_DATABASE_URL": accounts_url,
                "REGISTER_KEY": register_key,
                "ADMIN_EMAIL": _ADMINISTRATOR,
                "ADMIN_PASSWORD": password,
                # All voters call from this one address.
                "REGISTRATIONS_PER_HOUR": "1000000",
            },
        )
        stack.callback(authentication.close)
        # While the others start.
        starting = stack.enter_context(ThreadPoolExecutor(1)).submit(_prepare_and_start, authentication)
        suite = stack.enter_context(running(bench.databases, bench.partitions, results=True, opens=False, pair=pair))
        administration = service("admin_service", {**web, "ELECTION_DATABASE_URL": suite.url})
        suite.others["administration"] = stack.enter_context(administration)
        starting.result()
        suite.others["authentication"] = authentication
        address = "http://127.0.0.1:{}".format
        addresses = Addresses(
            address(authentication.port),
            address(administration.port),
            address(suite.station.port),
            address(suite.results[0].port),
        )
        operator = stack.enter_context(Client(addresses, Credentials(_ADMINISTRATOR, password)))
        _import_register(operator, voters)
        if voters > by_password:
            _open_sessions(accounts_url, register_key, range(by_password, voters))
        yield Electorate(suite, authentication, operator, accounts_url, voters, by_password, register_key)


def _prepare_and_start(authentication: Program) -> None:
    # Each step of the schema is on the disk before the next one begins.
    authentication.run(sys.executable, "-m", "authentication_service.prepare", seconds=_SECONDS_TO_PREPARE)
    authentication.start()


def _import_register(operator: Client, citizens: int) -> None:
    """Hand the register in as an operator does, as a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "citizens.csv"
        write_file(path, citizens)
        found = hand_in(operator, path)
    if (new := found["new"]) != citizens:
        raise ServerError(f"Of {citizens:,} citizens {new:,} were imported.")


def _open_sessions(url: str, register_key: str, numbers: range) -> None:
    """Give the citizens of these numbers an account with a session each, past the service.

    One hash of a password that nobody knows stands in all of them, and the journal does not tell of them.
    """
    ids, now = NationalIds(register_key), datetime.now(UTC)
    nobodys = Passwords(19456, 2, 1).hash(make_password())
    database = open_store(url, register_key)
    try:
        for first in range(numbers.start, numbers.stop, _AT_ONCE):
            people = {
                ids.key_of(one.national_id): one for one in map(person, numbers[first - numbers.start :][:_AT_ONCE])
            }
            with database.writing() as session:
                found = session.execute(sa.select(Citizen.jmbg_key, Citizen.id).where(Citizen.jmbg_key.in_(people)))
                citizens = {row.jmbg_key: row.id for row in found}
                users = [
                    {
                        "email": one.email,
                        "email_key": email_key(one.email),
                        "jmbg_key": key,
                        "jmbg_sealed": ids.sealed(one.national_id, key),
                        "citizen_id": citizens[key],
                        "forename": one.forename,
                        "surname": one.surname,
                        "password_hash": nobodys,
                        "approval": Approval.APPROVED.value,
                        "created_at": now,
                        "version": 1,
                    }
                    for key, one in people.items()
                ]
                session.execute(sa.insert(User), users)
                made = session.execute(sa.select(User.jmbg_key, User.id).where(User.jmbg_key.in_(people)))
                accounts = {row.jmbg_key: row.id for row in made}
                session.execute(
                    sa.insert(UserRole), [{"user_id": one, "role": Role.VOTER.value} for one in accounts.values()]
                )
                session.execute(
                    sa.insert(RefreshSession),
                    [
                        {
                            "id": one.session_id,
                            "user_id": accounts[key],
                            "token": one.session_id,
                            "created_at": now,
                            "expires_at": now + timedelta(seconds=REFRESH_SECONDS),
                            "address": "127.0.0.1",
                            "program": "benchmark",
                        }
                        for key, one in people.items()
                    ],
                )
    finally:
        database.close()
