"""The accounts store: who may act, and the sessions that let them.

Reached by the authentication service only.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from shared.database import UtcDateTime
from shared.schema import metadata
from shared.schema.journal import JournalColumns, JournalHeadColumns
from shared.terms import Approval


class AccountsBase(DeclarativeBase):
    metadata = metadata()


class User(AccountsBase):
    """An account. Deleting is soft: the unique columns are emptied, so that email and JMBG are free again."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(sa.String(256), doc="As registered; NULL when deleted.")
    email_key: Mapped[str | None] = mapped_column(
        sa.String(256),
        unique=True,
        doc="The address in lower case, by which people log in; NULL when deleted.",
    )
    jmbg: Mapped[str | None] = mapped_column(sa.String(13), unique=True, doc="National id; NULL when deleted.")
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

    roles: Mapped[list["UserRole"]] = relationship(cascade="all, delete-orphan", lazy="selectin")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy reads this plain attribute.


class UserRole(AccountsBase):
    """A role that an account has."""

    __tablename__ = "user_roles"

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(sa.String(32), primary_key=True)


class RefreshSession(AccountsBase):
    """A refresh token that was handed out; one that is revoked or expired refreshes nothing."""

    __tablename__ = "refresh_sessions"

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True, doc="The token's jti claim.")
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class FailedLogin(AccountsBase):
    """A log-in that failed, kept for a minute to slow down who guesses.

    It stands in the store and not in a process's memory, so that the limit is one for all workers and replicas.
    """

    __tablename__ = "failed_logins"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(
        sa.String(64), doc="SHA-256, in hexadecimal, of the account and the caller's address: neither is kept itself."
    )
    failed_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    __table_args__ = (sa.Index(None, "key", "failed_at"),)


class Journal(JournalColumns, AccountsBase):
    """Who did what to which account, when, from where, with which outcome. Rows are added, never changed or removed."""


class JournalHead(JournalHeadColumns, AccountsBase):
    """The newest entry of the journal: one row, which is locked to add an entry, so that writers queue."""
