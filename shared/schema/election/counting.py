"""What became of every ballot: uploads, their parts, ballots, tallies, and what could not be recorded."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from shared.database import Blob, Guid, UtcDateTime
from shared.schema import BigInteger
from shared.schema.election.base import ElectionBase


class Batch(ElectionBase):
    """An accepted upload. Written with the first of its parts that is recorded."""

    __tablename__ = "batches"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True, doc="UUID in hexadecimal.")
    election_id: Mapped[int | None] = mapped_column(doc="The election that the upload named, if it named one.")
    official_email: Mapped[str] = mapped_column(sa.String(256))
    official_jmbg: Mapped[str] = mapped_column(sa.String(13))
    file_name: Mapped[str] = mapped_column(sa.String(256))
    sha256: Mapped[str] = mapped_column(
        sa.String(64), doc="Of the uploaded file, in hexadecimal; empty for ballots that voters have cast themselves."
    )
    station_id: Mapped[int | None] = mapped_column(
        index=True, doc="The polling station that it is from; NULL where the official belongs to none."
    )
    lines: Mapped[int] = mapped_column(doc="Ballots in the whole upload.")
    parts: Mapped[int] = mapped_column(doc="Into how many parts the upload was cut.")
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True, doc="Redis's time of the acceptance.")


class Part(ElectionBase):
    """A recorded part of a batch. Its row is inserted in the transaction of its ballots and never changed."""

    __tablename__ = "parts"

    batch_id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    partition: Mapped[int] = mapped_column(sa.Integer)
    sequence: Mapped[int] = mapped_column(BigInteger, doc="Place among the parts of its partition, from 1.")
    election_id: Mapped[int | None] = mapped_column(
        index=True, doc="The election open at the moment of receipt; NULL when there was none."
    )
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    received: Mapped[int]
    counted: Mapped[int]
    duplicate: Mapped[int]
    invalid: Mapped[int] = mapped_column(
        doc="Ballots with a poll number that the election does not have, or a signature that is not one of it."
    )
    outside: Mapped[int]
    payload: Mapped[bytes] = mapped_column(Blob, deferred=True, doc="What the station received, as packed by it.")

    __table_args__ = (
        sa.UniqueConstraint("partition", "sequence"),
        sa.CheckConstraint("received = counted + duplicate + invalid + outside", name="adds_up"),
    )


class Ballot(ElectionBase):
    """The first ballot received with its GUID in an election, whether its poll number exists or not."""

    __tablename__ = "ballots"

    election_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    guid: Mapped[bytes] = mapped_column(Guid, primary_key=True)
    poll_number: Mapped[int] = mapped_column(sa.BigInteger)
    source: Mapped[int] = mapped_column(sa.BigInteger, doc="The part it came in: partition * 2**40 + sequence.")

    # In SQLite the rows lie in the order of their key as in InnoDB, without a second tree.
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 -- SQLAlchemy reads this plain attribute.


class RefusedLine(ElectionBase):
    """A line of an accepted upload that is not counted, and why."""

    __tablename__ = "refused_lines"

    batch_id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, doc="From 0, as in the file.")
    part: Mapped[int] = mapped_column(sa.Integer)
    election_id: Mapped[int]
    guid: Mapped[bytes] = mapped_column(Guid)
    poll_number: Mapped[int] = mapped_column(sa.BigInteger)
    reason: Mapped[str] = mapped_column(sa.String(32))

    # By the GUID, too, with which a voter asks what became of the ballot.
    __table_args__ = (sa.Index(None, "election_id", "guid"),)


class Tally(ElectionBase):
    """Votes of one poll number in one part; results are the sums of these."""

    __tablename__ = "tallies"

    election_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    partition: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    poll_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    votes: Mapped[int]

    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 -- SQLAlchemy reads this plain attribute.


class DeadLetter(ElectionBase):
    """A part that could not be recorded. It is settled when a row of ``parts`` or ``dismissals`` with its key exists.

    A job whose id is not that of a part has the first 32 digits of the id's SHA-256 for a batch, and part 0.
    """

    __tablename__ = "dead_letters"

    batch_id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    partition: Mapped[int] = mapped_column(sa.Integer)
    received_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, doc="NULL when even the batch could not be read, or not be believed."
    )
    not_before: Mapped[datetime | None] = mapped_column(
        UtcDateTime,
        doc="The partition's watermark when it was laid aside: whatever was received before that was dealt with.",
    )
    ballots: Mapped[int | None] = mapped_column(doc="How many it holds, as far as that could be read.")
    reason: Mapped[str] = mapped_column(sa.String(1024))
    buried_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Dismissal(ElectionBase):
    """An operator's word that a dead letter holds nothing to be counted; rows are added and never changed."""

    __tablename__ = "dismissals"

    batch_id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reason: Mapped[str] = mapped_column(sa.String(1024), doc="As the operator gave it.")
    dismissed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Partition(ElectionBase):
    """One ordered queue of parts: who works it, and how far everything received is counted."""

    __tablename__ = "partitions"

    partition: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[int] = mapped_column(BigInteger, default=0, doc="Grows with each new owner.")
    owner: Mapped[str] = mapped_column(sa.String(128), default="")
    sequence: Mapped[int] = mapped_column(BigInteger, default=0, doc="Of the part recorded last.")
    watermark: Mapped[datetime | None] = mapped_column(
        UtcDateTime, doc="Everything received before it is recorded or a dead letter."
    )
