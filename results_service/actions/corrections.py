"""The log of corrections: what was changed after it had been said first, from what the store keeps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from results_service.actions import Desk, published_election
from results_service.actions.answers import Answer, Known, Listing
from results_service.rules import fingerprint
from results_service.store import corrections as rows
from shared import electorate
from shared.apportionment import lots_drawn_in, lots_drawn_over_whole
from shared.schema.election import CANCELLED, Election
from shared.terms import SheetAct

_FORM = 1
_LAST = datetime.max.replace(tzinfo=UTC)


class Kind(StrEnum):
    """What was corrected."""

    SHEET_RESOLVED = "sheet_resolved"
    SHEET_REOPENED = "sheet_reopened"
    PART_LAID_ASIDE = "part_laid_aside"
    PART_REPLAYED = "part_replayed"
    PART_DISMISSED = "part_dismissed"
    LOTS_DRAWN = "lots_drawn"
    ELECTION_CANCELLED = "election_cancelled"


@dataclass(frozen=True)
class Correction:
    """Something that was changed. ``at`` is None where the store does not know when; what does not concern it is None.

    ``ballots`` are those of a part, as far as that could be read; ``lots`` the poll numbers that were drawn.
    """

    kind: Kind
    at: datetime | None
    reason: str = ""
    station_id: int | None = None
    station: str | None = None
    constituency_id: int | None = None
    ballots: int | None = None
    lots: tuple[int, ...] = ()


def list_corrections(
    desk: Desk, election_id: int, limit: int, offset: int, known: Known
) -> Answer[Listing[Correction]]:
    """What was corrected in an election, in the order of time; NotFound for a draft too."""
    with desk.database.reading() as session:
        election = published_election(session, election_id)
        found = [*_of_election(election), *_of_parts(session, election), *_of_sheets(session, election)]
        found.sort(key=lambda one: (one.at or _LAST, one.kind, one.station_id or 0))
        tag = fingerprint(_FORM, election_id, limit, offset, found)
        return Answer(tag, False, None if known(tag) else Listing(found[offset : offset + limit], len(found)))


def _of_sheets(session: Session, election: Election) -> Iterator[Correction]:
    decisions = rows.decisions_about_sheets(session, election.id)
    stations = electorate.geography(session, election.id).stations if decisions else {}
    for row in decisions:
        kind = Kind.SHEET_RESOLVED if row.act == SheetAct.RESOLUTION else Kind.SHEET_REOPENED
        code = stations[row.station_id].code if row.station_id in stations else None
        yield Correction(kind, row.at, row.reason, station_id=row.station_id, station=code)


def _of_parts(session: Session, election: Election) -> Iterator[Correction]:
    for row in rows.parts_laid_aside(session, election):
        yield Correction(Kind.PART_LAID_ASIDE, row.buried_at, ballots=row.ballots)
        if row.recorded_at is not None:
            yield Correction(Kind.PART_REPLAYED, row.recorded_at, ballots=row.ballots)
        if row.dismissed_at is not None:
            yield Correction(Kind.PART_DISMISSED, row.dismissed_at, row.reason, ballots=row.ballots)


def _of_election(election: Election) -> Iterator[Correction]:
    whole = lots_drawn_over_whole(election.lots)
    if whole:
        yield Correction(Kind.LOTS_DRAWN, None, lots=tuple(whole))
    for number, drawn in sorted(lots_drawn_in(election.lots).items()):
        yield Correction(Kind.LOTS_DRAWN, None, constituency_id=number, lots=tuple(drawn))
    if election.stage == CANCELLED:
        yield Correction(Kind.ELECTION_CANCELLED, election.cancelled_at, election.cancelled_reason)
