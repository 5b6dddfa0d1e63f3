"""Tally sheets in the store: their rows, which are locked while something is added, their events and photographs."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from daemon.rules.sheets import Photograph, Place, Poll
from daemon.store.elections import is_known
from shared import sheet_rows
from shared.electorate import is_frozen
from shared.queue.snapshot import NOT_KNOWN_AT, NOT_VOTED_AT
from shared.schema.election import (
    DRAFT,
    PUBLISHED,
    Election,
    Electorate,
    ElectorateStation,
    Entry,
    PollingCentre,
    PollingStation,
    SheetEvent,
    SheetPhotograph,
    TallySheet,
)
from shared.schema.journal import AnyJournal
from shared.sheets import Event, Person, Sheet, replay
from shared.terms import StationStatus

Key = tuple[int, int]

_KEYS_A_QUERY = 300

# One statement for all sheets of a transaction, which is made once and sent with many values; which columns it changes
# follows from these.
_CHANGE = sa.update(TallySheet).where(
    TallySheet.election_id == sa.bindparam("its_election"), TallySheet.station_id == sa.bindparam("its_station")
)


class Raced(Exception):
    """Somebody else has made the same sheet at the same moment; everything was rolled back and may be tried again."""


@dataclass(frozen=True)
class NewEvent:
    """An entry to be added to a sheet, under the id that the station gave it."""

    id: str
    sheet: Key
    event: Event


def lock(session: Session, keys: Iterable[Key]) -> dict[Key, datetime]:
    """Lock the rows of those of these sheets that have one, and return when they were changed last."""
    found: dict[Key, datetime] = {}
    for election_id, stations in _by_election(keys):
        rows = session.execute(
            sa.select(TallySheet.station_id, TallySheet.changed_at)
            .where(TallySheet.election_id == election_id, TallySheet.station_id.in_(stations))
            # In this order always, so that two who lock several wait for each other and never in a circle.
            .order_by(TallySheet.station_id)
            .with_for_update()
        )
        found |= {(election_id, row.station_id): row.changed_at for row in rows}
    return found


def sheets(session: Session, keys: Iterable[Key]) -> dict[Key, Sheet]:
    """What the events of each of these sheets come to; one without events is not among them."""
    events: dict[Key, list[Event]] = defaultdict(list)
    for election_id, stations in _by_election(keys):
        rows = session.execute(
            sa.select(
                *(SheetEvent.station_id, SheetEvent.number, SheetEvent.act, SheetEvent.actor, SheetEvent.at),
                *(SheetEvent.numbers, SheetEvent.explanations, SheetEvent.chosen, SheetEvent.reason),
                SheetEvent.actor_jmbg,
            )
            .where(SheetEvent.election_id == election_id, SheetEvent.station_id.in_(stations))
            .order_by(SheetEvent.station_id, SheetEvent.number)
        )
        for row in rows:
            events[election_id, row.station_id].append(sheet_rows.event_of(row))
    return {key: replay(its_events) for key, its_events in events.items()}


def add(session: Session, new: Sequence[NewEvent], after: Mapping[Key, Sheet], existing: Collection[Key]) -> None:
    """Add entries, in order, and let the rows of their sheets say what these come to.

    ``existing`` are the sheets that have a row. Raises ``Raced`` when one of the others has got one meanwhile.
    """
    last = {one.sheet: one.event for one in new}
    made = [_named(key) | sheet_rows.outcome(after[key], event) for key, event in last.items() if key not in existing]
    if made:
        try:
            session.execute(sa.insert(TallySheet), made)
        except IntegrityError as error:
            raise Raced from error
    session.connection().execute(
        sa.insert(SheetEvent), [_named(one.sheet) | sheet_rows.columns(one.event, one.id) for one in new]
    )
    if changed := [
        {"its_election": key[0], "its_station": key[1], **sheet_rows.outcome(after[key], event)}
        for key, event in last.items()
        if key in existing
    ]:
        session.connection().execute(_CHANGE, changed)


def recorded(session: Session, ids: Collection[str]) -> dict[str, int]:
    """Those of these entries and photographs that are recorded: an entry's number, 0 for a photograph."""
    found: dict[str, int] = {}
    for some in _chunks(ids):
        found |= {row.id: row.number for row in session.execute(_events_of(some))}
        photographs = sa.select(SheetPhotograph.id).where(SheetPhotograph.id.in_(some))
        found |= dict.fromkeys(session.scalars(photographs), 0)
    return found


def told(session: Session, ids: Collection[str]) -> set[str]:
    """Those ids under which the journal tells of something already, such as a refusal."""
    found: set[str] = set()
    for some in _chunks(ids):
        found |= set(session.scalars(sa.select(AnyJournal.id).where(AnyJournal.id.in_(some))))
    return found


