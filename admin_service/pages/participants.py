"""The parties and individuals that may stand in elections."""

from datetime import UTC, datetime
from typing import Annotated

from flask import Response, request, url_for
from flask_babel import gettext, lazy_gettext
from pydantic import Field

from admin_service import store
from admin_service.actions import participants as actions
from admin_service.actions.conflicts import Conflicting, conflicting
from admin_service.pages.frame import NOTICES, READERS, same_version, show
from admin_service.pages.reading import asked, filled_in
from admin_service.routes.fields import Name, database
from admin_service.routes.participants import ParticipantQuery
from shared.errors import ChangedMeanwhile, Conflict, InvalidInput, UrnaError
from shared.schema.election import Participant
from shared.terms import Role
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other
from shared.web.requests import PageQuery, Strict, paginate

participants = page_blueprint("participant_pages", __name__)

SORTS = {"party": lazy_gettext("Party or list"), "individual": lazy_gettext("Individual")}
CANDIDATES_SHOWN = 100
NOTICES.update(
    {
        "participant-made": lazy_gettext("The participant is known now."),
        "participant-changed": lazy_gettext("The participant is changed."),
        "participant-deleted": lazy_gettext("The participant is deleted."),
    }
)


class _Filled(Strict):
    """What is filled in about a participant."""

    name: Name
    sort: Annotated[str, Field(pattern="^(party|individual)$")]


@participants.get("/participants")
@page_requires(*READERS)
@participants.doc(summary="A page of the participants")
def index() -> Response:
    query = asked(ParticipantQuery)
    with database().reading() as session:
        page = paginate(session, store.participants(query.name, query.individual), query, lambda found: found)
        session.expunge_all()
    return show("participants.html", page=page, query=query, sorts=SORTS)


@participants.get("/participants/new")
@page_requires(Role.ADMINISTRATOR)
@participants.doc(summary="A page to make a participant known")
def new() -> Response:
    return _form(None)


@participants.post("/participants/new")
@page_requires(Role.ADMINISTRATOR)
@journaled("participant.created", "participant")
@participants.doc(summary="Its form")
def create() -> Response:
    try:
        filled = filled_in(_Filled)
        made = actions.create(database(), filled.name, filled.sort == "individual", datetime.now(UTC))
    except InvalidInput as error:
        return _form(None, error)
    return see_other(url_for(".one", participant_id=made.id, notice="participant-made"))


@participants.get("/participants/<int:participant_id>")
@page_requires(*READERS)
@participants.doc(summary="A page of one participant, with its candidates")
def one(participant_id: int) -> Response:
    return _form(participant_id)


@participants.post("/participants/<int:participant_id>")
@page_requires(Role.ADMINISTRATOR)
@journaled("participant.changed", "participant {participant_id}")
@participants.doc(summary="Its form")
def change(participant_id: int) -> Response:
    try:
        filled = filled_in(_Filled)
        actions.change(
            database(),
            participant_id,
            same_version,
            datetime.now(UTC),
            name=filled.name,
            individual=filled.sort == "individual",
        )
    except (InvalidInput, Conflict, ChangedMeanwhile) as error:
        return _form(participant_id, error)
    return see_other(url_for(".one", participant_id=participant_id, notice="participant-changed"))


@participants.get("/participants/<int:participant_id>/delete")
@page_requires(Role.ADMINISTRATOR)
@participants.doc(summary="A page that asks whether a participant is to be deleted")
def ask_to_delete(participant_id: int) -> Response:
    return _ask(participant_id)


@participants.post("/participants/<int:participant_id>/delete")
@page_requires(Role.ADMINISTRATOR)
@journaled("participant.deleted", "participant {participant_id}")
@participants.doc(summary="Its form")
def delete(participant_id: int) -> Response:
    try:
        actions.delete(database(), participant_id, same_version)
    except (Conflict, ChangedMeanwhile) as error:
        return _ask(participant_id, error)
    return see_other(url_for(".index", notice="participant-deleted"))


def _form(participant_id: int | None, error: UrnaError | None = None) -> Response:
    found: Participant | None = None
    standing: dict[str, object] = {}
    with database().reading() as session:
        if participant_id is not None:
            found = store.participant(session, participant_id)
            query = PageQuery(page=1, per_page=CANDIDATES_SHOWN)
            people = paginate(session, store.candidates(participant_id), query, lambda one: one)
            standing = {"people": people, "is_used": store.is_used(session, participant_id)}
        conflict: Conflicting | None = None
        filled = {"name": found.name if found else "", "sort": _sort(found) if found else ""}
        if error is not None:
            filled = {name: request.form.get(name, "") for name in filled}
            if found is not None and isinstance(error, ChangedMeanwhile):
                labels = [
                    (gettext("Name"), found.name, filled["name"]),
                    (gettext("Sort"), SORTS[_sort(found)], SORTS.get(filled["sort"], "")),
                ]
                conflict = conflicting(session, f"participant {participant_id}", labels)
        session.expunge_all()
    return show("participant.html", error, one=found, filled=filled, sorts=SORTS, conflict=conflict, **standing)


def _ask(participant_id: int, error: UrnaError | None = None) -> Response:
    with database().reading() as session:
        found = store.participant(session, participant_id)
        session.expunge_all()
    return show(
        "confirm.html",
        error,
        title=gettext("Delete this participant?"),
        facts=[(gettext("Name"), found.name), (gettext("Sort"), SORTS[_sort(found)])],
        follows=[gettext("It is gone for good. Only a participant that stands nowhere and has no candidates can go.")],
        version=found.version,
        label=gettext("Delete the participant"),
        kind="danger",
        back=url_for(".one", participant_id=participant_id),
    )


def _sort(participant: Participant) -> str:
    return "individual" if participant.individual else "party"
