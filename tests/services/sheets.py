"""Polling stations, their officials, and tally sheets to enter: what the tests of tally sheets share."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zlib import crc32

import sqlalchemy as sa
from PIL import Image
from redis import Redis
from werkzeug.test import TestResponse

from daemon import actions as ballots
from daemon.actions import sheets as actions
from shared.database import Database
from shared.queue import sheets as intake
from shared.queue import snapshot
from shared.queue.sheet_line import Waiting, front
from shared.schema.election import (
    Constituency,
    PollingCentre,
    PollingStation,
    Region,
    SheetEvent,
    SheetPhotograph,
    TallySheet,
)
from shared.sheets import Person
from shared.terms import Role
from tests.services.accounts import jmbg
from tests.services.counting import Counting, counting
from tests.services.station import MULTIPART, Station, multipart

KEEP = timedelta(days=30)

# A sheet about which there is nothing to say, and what is changed in it to make another one.
SHEET: dict[str, Any] = {
    "registered": 500,
    "voted": 300,
    "received": 500,
    "unused": 200,
    "in_box": 300,
    "invalid": 4,
    "blank": 2,
    "votes": {"1": 150, "2": 100, "3": 44},
}


def sheet(**changed: Any) -> dict[str, Any]:
    """The usual sheet with some fields changed; ``votes`` are given whole."""
    return {**SHEET, **changed}


OTHER = sheet(votes={"1": 149, "2": 101, "3": 44})


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), **how: Any) -> bytes:
    """A photograph; each call makes the same one."""
    content = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(content, kind, **how)
    return content.getvalue()


def large_picture(size: int) -> bytes:
    """A PNG of exactly so many bytes, all of them inside of its chunks."""
    plain = picture("PNG")

    def chunk(content: bytes) -> bytes:
        named = b"teXt" + content
        return len(content).to_bytes(4, "big") + named + crc32(named).to_bytes(4, "big")

    # Bytes of all values, which an engine that is given them as text has to escape.
    filling = bytes(range(256)) * (size // 256 + 1)
    return plain[:-12] + chunk(filling[: size - len(plain) - 12]) + plain[-12:]


def jmbg_of(name: str) -> str:
    """The national id of this person."""
    return jmbg(crc32(name.encode()) % 9000)


@dataclass
class Sheets:
    """A store with polling stations and an open election, a Redis, and what an official and a daemon do with them."""

    suite: Counting
    election: int
    stations: list[int]
    copies: actions.Copies = field(default_factory=actions.Copies)

    @property
    def redis(self) -> Redis:
        return self.suite.redis  # type: ignore[no-any-return]  # It has no type there.

    @property
    def database(self) -> Database:
        return self.suite.database

    def publish(self) -> None:
        """What the daemon tells the stations of elections and polling stations."""
        ballots.publish_stations(self.database, self.redis)
        actions.publish_rolls(self.database, self.redis, datetime.now(UTC) - KEEP)
        ballots.publish_elections(self.database, self.redis, datetime.now(UTC), KEEP)

    def send(self, official: str, said: Mapping[str, Any] | None = None, *, station: int = 0, **how: Any) -> str:
        """Accept an entry as the voting station does, without its checks; return its id. ``station`` is a place."""
        body = dict(said or SHEET)
        explanations = body.pop("explanations", {})
        return self._accept(official, intake.ENTRY, {"numbers": body, "explanations": explanations}, station, **how)

    def photograph(self, official: str, content: bytes, *, station: int = 0, jmbg: str = "", **changed: Any) -> str:
        """Accept a photograph likewise."""
        said = {
            "name": "sheet.png",
            "media_type": "image/png",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            **changed,
        }
        return self._accept(official, intake.PHOTOGRAPH, said, station, content=content, official_jmbg=jmbg)

    def _accept(self, official: str, kind: str, said: Mapping[str, Any], station: int, **how: Any) -> str:
        sending = intake.Sending(
            uuid4().hex, kind, self.election, self.stations[station], official, 3600, uuid4().hex, **how
        )
        return intake.accept(self.redis, sending, None, lambda _: intake.Judged(said, {})).id

    def line(self) -> list[Waiting]:
        """What waits."""
        return front(self.redis, 1000)

    def work(self) -> None:
        """Record all that waits, as the daemon does."""
        while actions.move(self.database, self.redis, self.copies):
            pass

    def refresh(self) -> int:
        return actions.refresh(self.database, self.redis, self.copies, datetime.now(UTC) - KEEP)

    def sight(self, official: str, station: int = 0, jmbg: str = "") -> intake.Sight:
        """What Redis has of a sheet for an official."""
        return intake.look(self.redis, self.election, self.stations[station], Person(official, jmbg))

    def became(self, official: str, station: int = 0, jmbg: str = "") -> list[tuple[str, str]]:
        """What became of all that an official has sent of a sheet: state and reason."""
        own = self.sight(official, station, jmbg).own
        return [(one.became.get("state", "waiting"), one.became.get("reason", "")) for one in own]

    def row(self, station: int = 0) -> tuple[str, int, int | None] | None:
        """State, last event and standing entry of a sheet in the store."""
        with self.database.reading() as session:
            row = session.get(TallySheet, (self.election, self.stations[station]))
            return (row.state, row.last, row.standing) if row else None

    def events(self, station: int = 0) -> list[tuple[int, str, str]]:
        """Number, act and actor of the events of a sheet."""
        with self.database.reading() as session:
            rows = session.scalars(
                sa.select(SheetEvent)
                .where(SheetEvent.election_id == self.election, SheetEvent.station_id == self.stations[station])
                .order_by(SheetEvent.number)
            )
            return [(row.number, row.act, row.actor) for row in rows]

    def photographs(self) -> list[tuple[str, str, bytes]]:
        """Id, media type and content of the photographs in the store."""
        with self.database.reading() as session:
            columns = (SheetPhotograph.id, SheetPhotograph.media_type, SheetPhotograph.content)
            rows = session.execute(sa.select(*columns).order_by(SheetPhotograph.at))
            return [(row.id, row.media_type, row.content) for row in rows]

    def journal(self) -> list[tuple[str, str, dict[str, Any], str]]:
        """Action, actor, details and reason of all that the journal tells of sheets and photographs, in order."""
        from shared.journal import store

        found: list[tuple[str, str, dict[str, Any], str]] = []
        with self.database.reading() as session:
            assert store.check(session)[1] == []
            for entry in session.scalars(store.entries(store.Search())):
                if entry.action.partition(".")[0] in ("sheet", "photograph"):
                    found.append((entry.action, entry.actor, json.loads(entry.details), entry.reason))
        return found[::-1]

    def reopen(self, station: int = 0) -> None:
        """Open a sheet again, as the administration does: in one transaction, with the sheet's row locked."""
        reopen(self.database, self.election, self.stations[station])


