"""The election store: what is voted on, and what became of every ballot.

Administration writes the first half, the daemon the second; the results service reads both.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from shared.database import Blob, Guid, UtcDateTime
from shared.schema import BigInteger, metadata
from shared.schema.journal import JournalColumns, JournalHeadColumns
from shared.terms import Approval, State, StationStatus


class ElectionBase(DeclarativeBase):
    metadata = metadata()


class Jurisdiction(ElectionBase):
    """An area of authority; the elections of one may not overlap in time. Number 1 is the whole country.

    Its row is locked while an election of it is made or moved, so that two administrators cannot overlap either.
    """

    __tablename__ = "jurisdictions"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(256), unique=True)


class Participant(ElectionBase):
    """A party or an individual that may stand in elections."""

    __tablename__ = "participants"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(256))
    individual: Mapped[bool] = mapped_column(doc="A person, not a party.")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1, doc="Counts the changes, for ETag and If-Match.")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy reads this plain attribute.


class Candidate(ElectionBase):
    """A person on the list of a party, or behind an individual participant, with an administrator's approval."""

    __tablename__ = "candidates"

    id: Mapped[int] = mapped_column(primary_key=True)
    participant_id: Mapped[int] = mapped_column(sa.ForeignKey("participants.id"), index=True)
    forename: Mapped[str] = mapped_column(sa.String(256))
    surname: Mapped[str] = mapped_column(sa.String(256))
    post: Mapped[str] = mapped_column(sa.String(256), default="", doc="What the person stands for.")
    code_name: Mapped[str] = mapped_column(sa.String(256), default="")
    biography: Mapped[str] = mapped_column(sa.Text, default="")
    approval: Mapped[str] = mapped_column(sa.String(16), default=Approval.WAITING.value)
    approval_reason: Mapped[str] = mapped_column(sa.String(1024), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1, doc="Counts the changes, for ETag and If-Match.")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy reads this plain attribute.


class Election(ElectionBase):
    """An election: open from ``start``, inclusive, to ``end``, exclusive."""

    __tablename__ = "elections"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(256), default="")
    kind: Mapped[str] = mapped_column(sa.String(16))
    individual: Mapped[bool] = mapped_column(doc="Individuals stand in it, not parties.")
    jurisdiction_id: Mapped[int] = mapped_column(sa.ForeignKey("jurisdictions.id"), default=1)
    start: Mapped[datetime] = mapped_column(UtcDateTime)
    end: Mapped[datetime] = mapped_column(UtcDateTime)
    stage: Mapped[str] = mapped_column(
        sa.String(16),
        default="published",
        doc="`draft`, `published` or `cancelled`; every other state follows from the time and the watermarks.",
    )
    cancelled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancelled_reason: Mapped[str] = mapped_column(sa.String(1024), default="")
    rules: Mapped[dict[str, Any]] = mapped_column(sa.JSON, doc="How votes become seats; see docs/apportionment.md.")
    lots: Mapped[list[int]] = mapped_column(
        sa.JSON, default=list, doc="Poll numbers that were drawn by lot, in the order drawn."
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1, doc="Counts the changes, for ETag and If-Match.")

    entries: Mapped[list["Entry"]] = relationship(
        cascade="all, delete-orphan", order_by="Entry.poll_number", lazy="selectin"
    )

    __table_args__ = (sa.Index(None, "jurisdiction_id", "start"),)
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy reads this plain attribute.


class Entry(ElectionBase):
    """A participant on the ballot of an election, under a poll number."""

    __tablename__ = "entries"

    election_id: Mapped[int] = mapped_column(sa.ForeignKey("elections.id"), primary_key=True)
    poll_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    participant_id: Mapped[int] = mapped_column(sa.ForeignKey("participants.id"))
    exempt: Mapped[bool] = mapped_column(default=False, doc="The threshold does not hold for it.")

    participant: Mapped[Participant] = relationship(lazy="joined")

    __table_args__ = (sa.UniqueConstraint("election_id", "participant_id"),)


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


class Batch(ElectionBase):
    """An accepted upload. Written with the first of its parts that is recorded."""

    __tablename__ = "batches"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True, doc="UUID in hexadecimal.")
    election_id: Mapped[int | None] = mapped_column(doc="The election that the upload named, if it named one.")
    official_email: Mapped[str] = mapped_column(sa.String(256))
    official_jmbg: Mapped[str] = mapped_column(sa.String(13))
    file_name: Mapped[str] = mapped_column(sa.String(256))
    sha256: Mapped[str] = mapped_column(sa.String(64), doc="Of the uploaded file, in hexadecimal.")
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
    invalid: Mapped[int] = mapped_column(doc="Ballots with a poll number that the election does not have.")
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
    election_id: Mapped[int] = mapped_column(index=True)
    guid: Mapped[bytes] = mapped_column(Guid)
    poll_number: Mapped[int] = mapped_column(sa.BigInteger)
    reason: Mapped[str] = mapped_column(sa.String(32))


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


class Journal(JournalColumns, ElectionBase):
    """Who did what to what, when, from where, with which outcome. Rows are added and never changed or removed."""


class JournalHead(JournalHeadColumns, ElectionBase):
    """The newest entry of the journal: one row, which is locked to add an entry, so that writers queue."""


PUBLISHED = "published"
DRAFT = State.DRAFT.value
CANCELLED = State.CANCELLED.value
