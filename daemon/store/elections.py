"""The elections, as far as ballots are judged by them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from daemon.rules import Poll
from shared.apportionment import Rules
from shared.queue.keys import to_microseconds
from shared.queue.snapshot import KnownElection
from shared.schema.election import PUBLISHED, Election, Entry, Participant, TallySheet
from shared.tallies import HAS_DEAD_LETTER
from shared.terms import SheetState


def polls(session: Session, since: datetime, until: datetime) -> list[Poll]:
    """The published elections that were open at some moment from ``since`` to ``until``."""
    found = session.execute(
        sa.select(Election.id, Election.jurisdiction_id, Election.start, Election.end, Election.ballot_key)
        .where(Election.stage == PUBLISHED, Election.start <= until, Election.end > since)
        .order_by(Election.id)
    ).all()
    return [
        Poll(
            id=row.id,
            jurisdiction_id=row.jurisdiction_id,
            start=row.start,
            end=row.end,
            poll_numbers=frozenset(_poll_numbers(session, row.id)),
            ballot_key=row.ballot_key,
        )
        for row in found
    ]


def is_known(since: datetime) -> sa.ColumnElement[bool]:
    """Whether the stations know an election: it ends after ``since``, or a sheet of it changed then and is not done.

    A sheet may be opened again long after the election; then its officials have to find it.
    """
    unfinished = [state.value for state in SheetState if state not in (SheetState.EMPTY, SheetState.ACCEPTED)]
    reopened = sa.exists().where(
        TallySheet.election_id == Election.id, TallySheet.state.in_(unfinished), TallySheet.changed_at > since
    )
    return sa.or_(Election.end > since, reopened)


def published(session: Session, since: datetime) -> list[KnownElection]:
    """The published elections that the stations know: that end after ``since`` or are not done with (``is_known``)."""
    found = session.execute(
        sa.select(
            *(Election.id, Election.title, Election.kind, Election.jurisdiction_id, Election.start, Election.end),
            *(Election.rules, Election.ballot_key, Election.choices_public),
        )
        .where(Election.stage == PUBLISHED, is_known(since))
        .order_by(Election.id)
    ).all()
    return [
        KnownElection(
            id=row.id,
            title=row.title,
            kind=row.kind,
            jurisdiction_id=row.jurisdiction_id,
            start=to_microseconds(row.start),
            end=to_microseconds(row.end),
            poll_numbers=sorted(_poll_numbers(session, row.id)),
            by_constituency=bool(row.rules) and Rules.from_dict(row.rules).is_by_constituency,
            ballot_key=row.ballot_key,
            choices_public=row.choices_public,
        )
        for row in found
    ]


def lists(session: Session, election_ids: Sequence[int]) -> dict[int, dict[int, str]]:
    """What the lists of these elections are called, by election and poll number."""
    found: dict[int, dict[int, str]] = {number: {} for number in election_ids}
    rows = session.execute(
        sa.select(Entry.election_id, Entry.poll_number, Participant.name)
        .join(Participant, Participant.id == Entry.participant_id)
        .where(Entry.election_id.in_(election_ids))
        .order_by(Entry.election_id, Entry.poll_number)
    )
    for row in rows:
        found[row.election_id][row.poll_number] = row.name
    return found


@dataclass(frozen=True)
class Begun:
    """An election that has begun, as far as its state follows from it.

    ``has_dead_letter``: a part that may hold ballots of it could not be recorded and is not settled.
    """

    stage: str
    start: datetime
    end: datetime
    ballot_key: str | None
    has_dead_letter: bool


def begun(session: Session, now: datetime, since: datetime) -> dict[int, Begun]:
    """Each published election that has begun by ``now`` and ends after ``since``, by its number."""
    found = session.execute(
        sa.select(
            *(Election.id, Election.stage, Election.start, Election.end, Election.ballot_key),
            HAS_DEAD_LETTER.label("has_dead_letter"),
        )
        .where(Election.stage == PUBLISHED, Election.start <= now, Election.end > since)
        .order_by(Election.id)
    )
    return {row.id: Begun(row.stage, row.start, row.end, row.ballot_key, bool(row.has_dead_letter)) for row in found}


def _poll_numbers(session: Session, election_id: int) -> Iterable[int]:
    return session.scalars(sa.select(Entry.poll_number).where(Entry.election_id == election_id))
