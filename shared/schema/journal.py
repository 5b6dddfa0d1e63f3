"""The columns of the journal, which both stores have, and the classes by which it is reached in either."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.database import UtcDateTime
from shared.schema import BigInteger, metadata

# MySQL's plain TEXT would end at 64 KiB, less than two versions of a biography.
LongText = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


class JournalColumns:
    """What an entry of the journal says; rows are added and never changed or removed."""

    __tablename__ = "journal"

    sequence: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False, doc="From 1, without a gap."
    )
    id: Mapped[str] = mapped_column(sa.String(32), unique=True, doc="Given where it happened; none is written twice.")
    moment: Mapped[datetime] = mapped_column(UtcDateTime, index=True, doc="When it happened, by the clock of there.")
    actor: Mapped[str] = mapped_column(sa.String(256), index=True, doc="E-mail of the account, or the program.")
    action: Mapped[str] = mapped_column(sa.String(64), index=True, doc="`noun.verb`, as in docs/journal.md.")
    subject: Mapped[str] = mapped_column(sa.String(256), index=True, doc="What it was done to, such as `election 3`.")
    address: Mapped[str] = mapped_column(sa.String(64), doc="Where the request came from; empty where none did.")
    outcome: Mapped[str] = mapped_column(sa.String(16), doc="`done` or `refused`.")
    reason: Mapped[str] = mapped_column(sa.String(1024), doc="Why it was refused.")
    request_id: Mapped[str] = mapped_column(sa.String(64), doc="As in the log lines.")
    details: Mapped[str] = mapped_column(LongText, doc="JSON: what changed. Kept as text, which is what is hashed.")
    previous: Mapped[str] = mapped_column(sa.String(64), doc="Hash of the entry before; zeros before the first.")
    hash: Mapped[str] = mapped_column(sa.String(64), doc="SHA-256 of all the other columns; see docs/journal.md.")


class JournalHeadColumns:
    """The newest entry of the journal: one row, which is locked to add an entry, so that writers queue."""

    __tablename__ = "journal_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, doc="Always 1.")
    sequence: Mapped[int] = mapped_column(BigInteger, doc="0 while there is no entry.")
    hash: Mapped[str] = mapped_column(sa.String(64))


class _EitherBase(DeclarativeBase):
    metadata = metadata()


class AnyJournal(JournalColumns, _EitherBase):
    """The journal of whichever store a session belongs to."""


class AnyJournalHead(JournalHeadColumns, _EitherBase):
    """The head of the journal of whichever store a session belongs to."""
