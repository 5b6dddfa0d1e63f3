"""The people who stand for participants: their words, their pictures, and what was decided about them."""

from datetime import UTC, datetime
from typing import Annotated, Any

from flask import Response, request, url_for
from flask_babel import gettext, lazy_gettext
from pydantic import Field

from admin_service import store
from admin_service.actions import candidates as actions
from admin_service.actions import pictures
from admin_service.actions.conflicts import conflicting
from admin_service.actions.pictures import Size
from admin_service.pages.frame import NOTICES, READERS, same_version, show, spoken
from admin_service.pages.reading import asked, filled_in, whole
from admin_service.pages.words import standing_of
from admin_service.routes.candidates import Biography, CandidateQuery
from admin_service.routes.fields import Line, Name, Reason, Searched, database
from admin_service.routes.participants import ParticipantQuery
from admin_service.routes.pictures import answer, take_pictures
from shared.errors import ChangedMeanwhile, Conflict, InvalidInput, NotFound, TooLarge, UrnaError
from shared.schema.election import Candidate
from shared.terms import Approval, Role
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other
from shared.web.requests import Strict, paginate

candidates = page_blueprint("candidate_pages", __name__)

LABELS = {
    "forename": lazy_gettext("Forename"),
    "surname": lazy_gettext("Surname"),
    "post": lazy_gettext("Stands for the post of"),
    "code_name": lazy_gettext("Known as"),
    "biography": lazy_gettext("Biography"),
}
NOTICES.update(
    {
        "candidate-made": lazy_gettext("The candidate is put forward and waits for a decision."),
        "candidate-changed": lazy_gettext("The candidate is changed, and waits for a decision."),
        "candidate-approved": lazy_gettext("The candidate is approved."),
        "candidate-refused": lazy_gettext("The candidate is refused."),
        "candidate-deleted": lazy_gettext("The candidate is deleted."),
        "candidate-unlinked": lazy_gettext("No account acts for the candidate any more."),
        "picture-put": lazy_gettext("The picture is stored. The candidate waits for a decision."),
        "picture-deleted": lazy_gettext("The picture is deleted. The candidate waits for a decision."),
    }
)


class _Query(CandidateQuery):
    """Which candidates a page lists."""

    name: Searched = ""


class _Whose(ParticipantQuery):
    """For which participant somebody is put forward; without one, a search for it."""

    participant: int | None = Field(None, ge=1, le=2**31 - 1)


class _Filled(Strict):
    """What is filled in about a candidate."""

    forename: Name
    surname: Name
    post: Line
    code_name: Line
    biography: Biography


class _Decided(Strict):
    """What is filled in for a decision."""

    decision: Annotated[str, Field(pattern="^(approved|refused)$")]
    reason: Reason
    withdraw: Annotated[str, Field(pattern="^1?$")]


@candidates.before_request
def _take_pictures() -> None:
    # Before the form is looked into for its value against forgery.
    if request.endpoint == f"{candidates.name}.put_picture":
        take_pictures()


@candidates.get("/candidates")
@page_requires(*READERS)
@candidates.doc(summary="A page of the candidates")
def index() -> Response:
    query = asked(_Query)
    with database().reading() as session:
        statement = store.candidates(query.participant_id, query.approval and query.approval.value, query.name)
        page = paginate(session, statement, query, lambda found: found)
        people: list[Candidate] = page["items"]
        stands_for = store.names_of_participants(session, [person.participant_id for person in people])
        pictured = store.with_pictures(session, [person.id for person in people])
        session.expunge_all()
    return show("candidates.html", page=page, query=query, stands_for=stands_for, pictured=pictured)


@candidates.get("/candidates/new")
@page_requires(Role.ADMINISTRATOR)
@candidates.doc(summary="A page to put a candidate forward")
def new() -> Response:
    query = asked(_Whose)
    if query.participant is not None:
        return _new(query.participant)
    with database().reading() as session:
        page = paginate(session, store.participants(query.name), query, lambda found: found)
        session.expunge_all()
    return show("whose_candidate.html", page=page, query=query)


