"""What a campaign director manages: the list of the own participant, its profiles, and its votes at each station."""

from datetime import UTC, datetime

from flask import Response, request, url_for
from flask_babel import gettext, lazy_gettext

from admin_service import store
from admin_service.actions import candidates as actions
from admin_service.actions import party as parties
from admin_service.actions.conflicts import conflicting
from admin_service.actions.pictures import Size
from admin_service.pages import profiles
from admin_service.pages.candidates import LABELS
from admin_service.pages.frame import NOTICES, same_version, show, spoken
from admin_service.pages.reading import asked, filled_in
from admin_service.routes.candidates import Biography
from admin_service.routes.fields import Line, Name, database
from admin_service.routes.party import director, own_file, own_participant, own_result
from admin_service.routes.pictures import answer, take_pictures
from admin_service.store import lists
from shared.auth import identity
from shared.errors import ChangedMeanwhile, Conflict, InvalidInput, NotFound, UrnaError
from shared.terms import Role, State
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other
from shared.web.requests import PageQuery, Strict

party = page_blueprint("party_pages", __name__)

NOTICES.update(
    {
        "own-candidate-made": lazy_gettext("The candidate is on the list. The profile is still being written."),
        "own-candidate-deleted": lazy_gettext("The candidate is deleted."),
        "own-candidate-unlinked": lazy_gettext("No account acts for the candidate any more."),
        "list-ordered": lazy_gettext("The order of the list is stored."),
    }
)
_DIRECTOR = Role.CAMPAIGN_DIRECTOR


class _Filled(Strict):
    """What a director fills in about a candidate."""

    forename: Name
    surname: Name
    post: Line
    code_name: Line
    biography: Biography


@party.before_request
def _take_pictures() -> None:
    # Before the form is looked into for its value against forgery.
    if request.endpoint == f"{party.name}.put_picture":
        take_pictures()


@party.get("/party")
@page_requires(_DIRECTOR)
@party.doc(summary="A page of the own participant, its list and its elections")
def index() -> Response:
    return _listed()


@party.post("/party/order")
@page_requires(_DIRECTOR)
@journaled("participant.ordered", "participant")
@party.doc(summary="The form for the order of the list")
def order() -> Response:
    try:
        parties.order(database(), identity().participant, same_version, _ordered(), datetime.now(UTC))
    except (InvalidInput, Conflict, ChangedMeanwhile) as error:
        return _listed(error)
    return see_other(url_for(".index", notice="list-ordered"))


@party.get("/party/candidates/new")
@page_requires(_DIRECTOR)
@party.doc(summary="A page to put a candidate of the own participant forward")
def new() -> Response:
    return _new()


@party.post("/party/candidates/new")
@page_requires(_DIRECTOR)
@journaled("candidate.created", "candidate")
@party.doc(summary="Its form")
def create() -> Response:
    number = own_participant()
    try:
        texts = filled_in(_Filled).model_dump()
        made = actions.create(database(), number, texts, datetime.now(UTC), actions.Owner(participant_id=number))
    except (InvalidInput, Conflict) as error:
        return _new(error)
    return see_other(url_for(".one", candidate_id=made.id, notice="own-candidate-made"))


@party.get("/party/candidates/<int:candidate_id>")
@page_requires(_DIRECTOR)
@party.doc(summary="A page of one of the own candidates")
def one(candidate_id: int) -> Response:
    return profiles.shown(candidate_id, director())


@party.post("/party/candidates/<int:candidate_id>")
@page_requires(_DIRECTOR)
@journaled("candidate.changed", "candidate {candidate_id}")
@party.doc(summary="Its form")
def change(candidate_id: int) -> Response:
    return profiles.change(candidate_id, director(), _Filled)


@party.post("/party/candidates/<int:candidate_id>/submission")
@page_requires(_DIRECTOR)
@journaled("candidate.submitted", "candidate {candidate_id}")
@party.doc(summary="The form that sends the profile of one of the own candidates for approval")
def submit(candidate_id: int) -> Response:
    return profiles.submit(candidate_id, director())


@party.get("/party/candidates/<int:candidate_id>/picture/<any(large, small):size>")
@page_requires(_DIRECTOR)
@party.doc(summary="The picture of one of the own candidates, for the pages")
def picture(candidate_id: int, size: str) -> Response:
    return answer(candidate_id, Size(size), director())


@party.post("/party/candidates/<int:candidate_id>/picture")
@page_requires(_DIRECTOR)
@journaled("picture.put", "picture {candidate_id}")
@party.doc(summary="The form that gives one of the own candidates a picture")
def put_picture(candidate_id: int) -> Response:
    return profiles.put_picture(candidate_id, director())


@party.post("/party/candidates/<int:candidate_id>/picture/delete")
@page_requires(_DIRECTOR)
@journaled("picture.deleted", "picture {candidate_id}")
@party.doc(summary="The form that deletes the picture of one of the own candidates")
def delete_picture(candidate_id: int) -> Response:
    return profiles.delete_picture(candidate_id, director())


