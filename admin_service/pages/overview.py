"""What is going on, and what waits for a person."""

from datetime import UTC, datetime

from flask import Response

from admin_service.actions import waiting
from admin_service.pages.frame import OWN_SECTIONS, READERS, sections, show
from admin_service.routes.fields import database
from shared.auth import identity
from shared.web.cookies import page_requires
from shared.web.pages import page_blueprint, see_other

overview = page_blueprint("overview", __name__)


@overview.get("/")
@page_requires(*READERS, *(role for role, _ in OWN_SECTIONS))
@overview.doc(summary="A page of what is going on and what waits for a person; directors and candidates have their own")
def index() -> Response:
    if not any(identity().has(role) for role in READERS):
        return see_other(sections()[0][0])
    return show("overview.html", overview=waiting.overview(database(), datetime.now(UTC)))
