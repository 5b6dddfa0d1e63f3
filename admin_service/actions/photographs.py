"""Photographs of tally sheets, given as they were sent and as long as they still are what was sent."""

import hashlib
import re

from admin_service import store
from admin_service.store import sheets
from admin_service.store.sheets import Photograph
from shared.database import Database
from shared.errors import Conflict, NotFound
from shared.journal import events
from shared.journal.store import was_written, write
from shared.sentences import say
from shared.terms import Outcome

_ID = re.compile("[0-9a-f]{32}")


def read(database: Database, election_id: int, station_id: int, photograph_id: str) -> tuple[Photograph, bytes]:
    """One photograph and its bytes.

    NotFound where there is none; Conflict, and once an entry in the journal, when the bytes are not those that were
    sent.
    """
    with database.reading() as session:
        store.election(session, election_id)
        sheets.place(session, election_id, station_id)
        if not _ID.fullmatch(photograph_id):
            raise NotFound("This tally sheet has no such photograph.")
        photograph, content = sheets.photograph(session, election_id, station_id, photograph_id)
    if hashlib.sha256(content).hexdigest() != photograph.sha256:
        reason = say("This photograph is not what the official sent: its bytes have been changed in the store.")
        _tell(database, photograph, str(reason))
        raise Conflict(reason)
    return photograph, content


def _tell(database: Database, photograph: Photograph, reason: str) -> None:
    subject = f"photograph {photograph.id}"
    with database.reading() as session:
        # Whoever looks at it again finds nothing new.
        known = was_written(session, "photograph.damaged", subject)
    if not known:
        details = {"sha256": photograph.sha256, "sent_by": photograph.actor}
        write(database, events.event("photograph.damaged", subject, details, outcome=Outcome.REFUSED, reason=reason))