def polls(session: Session, ids: Collection[int]) -> dict[int, Poll]:
    """Those of these elections that are no drafts, by their numbers."""
    columns = (Election.id, Election.start, Election.end, Election.stage)
    rows = session.execute(sa.select(*columns).where(Election.id.in_(ids), Election.stage != DRAFT)).all()
    numbers = defaultdict(set)
    for election_id, number in session.execute(
        sa.select(Entry.election_id, Entry.poll_number).where(Entry.election_id.in_(ids))
    ):
        numbers[election_id].add(number)
    return {
        row.id: Poll(row.id, row.start, row.end, row.stage == PUBLISHED, frozenset(numbers[row.id])) for row in rows
    }


def places(session: Session, keys: Iterable[Key]) -> dict[Key, Place]:
    """The polling stations of these sheets, with the roll that each has in the election of the sheet."""
    found: dict[Key, Place] = {}
    for election_id, stations in _by_election(keys):
        frozen = session.execute(
            sa.select(ElectorateStation.station_id, ElectorateStation.registered, ElectorateStation.status).where(
                ElectorateStation.election_id == election_id, ElectorateStation.station_id.in_(stations)
            )
        )
        at_opening = {row.station_id: Place(row.status, row.registered) for row in frozen}
        electorate_frozen = is_frozen(session, election_id)
        rows = session.execute(
            sa.select(PollingStation.id, PollingStation.status, PollingStation.registered).where(
                PollingStation.id.in_(stations)
            )
        )
        for row in rows:
            then = at_opening.get(row.id)
            found[election_id, row.id] = Place(
                row.status,
                then.registered if then else row.registered,
                voted_at=then.status == StationStatus.ACTIVE if then else not electorate_frozen,
            )
    return found


def kept(session: Session, key: Key, actor: Person) -> int:
    """How many photographs of this person's are kept of a sheet."""
    # As `Person.is_same` says it.
    by_email = sa.func.lower(SheetPhotograph.actor) == actor.email.lower()
    unknown = SheetPhotograph.actor_jmbg.is_(None)
    mine = sa.or_(SheetPhotograph.actor_jmbg == actor.jmbg, sa.and_(unknown, by_email)) if actor.jmbg else by_email
    return (
        session.scalar(
            sa.select(sa.func.count(SheetPhotograph.id)).where(
                SheetPhotograph.election_id == key[0],
                SheetPhotograph.station_id == key[1],
                mine,
            )
        )
        or 0
    )


def add_photograph(
    session: Session, photograph_id: str, key: Key, actor: Person, at: datetime, found: Photograph, content: bytes
) -> None:
    """Keep a photograph."""
    session.connection().execute(
        sa.insert(SheetPhotograph).values(
            id=photograph_id,
            election_id=key[0],
            station_id=key[1],
            actor=actor.email,
            actor_jmbg=actor.jmbg or None,
            at=at,
            name=found.name,
            media_type=found.media_type,
            sha256=found.sha256,
            size=found.size,
            content=content,
        )
    )


def fingerprints(session: Session, since: datetime) -> dict[int, str]:
    """For each published election that is known ``since`` then and has sheets: another text whenever one has changed.

    The number of a sheet's last event only grows, so that the sum of them says it, whatever clock the change went by.
    """
    current = sa.select(Election.id).where(Election.stage == PUBLISHED, is_known(since))
    columns = (TallySheet.election_id, sa.func.count(), sa.func.sum(TallySheet.last))
    rows = session.execute(
        sa.select(*columns).where(TallySheet.election_id.in_(current)).group_by(TallySheet.election_id)
    )
    return {election_id: fingerprint(number, int(total)) for election_id, number, total in rows}


def states(session: Session, since: datetime) -> dict[str, int]:
    """How many sheets of published elections that end after ``since`` are in each state; one without a row in none."""
    current = sa.select(Election.id).where(Election.stage == PUBLISHED, Election.end > since)
    rows = session.execute(
        sa.select(TallySheet.state, sa.func.count())
        .where(TallySheet.election_id.in_(current))
        .group_by(TallySheet.state)
    )
    return {row[0]: row[1] for row in rows}


def fingerprint(number: int, total: int) -> str:
    """What says the state of an election's sheets: how many there are, and how many events they have together.

    In front stands what copies tell: those of an earlier version are written anew, because they tell less.
    """
    return f"reopened_at:{number}:{total}"


