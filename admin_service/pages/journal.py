"""The journal of the election store, searched."""

from flask import Response

from admin_service.pages.frame import READERS, show
from shared.web.cookies import page_requires
from shared.web.pages import page_blueprint
from shared.web.pages.journal import TEMPLATE, searched

journal = page_blueprint("journal_page", __name__)


@journal.get("/journal")
@page_requires(*READERS)
@journal.doc(summary="A page of the journal of the elections")
def index() -> Response:
    found, refused = searched()
    return show(TEMPLATE, refused, frame="administration.html", **found)
