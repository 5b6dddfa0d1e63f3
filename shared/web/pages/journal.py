"""The page of the journal of a service's own store, searched: who did what to what, when, from where, and how it ended.

Only services with a store import this. Each shows its own part of the journal and says where the other one is.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from flask import request
from flask_babel import lazy_gettext
from pydantic import Field, ValidationError
from sqlalchemy.orm import Session

from shared.auth import Identity, identity
from shared.database import Database
from shared.errors import InvalidInput, UrnaError
from shared.journal import store
from shared.schema.journal import AnyJournal
from shared.terms import Outcome
from shared.web.extensions import extension
from shared.web.pages.language import ARGUMENT
from shared.web.pages.navigation import sites
from shared.web.requests import PageQuery, paginate

TEMPLATE = "base/journal.html"
"""Wants the ``frame`` of the service's pages besides what ``searched`` gives, and ``other_page``."""

OUTCOMES = {
    Outcome.DONE: (lazy_gettext("done"), "good"),
    Outcome.REFUSED: (lazy_gettext("refused"), "bad"),
}

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


def searched(check: Callable[[Session, Identity], None] | None = None) -> tuple[dict[str, Any], UrnaError | None]:
    """What the template shows of the entries that are asked for, and what is wrong with a moment.

    ``check`` may refuse whoever asks by what the store knows of him. Raises InvalidInput for a filter that there is
    not.
    """
    query = _asked()
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
    with extension("database", Database).reading() as session:
        if check is not None:
            check(session, identity())
        page = paginate(session, store.entries(wanted), query, _shown)
        head = store.head(session)
        session.expunge_all()
    found = {
        "page": page,
        "query": query,
        "head": head,
        "outcomes": OUTCOMES,
        "outcome_choices": [(outcome.value, name) for outcome, (name, _) in OUTCOMES.items()],
        "is_of_accounts": sites().own == "account",
    }
    return found, refused


def _asked() -> _Query:
    asked = {name: value for name, value in request.args.items() if value and name not in (ARGUMENT, "notice")}
    try:
        return _Query.model_validate(asked)
    except ValidationError:
        raise InvalidInput("This page has no such filter. Begin again without one.") from None


def _moment(text: str, field: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        # A day at the edge of what a datetime holds has no moment in UTC.
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidInput("This is no date and time.", field=field) from None


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
