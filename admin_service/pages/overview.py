"""What is going on, and what waits for a person."""

from datetime import UTC, datetime

from flask import Response

from admin_service.actions import waiting
from admin_service.pages.frame import READERS, show
from admin_service.routes.fields import database
from shared.web.cookies import page_requires
from shared.web.pages import page_blueprint

overview = page_blueprint("overview", __name__)


@overview.get("/")
@page_requires(*READERS)
@overview.doc(summary="A page of what is going on and what waits for a person")
def index() -> Response:
    return show("overview.html", overview=waiting.overview(database(), datetime.now(UTC)))
