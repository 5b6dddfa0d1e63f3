"""The accounts of others, for administrators: who waits, what each may do, and which polling stations he belongs to.

Whether whoever asks still is an administrator the actions look up in the store.
"""

from typing import Annotated, Any

from flask import Response, request, url_for
from flask_babel import gettext, lazy_gettext
from pydantic import Field, TypeAdapter, ValidationError

from authentication_service import letters, signing
from authentication_service.actions import administration, second_factor
from authentication_service.actions.accounts import Account
from authentication_service.actions.administration import UNCHANGED, Unchanged
from authentication_service.pages.own import MOST_SESSIONS, NOTICES, ROLES, page, renewed, sent_details, signed_in
from authentication_service.routes import AccountsQuery, StationId
from authentication_service.signing import parts
from shared.auth import identity
from shared.errors import ChangedMeanwhile, Conflict, InvalidInput, PreconditionMissing, UrnaError
from shared.terms import Approval, Role
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other
from shared.web.pages.language import ARGUMENT
from shared.web.pages.navigation import other_page
from shared.web.requests import PageQuery

accounts = page_blueprint("account_pages", __name__)

APPROVALS = {
    Approval.WAITING: (lazy_gettext("waiting"), "warning"),
    Approval.APPROVED: (lazy_gettext("approved"), "good"),
    Approval.REFUSED: (lazy_gettext("refused"), "bad"),
}
NOTICES.update(
    {
        "account-approved": lazy_gettext("The account is approved."),
        "account-refused": lazy_gettext("The account is refused, and its sessions are ended."),
        "account-changed": lazy_gettext("The account is changed. It holds from the next time its owner signs in."),
        "account-deleted": lazy_gettext("The account is deleted."),
        "second-factor-taken": lazy_gettext("The second factor is taken away, and the account's sessions are ended."),
        "details-of-account-changed": lazy_gettext("The details of the account are changed."),
        "account-sessions-ended": lazy_gettext("All sessions of the account are ended."),
    }
)
_VERSION_FIELD = "version"
_NUMBERS = TypeAdapter(list[StationId])
_Number = TypeAdapter(StationId)
_Roles = TypeAdapter(Annotated[list[Role], Field(max_length=len(Role))])


@accounts.get("/accounts")
@page_requires(Role.ADMINISTRATOR)
@accounts.doc(summary="A page of the accounts, for administrators")
def index() -> Response:
    account = signed_in()
    asked = {name: value for name, value in request.args.items() if value and name not in (ARGUMENT, "notice")}
    try:
        query = AccountsQuery.model_validate(asked)
    except ValidationError:
        raise InvalidInput("This page has no such filter. Begin again without one.") from None
    found = administration.list_accounts(
        parts().database,
        identity(),
        query,
        search=query.search,
        role=query.role,
        approval=query.approval,
        station=query.station,
    )
    return renewed(account, _page("accounts.html", account=account, page=found, query=query))


@accounts.get("/accounts/<int:user_id>")
@page_requires(Role.ADMINISTRATOR)
@accounts.doc(summary="A page of one account")
def one(user_id: int) -> Response:
    return _shown(user_id)


@accounts.post("/accounts/<int:user_id>/approval")
@page_requires(Role.ADMINISTRATOR)
@journaled("account.judged", "account {user_id}")
@accounts.doc(summary="The form that approves or refuses an account")
def judge(user_id: int) -> Response:
    named = request.form.get("approval", "")
    if named not in (Approval.APPROVED, Approval.REFUSED):
        raise InvalidInput("This form cannot be read.", field="approval")
    return _change(user_id, f"account-{named}", approval=Approval(named))


@accounts.post("/accounts/<int:user_id>")
@page_requires(Role.ADMINISTRATOR)
@journaled("account.roles_changed", "account {user_id}")
@accounts.doc(summary="The form for the roles and polling stations of an account")
def change(user_id: int) -> Response:
    try:
        roles = _Roles.validate_python(request.form.getlist("roles"))
    except ValidationError:
        raise InvalidInput("There is no such role.", field="roles") from None
    words = request.form.get("stations", "").replace(",", " ").split()
    try:
        numbers = _NUMBERS.validate_python([int(word) if word.isascii() else 0 for word in words])
    except ValueError:
        refusal = InvalidInput(
            "Write the numbers of polling stations with blanks between them, such as 12 305.", field="stations"
        )
        return _shown(user_id, refusal)
    participant = request.form.get("participant", "").strip()
    try:
        director_of = _Number.validate_python(int(participant) if participant.isascii() else 0) if participant else None
    except ValueError:
        refusal = InvalidInput("Write the number of one participant, such as 7, or nothing.", field="participant")
        return _shown(user_id, refusal)
    return _change(user_id, "account-changed", roles=roles, stations=numbers, participant=director_of)


@accounts.post("/accounts/<int:user_id>/second-factor/removal")
@page_requires(Role.ADMINISTRATOR)
@journaled("second_factor.removed", "account {user_id}")
@accounts.doc(summary="The form that takes the second factor of an account away")
def take_second_factor_away(user_id: int) -> Response:
    signed_in()
    try:
        second_factor.take_away(parts().database, identity(), user_id, signing.now())
    except Conflict as error:
        return _shown(user_id, error)
    return see_other(url_for(".one", user_id=user_id, notice="second-factor-taken"))


