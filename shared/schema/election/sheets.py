"""What the polling stations declare: tally sheets, their history and photographs (docs/tally-sheets.md)."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from shared.database import Blob, UtcDateTime
from shared.schema.election.base import ElectionBase
from shared.terms import SheetState


class TallySheet(ElectionBase):
    """Where the sheet of a polling station stands: what its events come to. No row: nobody has entered it.

    The row is locked while an event is added, so that two people cannot act on the same state.
    """

    __tablename__ = "tally_sheets"

    election_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    station_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(sa.String(24), default=SheetState.EMPTY.value)
    last: Mapped[int] = mapped_column(default=0, doc="Number of its last event.")
    standing: Mapped[int | None] = mapped_column(doc="Number of the entry that is the declared result, once accepted.")
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (sa.Index(None, "election_id", "state"),)


class SheetEvent(ElectionBase):
    """Something that was done with a tally sheet. Rows are added and never changed."""

    __tablename__ = "sheet_events"

    election_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    station_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, doc="From 1, without a gap.")
    id: Mapped[str] = mapped_column(sa.String(32), unique=True, doc="UUID in hexadecimal.")
    act: Mapped[str] = mapped_column(sa.String(16), doc="`entry`, `resolution`, `acceptance` or `reopening`.")
    actor: Mapped[str] = mapped_column(sa.String(256), doc="Email of who did it.")
    actor_jmbg: Mapped[str | None] = mapped_column(
        sa.String(13), doc="National id of who did it; NULL: not known, and the email says who it was."
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime, doc="Of an entry: Redis's time of the receipt.")
    numbers: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True), doc="Of an entry.")
    explanations: Mapped[dict[str, str] | None] = mapped_column(
        sa.JSON(none_as_null=True), doc="Of an entry: the reason for each warning, by its code."
    )
    chosen: Mapped[int | None] = mapped_column(doc="Of a resolution: the entry that stands; NULL discards both.")
    reason: Mapped[str] = mapped_column(sa.String(1024), default="")

    __table_args__ = (
        sa.ForeignKeyConstraint(["election_id", "station_id"], ["tally_sheets.election_id", "tally_sheets.station_id"]),
    )


class SheetPhotograph(ElectionBase):
    """A photograph or scan of a tally sheet on paper, as it was sent. Rows are added and never changed."""

    __tablename__ = "sheet_photographs"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True, doc="UUID in hexadecimal.")
    election_id: Mapped[int]
    station_id: Mapped[int]
    actor: Mapped[str] = mapped_column(sa.String(256), doc="Email of who sent it.")
    actor_jmbg: Mapped[str | None] = mapped_column(
        sa.String(13), doc="National id of who sent it; NULL: not known, and the email says who it was."
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime, doc="Redis's time of the receipt.")
    name: Mapped[str] = mapped_column(sa.String(256), doc="Of the file that was sent.")
    media_type: Mapped[str] = mapped_column(sa.String(32), doc="By its content.")
    sha256: Mapped[str] = mapped_column(sa.String(64), doc="Of the content, in hexadecimal.")
    size: Mapped[int] = mapped_column(doc="Bytes.")
    content: Mapped[bytes] = mapped_column(Blob, deferred=True)

    __table_args__ = (sa.Index(None, "election_id", "station_id"),)


class DifferenceNote(ElectionBase):
    """Why two of the three counts of a polling station differ. It holds for these figures and no others.

    Rows are added and never changed; the last one about a difference counts.
    """

    __tablename__ = "difference_notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    election_id: Mapped[int]
    station_id: Mapped[int]
    difference: Mapped[str] = mapped_column(sa.String(32), doc="Which two counts, by the code of the difference.")
    figures: Mapped[dict[str, int]] = mapped_column(sa.JSON, doc="The two counts that are explained.")
    reason: Mapped[str] = mapped_column(sa.String(1024))
    actor: Mapped[str] = mapped_column(sa.String(256), doc="Email of who explained it.")
    at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (sa.Index(None, "election_id", "station_id"),)
