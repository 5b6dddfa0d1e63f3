"""Jurisdictions: the areas of authority within which elections may not overlap."""

from sqlalchemy.exc import IntegrityError

from shared.database import Database
from shared.errors import Conflict
from shared.journal.store import note
from shared.schema.election import Jurisdiction


def create(database: Database, name: str) -> Jurisdiction:
    """Make an area of authority known; its name is its own."""
    try:
        with database.writing() as session:
            jurisdiction = Jurisdiction(name=name)
            session.add(jurisdiction)
            session.flush()
            note(session, "jurisdiction.created", f"jurisdiction {jurisdiction.id}", {"name": name})
            return jurisdiction
    except IntegrityError as error:
        # The database decides which names are the same; some take no notice of case and accents.
        raise Conflict("There is a jurisdiction of this name.", field="name") from error