def lasts(session: Session, election_id: int) -> dict[int, int]:
    """The number of the last event of each sheet of an election, by polling station."""
    rows = session.execute(
        sa.select(TallySheet.station_id, TallySheet.last).where(TallySheet.election_id == election_id)
    )
    return {row.station_id: row.last for row in rows}


def changed_at(session: Session, keys: Iterable[Key]) -> dict[Key, datetime]:
    """When each of these sheets was changed last."""
    found: dict[Key, datetime] = {}
    for election_id, stations in _by_election(keys):
        rows = session.execute(
            sa.select(TallySheet.station_id, TallySheet.changed_at).where(
                TallySheet.election_id == election_id, TallySheet.station_id.in_(stations)
            )
        )
        found |= {(election_id, row.station_id): row.changed_at for row in rows}
    return found


def rolls_fingerprint(session: Session, since: datetime) -> str:
    """Another text whenever a station's name or roll was changed, or the geography of an election was frozen.

    And when another election with a frozen geography is known ``since`` then, because a sheet of it was opened again.
    Empty while there is no station; then there is no copy either, which would be made anew every second.
    """
    parts = []
    # The rolls themselves, too: a database may give the number of a removed station to the next one.
    for summed in (
        (PollingStation.id, PollingStation.version, PollingStation.registered),
        (PollingCentre.id, PollingCentre.version),
    ):
        columns = (sa.func.count(summed[0]), *map(sa.func.sum, summed))
        parts.append(":".join(map(str, session.execute(sa.select(*columns)).one())))
    if parts[0].startswith("0:"):
        return ""
    known = (
        sa.select(Electorate.election_id, is_known(since).label("known"))
        .join(Election, Election.id == Electorate.election_id)
        .order_by(Electorate.election_id)
    )
    parts += [f"{row.election_id}{'' if row.known else '-'}" for row in session.execute(known)]
    return "/".join(parts)


def names(session: Session) -> dict[int, tuple[str, str, int]]:
    """Code, municipality and registered voters of each polling station."""
    rows = session.execute(
        sa.select(PollingStation.id, PollingStation.code, PollingCentre.municipality, PollingStation.registered).join(
            PollingCentre, PollingCentre.id == PollingStation.centre_id
        )
    )
    return {row.id: (row.code, row.municipality, row.registered) for row in rows}


def frozen_rolls(session: Session, since: datetime) -> dict[Key, int]:
    """Where a station has another roll in an election that is known ``since`` then than it has today.

    Where nobody could vote at the station when that election opened, it is ``NOT_VOTED_AT`` or ``NOT_KNOWN_AT``.
    """
    rows = session.execute(
        sa.select(ElectorateStation.election_id, ElectorateStation.station_id, ElectorateStation.registered)
        .join(PollingStation, PollingStation.id == ElectorateStation.station_id)
        .join(Election, Election.id == ElectorateStation.election_id)
        .where(is_known(since), PollingStation.registered != ElectorateStation.registered)
    )
    found = {(row.election_id, row.station_id): row.registered for row in rows}
    then = sa.and_(
        ElectorateStation.election_id == Electorate.election_id,
        ElectorateStation.station_id == PollingStation.id,
    )
    nowhere = session.execute(
        sa.select(Electorate.election_id, PollingStation.id.label("station_id"), ElectorateStation.status)
        .join(Election, Election.id == Electorate.election_id)
        .join(PollingStation, sa.true())
        .outerjoin(ElectorateStation, then)
        .where(
            is_known(since),
            sa.or_(
                ElectorateStation.station_id.is_(None),
                ElectorateStation.status != StationStatus.ACTIVE.value,
            ),
        )
    )
    return found | {
        (row.election_id, row.station_id): NOT_KNOWN_AT if row.status is None else NOT_VOTED_AT for row in nowhere
    }


def _named(key: Key) -> dict[str, Any]:
    return {"election_id": key[0], "station_id": key[1]}


def _events_of(ids: Sequence[str]) -> sa.Select[str, int]:
    return sa.select(SheetEvent.id, SheetEvent.number).where(SheetEvent.id.in_(ids))


def _by_election(keys: Iterable[Key]) -> Iterator[tuple[int, list[int]]]:
    stations: dict[int, set[int]] = defaultdict(set)
    for election_id, station_id in keys:
        stations[election_id].add(station_id)
    for election_id in sorted(stations):
        rest = iter(sorted(stations[election_id]))
        while some := list(islice(rest, _KEYS_A_QUERY)):
            yield election_id, some


def _chunks(ids: Collection[str]) -> Iterator[list[str]]:
    rest = iter(sorted(ids))
    while some := list(islice(rest, _KEYS_A_QUERY)):
        yield some
