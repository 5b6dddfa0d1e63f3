"""The accounts store: who may act, and the sessions that let them.

Reached by the authentication service only.
"""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from shared.database import Blob, UtcDateTime
from shared.schema import metadata
from shared.schema.journal import JournalColumns, JournalHeadColumns
from shared.terms import Approval, CitizenStatus, Restriction

# A SHA-256, or an HMAC with it, and a sealed national id (shared/sealing.py). MySQL's BLOB could not be unique.
Digest = sa.LargeBinary().with_variant(mysql.BINARY(32), "mysql", "mariadb")
SealedId = sa.LargeBinary().with_variant(mysql.VARBINARY(64), "mysql", "mariadb")
# Searched by how it begins, which an index serves only where letters are ordered by their numbers.
NameKey = (
    sa.String(128)
    .with_variant(sa.String(128, collation="C"), "postgresql")
    .with_variant(mysql.VARCHAR(128, collation="utf8mb4_bin"), "mysql", "mariadb")
)


class AccountsBase(DeclarativeBase):
    metadata = metadata()


class User(AccountsBase):
    """An account. Deleting is soft: the unique columns are emptied, so that email and national id are free again."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(sa.String(256), doc="As registered; NULL when deleted.")
    email_key: Mapped[str | None] = mapped_column(
        sa.String(256),
        unique=True,
        doc="The address in lower case, by which people log in; NULL when deleted.",
    )
    jmbg_key: Mapped[bytes | None] = mapped_column(
        Digest, unique=True, doc="HMAC-SHA256 of the national id, by which it is found; NULL when deleted."
    )
    jmbg_sealed: Mapped[bytes | None] = mapped_column(SealedId, doc="The national id, encrypted; NULL when deleted.")
    citizen_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("citizens.id", ondelete="RESTRICT"),
        unique=True,
        doc="A voter's entry in the citizens' register; NULL for others, and when deleted.",
    )
    phone: Mapped[str | None] = mapped_column(
        sa.String(32), unique=True, doc="Also logs in, when given; NULL when deleted."
    )
    username: Mapped[str | None] = mapped_column(
        sa.String(64), unique=True, doc="Also logs in, when given, in lower case; NULL when deleted."
    )
    forename: Mapped[str] = mapped_column(sa.String(256))
    surname: Mapped[str] = mapped_column(sa.String(256))
    password_hash: Mapped[str] = mapped_column(sa.String(256), doc="Argon2id, with its parameters and salt.")
    approval: Mapped[str] = mapped_column(
        sa.String(16), default=Approval.APPROVED.value, doc="Only an approved account may log in."
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    former_email: Mapped[str | None] = mapped_column(sa.String(256), doc="What the deleted account's email was.")
    version: Mapped[int] = mapped_column(default=1, doc="Counts the changes, for ETag and If-Match.")
    participant_id: Mapped[int | None] = mapped_column(
        doc="Of which participant a campaign director is one: its number in the election store, which nothing here "
        "can reach."
    )

    roles: Mapped[list["UserRole"]] = relationship(cascade="all, delete-orphan", lazy="selectin")
    stations: Mapped[list["UserStation"]] = relationship(cascade="all, delete-orphan", lazy="selectin")
    second_factor: Mapped["SecondFactor | None"] = relationship(lazy="selectin", viewonly=True)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy reads this plain attribute.


class UserRole(AccountsBase):
    """A role that an account has."""

    __tablename__ = "user_roles"

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(sa.String(32), primary_key=True)


class UserStation(AccountsBase):
    """A polling station that an official belongs to, and alone may hand in ballots for."""

    __tablename__ = "user_stations"

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), primary_key=True)
    station_id: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, doc="Its number in the election store, which nothing here can reach."
    )


class RefreshSession(AccountsBase):
    """What a log-in opened, and the one refresh token that is good for it; revoked or expired, it refreshes nothing."""

    __tablename__ = "refresh_sessions"

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True, doc="The sid claim of its tokens.")
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    token: Mapped[str | None] = mapped_column(
        sa.String(36),
        doc="The jti claim of the refresh token that is good now; NULL: of the classic API, whose only token has the "
        "session's id and is not superseded.",
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime, doc="When it was last refreshed.")
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime,
        doc="The beginning of the day, UTC, on which it was ended: voters end theirs when their ballot is signed, and "
        "the moment could be held against the ballots'.",
    )
    address: Mapped[str | None] = mapped_column(
        sa.String(45), doc="Where the log-in came from: an IPv4 address, or the first 64 bits of an IPv6 address."
    )
    program: Mapped[str | None] = mapped_column(sa.String(256), doc="As which program the caller described itself.")

    __table_args__ = (sa.Index(None, "user_id", "address"),)


class SecondFactor(AccountsBase):
    """The second factor of an account: a secret from which its owner's device makes codes (TOTP, RFC 6238)."""

    __tablename__ = "second_factors"

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), primary_key=True, autoincrement=False)
    secret_sealed: Mapped[bytes] = mapped_column(SealedId, doc="The secret of 20 bytes, encrypted.", deferred=True)
    last_step: Mapped[int] = mapped_column(
        doc="The half minute since 1970 whose code was used last; no code of it or of an earlier one is taken again."
    )
    set_up_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RecoveryCode(AccountsBase):
    """A code that stands once for one of the device, which may be lost; a used one has no row any more."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("second_factors.user_id"), primary_key=True, autoincrement=False)
    digest: Mapped[bytes] = mapped_column(
        Digest, primary_key=True, doc="SHA-256 of the account's number and the code, which has 80 random bits."
    )


class Attempt(AccountsBase):
    """A log-in that failed, or a registration, kept for an hour to slow down who tries too often.

    It stands in the store and not in a process's memory, so that the limit is one for all workers and replicas.
    """

    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(
        sa.String(64), doc="SHA-256, in hexadecimal, of the name or the caller's address: neither is kept itself."
    )
    tried_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    __table_args__ = (sa.Index(None, "key", "tried_at"),)


class PasswordReset(AccountsBase):
    """A link by which somebody may choose another password, once; the row goes when it is used or too old."""

    __tablename__ = "password_resets"

    token_hash: Mapped[bytes] = mapped_column(
        Digest, primary_key=True, doc="SHA-256 of the token in the link, which itself is kept nowhere in the clear."
    )
    user_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("users.id"),
        index=True,
        doc="NULL: asked for with a name that nobody has; the row lets that take the same work.",
    )
    good_until: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Mail(AccountsBase):
    """A mail that waits to be sent; the row goes when it is sent or given up."""

    __tablename__ = "mails"

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True, doc="Also in its Message-ID.")
    user_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("users.id"), doc="Whom it is for; NULL: nobody, and it is thrown away instead of being sent."
    )
    sealed: Mapped[bytes] = mapped_column(Blob, doc="Address, subject and text, encrypted: a text may hold a link.")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(
        UtcDateTime, index=True, doc="When it may be tried next; whoever tries it puts this off first."
    )
    good_until: Mapped[datetime] = mapped_column(UtcDateTime, doc="After this it is of no use, and given up.")
    tries: Mapped[int] = mapped_column(default=0)


class Citizen(AccountsBase):
    """An entry of the citizens' register: who somebody is, and where he lives; never what he votes."""

    __tablename__ = "citizens"

    id: Mapped[int] = mapped_column(primary_key=True)
    jmbg_key: Mapped[bytes] = mapped_column(
        Digest, unique=True, doc="HMAC-SHA256 of the national id, by which it is found."
    )
    jmbg_sealed: Mapped[bytes] = mapped_column(SealedId, doc="The national id, encrypted.")
    forename: Mapped[str] = mapped_column(sa.String(256))
    surname: Mapped[str] = mapped_column(sa.String(256))
    name_key: Mapped[str] = mapped_column(
        NameKey, index=True, doc="Surname and forename in small Latin letters without accents, for searches."
    )
    born_on: Mapped[date] = mapped_column()
    birthplace: Mapped[str] = mapped_column(sa.String(256))
    address: Mapped[str] = mapped_column(sa.String(256), doc="Of permanent residence.")
    region: Mapped[str] = mapped_column(sa.String(256))
    federal_unit: Mapped[str] = mapped_column(sa.String(256))
    status: Mapped[str] = mapped_column(
        sa.String(16), default=CitizenStatus.REGISTERED.value, doc="`registered`, `deceased` or `moved_away`."
    )
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1, doc="Counts the changes, for ETag and If-Match.")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy reads this plain attribute.


