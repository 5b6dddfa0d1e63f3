"""What is voted on: jurisdictions, participants, candidates, elections and who stands in them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shared.database import Blob, UtcDateTime
from shared.schema.election.base import ElectionBase
from shared.terms import Approval, State


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
    place: Mapped[int] = mapped_column(
        default=0, server_default="0", doc="On the list of the participant, from 1; equal ones by their numbers."
    )
    submitted_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, doc="When what stands here was sent for approval; NULL: it is still being written."
    )
    published_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, doc="When the version that is public was approved; NULL: none is public."
    )
    account_id: Mapped[int | None] = mapped_column(
        index=True, doc="The number, in the accounts store, of the account that the candidate acts by."
    )
    invitation_key: Mapped[str | None] = mapped_column(
        sa.String(64),
        unique=True,
        index=True,
        doc="SHA-256, in hexadecimal, of the code that links an account; NULL: none is good.",
    )
    invitation_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy reads this plain attribute.


class CandidatePublication(ElectionBase):
    """The version of a candidate that is public: the words and the picture that were approved last."""

    __tablename__ = "candidate_publications"

    candidate_id: Mapped[int] = mapped_column(sa.ForeignKey("candidates.id"), primary_key=True, autoincrement=False)
    forename: Mapped[str] = mapped_column(sa.String(256))
    surname: Mapped[str] = mapped_column(sa.String(256))
    post: Mapped[str] = mapped_column(sa.String(256))
    code_name: Mapped[str] = mapped_column(sa.String(256))
    biography: Mapped[str] = mapped_column(sa.Text)
    large: Mapped[bytes | None] = mapped_column(Blob, deferred=True)
    small: Mapped[bytes | None] = mapped_column(Blob, deferred=True)
    sha256: Mapped[str | None] = mapped_column(sa.String(64), doc="Of the large picture, in hexadecimal; NULL: none.")


class CandidatePicture(ElectionBase):
    """The picture of a candidate in two sizes, both JPEG, made by the service from what was sent."""

    __tablename__ = "candidate_pictures"

    candidate_id: Mapped[int] = mapped_column(sa.ForeignKey("candidates.id"), primary_key=True, autoincrement=False)
    large: Mapped[bytes] = mapped_column(Blob, deferred=True)
    small: Mapped[bytes] = mapped_column(Blob, deferred=True)
    sha256: Mapped[str] = mapped_column(sa.String(64), doc="Of the large one, in hexadecimal.")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


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
    lots: Mapped[list[int] | dict[str, list[int]]] = mapped_column(
        sa.JSON,
        default=list,
        doc="Poll numbers that were drawn by lot, in the order drawn; by constituency where each of these elects.",
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1, doc="Counts the changes, for ETag and If-Match.")
    ballot_key: Mapped[str | None] = mapped_column(
        sa.String(1024),
        doc="By which the signatures of voters' ballots are checked: DER in base64. NULL: voters do not vote so.",
    )
    choices_public: Mapped[bool] = mapped_column(
        default=False,
        server_default=sa.false(),
        doc="Whether everybody may read how each ballot was cast, by its GUID, once the count is final.",
    )

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


PUBLISHED = "published"
DRAFT = State.DRAFT.value
CANCELLED = State.CANCELLED.value
