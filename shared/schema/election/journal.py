"""The journal of the election store."""

from shared.schema.election.base import ElectionBase
from shared.schema.journal import JournalColumns, JournalHeadColumns


class Journal(JournalColumns, ElectionBase):
    """Who did what to what, when, from where, with which outcome. Rows are added and never changed or removed."""


class JournalHead(JournalHeadColumns, ElectionBase):
    """The newest entry of the journal: one row, which is locked to add an entry, so that writers queue."""
