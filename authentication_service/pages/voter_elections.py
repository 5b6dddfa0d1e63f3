"""Whom each election is for, and its electoral roll, for administrators and auditors."""

from datetime import UTC, datetime
from typing import Any

from flask import Response, request, url_for
from flask_babel import lazy_gettext
from pydantic import ValidationError

from authentication_service import signing
from authentication_service.actions import ballot_signatures
from authentication_service.actions import voter_elections as actions
from authentication_service.actions.accounts import Matches
from authentication_service.pages.accounts import same_version
from authentication_service.pages.citizens import READERS
from authentication_service.pages.own import NOTICES, page, renewed, signed_in
from authentication_service.routes.ballot_signatures import ballot_keys
from authentication_service.routes.voter_elections import MOST_BYTES, roll_answer
from authentication_service.rules.signatures import are_told
from authentication_service.signing import parts
from shared.auth import identity
from shared.ballot_proofs import Hours, key_file
from shared.errors import ChangedMeanwhile, Conflict, InvalidInput, UrnaError
from shared.terms import Restriction, Role
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other
from shared.web.pages.files import sent_file, takes_a_file
from shared.web.pages.language import ARGUMENT
from shared.web.pages.navigation import other_page
from shared.web.requests import PageQuery

elections = page_blueprint("voter_election_pages", __name__)

RESTRICTIONS = {
    Restriction.EVERYONE: lazy_gettext("everyone"),
    Restriction.REGION: lazy_gettext("regions"),
    Restriction.FEDERAL_UNIT: lazy_gettext("federal units"),
    Restriction.CITIZENS: lazy_gettext("a list of citizens"),
}
NOTICES["election-known"] = lazy_gettext("Voters know this election as it stands here.")
NOTICES["key-made"] = lazy_gettext("The ballot key is made. Carry its public half to the administration.")
_FIELDS = ("election_id", "title", "opens_at", "closes_at", "restriction", "values")


@elections.get("/voters")
@page_requires(*READERS)
@elections.doc(summary="A page of the elections of voters")
def index() -> Response:
    account = signed_in()
    asked = {name: value for name, value in request.args.items() if value and name not in (ARGUMENT, "notice")}
    try:
        query = PageQuery.model_validate(asked)
    except ValidationError:
        raise InvalidInput("This page has no such filter. Begin again without one.") from None
    found = actions.list_elections(parts().database, identity(), query)
    return renewed(account, _page("voter_elections.html", account=account, page=found))


@elections.get("/voters/new")
@page_requires(Role.ADMINISTRATOR)
@elections.doc(summary="A page to make an election known to voters")
def new() -> Response:
    return _shown(None)


@elections.post("/voters/new")
@page_requires(Role.ADMINISTRATOR)
@journaled("voter_election.changed", "voter_election")
@elections.doc(summary="Its form")
def make() -> Response:
    signed_in()
    try:
        typed = request.form.get("election_id", "").strip()
        if not (typed.isascii() and typed.isdigit() and 0 < int(typed[:10]) < 2**31):
            raise InvalidInput("The number of an election is one from 1.", field="election_id")
        return _put(int(typed), _known_already)
    except (InvalidInput, Conflict, ChangedMeanwhile) as error:
        return _shown(None, error)


@elections.get("/voters/<int:election_id>")
@page_requires(*READERS)
@elections.doc(summary="A page of one election of voters")
def one(election_id: int) -> Response:
    return _shown(election_id)


@elections.post("/voters/<int:election_id>")
@page_requires(Role.ADMINISTRATOR)
@journaled("voter_election.changed", "voter_election {election_id}")
@elections.doc(summary="The form that changes it")
def change(election_id: int) -> Response:
    signed_in()
    # Who changes an election has seen one; a form for another address must not make it.
    stored = actions.read_election(parts().database, identity(), election_id)
    try:
        return _put(election_id, same_version, stored)
    except (InvalidInput, Conflict, ChangedMeanwhile) as error:
        return _shown(election_id, error)


@elections.post("/voters/<int:election_id>/citizens")
@takes_a_file(MOST_BYTES)
@page_requires(Role.ADMINISTRATOR)
@journaled("voter_election.citizens_listed", "voter_election {election_id}")
@elections.doc(summary="The form with the list of citizens")
def bring_citizens(election_id: int) -> Response:
    signed_in()
    try:
        actions.put_citizens(
            parts().database, identity(), election_id, sent_file(), matches=same_version, now=signing.now()
        )
    except (InvalidInput, Conflict, ChangedMeanwhile) as error:
        return _shown(election_id, error)
    return see_other(url_for(".one", election_id=election_id, notice="election-known"))


