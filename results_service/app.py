"""Starts the results service: ``gunicorn 'results_service.app:create_app()'``."""

from datetime import UTC, datetime

from apiflask import APIFlask

from results_service import actions, pages, routes, store
from results_service.live import Live
from results_service.routes.candidates import candidates
from results_service.routes.certainty import certainty
from results_service.routes.choices import choices
from results_service.routes.counted_ballots import counted_ballots
from results_service.routes.exports import exports
from results_service.routes.places import places
from results_service.routes.receipts import receipts
from results_service.routes.records import Signing, records
from shared.config import ResultsSettings, load
from shared.database import Database
from shared.queue.connection import connect
from shared.signed_records import read_signing_key
from shared.web import create_service, finish


def create_app(settings: ResultsSettings | None = None) -> APIFlask:
    """The service, ready to serve; without ``settings`` it reads them from its surroundings."""
    settings = settings or load(ResultsSettings)
    # Before anything is opened: with a wrong key the service does not start.
    signing_key = settings.record_signing_key
    signing = Signing(
        *read_signing_key(signing_key.get_secret_value() if signing_key else None, settings.record_public_key)
    )
    database = Database(settings.election_database_url.get_secret_value())
    store.hold_still(database.engine)
    desk = actions.Desk(database, lambda: datetime.now(UTC))
    checks = {"the election store": lambda: actions.is_ready(database)}
    app = create_service("results_service", "Urna: results", settings, checks=checks)
    app.extensions["database"] = database
    app.extensions["desk"] = desk
    app.extensions["signing"] = signing
    # Under gunicorn the worker puts itself here.
    app.extensions["is_stopping"] = lambda: False
    app.extensions["live"] = Live(
        read=lambda election_id: actions.read_result(desk, election_id),
        redis=connect(settings.redis_url.get_secret_value()),
        limit=settings.live_watchers,
        is_stopping=lambda: app.extensions["is_stopping"](),
    )
    app.register_blueprint(routes.blueprint)
    for blueprint in (places, certainty, exports, records, receipts, counted_ballots, choices, candidates):
        app.register_blueprint(blueprint)
    app.register_blueprint(pages.blueprint)
    return finish(app, routes.describe)
