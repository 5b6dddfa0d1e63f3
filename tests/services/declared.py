"""Tally sheets as the daemon leaves them in the store: judged by the rules that it judges by."""

import csv
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from daemon.store.sheets import places
from shared import sheet_rows
from shared.database import Database
from shared.electorate import geography
from shared.schema.election import Batch, Part, SheetEvent, SheetPhotograph, Tally, TallySheet
from shared.sheets import COUNTS, Event, Numbers, Sheet, advance, check, replay, settle_explanations
from shared.terms import SheetAct, SheetState
from tests.source import ROOT

SERBIA = ROOT.parent / "shared" / "data" / "serbia-2014-parliamentary.csv"
FIRST, SECOND = "vera@example.org", "mira@example.org"
AT = datetime(2026, 3, 1, 20, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)


def numbers(votes: Mapping[int, int], **counts: int) -> Numbers:
    """A sheet on which everything adds up and nothing wants an explanation; ``counts`` are other ones."""
    in_box = sum(votes.values()) + counts.get("invalid", 0) + counts.get("blank", 0)
    plain = {"registered": 700, "voted": in_box, "received": 700, "unused": 700 - in_box, "in_box": in_box}
    return Numbers(**{**plain, "invalid": 0, "blank": 0, **counts}, votes=dict(votes))


class Declared:
    """Adds entries and photographs to an election store, as officials send them in."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def enter(
        self,
        election_id: int,
        station_id: int,
        declared: Numbers,
        actor: str = FIRST,
        explanations: Mapping[str, str] | None = None,
    ) -> SheetState:
        """One entry; what comes of it. Raises what the daemon refuses an entry with."""
        with self.database.writing() as session:
            # As the daemon does: to read all stations of a country for each entry holds up whoever else writes.
            roll = places(session, [(election_id, station_id)])[election_id, station_id].registered
            row = sheet_rows.locked(session, election_id, station_id)
            sheet = replay(sheet_rows.history(session, election_id, station_id))
            event = _entry(sheet, declared, roll, actor, explanations or {})
            after = advance(sheet, event)
            if row is None:
                row = TallySheet(election_id=election_id, station_id=station_id, last=0, changed_at=AT)
                session.add(row)
                session.flush()
            sheet_rows.add(session, row, after, event)
            return after.state

    def twice(
        self,
        election_id: int,
        station_id: int,
        declared: Numbers,
        other: Numbers | None = None,
        explanations: Mapping[str, str] | None = None,
    ) -> SheetState:
        """Two entries by two officials, of the same numbers or of ``other`` ones."""
        self.enter(election_id, station_id, declared, FIRST, explanations)
        return self.enter(election_id, station_id, other or declared, SECOND, explanations)

    def photograph(
        self,
        election_id: int,
        station_id: int,
        content: bytes = PNG,
        media_type: str = "image/png",
        name: str = "sheet.png",
    ) -> str:
        """One photograph; its number."""
        made = uuid4().hex
        with self.database.writing() as session:
            session.add(
                SheetPhotograph(
                    id=made,
                    election_id=election_id,
                    station_id=station_id,
                    actor=FIRST,
                    at=AT,
                    name=name,
                    media_type=media_type,
                    sha256=hashlib.sha256(content).hexdigest(),
                    size=len(content),
                    content=content,
                )
            )
        return made


def whole_of_serbia(database: Database, election_id: int, planted: Mapping[int, Numbers] | None = None) -> list[int]:
    """The file and the sheet, entered twice and accepted, of each polling station of 2014; the stations' numbers.

    The stations are imported already, and the election has 19 lists. ``planted`` are sheets that say something else
    than the file, by the place in the file of stations, from 0.
    """
    with SERBIA.open(encoding="utf-8", newline="") as lines:
        counted = [_numbers_in(line) for line in csv.DictReader(lines)]
    with database.writing() as session:
        stations = list(geography(session, election_id).stations.values())
        rows: dict[Any, list[dict[str, Any]]] = {Batch: [], Part: [], Tally: [], TallySheet: [], SheetEvent: []}
        for place, (station, found) in enumerate(zip(stations, counted, strict=True)):
            batch_id = f"{place:032x}"
            key = {"election_id": election_id, "station_id": station.id}
            rows[Batch].append(_batch(batch_id, station.id, found))
            rows[Part].append(_part(batch_id, place, election_id, found))
            rows[Tally] += [
                {"election_id": election_id, **_place(place), "poll_number": number, "votes": votes}
                for number, votes in found.votes.items()
                if votes
            ]
            sheet, events = _accepted((planted or {}).get(place, found), station.registered)
            rows[TallySheet].append(key | sheet_rows.outcome(sheet, events[-1]))
            rows[SheetEvent] += [key | sheet_rows.columns(event) for event in events]
        for model, those in rows.items():
            session.execute(sa.insert(model), those)
        return [station.id for station in stations]


def _accepted(declared: Numbers, roll: int) -> tuple[Sheet, list[Event]]:
    """Entered twice, with what has to be explained, and accepted where somebody has to."""
    sheet, events = Sheet(), []
    because = {finding.code: "Counted three times." for finding in check(declared, roll)}
    for actor in (FIRST, SECOND):
        events.append(_entry(sheet, declared, roll, actor, because))
        sheet = advance(sheet, events[-1])
    if sheet.state is SheetState.WAITING_FOR_REVIEW:
        events.append(Event(sheet.last + 1, SheetAct.ACCEPTANCE, "third@example.org", AT))
        sheet = advance(sheet, events[-1])
    return sheet, events


def _entry(sheet: Sheet, declared: Numbers, roll: int, actor: str, because: Mapping[str, str]) -> Event:
    explained = settle_explanations(check(declared, roll), because)
    number = sheet.last + 1
    return Event(number, SheetAct.ENTRY, actor, AT + timedelta(minutes=number), declared, explained)


def _numbers_in(line: Mapping[str, str]) -> Numbers:
    names = {"received": "ballots_received", "unused": "ballots_unused", "in_box": "ballots_in_box"}
    counts = {name: int(line[names.get(name, name)]) for name in COUNTS if name != "blank"}
    return Numbers(**counts, blank=0, votes={number: int(line[f"list_{number}"]) for number in range(1, 20)})


def _place(place: int) -> dict[str, int]:
    return {"partition": place % 2, "sequence": place // 2 + 1}


def _batch(batch_id: str, station_id: int, found: Numbers) -> dict[str, Any]:
    return {
        "id": batch_id,
        "official_email": FIRST,
        "official_jmbg": "0101994704401",
        "file_name": "station.csv",
        "sha256": "0" * 64,
        "station_id": station_id,
        "lines": found.in_box,
        "parts": 1,
        "received_at": AT,
    }


def _part(batch_id: str, place: int, election_id: int, found: Numbers) -> dict[str, Any]:
    return {
        "batch_id": batch_id,
        "part": 0,
        **_place(place),
        "election_id": election_id,
        "received_at": AT,
        "recorded_at": AT,
        "received": found.in_box,
        "counted": found.valid,
        "duplicate": 0,
        "invalid": found.invalid,
        "outside": 0,
        "payload": b"",
    }
