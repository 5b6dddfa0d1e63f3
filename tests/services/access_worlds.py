"""The four services with something in them that somebody could read or change, each on a real store of its own."""

import sqlite3
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from apiflask import APIFlask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import make_url
from werkzeug.test import TestResponse

from results_service.app import create_app as create_results
from shared.ballot_proofs import read_key
from shared.blind_signatures import ballot_message, blind, prepare
from shared.config import ResultsSettings
from shared.queue import snapshot
from shared.schema.accounts import Citizen, PasswordReset, User, UserRole, VoterElection
from shared.schema.election import Ballot, CandidatePublication
from shared.terms import Refusal, Role
from tests.services import accounts, administration, station
from tests.services.access_party import OWN, WORDS, put_forward
from tests.services.access_rows import Row
from tests.services.access_second_factor import have_a_holder
from tests.services.access_voters import VOTERS
from tests.services.bearers import Bearer
from tests.services.casting import announce, signed
from tests.services.declared import Declared
from tests.services.mailboxes import mail_settings
from tests.services.pictures import PICTURE
from tests.services.recorded import CLASSIC_RULES, Recorded
from tests.services.station import MULTIPART, contents, file_of, multipart
from tests.services.supervising import Night
from tests.services.tokens import Keys, ServiceSettings, Token, new_keys

HOUR = timedelta(hours=1)
# What was refused is written down, too.
JOURNAL = {"journal", "journal_head"}


class Tables:
    """A SQLite database as another program sees it: what has changed in it, and back to what was."""

    def __init__(self, url: str) -> None:
        self._database = sqlite3.connect(make_url(url).database or "")
        self._kept = sqlite3.connect(":memory:")
        self._database.backup(self._kept)
        self._version = self._seen()
        self._contents = self._read()

    def changed(self) -> list[str]:
        """The tables that are not what they were, but for the journal's; whoever has only read has changed none."""
        if self._seen() == self._version:
            return []
        now = self._read()
        return sorted(name for name in now.keys() - JOURNAL if now[name] != self._contents[name])

    def restore(self) -> None:
        """Let everything be as it was."""
        if self._seen() != self._version:
            self._kept.backup(self._database)
            self._version = self._seen()

    def close(self) -> None:
        self._database.close()
        self._kept.close()

    def _seen(self) -> Any:
        # Another number after each change that somebody else has committed.
        return self._database.execute("PRAGMA data_version").fetchone()

    def _read(self) -> dict[str, list[Any]]:
        names = [name for (name,) in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: self._database.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}


class Values:
    """The same for a Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._kept = {key: redis.dump(key) or b"" for key in redis.scan_iter(count=1000)}
        self._contents = contents(redis)
        self._version = self._seen()

    def changed(self) -> list[str]:
        if self._seen() == self._version:
            return []
        now = contents(self._redis)
        names = now.keys() | self._contents.keys()
        return sorted(name.decode() for name in names if now.get(name) != self._contents.get(name))

    def restore(self) -> None:
        if self._seen() != self._version:
            self._redis.flushdb()
            for key, value in self._kept.items():
                self._redis.restore(key, 0, value)
            self._version = self._seen()

    def close(self) -> None:
        """The connection is somebody else's."""

    def _seen(self) -> Any:
        # Every write counts, but for the snapshots that Redis takes of itself, of which the tests' take none.
        return self._redis.info("persistence")["rdb_changes_since_last_save"]


@dataclass(frozen=True)
class World:
    """A running service; ``names`` are what the table's requests speak of."""

    app: APIFlask
    stored: Tables | Values
    names: dict[str, Any]

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def send(self, row: Row, caller: Bearer, method: str = "", path: str = "") -> TestResponse:
        """Make the row's request as this caller; the answer's body is left unread, for it may be one without end."""
        body = {name: self._filled(value) for name, value in row.body.items()} if row.body is not None else None
        if caller.json and row.who.token:
            body = {**(body or {}), **caller.json}
        how: dict[str, Any] = {"json": body}
        if row.upload:
            how = {"data": multipart(file_of(2)), "content_type": MULTIPART}
        elif row.picture and body is None:
            how = {"data": PICTURE}
        elif row.csv and body is None:
            how = {"data": row.csv, "content_type": "text/csv"}
        # As a server hands them on: the bytes of a header are taken for Latin-1.
        headers = {name: value.encode().decode("latin-1") for name, value in caller.headers.items()}
        path = path or str(self._filled(row.example))
        query = "&".join(f"{name}={value}" for name, value in caller.query.items() if row.who.token)
        return self.client.open(
            path + ("&" if "?" in path else "?") * bool(query) + query,
            method=method or row.method,
            headers={**row.headers, **headers},
            **how,
        )

    def _filled(self, value: Any) -> Any:
        return value.format(**self.names) if isinstance(value, str) else value


