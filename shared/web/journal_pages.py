"""``GET /api/journal``: the entries of a service's own store, the newest first, for administrators and auditors.

Only services with a store import this.
"""

import json
from collections.abc import Callable
from typing import Annotated, Any

from apiflask import APIBlueprint
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field
from sqlalchemy.orm import Session

from shared.auth import Identity, identity, requires
from shared.database import Database
from shared.journal import store
from shared.schema.journal import AnyJournal
from shared.terms import Outcome, Role
from shared.web.extensions import extension
from shared.web.requests import Page, PageQuery, paginate

# A null character stands in no entry, and PostgreSQL would not even look for it.
Text = Annotated[str, Field(max_length=256, pattern="^[^\0]*$")]


def _no_number(value: str) -> str:
    # Seconds since 1970 would be taken, too, and a year for an hour of that day.
    if ":" not in value:
        raise ValueError("Write a date and time with its offset, such as 2026-03-01T18:30:00Z.")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_no_number)]


class EntryAnswer(BaseModel):
    """An entry of the journal."""

    sequence: int = Field(description="From 1, without a gap.")
    id: str
    moment: AwareDatetime = Field(description="When it happened, by the clock of the machine where it did.")
    actor: str = Field(description="E-mail of the account, or the program; empty where nobody is known.")
    action: str = Field(description="What was done or tried: `noun.verb`.")
    subject: str = Field(description="What to, such as `election 3`.")
    address: str = Field(description="Where the request came from.")
    outcome: Outcome
    reason: str = Field(description="Why it was refused.")
    request_id: str = Field(description="As in the log lines.")
    details: dict[str, Any] = Field(description="What changed.")
    previous: str = Field(description="The hash of the entry before.")
    hash: str = Field(description="Joins the entries; see docs/journal.md.")


class EntryPage(Page[EntryAnswer]):
    """One page of the journal."""


class EntryQuery(PageQuery):
    """Which entries; what is left out is not asked for."""

    actor: Text = Field("", description="E-mail of an account, or a program, in full.")
    action: Text = Field("", description="An action in full, or its noun alone (`election`).")
    subject: Text = Field("", description="A subject in full, such as `election 3`.")
    outcome: Outcome | None = None
    since: Moment | None = Field(None, alias="from", description="Not before this moment.")
    until: Moment | None = Field(None, alias="to", description="Before this moment.")
    text: Text = Field("", description="A part of the actor, action, subject, reason or details, in whatever case.")


def journal(check: Callable[[Session, Identity], None] | None = None) -> APIBlueprint:
    """The route, for a service that has its ``Database`` in ``app.extensions``.

    ``check`` may refuse whoever asks by what the store knows of him.
    """
    blueprint = APIBlueprint("journal", __name__, tag="Journal", url_prefix="/api/journal")

    @blueprint.get("")
    @requires(Role.ADMINISTRATOR, Role.AUDITOR)
    @blueprint.input(EntryQuery, location="query", arg_name="query")
    @blueprint.output(EntryPage)
    @blueprint.doc(summary="Who did what to what, when, from where and how it ended; the newest first")
    def list_entries(query: EntryQuery) -> dict[str, Any]:
        wanted = store.Search(**query.model_dump(exclude={"page", "per_page"}))
        with extension("database", Database).reading() as session:
            if check is not None:
                check(session, identity())
            return paginate(session, store.entries(wanted), query, _answer)

    return blueprint


def _answer(entry: AnyJournal) -> EntryAnswer:
    names = EntryAnswer.model_fields.keys() - {"details"}
    return EntryAnswer(**{name: getattr(entry, name) for name in names}, details=_details(entry.details))


def _details(text: str) -> dict[str, Any]:
    """Details as JSON; also what somebody may have made of them by hand can be shown."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"text": text}
