"""Prepares the accounts store before the service starts: ``python -m authentication_service.prepare``.

Waits for the database, brings its schema up to date and makes the first administrator. It may run at every start,
and two may run at once.
"""

import sys
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import DBAPIError

from authentication_service.actions.registration import create_first_administrator
from authentication_service.actions.sealing import hold_key
from authentication_service.passwords import Passwords
from authentication_service.rules import MOST_CHARACTERS, is_email
from authentication_service.sealed import open_store
from shared.config import AuthenticationSettings, load
from shared.database import is_transient, migrate
from shared.errors import Conflict, Misconfigured, Unavailable
from shared.journal.store import note_schema
from shared.logs import configure

WAIT_SECONDS = 120.0

log = structlog.get_logger()


def prepare(settings: AuthenticationSettings, wait_seconds: float = WAIT_SECONDS) -> None:
    """Make the store ready for the service.

    Raises ``Unavailable`` when the database does not answer within ``wait_seconds``, and ``Misconfigured`` when it
    refuses our user, the first administrator cannot be made from the settings, or the store is sealed with another key.
    """
    email = settings.admin_email
    password = settings.admin_password.get_secret_value()
    if not is_email(email):
        raise Misconfigured("ADMIN_EMAIL has to be an e-mail address, for the administrator logs in with it.")
    if not password:
        raise Misconfigured("ADMIN_PASSWORD has to have at least one character.")
    if len(password) > MOST_CHARACTERS:
        raise Misconfigured(f"ADMIN_PASSWORD may have {MOST_CHARACTERS} characters; longer ones never log in.")
    url, key = settings.accounts_database_url.get_secret_value(), settings.register_key.get_secret_value()
    former = settings.register_key_former.get_secret_value() if settings.register_key_former else None
    database = open_store(url, key)
    try:
        database.wait_until_reachable(wait_seconds)
        migrate(url, "accounts", key)
        note_schema(database)
        resealed = hold_key(database, key, former)
        created = create_first_administrator(
            database,
            Passwords.of(settings),
            email=email,
            password=password,
            jmbg=settings.admin_jmbg,
            now=datetime.now(UTC),
        )
    except Conflict as error:
        raise Misconfigured(
            "The store has no administrator, and the account with ADMIN_EMAIL or ADMIN_JMBG is none; choose others."
        ) from error
    finally:
        database.close()
    log.info("prepared", store="accounts", first_administrator="created" if created else "present", resealed=resealed)


def main() -> int:
    """Prepare with the settings of the environment; 0 when the store is ready, 1 with the reason on standard error."""
    try:
        settings = load(AuthenticationSettings)
        configure("authentication_service", settings.log_level)
        prepare(settings)
    except (Misconfigured, Unavailable) as error:
        print(error.message, file=sys.stderr)
        return 1
    except DBAPIError as error:
        if not is_transient(error):
            raise
        # The driver's own message may quote the statement, but never the URL with its password.
        print(f"The accounts database could not be prepared: {error.orig}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