@elections.get("/voters/<int:election_id>/roll.csv")
@page_requires(*READERS)
@elections.doc(summary="Its electoral roll")
def roll(election_id: int) -> Response:
    signed_in()
    return roll_answer(election_id)


@elections.post("/voters/<int:election_id>/key")
@page_requires(Role.ADMINISTRATOR)
@journaled("voter_election.key_made", "voter_election {election_id}")
@elections.doc(summary="The form that makes its ballot key, once")
def make_key(election_id: int) -> Response:
    signed_in()
    try:
        ballot_signatures.make_key(
            parts().database, ballot_keys(), identity(), election_id, matches=same_version, now=signing.now()
        )
    except (InvalidInput, Conflict, ChangedMeanwhile) as error:
        return _shown(election_id, error)
    return see_other(url_for(".one", election_id=election_id, notice="key-made"))


@elections.get("/voters/<int:election_id>/key.pem")
@page_requires(*READERS)
@elections.doc(summary="The public half of its ballot key, as a file to be carried to the administration")
def key(election_id: int) -> Response:
    signed_in()
    election = actions.read_election(parts().database, identity(), election_id)
    found = ballot_signatures.read_key(parts().database, election_id)
    hours = Hours(election.opens_at, election.closes_at)
    disposition = {"Content-Disposition": f'attachment; filename="election-{election_id}-ballot-key.pem"'}
    return Response(key_file(found, election_id, hours), content_type="application/x-pem-file", headers=disposition)


def _known_already(_version: int) -> None:
    raise Conflict("Voters know an election of this number already; change that one on its page.")


def _put(election_id: int, matches: Matches, stored: actions.Election | None = None) -> Response:
    restriction = request.form.get("restriction", "")
    if restriction not in set(Restriction):
        raise InvalidInput("This form cannot be read.", field="restriction")
    said = actions.Settings(
        title=request.form.get("title", "").strip(),
        opens_at=_moment("opens_at", stored.opens_at if stored else None),
        closes_at=_moment("closes_at", stored.closes_at if stored else None),
        restriction=Restriction(restriction),
        values=[line.strip() for line in request.form.get("values", "").splitlines() if line.strip()],
    )
    actions.put_election(parts().database, identity(), election_id, said, matches=matches, now=signing.now())
    return see_other(url_for(".one", election_id=election_id, notice="election-known"))


def _moment(name: str, stored: datetime | None) -> datetime:
    """What a field of a moment without an offset says; these are UTC, as the page says.

    The field has whole seconds: who leaves it as it is keeps what is stored, to the microsecond.
    """
    try:
        found = datetime.fromisoformat(request.form.get(name, ""))
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise InvalidInput("This is no moment such as 2030-05-01T07:00.", field=name)
    said = found.replace(tzinfo=UTC)
    return stored if stored is not None and said == stored.replace(microsecond=0) else said


def _shown(election_id: int | None, error: UrnaError | None = None) -> Response:
    account = signed_in()
    found = None
    sent: dict[str, Any] = {}
    if election_id is not None:
        found = actions.read_election(parts().database, identity(), election_id)
        sent = {
            "title": found.title,
            "opens_at": f"{found.opens_at:%Y-%m-%dT%H:%M:%S}",
            "closes_at": f"{found.closes_at:%Y-%m-%dT%H:%M:%S}",
            "restriction": found.restriction.value,
            "values": "\n".join(found.values),
        }
    sent |= {name: request.form[name] for name in _FIELDS if name in request.form}
    key = ballot_signatures.read_key(parts().database, found.election_id) if found and found.has_key else None
    now = signing.now()
    has_opened = found is not None and found.opens_at <= now
    given = None
    if found is not None and key is not None and are_told(found.closes_at, now):
        given = ballot_signatures.number_given(parts().database, found.election_id, now)
    return renewed(
        account,
        _page(
            "voter_election.html",
            error,
            account=account,
            election=found,
            sent=sent,
            fingerprint=key.fingerprint if key else None,
            has_opened=has_opened,
            given=given,
            # A form that the service would refuse is not shown.
            changeable=identity().has(Role.ADMINISTRATOR) and not has_opened,
        ),
    )


def _page(template: str, error: UrnaError | None = None, **values: Any) -> Response:
    return page(
        template,
        error,
        restrictions=RESTRICTIONS,
        restriction_choices=[(restriction.value, name) for restriction, name in RESTRICTIONS.items()],
        may_change=identity().has(Role.ADMINISTRATOR),
        other_page=other_page,
        fields=("election_id", "title", "opens_at", "closes_at", "values", "file"),
        **values,
    )
