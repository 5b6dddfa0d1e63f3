"""Queries about the candidates of one participant or one account, and about the versions that are public."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, lazyload, undefer
from sqlalchemy.orm.attributes import flag_modified

from shared import tallies
from shared.schema.election import (
    DRAFT,
    Batch,
    Candidate,
    CandidatePicture,
    CandidatePublication,
    Election,
    Entry,
    Part,
    Participant,
    Tally,
)


def on_list(participant_id: int) -> sa.Select[Candidate]:
    """The candidates of a participant in their order."""
    return (
        sa.select(Candidate).where(Candidate.participant_id == participant_id).order_by(Candidate.place, Candidate.id)
    )


def of_account(account_id: int | None) -> sa.Select[Candidate]:
    """The candidates that an account acts for; none for no account, though there are candidates without one."""
    own = sa.false() if account_id is None else Candidate.account_id == account_id
    return sa.select(Candidate).where(own).order_by(Candidate.id)


def by_invitation(session: Session, key: str) -> Candidate | None:
    """The candidate whose invitation is stored by this key."""
    return session.scalar(sa.select(Candidate).where(Candidate.invitation_key == key).with_for_update())


def places_taken(session: Session, participant_id: int) -> tuple[int, int]:
    """How many candidates a participant has, and the last place that one of them has."""
    columns = (sa.func.count(), sa.func.coalesce(sa.func.max(Candidate.place), 0))
    count, last = session.execute(sa.select(*columns).where(Candidate.participant_id == participant_id)).one()
    return int(count), int(last)


def touch_list(participant: Participant) -> None:
    """Let the version of a participant count a change of its list."""
    flag_modified(participant, "name")


def elections_of(session: Session, participant_id: int) -> list[tuple[Election, int]]:
    """The elections that are no drafts and in which a participant stands, with its poll number, the latest first."""
    rows = session.execute(
        sa.select(Election, Entry.poll_number)
        .join(Entry, Entry.election_id == Election.id)
        .where(Entry.participant_id == participant_id, Election.stage != DRAFT)
        .options(lazyload(Election.entries))
        .order_by(Election.start.desc(), Election.id.desc())
    )
    return [(election, number) for election, number in rows]


def publish(session: Session, candidate: Candidate, now: datetime) -> None:
    """Let everybody see a candidate as it is stored now."""
    pictured = sa.select(CandidatePicture).where(CandidatePicture.candidate_id == candidate.id)
    picture = session.scalar(pictured.options(undefer(CandidatePicture.large), undefer(CandidatePicture.small)))
    session.merge(
        CandidatePublication(
            candidate_id=candidate.id,
            forename=candidate.forename,
            surname=candidate.surname,
            post=candidate.post,
            code_name=candidate.code_name,
            biography=candidate.biography,
            large=picture.large if picture else None,
            small=picture.small if picture else None,
            sha256=picture.sha256 if picture else None,
        )
    )
    candidate.published_at = now


def unpublish(session: Session, candidate: Candidate) -> None:
    """Let nobody see a candidate any more."""
    session.execute(sa.delete(CandidatePublication).where(CandidatePublication.candidate_id == candidate.id))
    candidate.published_at = None


def publication(session: Session, candidate_id: int) -> CandidatePublication | None:
    """What everybody sees of a candidate."""
    return session.get(CandidatePublication, candidate_id)


def counted_by_station(session: Session, election_id: int) -> dict[int | None, int]:
    """Ballots that count, of all lists together, by polling station; under None those that are of no station."""
    rows = session.execute(
        sa.select(Batch.station_id, sa.func.sum(Part.counted))
        .select_from(Part)
        .outerjoin(Batch, Batch.id == Part.batch_id)
        .where(Part.election_id == election_id)
        .group_by(Batch.station_id)
    )
    # MySQL and PostgreSQL sum integers to decimals.
    return {station_id: int(total) for station_id, total in rows}


def votes_by_station(session: Session, election_id: int, poll_number: int) -> dict[int | None, int]:
    """The votes of one list, in the same form; stations where it has none may be left out."""
    rows: Any = session.execute(
        sa.select(Batch.station_id, sa.func.sum(Tally.votes))
        .select_from(Part)
        .outerjoin(Batch, Batch.id == Part.batch_id)
        .join(Tally, tallies.IS_OF_PART)
        .where(Part.election_id == election_id, Tally.poll_number == poll_number)
        .group_by(Batch.station_id)
    )
    return {station_id: int(total) for station_id, total in rows}
