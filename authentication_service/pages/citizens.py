"""The citizens' register, for administrators and auditors: to look somebody up, and to note what has changed."""

from typing import Any, cast

from flask import Response, request, url_for
from flask_babel import lazy_gettext
from pydantic import ValidationError

from authentication_service import signing
from authentication_service.actions import ballot_signatures
from authentication_service.actions import citizens as actions
from authentication_service.pages.accounts import same_version
from authentication_service.pages.own import NOTICES, page, renewed, signed_in
from authentication_service.routes.ballot_signatures import zone
from authentication_service.routes.citizens import CitizensQuery
from authentication_service.signing import parts
from shared.auth import identity
from shared.errors import ChangedMeanwhile, Conflict, InvalidInput, UrnaError
from shared.terms import CitizenStatus, Role
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other
from shared.web.pages.language import ARGUMENT
from shared.web.pages.navigation import other_page

citizens = page_blueprint("citizen_pages", __name__)

READERS = (Role.ADMINISTRATOR, Role.AUDITOR)
STATUSES = {
    CitizenStatus.REGISTERED: (lazy_gettext("registered"), "good"),
    CitizenStatus.DECEASED: (lazy_gettext("deceased"), "bad"),
    CitizenStatus.MOVED_AWAY: (lazy_gettext("moved away"), "warning"),
}
NOTICES["paper-noted"] = lazy_gettext("It is noted. The ballot paper may be given out; no ballot is signed any more.")
NOTICES["citizen-changed"] = lazy_gettext("The entry is changed.")
_FIELDS = ("forename", "surname", "address", "region", "federal_unit")


@citizens.get("/citizens")
@page_requires(*READERS)
@citizens.doc(summary="A page of the citizens' register")
def index() -> Response:
    account = signed_in()
    asked = {name: value for name, value in request.args.items() if value and name not in (ARGUMENT, "notice")}
    try:
        query = CitizensQuery.model_validate(asked)
    except ValidationError:
        raise InvalidInput("This page has no such filter. Begin again without one.") from None
    found = actions.list_citizens(parts().database, identity(), query, search=query.search, status=query.status)
    return renewed(account, _page("citizens.html", account=account, page=found, query=query))


@citizens.get("/citizens/<int:citizen_id>")
@page_requires(*READERS)
@citizens.doc(summary="A page of one citizen")
def one(citizen_id: int) -> Response:
    return _shown(citizen_id)


@citizens.post("/citizens/<int:citizen_id>")
@page_requires(Role.ADMINISTRATOR)
@journaled("citizen.changed", "citizen {citizen_id}")
@citizens.doc(summary="The form that notes what has changed")
def change(citizen_id: int) -> Response:
    signed_in()
    changes: dict[str, Any] = {name: request.form[name] for name in _FIELDS if name in request.form}
    try:
        status = request.form.get("status", "")
        if status not in set(CitizenStatus):
            raise InvalidInput("This form cannot be read.", field="status")
        actions.change_citizen(
            parts().database,
            identity(),
            citizen_id,
            cast(actions.CitizenChanges, {**changes, "status": CitizenStatus(status)}),
            matches=same_version,
            now=signing.now(),
        )
    except (InvalidInput, ChangedMeanwhile) as error:
        return _shown(citizen_id, error)
    return see_other(url_for(".one", citizen_id=citizen_id, notice="citizen-changed"))


@citizens.post("/citizens/<int:citizen_id>/paper/<int:election_id>")
@page_requires(Role.ADMINISTRATOR)
@journaled("voter_election.voted_on_paper", "voter_election {election_id}")
@citizens.doc(summary="The form that notes that a citizen votes on paper")
def note_paper(citizen_id: int, election_id: int) -> Response:
    signed_in()
    try:
        ballot_signatures.note_paper(parts().database, identity(), election_id, citizen_id, zone(), signing.now())
    except Conflict as error:
        return _shown(citizen_id, error)
    return see_other(url_for(".one", citizen_id=citizen_id, notice="paper-noted"))


def _shown(citizen_id: int, error: UrnaError | None = None) -> Response:
    account = signed_in()
    found = actions.read_citizen(parts().database, identity(), citizen_id)
    stored = {**{name: getattr(found, name) for name in _FIELDS}, "status": found.status.value}
    sent = {name: request.form.get(name, value) for name, value in stored.items()}
    elections = ballot_signatures.elections_of(parts().database, identity(), citizen_id, signing.now(), zone())
    page = _page("citizen.html", error, account=account, citizen=found, sent=sent, elections=elections)
    return renewed(account, page)


def _page(template: str, error: UrnaError | None = None, **values: Any) -> Response:
    return page(
        template,
        error,
        statuses=STATUSES,
        status_choices=[(status.value, name) for status, (name, _) in STATUSES.items()],
        may_change=identity().has(Role.ADMINISTRATOR),
        other_page=other_page,
        **values,
    )
