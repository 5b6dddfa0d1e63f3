"""Parts of uploads that could not be recorded. Only operators settle them: this service has no way to the queues."""

from typing import Annotated

from flask import Response
from pydantic import Field

from admin_service.pages.frame import READERS, show
from admin_service.pages.reading import asked
from admin_service.routes.fields import database
from admin_service.store import waiting
from shared.web.cookies import page_requires
from shared.web.pages import page_blueprint
from shared.web.requests import PageQuery

dead_letters = page_blueprint("dead_letter_pages", __name__)


class _Query(PageQuery):
    """Which dead letters: those that wait, unless all are asked for."""

    settled: Annotated[str, Field(pattern="^(waiting|settled|all)$")] = "waiting"


@dead_letters.get("/dead-letters")
@page_requires(*READERS)
@dead_letters.doc(summary="A page of the dead letters")
def index() -> Response:
    query = asked(_Query)
    settled = {"waiting": False, "settled": True}.get(query.settled)
    with database().reading() as session:
        letters, total = waiting.dead_letters(
            session, query.per_page, (query.page - 1) * query.per_page, settled=settled
        )
    return show("dead_letters.html", letters=letters, total=total, query=query)