@candidates.post("/candidates/new")
@page_requires(Role.ADMINISTRATOR)
@journaled("candidate.created", "candidate")
@candidates.doc(summary="Its form")
def create() -> Response:
    participant_id = whole("participant_id")
    try:
        texts = filled_in(_Filled).model_dump()
        made = actions.create(database(), participant_id, texts, datetime.now(UTC))
    except InvalidInput as error:
        return _new(participant_id, error)
    return see_other(url_for(".one", candidate_id=made.id, notice="candidate-made"))


@candidates.get("/candidates/<int:candidate_id>")
@page_requires(*READERS)
@candidates.doc(summary="A page of one candidate")
def one(candidate_id: int) -> Response:
    return _shown(candidate_id)


@candidates.post("/candidates/<int:candidate_id>")
@page_requires(Role.ADMINISTRATOR)
@journaled("candidate.changed", "candidate {candidate_id}")
@candidates.doc(summary="The form that changes a candidate")
def change(candidate_id: int) -> Response:
    try:
        actions.change(database(), candidate_id, same_version, filled_in(_Filled).model_dump(), datetime.now(UTC))
    except (InvalidInput, ChangedMeanwhile) as error:
        return _shown(candidate_id, error, of="change")
    return see_other(url_for(".one", candidate_id=candidate_id, notice="candidate-changed"))


@candidates.post("/candidates/<int:candidate_id>/decision")
@page_requires(Role.ADMINISTRATOR)
@journaled("candidate.decided", "candidate {candidate_id}")
@candidates.doc(summary="The form that approves or refuses a candidate")
def decide(candidate_id: int) -> Response:
    try:
        decided = filled_in(_Decided)
        decision = Approval(decided.decision)
        reason = decided.reason if decision is Approval.REFUSED else ""
        now = datetime.now(UTC)
        actions.decide(database(), candidate_id, same_version, decision, reason, now, withdraw=bool(decided.withdraw))
    except (InvalidInput, Conflict, ChangedMeanwhile) as error:
        return _shown(candidate_id, error, of="decision")
    return see_other(url_for(".one", candidate_id=candidate_id, notice=f"candidate-{decision}"))


@candidates.get("/candidates/<int:candidate_id>/picture/<any(large, small):size>")
@page_requires(*READERS)
@candidates.doc(summary="The picture of a candidate, for the pages")
def picture(candidate_id: int, size: str) -> Response:
    return answer(candidate_id, Size(size))


@candidates.post("/candidates/<int:candidate_id>/picture")
@page_requires(Role.ADMINISTRATOR)
@journaled("picture.put", "picture {candidate_id}")
@candidates.doc(summary="The form that gives a candidate a picture")
def put_picture(candidate_id: int) -> Response:
    sent = request.files.get("picture")
    try:
        content = sent.read() if sent else b""
        if not content:
            raise InvalidInput(spoken(gettext("Choose a file with a picture.")), field="picture")
        pictures.put(database(), candidate_id, same_version, content, datetime.now(UTC))
    except (InvalidInput, TooLarge, ChangedMeanwhile) as error:
        return _shown(candidate_id, error, of="picture")
    return see_other(url_for(".one", candidate_id=candidate_id, notice="picture-put"))


@candidates.post("/candidates/<int:candidate_id>/picture/delete")
@page_requires(Role.ADMINISTRATOR)
@journaled("picture.deleted", "picture {candidate_id}")
@candidates.doc(summary="The form that deletes the picture of a candidate")
def delete_picture(candidate_id: int) -> Response:
    try:
        pictures.delete(database(), candidate_id, same_version, datetime.now(UTC))
    except (NotFound, ChangedMeanwhile) as error:
        return _shown(candidate_id, error, of="picture")
    return see_other(url_for(".one", candidate_id=candidate_id, notice="picture-deleted"))