@contextmanager
def authentication(
    url: str, settings: ServiceSettings, keys: Keys, make: Callable[[accounts.Accounts], list[Bearer]]
) -> Iterator[tuple[World, list[Bearer]]]:
    """The authentication service with the accounts of ``make``, and one more that is done something to."""
    with accounts.running(url, settings, keys, **mail_settings()) as service:
        callers = make(service)
        victim = service.register(800)["email"]
        made = service.client.put("/api/voter-elections/1", json={**VOTERS, "title": "B"}, headers=service.logged_in())
        assert made.status_code == 201, made.get_data(as_text=True)
        blinded = _open_to_voters(service, 2)
        session = service.claims(service.tokens()["refreshToken"])["sid"]
        number = service.user_id(victim)
        names = {"blinded": blinded, "victim": number, "victim_email": victim, "session": session}
        names |= {"link": "a link of a mail", "administrator": service.user_id(accounts.ADMIN_EMAIL)}
        names |= have_a_holder(service, number)
        with service.database.writing() as store:
            digest = sha256(b"a link of a mail").digest()
            store.add(PasswordReset(token_hash=digest, user_id=number, good_until=datetime.now(UTC) + HOUR))
        with closing(Tables(url)) as tables:
            yield World(service.app, tables, names), callers


def _open_to_voters(service: accounts.Accounts, number: int) -> str:
    """An open election with a key; something that can be signed for it."""
    path, headers = f"/api/voter-elections/{number}", {**service.logged_in(), "If-Match": "*"}
    assert service.client.put(path, json={**VOTERS, "restriction": "everyone"}, headers=headers).status_code == 201
    key = read_key(service.client.post(f"{path}/key", headers=headers).get_json()["ballot_key"])
    with service.database.writing() as session:
        its_row = session.get_one(VoterElection, number)
        its_row.opens_at = datetime.now(UTC) - HOUR
        # Whose token names every role is a voter in the store, too.
        administrator = session.scalars(sa.select(User).where(User.email == accounts.ADMIN_EMAIL)).one()
        administrator.roles.append(UserRole(role=Role.VOTER.value))
        # The last of the citizens registers in the table.
        administrator.citizen_id = session.scalar(sa.select(sa.func.max(Citizen.id) - 1))
    return b64encode(blind(key, prepare(ballot_message(number, bytes(16)), bytes(32))).message).decode()


def _elections(recorded: Recorded) -> dict[str, Any]:
    """Elections in every state that a request of the table needs."""
    now = datetime.now(UTC)
    over = (now - 3 * HOUR, now - 2 * HOUR)
    final = recorded.election(hours=over, title="Final")
    recorded.part(final, {1: 3, 2: 2}, [(1, Refusal.DUPLICATE)], received_at=over[0])
    rules = {**CLASSIC_RULES, "seats": 1, "tie_policy": "lots"}
    tied = recorded.election(hours=(now - 5 * HOUR, now - 4 * HOUR), rules=rules, title="Tied")
    recorded.part(tied, {1: 7, 2: 7}, received_at=now - 5 * HOUR)
    opened = recorded.election(hours=(now - HOUR, now + HOUR), title="Open")
    draft = recorded.election(hours=(now + 3 * HOUR, now + 4 * HOUR), stage="draft", title="A secret draft")
    recorded.drained(now, now)
    return {"final": final, "tied": tied, "open": opened, "draft": draft}