@accounts.post("/accounts/<int:user_id>/details")
@page_requires(Role.ADMINISTRATOR)
@journaled("account.details_changed", "account {user_id}")
@accounts.doc(summary="The form for the names, the address, the username and the phone number of an account")
def change_details(user_id: int) -> Response:
    signed_in()
    try:
        administration.change_details(
            parts().database,
            identity(),
            user_id,
            sent_details(),
            seal=letters.seal(),
            letter=letters.address_letter(),
            matches=same_version,
            now=signing.now(),
        )
    except (InvalidInput, Conflict, ChangedMeanwhile) as error:
        return _shown(user_id, error)
    return see_other(url_for(".one", user_id=user_id, notice="details-of-account-changed"))


@accounts.post("/accounts/<int:user_id>/sessions/end")
@page_requires(Role.ADMINISTRATOR)
@journaled("account.sessions_ended", "account {user_id}")
@accounts.doc(summary="The form that ends all sessions of an account")
def end_sessions(user_id: int) -> Response:
    signed_in()
    administration.end_sessions(parts().database, identity(), user_id, signing.now())
    return see_other(url_for(".one", user_id=user_id, notice="account-sessions-ended"))


@accounts.get("/accounts/<int:user_id>/delete")
@page_requires(Role.ADMINISTRATOR)
@accounts.doc(summary="A page that asks whether an account is to be deleted")
def ask_to_delete(user_id: int) -> Response:
    return _shown(user_id, template="account_delete.html")


@accounts.post("/accounts/<int:user_id>/delete")
@page_requires(Role.ADMINISTRATOR)
@journaled("account.deleted", "account {user_id}")
@accounts.doc(summary="Its form")
def delete(user_id: int) -> Response:
    signed_in()
    try:
        administration.delete_account(parts().database, identity(), user_id, matches=same_version, now=signing.now())
    except (Conflict, ChangedMeanwhile) as error:
        return _shown(user_id, error, template="account_delete.html")
    return see_other(url_for(".index", notice="account-deleted"))


def _change(
    user_id: int,
    notice: str,
    *,
    roles: list[Role] | None = None,
    stations: list[int] | None = None,
    approval: Approval | None = None,
    participant: int | Unchanged | None = UNCHANGED,
) -> Response:
    signed_in()
    try:
        administration.change_account(
            parts().database,
            identity(),
            user_id,
            roles=roles,
            stations=stations,
            approval=approval,
            matches=same_version,
            now=signing.now(),
            participant=participant,
        )
    except (InvalidInput, Conflict, ChangedMeanwhile) as error:
        return _shown(user_id, error)
    return see_other(url_for(".one", user_id=user_id, notice=notice))


def _shown(user_id: int, error: UrnaError | None = None, template: str = "account_of_another.html") -> Response:
    account = signed_in()
    found = administration.account(parts().database, identity(), user_id)
    sent = error is not None and "stations" in request.form
    roles = request.form.getlist("roles") if sent else [role.value for role in found.roles]
    numbers = request.form["stations"] if sent else " ".join(map(str, found.stations))
    stored = "" if found.participant is None else str(found.participant)
    participant = request.form.get("participant", "") if sent else stored
    conflict = None
    if isinstance(error, ChangedMeanwhile) and sent:
        conflict = [
            (gettext("Roles"), _named(found.roles), _named(Role(role) for role in roles if role in set(Role))),
            (gettext("Polling stations"), " ".join(map(str, found.stations)), numbers),
            (gettext("Participant"), stored, participant),
        ]
    values: dict[str, Any] = {"other": found, "roles": roles, "stations": numbers, "conflict": conflict}
    values["participant"] = participant
    values["details"] = request.form if error is not None and "forename" in request.form else found
    opened = administration.sessions_of(
        parts().database, identity(), user_id, PageQuery(page=1, per_page=MOST_SESSIONS), signing.now()
    )
    values["sessions"], values["total_sessions"] = opened["items"], opened["total"]
    return renewed(account, _page(template, error, account=account, is_own=_is_own(account, found), **values))


def _named(roles: Any) -> str:
    return ", ".join(str(ROLES[role]) for role in roles)


def _is_own(account: Account, other: Account) -> bool:
    return account.id == other.id


def same_version(version: int) -> None:
    """Refuse what a form asks for unless it was filled in with what is there now, as ``If-Match`` does."""
    sent = request.form.get(_VERSION_FIELD, "")
    if not sent:
        raise PreconditionMissing("This form does not say what it was filled in for. Open its page again.")
    if sent != str(version):
        raise ChangedMeanwhile(
            "Somebody has changed this meanwhile. Nothing of yours is stored; look at it as it is now."
        )


def _page(template: str, error: UrnaError | None = None, **values: Any) -> Response:
    return page(
        template,
        error,
        approvals=APPROVALS,
        approval_choices=[(approval.value, name) for approval, (name, _) in APPROVALS.items()],
        role_choices=[(role.value, name) for role, name in ROLES.items()],
        other_page=other_page,
        **values,
    )
