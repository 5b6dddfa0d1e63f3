"""Geography as it is when an election opens: frozen before anybody changes it (docs/electorate.md).

Whoever changes geography, and whoever makes or moves an election, locks the same row first. So each change lies before
or after each opening, and what lies after it finds the election frozen or freezes it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from admin_service import store
from admin_service.rules.elections import NOTICE
from admin_service.store import electorates
from shared import electorate, tallies
from shared.apportionment import Rules
from shared.database import Database
from shared.electorate import Geography, Part
from shared.errors import Unavailable
from shared.journal.store import note
from shared.schema.election import Electorate

T = TypeVar("T")

# The second attempt finds frozen what opened during the first one; a third would need another election.
_ATTEMPTS = 3


class _OpenedMeanwhileError(Exception):
    """An election opened while geography was being changed; nothing of the change may stay."""


@dataclass(frozen=True)
class InConstituency:
    """What belongs to a constituency: all its polling stations, the active ones, and the voters of these."""

    part: Part
    stations: int
    active: int
    registered: int


@dataclass(frozen=True)
class Totals:
    """The electorate of an election. ``frozen_at`` is None as long as the geography of today is that of the election.

    ``seats_to_give`` are those of the rules, where they give seats per constituency; ``seats`` are those that the
    constituencies elect in all. One that elects none stands in ``without_seats`` by its name.
    """

    frozen_at: datetime | None
    geography: Geography
    constituencies: list[InConstituency]
    seats_to_give: int | None
    seats: int
    without_seats: list[str]


def changing_geography(database: Database, work: Callable[[Session], T]) -> T:
    """Let ``work`` change geography in one transaction, after the elections that have opened are frozen.

    An election freezes a moment before it opens, as its ballot does (``NOTICE``), so that the commit comes before the
    opening. One that comes so far while ``work`` is going on makes all of it begin anew.
    """
    for _ in range(_ATTEMPTS):
        try:
            with database.writing() as session:
                electorates.lock_geography(session)
                _freeze(session)
                done = work(session)
                session.flush()
                if electorates.opened_by(session, _moment(session)):
                    raise _OpenedMeanwhileError
                return done
        except _OpenedMeanwhileError:
            continue
    raise Unavailable("Elections open at this moment, so the geography cannot be changed; try again.")


def totals(database: Database, election_id: int) -> Totals:
    """How many could vote where in an election; NotFound when there is none."""
    with database.reading() as session:
        election = store.election(session, election_id)
        rules = Rules.from_dict(election.rules) if election.rules else None
        frozen = session.get(Electorate, election_id)
        found = electorate.geography(session, election_id)
        stations, active, registered = Counter[int](), Counter[int](), Counter[int]()
        for station in found.stations.values():
            stations[station.constituency_id] += 1
            if station.is_active:
                active[station.constituency_id] += 1
                registered[station.constituency_id] += station.registered
        parts = found.constituencies.values()
        return Totals(
            frozen_at=frozen.frozen_at if frozen else None,
            geography=found,
            constituencies=[
                InConstituency(part, stations[part.id], active[part.id], registered[part.id]) for part in parts
            ],
            seats_to_give=rules.seats if rules and rules.is_by_constituency else None,
            seats=sum(part.seats or 0 for part in parts),
            without_seats=[part.name for part in parts if part.seats is None],
        )


def _freeze(session: Session) -> None:
    moment = _moment(session)
    opened = electorates.opened_by(session, moment)
    electorates.freeze(session, [election.id for election in opened], datetime.now(UTC))
    for election in opened:
        frozen = electorate.geography(session, election.id)
        details = {"stations": len(frozen.stations), "active": len(frozen.active), "registered": frozen.registered}
        note(session, "electorate.frozen", f"election {election.id}", details)


def _moment(session: Session) -> datetime:
    """What opens by then counts as open; Redis's clock, by which ballots are judged, may be ahead of ours."""
    now = datetime.now(UTC)
    return max(now, tallies.counted_until(session) or now) + NOTICE
