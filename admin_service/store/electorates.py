"""Queries about electorates: which elections need the geography of today, and the copy of it."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, lazyload

from admin_service.store.rows import one
from shared import electorate
from shared.schema.election import (
    CANCELLED,
    DRAFT,
    Constituency,
    Election,
    Electorate,
    ElectorateConstituency,
    ElectorateStation,
    Jurisdiction,
)

# The jurisdiction that is always there, the whole country.
_WHOLE_COUNTRY = 1


def lock_geography(session: Session) -> None:
    """Let nobody else change geography, or make or move an election, until the commit.

    The row of the first jurisdiction is what all of them lock, because it is always there.
    """
    one(session, Jurisdiction, _WHOLE_COUNTRY, lock=True)


def opened_by(session: Session, moment: datetime) -> list[Election]:
    """The elections that have opened by then and whose geography is not frozen, in the order of their numbers.

    An election that was cancelled after its start keeps its votes, and so its places; one that was cancelled before
    never opened.
    """
    found = session.scalars(
        sa.select(Election)
        .outerjoin(Electorate, Electorate.election_id == Election.id)
        .where(
            Electorate.election_id.is_(None),
            Election.stage != DRAFT,
            Election.start <= moment,
            sa.or_(Election.stage != CANCELLED, Election.cancelled_at > Election.start),
        )
        .options(lazyload(Election.entries))
        .order_by(Election.id)
    )
    return list(found)


def freeze(session: Session, election_ids: Sequence[int], moment: datetime) -> None:
    """Copy the geography of today for these elections; the rows never leave the database."""
    stations, constituencies = electorate.of_today()
    for election_id in election_ids:
        session.execute(sa.insert(Electorate).values(election_id=election_id, frozen_at=moment))
        for model, live in ((ElectorateConstituency, constituencies), (ElectorateStation, stations)):
            copied = live.add_columns(sa.literal(election_id, sa.Integer).label("election_id"))
            names = [column.name for column in copied.selected_columns]
            session.execute(sa.insert(model).from_select(names, copied))


def seats_of_constituencies(session: Session) -> dict[str, int | None]:
    """How many each constituency elects, by its name, in the order of their numbers."""
    rows = session.execute(sa.select(Constituency.name, Constituency.seats).order_by(Constituency.id))
    return dict(rows.all())
