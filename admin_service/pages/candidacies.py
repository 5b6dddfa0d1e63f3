"""What a candidate completes: the post, the biography and the photograph of the own profile."""

from datetime import UTC, datetime

from flask import Response, request, url_for
from flask_babel import lazy_gettext

from admin_service.actions import candidates as actions
from admin_service.actions.pictures import Size
from admin_service.pages import profiles
from admin_service.pages.frame import NOTICES, show
from admin_service.pages.reading import filled_in
from admin_service.routes.candidacies import Code, oneself
from admin_service.routes.candidates import Biography
from admin_service.routes.fields import Line, database
from admin_service.routes.pictures import answer, take_pictures
from admin_service.store import lists, names_of_participants
from shared.auth import identity
from shared.errors import Conflict, InvalidInput, UrnaError
from shared.terms import Role
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other
from shared.web.requests import Strict

candidacies = page_blueprint("candidacy_pages", __name__)

NOTICES.update({"candidacy-linked": lazy_gettext("You complete this profile from now on.")})


class _Filled(Strict):
    """What a candidate fills in about himself."""

    post: Line
    code_name: Line
    biography: Biography


@candidacies.before_request
def _take_pictures() -> None:
    # Before the form is looked into for its value against forgery.
    if request.endpoint == f"{candidacies.name}.put_picture":
        take_pictures()


@candidacies.get("/candidacy")
@page_requires(Role.CANDIDATE)
@candidacies.doc(summary="A page of one's own candidacies")
def index() -> Response:
    return _listed()


@candidacies.post("/candidacy")
@page_requires(Role.CANDIDATE)
@journaled("candidate.linked", "candidate")
@candidacies.doc(summary="The form that takes an invitation up")
def accept() -> Response:
    try:
        code = filled_in(Code).code
        linked = actions.accept(database(), code, identity().account, datetime.now(UTC))
    except (InvalidInput, Conflict) as error:
        return _listed(error)
    return see_other(url_for(".one", candidate_id=linked.id, notice="candidacy-linked"))


@candidacies.get("/candidacy/<int:candidate_id>")
@page_requires(Role.CANDIDATE)
@candidacies.doc(summary="A page of one's own profile")
def one(candidate_id: int) -> Response:
    return profiles.shown(candidate_id, oneself())


@candidacies.post("/candidacy/<int:candidate_id>")
@page_requires(Role.CANDIDATE)
@journaled("candidate.changed", "candidate {candidate_id}")
@candidacies.doc(summary="Its form")
def change(candidate_id: int) -> Response:
    return profiles.change(candidate_id, oneself(), _Filled)


@candidacies.post("/candidacy/<int:candidate_id>/submission")
@page_requires(Role.CANDIDATE)
@journaled("candidate.submitted", "candidate {candidate_id}")
@candidacies.doc(summary="The form that sends one's own profile for approval")
def submit(candidate_id: int) -> Response:
    return profiles.submit(candidate_id, oneself())


@candidacies.get("/candidacy/<int:candidate_id>/picture/<any(large, small):size>")
@page_requires(Role.CANDIDATE)
@candidacies.doc(summary="One's own picture, for the pages")
def picture(candidate_id: int, size: str) -> Response:
    return answer(candidate_id, Size(size), oneself())


@candidacies.post("/candidacy/<int:candidate_id>/picture")
@page_requires(Role.CANDIDATE)
@journaled("picture.put", "picture {candidate_id}")
@candidacies.doc(summary="The form for one's own picture")
def put_picture(candidate_id: int) -> Response:
    return profiles.put_picture(candidate_id, oneself())


@candidacies.post("/candidacy/<int:candidate_id>/picture/delete")
@page_requires(Role.CANDIDATE)
@journaled("picture.deleted", "picture {candidate_id}")
@candidacies.doc(summary="The form that deletes one's own picture")
def delete_picture(candidate_id: int) -> Response:
    return profiles.delete_picture(candidate_id, oneself())


def _listed(error: UrnaError | None = None) -> Response:
    with database().reading() as session:
        own = list(session.scalars(lists.of_account(identity().account)))
        stands_for = names_of_participants(session, [one.participant_id for one in own])
        session.expunge_all()
    return show(
        "candidacies.html", error, own_candidacies=own, stands_for=stands_for, code=request.form.get("code", "")
    )
