"""Where people vote: regions, constituencies, polling centres and polling stations."""

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from shared.schema.election.base import ElectionBase
from shared.terms import StationStatus


class Region(ElectionBase):
    """The largest part of the country that geography knows.

    Its key, like that of every place, says which names are the same, and says so alike in every database
    (``admin_service.rules.geography``).
    """

    __tablename__ = "regions"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(256))
    key: Mapped[str] = mapped_column(sa.String(64), unique=True, doc="SHA-256 of what identifies it, in hexadecimal.")
    version: Mapped[int] = mapped_column(default=1, doc="Counts the changes, for ETag and If-Match.")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy reads this plain attribute.


class Constituency(ElectionBase):
    """A part of a region whose voters elect together, where seats are not given over the whole."""

    __tablename__ = "constituencies"

    id: Mapped[int] = mapped_column(primary_key=True)
    region_id: Mapped[int] = mapped_column(sa.ForeignKey("regions.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(256))
    seats: Mapped[int | None] = mapped_column(doc="How many it elects; NULL where seats are given over the whole.")
    key: Mapped[str] = mapped_column(sa.String(64), unique=True, doc="SHA-256 of what identifies it, in hexadecimal.")
    version: Mapped[int] = mapped_column(default=1, doc="Counts the changes, for ETag and If-Match.")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy reads this plain attribute.


class PollingCentre(ElectionBase):
    """A building with one polling station or several, in a municipality."""

    __tablename__ = "polling_centres"

    id: Mapped[int] = mapped_column(primary_key=True)
    constituency_id: Mapped[int] = mapped_column(sa.ForeignKey("constituencies.id"), index=True)
    municipality: Mapped[str] = mapped_column(sa.String(256))
    name: Mapped[str] = mapped_column(sa.String(256))
    address: Mapped[str] = mapped_column(sa.String(256), default="")
    latitude: Mapped[float | None] = mapped_column(sa.Double, doc="Degrees north, WGS 84.")
    longitude: Mapped[float | None] = mapped_column(sa.Double, doc="Degrees east, WGS 84.")
    key: Mapped[str] = mapped_column(sa.String(64), unique=True, doc="SHA-256 of what identifies it, in hexadecimal.")
    version: Mapped[int] = mapped_column(default=1, doc="Counts the changes, for ETag and If-Match.")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy reads this plain attribute.


class PollingStation(ElectionBase):
    """Where people vote, and whose ballots and tally sheet are one file and one sheet."""

    __tablename__ = "polling_stations"

    id: Mapped[int] = mapped_column(primary_key=True)
    centre_id: Mapped[int] = mapped_column(sa.ForeignKey("polling_centres.id"), index=True)
    code: Mapped[str] = mapped_column(sa.String(64), doc="What officials call it by, such as `Ада 1`.")
    registered: Mapped[int] = mapped_column(doc="Voters on its electoral roll.")
    contact: Mapped[str] = mapped_column(sa.String(256), default="", doc="Whom to call, and where.")
    status: Mapped[str] = mapped_column(sa.String(16), default=StationStatus.ACTIVE.value)
    reason: Mapped[str] = mapped_column(sa.String(16), default="", doc="Why it is disabled, by its code.")
    note: Mapped[str] = mapped_column(sa.String(1024), default="", doc="The same in words.")
    key: Mapped[str] = mapped_column(sa.String(64), unique=True, doc="SHA-256 of what identifies it, in hexadecimal.")
    version: Mapped[int] = mapped_column(default=1, doc="Counts the changes, for ETag and If-Match.")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy reads this plain attribute.