def reopen(database: Database, election: int, station: int) -> None:
    """The same on any store."""
    from daemon.store import sheets as store
    from shared.sheets import Event, advance
    from shared.terms import SheetAct

    now = datetime.now(UTC)
    key = (election, station)
    with database.writing() as session:
        store.lock(session, [key])
        found = store.sheets(session, [key])[key]
        event = Event(found.last + 1, SheetAct.REOPENING, "a@example.org", now, reason="Counted anew.")
        after = advance(found, event)
        session.execute(
            sa.update(TallySheet)
            .where(TallySheet.election_id == election, TallySheet.station_id == station)
            .values(state=after.state.value, last=after.last, standing=None, changed_at=now)
        )
        session.add(
            SheetEvent(
                election_id=election,
                station_id=station,
                number=event.number,
                id=uuid4().hex,
                act="reopening",
                actor=event.actor,
                at=now,
                reason=event.reason,
            )
        )


def add_stations(database: Database, count: int, registered: int = 500) -> list[int]:
    """Make so many polling stations in one centre."""
    with database.writing() as session:
        region = Region(name="Region", key=uuid4().hex)
        session.add(region)
        session.flush()
        constituency = Constituency(region_id=region.id, name="Constituency", key=uuid4().hex)
        session.add(constituency)
        session.flush()
        centre = PollingCentre(constituency_id=constituency.id, municipality="Ада", name="School", key=uuid4().hex)
        session.add(centre)
        session.flush()
        made = [
            PollingStation(centre_id=centre.id, code=f"Ада {number}", registered=registered, key=uuid4().hex)
            for number in range(1, count + 1)
        ]
        session.add_all(made)
        session.flush()
        return [station.id for station in made]


@contextmanager
def sheets(url: str, redis_url: str, stations: int = 2) -> Iterator[Sheets]:
    """Sheets on an empty store, with an open election that has lists 1 to 3."""
    with counting(url, redis_url, 1) as suite:
        made = Sheets(suite, suite.election(), add_stations(suite.database, stations))
        made.publish()
        yield made


@dataclass(frozen=True)
class Desk:
    """Officials at the API of a voting station; ``numbers`` are the polling stations, as in ``Sheets``."""

    station: Station
    election: int
    numbers: list[int]

    def path(self, place: int = 0) -> str:
        return f"/api/elections/{self.election}/stations/{self.numbers[place]}/sheet"

    def header(self, name: str, *roles: Role, places: tuple[int, ...] = (0, 1), person: str = "") -> dict[str, str]:
        """The header of somebody who belongs to these polling stations; an official unless ``roles`` say otherwise.

        ``name`` is that of the address; it is also the person's unless ``person`` names another one.
        """
        own = [self.numbers[place] for place in places if place < len(self.numbers)]
        return self.station.token(
            *(roles or (Role.OFFICIAL,)), email=f"{name}@example.org", jmbg=jmbg_of(person or name), stations=own
        )

    def enter(
        self, name: str, body: Any = None, *, key: str | None = None, path: str | None = None, **who: Any
    ) -> TestResponse:
        headers = self.header(name, **who) | ({"Idempotency-Key": key} if key else {})
        return self.station.client.post(path or self.path(), json=SHEET if body is None else body, headers=headers)

    def show(self, name: str, *roles: Role, place: int = 0, person: str = "") -> dict[str, Any]:
        answer = self.station.client.get(self.path(place), headers=self.header(name, *roles, person=person))
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return dict(answer.get_json())

    def photograph(
        self, name: str, content: bytes, *, file: str = "sheet.jpg", key: str | None = None, raw: str = ""
    ) -> TestResponse:
        """Send a photograph as a form, or as a body of the type ``raw``."""
        headers = self.header(name) | ({"Idempotency-Key": key} if key else {})
        path = f"{self.path()}/photographs"
        if raw:
            return self.station.client.post(
                path, data=content, content_type=raw, headers=headers, query_string={"name": file}
            )
        return self.station.client.post(path, data=multipart(content, file), content_type=MULTIPART, headers=headers)


def prepare_desk(station: Station, *, count: int = 2, registered: int = 500) -> Desk:
    """A desk on a Redis where a daemon has told of polling stations 1 to ``count`` and the usual elections."""
    numbers = list(range(1, count + 1))
    snapshot.write_stations(station.redis, "a", dict.fromkeys(numbers, "active"))
    rolls = {number: snapshot.Roll(f"Ада {number}", "Ада", registered) for number in numbers}
    snapshot.write_rolls(station.redis, "a", rolls, {})
    return Desk(station, 1, numbers)