class VoterElection(AccountsBase):
    """An election of the election store as voters need it: whom it is for, when, and the key that admits ballots."""

    __tablename__ = "voter_elections"

    election_id: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, doc="Its number in the election store, which nothing here can reach."
    )
    title: Mapped[str] = mapped_column(sa.String(256))
    opens_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closes_at: Mapped[datetime] = mapped_column(UtcDateTime)
    restriction: Mapped[str] = mapped_column(
        sa.String(16),
        default=Restriction.EVERYONE.value,
        doc="`everyone`, `region`, `federal_unit` or `citizens`: whom of the register it is for.",
    )
    restriction_values: Mapped[list[str]] = mapped_column(
        sa.JSON, default=list, doc="The regions or federal units that it is for."
    )
    public_key: Mapped[bytes | None] = mapped_column(
        Blob, doc="What checks signatures of ballots, as DER SubjectPublicKeyInfo; NULL until it is made."
    )
    private_key_sealed: Mapped[bytes | None] = mapped_column(Blob, doc="What makes them, encrypted.", deferred=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1, doc="Counts the changes, for ETag and If-Match.")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy reads this plain attribute.


class VoterElectionCitizen(AccountsBase):
    """A citizen for whom an election of the restriction ``citizens`` is."""

    __tablename__ = "voter_election_citizens"

    election_id: Mapped[int] = mapped_column(sa.ForeignKey("voter_elections.election_id"), primary_key=True)
    citizen_id: Mapped[int] = mapped_column(
        sa.ForeignKey("citizens.id", ondelete="RESTRICT"), primary_key=True, index=True
    )


class BallotSignature(AccountsBase):
    """That a citizen has had the one ballot of an election: the signature for one of his own, or a ballot paper.

    Nothing here says which ballot was signed: it was blinded. One row for both, so that nobody gets both even at the
    same instant; the citizen and not the account is the key, so that nobody gets a second one by a second account.
    """

    __tablename__ = "ballot_signatures"

    election_id: Mapped[int] = mapped_column(sa.ForeignKey("voter_elections.election_id"), primary_key=True)
    citizen_id: Mapped[int] = mapped_column(
        sa.ForeignKey("citizens.id", ondelete="RESTRICT"), primary_key=True, index=True
    )
    blinded_digest: Mapped[bytes | None] = mapped_column(
        Digest, doc="SHA-256 of the blinded message: it alone may be asked to be signed again; NULL: voted on paper."
    )
    signed_on: Mapped[date] = mapped_column(doc="The day, UTC; the moment could be held against the ballots'.")


class Journal(JournalColumns, AccountsBase):
    """Who did what to which account, when, from where, with which outcome. Rows are added, never changed or removed."""


class JournalHead(JournalHeadColumns, AccountsBase):
    """The newest entry of the journal: one row, which is locked to add an entry, so that writers queue."""
