"""What somebody else has changed meanwhile, for the second of two to decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from shared.journal import store as journal
from shared.terms import Outcome


@dataclass(frozen=True)
class Conflicting:
    """What somebody else has changed while a form was filled in: who, when, and what is there now beside what was sent.

    ``rows`` are triples of a label, what is stored now, and what was sent; of fields where the two are the same none.
    """

    actor: str
    at: datetime | None
    rows: list[tuple[str, object, object]]


def conflicting(session: Session, subject: str, rows: Sequence[tuple[str, object, object]]) -> Conflicting:
    """What to show to the second of two who have changed the same thing; by the journal's last entry about it."""
    search = journal.Search(subject=subject, outcome=Outcome.DONE)
    entry = session.scalar(journal.entries(search).limit(1))
    differing = [row for row in rows if str(row[1]) != str(row[2])]
    return Conflicting(entry.actor if entry else "", entry.moment if entry else None, differing)
