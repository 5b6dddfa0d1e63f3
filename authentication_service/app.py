"""Starts the authentication service."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from apiflask import APIFlask

from authentication_service.actions import outbox
from authentication_service.actions.accounts import is_ready
from authentication_service.actions.ballot_signatures import BallotKeys
from authentication_service.actions.journal import check_reader
from authentication_service.classic import classic
from authentication_service.pages import blueprints as pages
from authentication_service.passwords import Passwords
from authentication_service.routes import accounts, users
from authentication_service.routes import ballot_signatures as ballot_signature_routes
from authentication_service.routes import citizens as citizen_routes
from authentication_service.routes import officials as official_routes
from authentication_service.routes import voter_elections as voter_election_routes
from authentication_service.routes.password_resets import password_resets
from authentication_service.routes.second_factor import second_factor
from authentication_service.routes.sessions import sessions
from authentication_service.sealed import open_store
from authentication_service.second_factors import SecondFactors
from authentication_service.signing import EXTENSION, Parts
from shared import metrics
from shared.config import AuthenticationSettings, load
from shared.database import Database
from shared.journal import store as journal
from shared.web import create_service, finish, journal_pages
from shared.web import journal as refusals


def create_app(settings: AuthenticationSettings | None = None) -> APIFlask:
    """The service, ready to answer; reads its settings from the environment unless it is given them."""
    settings = settings or load(AuthenticationSettings)
    database = open_store(settings.accounts_database_url.get_secret_value(), settings.register_key.get_secret_value())
    private_key = settings.jwt_private_key.get_secret_value() if settings.jwt_private_key else None
    app = create_service(
        "authentication_service",
        "Urna: accounts",
        settings,
        checks={"the accounts database": lambda: is_ready(database)},
        private_key=private_key,
    )
    app.extensions["database"] = database
    app.extensions["readings"] = partial(_readings, database)
    refusals.install(app, partial(journal.write, database))
    factors = SecondFactors(settings.register_key.get_secret_value(), frozenset(settings.second_factor_roles))
    app.extensions[EXTENSION] = Parts(settings, database, Passwords.of(settings), factors)
    app.register_blueprint(classic)
    app.register_blueprint(accounts)
    app.register_blueprint(sessions)
    app.register_blueprint(password_resets)
    app.register_blueprint(second_factor)
    app.register_blueprint(users)
    app.register_blueprint(official_routes.officials)
    app.register_blueprint(citizen_routes.citizens)
    app.register_blueprint(voter_election_routes.voter_elections)
    app.extensions[ballot_signature_routes.EXTENSION] = BallotKeys(settings.register_key.get_secret_value())
    app.register_blueprint(ballot_signature_routes.ballot_signatures)
    app.register_blueprint(journal_pages.journal(check_reader))
    for blueprint in pages:
        app.register_blueprint(blueprint)
    return finish(app, _describe)


def _readings(database: Database) -> list[metrics.Reading]:
    """What waits to be mailed. The service tells it, since nothing can ask the program that sends mails."""
    number, age = outbox.waiting(database, datetime.now(UTC))
    return [
        metrics.Reading("urna_mails_waiting", "Mails that wait to be sent.", number),
        metrics.Reading("urna_mails_oldest_age_seconds", "Since when the first of them waits; 0 where none does.", age),
    ]


def _describe(spec: dict[str, Any]) -> None:
    citizen_routes.describe_body(spec)
    official_routes.describe_body(spec)
    voter_election_routes.describe_body(spec)
