"""Starts the administration service: ``gunicorn 'admin_service.app:create_app()'``."""

from functools import partial
from zoneinfo import ZoneInfo

from apiflask import APIFlask
from sqlalchemy.exc import ProgrammingError

from admin_service import store
from admin_service.classic import classic
from admin_service.pages import blueprints as pages
from admin_service.routes import blueprints
from admin_service.routes.station_import import describe_body
from shared.config import AdministrationSettings, load
from shared.database import Database
from shared.errors import Unavailable
from shared.journal import store as journal
from shared.web import create_service, finish, journal_pages
from shared.web import journal as refusals


def create_app(settings: AdministrationSettings | None = None) -> APIFlask:
    """The service, ready to serve; without ``settings`` it reads them from its surroundings."""
    settings = settings or load(AdministrationSettings)
    database = Database(settings.election_database_url.get_secret_value())

    def store_is_ready() -> bool:
        try:
            with database.reading() as session:
                return store.schema_is_there(session)
        except (Unavailable, ProgrammingError):
            return False

    app = create_service(
        "admin_service", "Urna: administration", settings, checks={"the election store": store_is_ready}
    )
    app.extensions["database"] = database
    refusals.install(app, partial(journal.write, database))
    app.extensions["zone"] = ZoneInfo(settings.election_timezone)
    for blueprint in (classic, *blueprints, journal_pages.journal(), *pages):
        app.register_blueprint(blueprint)
    return finish(app, describe_body)
