"""Starts the results service: ``gunicorn 'results_service.app:create_app()'``."""

from apiflask import APIFlask

from results_service import actions, pages, routes
from shared.config import ResultsSettings, load
from shared.database import Database
from shared.web import create_service, finish


def create_app(settings: ResultsSettings | None = None) -> APIFlask:
    """The service, ready to serve; without ``settings`` it reads them from its surroundings."""
    settings = settings or load(ResultsSettings)
    database = Database(settings.election_database_url.get_secret_value())
    checks = {"the election store": lambda: actions.is_ready(database)}
    app = create_service("results_service", "Urna: results", settings, checks=checks)
    app.extensions["database"] = database
    app.register_blueprint(routes.blueprint)
    app.register_blueprint(pages.blueprint)
    return finish(app, routes.describe)
