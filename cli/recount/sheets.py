"""Tally sheets: whether each says what its history comes to, and its history is the one that the journal tells of."""

import json
from collections import defaultdict
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from cli.recount.findings import Findings
from shared.errors import UrnaError
from shared.schema.election import Journal, SheetEvent, SheetPhotograph, TallySheet
from shared.sheets import Event, Numbers, Sheet, replay
from shared.sheets.digests import digest
from shared.terms import Outcome, SheetAct

_PHOTOGRAPHS_AT_ONCE = 4
_ROWS_AT_ONCE = 1000


def compare_sheets(connection: sa.Connection, election_id: int, findings: Findings) -> int:
    """Compare the tally sheets of an election; return how many there are."""
    events: dict[int, list[Any]] = defaultdict(list)
    for row in _rows(connection, sa.select(SheetEvent.__table__).where(SheetEvent.election_id == election_id)):
        events[row.station_id].append(row)
    sheets = {
        row.station_id: row
        for row in _rows(connection, sa.select(TallySheet.__table__).where(TallySheet.election_id == election_id))
    }
    for station in sorted(events.keys() | sheets.keys()):
        _compare(station, sorted(events[station], key=lambda row: row.number), sheets.get(station), findings)
    entries = {row.id: row for some in events.values() for row in some if row.act == SheetAct.ENTRY}
    _compare_entries(entries, _told(connection, "sheet.entered", election_id), findings)
    _compare_photographs(connection, election_id, findings)
    return len(sheets)


def _compare(station: int, rows: list[Any], stored: Any, findings: Findings) -> None:
    name = f"The tally sheet of polling station {station}"
    try:
        sheet = replay(map(_event, rows))
    except (UrnaError, ValueError, TypeError, KeyError, AttributeError) as error:
        findings.add("sheet_history", sentence=f"{name}: its history is none that can have been: {error}")
        return
    if stored is None or not rows:
        kind, words = ("sheet_missing", "it has a history and no row") if rows else ("sheet_added", "nobody entered it")
        findings.add(kind, sentence=f"{name}: {words}.", expected=len(rows), found=int(stored is not None))
        return
    expected = _outcome(sheet, rows[-1].at)
    for column, value in expected.items():
        found = getattr(stored, column)
        if found != value:
            findings.add(
                "sheet_changed",
                sentence=f"{name}: its {column} is {found}, and its history comes to {value}.",
                expected=str(value),
                found=str(found),
            )


def _outcome(sheet: Sheet, at: Any) -> dict[str, Any]:
    standing = sheet.standing.number if sheet.standing else None
    return {"state": sheet.state.value, "last": sheet.last, "standing": standing, "changed_at": at}


def _compare_entries(entries: dict[str, Any], told: dict[str, dict[str, Any]], findings: Findings) -> None:
    for entry_id in sorted(entries.keys() | told.keys()):
        row, said = entries.get(entry_id), told.get(entry_id)
        if row is None or said is None:
            kind, words = (
                ("sheet_entry_missing", "the journal tells of it, and it is not in the store: it was removed")
                if row is None
                else ("sheet_entry_added", "the journal does not tell of it: it was added")
            )
            findings.add(kind, sentence=f"Entry {entry_id} of a tally sheet: {words}.")
            continue
        found = digest(row.numbers, row.explanations or {})
        if (said.get("entry"), said.get("sha256")) != (row.number, found):
            findings.add(
                "sheet_entry_changed",
                sentence=f"Entry {row.number} of the tally sheet of polling station {row.station_id}: its numbers or "
                f"explanations are not those that the journal was told of; they were changed.",
                expected=said.get("sha256"),
                found=found,
            )


def _compare_photographs(connection: sa.Connection, election_id: int, findings: Findings) -> None:
    told = _told(connection, "photograph.added", election_id)
    statement = sa.select(SheetPhotograph.__table__).where(SheetPhotograph.election_id == election_id)
    seen = set()
    for row in _rows(connection, statement, _PHOTOGRAPHS_AT_ONCE):
        seen.add(row.id)
        found = sha256(row.content).hexdigest()
        if {row.sha256, told.get(row.id, {}).get("sha256")} != {found}:
            findings.add(
                "photograph_changed",
                sentence=f"Photograph {row.id} of polling station {row.station_id} is not the one that was sent.",
                expected=told.get(row.id, {}).get("sha256"),
                found=found,
            )
    for photograph_id in sorted(told.keys() - seen):
        findings.add(
            "photograph_missing",
            sentence=f"Photograph {photograph_id}: the journal tells of it, and it is not in the store.",
        )


def _told(connection: sa.Connection, action: str, election_id: int) -> dict[str, dict[str, Any]]:
    """What the journal says of this election's, by the ids under which it does."""
    statement = sa.select(Journal.id, Journal.subject, Journal.details).where(
        Journal.action == action,
        Journal.outcome == Outcome.DONE.value,
        Journal.subject.endswith(f" in election {election_id}"),
    )
    return {row.id: json.loads(row.details) for row in _rows(connection, statement)}


def _event(row: Any) -> Event:
    numbers = row.numbers
    return Event(
        row.number,
        SheetAct(row.act),
        row.actor,
        row.at,
        numbers=None if numbers is None else Numbers.from_dict(numbers, map(int, numbers["votes"])),
        explanations=row.explanations or {},
        chosen=row.chosen,
        reason=row.reason,
        actor_jmbg=row.actor_jmbg or "",
    )


def _rows(connection: sa.Connection, statement: "sa.Select[*tuple[Any, ...]]", at_once: int = _ROWS_AT_ONCE) -> Any:
    return iter(connection.execute(statement, execution_options={"yield_per": at_once}))
