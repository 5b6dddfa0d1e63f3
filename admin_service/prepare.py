"""Makes or updates the election store: ``python -m admin_service.prepare``, before the services start.

Running it again changes nothing, and of two at the same time the second one waits for the first.
"""

import sys

import structlog
from sqlalchemy.exc import DBAPIError

from shared.config import ElectionStoreSettings, load
from shared.database import Database, is_transient, migrate
from shared.errors import Misconfigured, Unavailable
from shared.journal.store import note_schema
from shared.logs import configure

SECONDS_TO_WAIT = 120.0

log = structlog.get_logger()


def prepare(url: str, seconds_to_wait: float = SECONDS_TO_WAIT) -> None:
    """Wait until the database answers, then bring its schema to the newest revision.

    Raises ``Unavailable`` when it does not answer within ``seconds_to_wait``, ``Misconfigured`` when it
    refuses our user.
    """
    database = Database(url, pool_size=1)
    try:
        database.wait_until_reachable(seconds_to_wait)
        migrate(url, "election")
        note_schema(database)
    finally:
        database.close()
    log.info("prepared", store="election")


def main() -> int:
    """Prepare the store that the settings name; the exit status for the caller."""
    try:
        settings = load(ElectionStoreSettings)
        configure("admin_service", settings.log_level)
        prepare(settings.election_database_url.get_secret_value())
    except (Misconfigured, Unavailable) as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    except DBAPIError as error:
        if not is_transient(error):
            raise
        # The driver's own message may quote the statement, but never the URL with its password.
        sys.stderr.write(f"The election store could not be prepared: {error.orig}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