def places(service: administration.Administration) -> dict[str, int]:
    """One place of each sort, each the first and in the one before; and the ids of others without children."""
    region = service.post("/api/regions", {"name": "South"}, 201)["id"]
    constituency = service.post("/api/constituencies", {"region_id": region, "name": "First"}, 201)["id"]
    building = {"constituency_id": constituency, "municipality": "Ада", "name": "Town hall"}
    centre = service.post("/api/polling-centres", building, 201)["id"]
    service.post("/api/polling-stations", {"centre_id": centre, "code": "Ада 1", "registered": 500}, 201)
    return {
        "empty_region": service.post("/api/regions", {"name": "North"}, 201)["id"],
        "empty_constituency": service.post("/api/constituencies", {"region_id": region, "name": "Second"}, 201)["id"],
        "empty_centre": service.post("/api/polling-centres", {**building, "name": "Old school"}, 201)["id"],
    }


# The polling stations whose sheets are in these states.
_STATIONS = {"differing": 2, "waiting": 3, "accepted": 4}


@contextmanager
def administering(url: str, settings: ServiceSettings, token: Token) -> Iterator[World]:
    """The administration service with elections, a participant that stands in none, a candidate, and tally sheets."""
    with closing(Recorded(url)) as recorded, administration.running(url, settings, token) as service:
        # Where people vote is settled before an election opens.
        empty = places(service)
        for number in _STATIONS.values():
            station = {"centre_id": 1, "code": f"Бор {number}", "registered": 700}
            assert service.post("/api/polling-stations", station, 201)["id"] == number
        spare = {"centre_id": 1, "code": "Бор 5", "registered": 700}
        empty["empty_station"] = service.post("/api/polling-stations", spare, 201)["id"]
        names = _elections(recorded)
        with service.database.writing() as session:
            put_forward(session, names["final"])
        (unused,) = service.participants(1)
        person = {"participant_id": 1, "forename": "Eva", "surname": "Ević"}
        candidate = service.post("/api/candidates", person, 201)["id"]
        assert service.call("PUT", f"/api/candidates/{candidate}/picture", data=PICTURE, match=1).status_code == 200
        sheets = _sheets(Night(service, recorded, Declared(service.database), names["open"]))
        with closing(Tables(url)) as tables:
            yield World(service.app, tables, {**names, **empty, **sheets, "unused": unused, "candidate": candidate})


def _sheets(night: Night) -> dict[str, Any]:
    """Sheets in the states that a decision needs, and a photograph of that of the first station."""
    night.differ(_STATIONS["differing"])
    night.wait(_STATIONS["waiting"])
    night.enter(_STATIONS["accepted"])
    night.files(_STATIONS["accepted"], {1: 59, 2: 41})
    return {**_STATIONS, "photograph": night.declared.photograph(night.election, 1)}


@contextmanager
def showing_results(url: str, redis_url: str, settings: ServiceSettings) -> Iterator[World]:
    """The results service with elections and a polling station."""
    recorded = Recorded(url)
    names = _elections(recorded)
    (names["station"],) = recorded.stations([500])
    ballot = uuid4()
    with recorded.database.writing() as session:
        put_forward(session, names["final"])
        session.add(CandidatePublication(candidate_id=OWN, large=b"a", small=b"b", sha256="c" * 64, **WORDS))
        session.add(Ballot(election_id=names["final"], guid=ballot.bytes, poll_number=1, source=1))
    names["ballot"] = str(ballot)
    recorded.close()
    app = create_results(
        settings(
            ResultsSettings,
            election_database_url=url,
            redis_url=redis_url,
            record_signing_key=new_keys().private_pem,
        )
    )
    with closing(Tables(url)) as tables:
        yield World(app, tables, names)
    # Who asks for a stream starts threads, which would go on.
    app.extensions["live"].stop()
    app.extensions["database"].close()


@contextmanager
def receiving(redis_url: str, settings: ServiceSettings, token: Token, official: Bearer) -> Iterator[World]:
    """A voting station with a batch of ``official``, where voters cast ballots, too."""
    with station.running(redis_url, settings, token) as service:
        snapshot.write_stations(service.redis, "a", {1: "active"})
        batch = service.accepted(file_of(3, 100), header=official.headers, key="a key of the official")["id"]
        announce(service, *(station.known(*election) for election in station.ELECTIONS))
        ballot = {name: value for name, value in signed(station.OPEN).body().items() if isinstance(value, str)}
        yield World(service.app, Values(service.redis), {"open": station.OPEN, "batch": batch, **ballot})
