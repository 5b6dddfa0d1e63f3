"""Who could vote where in one election: the geography as it was when the election opened (docs/electorate.md)."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from shared.database import UtcDateTime
from shared.schema.election.base import ElectionBase


class Electorate(ElectionBase):
    """An election whose geography is frozen. Without a row, the geography of today is that of the election."""

    __tablename__ = "electorates"

    election_id: Mapped[int] = mapped_column(sa.ForeignKey("elections.id"), primary_key=True)
    frozen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ElectorateConstituency(ElectionBase):
    """A constituency as it was. Rows are added and never changed."""

    __tablename__ = "electorate_constituencies"

    election_id: Mapped[int] = mapped_column(sa.ForeignKey("electorates.election_id"), primary_key=True)
    constituency_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(sa.String(256))
    region_id: Mapped[int]
    region: Mapped[str] = mapped_column(sa.String(256))
    seats: Mapped[int | None] = mapped_column(doc="How many it elects; NULL where seats are given over the whole.")


class ElectorateStation(ElectionBase):
    """A polling station with its centre as they were. Rows are added and never changed."""

    __tablename__ = "electorate_stations"

    election_id: Mapped[int] = mapped_column(sa.ForeignKey("electorates.election_id"), primary_key=True)
    station_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(sa.String(64))
    centre_id: Mapped[int]
    centre: Mapped[str] = mapped_column(sa.String(256))
    municipality: Mapped[str] = mapped_column(sa.String(256))
    constituency_id: Mapped[int]
    latitude: Mapped[float | None] = mapped_column(sa.Double, doc="Degrees north, WGS 84.")
    longitude: Mapped[float | None] = mapped_column(sa.Double, doc="Degrees east, WGS 84.")
    registered: Mapped[int] = mapped_column(doc="Voters on its electoral roll.")
    status: Mapped[str] = mapped_column(sa.String(16))