@party.post("/party/candidates/<int:candidate_id>/invitation")
@page_requires(_DIRECTOR)
@journaled("candidate.invited", "candidate {candidate_id}")
@party.doc(summary="The form that invites one of the own candidates to complete the profile")
def invite(candidate_id: int) -> Response:
    owner = director()
    try:
        made = actions.invite(database(), candidate_id, same_version, datetime.now(UTC), owner)
    except ChangedMeanwhile as error:
        return profiles.shown(candidate_id, owner, error, of="account")
    return profiles.shown(candidate_id, owner, code=made.code)


@party.post("/party/candidates/<int:candidate_id>/unlinking")
@page_requires(_DIRECTOR)
@journaled("candidate.unlinked", "candidate {candidate_id}")
@party.doc(summary="The form that lets no account act for one of the own candidates")
def unlink(candidate_id: int) -> Response:
    owner = director()
    try:
        actions.unlink(database(), candidate_id, same_version, owner)
    except ChangedMeanwhile as error:
        return profiles.shown(candidate_id, owner, error, of="account")
    return see_other(url_for(".one", candidate_id=candidate_id, notice="own-candidate-unlinked"))


@party.get("/party/candidates/<int:candidate_id>/delete")
@page_requires(_DIRECTOR)
@party.doc(summary="A page that asks whether one of the own candidates is to be deleted")
def ask_to_delete(candidate_id: int) -> Response:
    return _ask(candidate_id)


@party.post("/party/candidates/<int:candidate_id>/delete")
@page_requires(_DIRECTOR)
@journaled("candidate.deleted", "candidate {candidate_id}")
@party.doc(summary="Its form")
def delete(candidate_id: int) -> Response:
    try:
        actions.delete(database(), candidate_id, same_version, datetime.now(UTC), director())
    except (Conflict, ChangedMeanwhile) as error:
        return _ask(candidate_id, error)
    return see_other(url_for(".index", notice="own-candidate-deleted"))


@party.get("/party/elections/<int:election_id>")
@page_requires(_DIRECTOR)
@party.doc(summary="A page of the votes of the own list at each polling station")
def result(election_id: int) -> Response:
    query = asked(PageQuery)
    found = own_result(election_id)
    first = (query.page - 1) * query.per_page
    stations = found.stations[first : first + query.per_page]
    return show("party_result.html", result=found, stations=stations, query=query)


@party.get("/party/elections/<int:election_id>/stations.csv")
@page_requires(_DIRECTOR)
@party.doc(summary="The same as a CSV file, for the page")
def download(election_id: int) -> Response:
    return own_file(election_id)


def _listed(error: UrnaError | None = None) -> Response:
    with database().reading() as session:
        try:
            found = parties.overview(session, identity().participant, datetime.now(UTC))
        except NotFound as nobody:
            return show("party_none.html", nobody)
        people = list(session.scalars(lists.on_list(found.participant.id)))
        pictured = store.with_pictures(session, [person.id for person in people])
        conflict = None
        if isinstance(error, ChangedMeanwhile):
            conflict = conflicting(session, f"participant {found.participant.id}", [])
        session.expunge_all()
    counted = [one.election.id for one in found.elections if one.state not in (State.SCHEDULED, State.CANCELLED)]
    return show("party.html", error, found=found, people=people, pictured=pictured, counted=counted, conflict=conflict)


def _ordered() -> list[int]:
    """The candidates as the numbers beside them say; equal numbers leave them as they were."""
    places = []
    for name, text in request.form.items():
        if not name.startswith("place-"):
            continue
        number, value = name.removeprefix("place-"), text.strip()
        if not (number.isascii() and number.isdigit() and value.isascii() and value.isdigit() and len(value) < 10):
            words = gettext("Write a whole number beside each candidate.")
            raise InvalidInput(spoken(words), field="candidates")
        places.append((int(value), int(number)))
    return [number for _, number in sorted(places, key=lambda one: one[0])]


def _new(error: UrnaError | None = None) -> Response:
    with database().reading() as session:
        participant = parties.participant_of(session, identity().participant)
        session.expunge_all()
    filled = {name: request.form.get(name, "") for name in LABELS}
    return show("candidate_new.html", error, participant=participant, filled=filled, labels=LABELS)


def _ask(candidate_id: int, error: UrnaError | None = None) -> Response:
    owner = director()
    with database().reading() as session:
        found = actions.find(session, candidate_id, owner)
        session.expunge_all()
    return show(
        "confirm.html",
        error,
        title=gettext("Delete this candidate?"),
        facts=[(gettext("Name"), f"{found.forename} {found.surname}")],
        follows=[
            gettext("The candidate and the picture are gone for good. The journal keeps what the candidate was."),
            gettext("What is public of the candidate is gone, too."),
        ],
        version=found.version,
        label=gettext("Delete the candidate"),
        kind="danger",
        back=url_for(".one", candidate_id=candidate_id),
    )