@candidates.post("/candidates/<int:candidate_id>/invitation")
@page_requires(Role.ADMINISTRATOR)
@journaled("candidate.invited", "candidate {candidate_id}")
@candidates.doc(summary="The form that invites a candidate to complete the profile")
def invite(candidate_id: int) -> Response:
    try:
        made = actions.invite(database(), candidate_id, same_version, datetime.now(UTC))
    except ChangedMeanwhile as error:
        return _shown(candidate_id, error, of="account")
    return _shown(candidate_id, code=made.code)


@candidates.post("/candidates/<int:candidate_id>/unlinking")
@page_requires(Role.ADMINISTRATOR)
@journaled("candidate.unlinked", "candidate {candidate_id}")
@candidates.doc(summary="The form that lets no account act for a candidate")
def unlink(candidate_id: int) -> Response:
    try:
        actions.unlink(database(), candidate_id, same_version)
    except (NotFound, ChangedMeanwhile) as error:
        return _shown(candidate_id, error, of="account")
    return see_other(url_for(".one", candidate_id=candidate_id, notice="candidate-unlinked"))


@candidates.get("/candidates/<int:candidate_id>/delete")
@page_requires(Role.ADMINISTRATOR)
@candidates.doc(summary="A page that asks whether a candidate is to be deleted")
def ask_to_delete(candidate_id: int) -> Response:
    return _ask(candidate_id)


@candidates.post("/candidates/<int:candidate_id>/delete")
@page_requires(Role.ADMINISTRATOR)
@journaled("candidate.deleted", "candidate {candidate_id}")
@candidates.doc(summary="Its form")
def delete(candidate_id: int) -> Response:
    try:
        actions.delete(database(), candidate_id, same_version, datetime.now(UTC))
    except ChangedMeanwhile as error:
        return _ask(candidate_id, error)
    return see_other(url_for(".index", notice="candidate-deleted"))


def _new(participant_id: int, error: UrnaError | None = None) -> Response:
    with database().reading() as session:
        participant = store.participant(session, participant_id)
        session.expunge_all()
    filled = {name: request.form.get(name, "") for name in LABELS}
    return show("candidate_new.html", error, participant=participant, filled=filled, labels=LABELS)


def _shown(candidate_id: int, error: UrnaError | None = None, of: str = "", code: str = "") -> Response:
    """The page of a candidate; ``of`` is the form on it that was refused, ``code`` an invitation that was just made."""
    with database().reading() as session:
        found = store.candidate(session, candidate_id)
        participant = store.participant(session, found.participant_id)
        stored = {name: getattr(found, name) for name in LABELS}
        filled = {name: request.form.get(name, "") for name in LABELS} if of == "change" else stored
        conflict = None
        if isinstance(error, ChangedMeanwhile):
            rows: list[Any] = [(LABELS[name], stored[name], filled[name]) for name in LABELS]
            conflict = conflicting(session, f"candidate {candidate_id}", rows)
        digest = store.with_pictures(session, [candidate_id]).get(candidate_id)
        session.expunge_all()
    return show(
        "candidate.html",
        error,
        one=found,
        participant=participant,
        state=standing_of(found),
        filled=filled,
        labels=LABELS,
        conflict=conflict,
        digest=digest,
        of=of,
        reason=request.form.get("reason", ""),
        code=code,
    )


def _ask(candidate_id: int, error: UrnaError | None = None) -> Response:
    with database().reading() as session:
        found = store.candidate(session, candidate_id)
        participant = store.participant(session, found.participant_id)
        session.expunge_all()
    return show(
        "confirm.html",
        error,
        title=gettext("Delete this candidate?"),
        facts=[(gettext("Name"), f"{found.forename} {found.surname}"), (gettext("Participant"), participant.name)],
        follows=[gettext("The candidate and the picture are gone for good. The journal keeps what the candidate was.")],
        version=found.version,
        label=gettext("Delete the candidate"),
        kind="danger",
        back=url_for(".one", candidate_id=candidate_id),
    )
