"""The journal, searched: who did what to what, when, from where, and how it ended."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from flask import Response
from flask_babel import gettext
from pydantic import Field

from admin_service.pages.frame import READERS, show, spoken
from admin_service.pages.reading import asked
from admin_service.routes.fields import database
from shared.errors import InvalidInput, UrnaError
from shared.journal import store
from shared.schema.journal import AnyJournal
from shared.terms import Outcome
from shared.web.cookies import page_requires
from shared.web.pages import page_blueprint
from shared.web.requests import PageQuery, paginate

journal = page_blueprint("journal_page", __name__)

Text = Annotated[str, Field(max_length=256, pattern="^[^\0]*$")]


class _Query(PageQuery):
    """Which entries; moments are as browsers send them, and in UTC."""

    actor: Text = ""
    action: Text = ""
    subject: Text = ""
    outcome: Outcome | None = None
    since: Text = ""
    until: Text = ""
    text: Text = ""


@journal.get("/journal")
@page_requires(*READERS)
@journal.doc(summary="A page of the journal")
def index() -> Response:
    query = asked(_Query)
    refused: UrnaError | None = None
    since = until = None
    try:
        since, until = _moment(query.since, "since"), _moment(query.until, "until")
    except InvalidInput as error:
        refused = error
    wanted = store.Search(
        actor=query.actor.strip(),
        action=query.action.strip(),
        subject=query.subject.strip(),
        outcome=query.outcome,
        since=since,
        until=until,
        text=query.text.strip(),
    )
    with database().reading() as session:
        page = paginate(session, store.entries(wanted), query, _shown)
        head = store.head(session)
        session.expunge_all()
    return show("journal.html", refused, page=page, query=query, head=head)


def _moment(text: str, field: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        # A day at the edge of what a datetime holds has no moment in UTC.
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(spoken(gettext("This is no date and time.")), field=field) from None


def _shown(entry: AnyJournal) -> dict[str, Any]:
    names = ("sequence", "moment", "actor", "action", "subject", "address", "outcome", "reason", "request_id", "hash")
    return {**{name: getattr(entry, name) for name in names}, "details": _details(entry.details)}


def _details(text: str) -> list[tuple[str, str, str | None]]:
    """What an entry tells, one by one: a name, what it was and what it became, or what it is and None."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = {"text": text}
    if not isinstance(told, dict):
        told = {"text": told}
    rows: list[tuple[str, str, str | None]] = []
    for name, value in told.items():
        if isinstance(value, dict) and set(value) <= {"from", "to", "before", "after"} and value:
            rows.append(
                (name, _plain(value.get("from", value.get("before"))), _plain(value.get("to", value.get("after"))))
            )
        else:
            rows.append((name, _plain(value), None))
    return rows


def _plain(value: object) -> str:
    if value is None or value == "":
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
