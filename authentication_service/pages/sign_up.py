"""The page on which people register: voters, officials, candidates and campaign directors."""

from flask import Response, request, url_for
from flask_babel import lazy_gettext

from authentication_service import signing
from authentication_service.actions import registration
from authentication_service.pages.own import NOTICES, ROLES, page
from authentication_service.signing import parts
from shared.auth import public
from shared.errors import Conflict, InvalidInput, TooManyAttempts, UrnaError
from shared.terms import Approval, Role
from shared.web.cookies import public_form
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other

sign_up_pages = page_blueprint("sign_up_pages", __name__)

_OFFERED = (Role.VOTER, Role.OFFICIAL, Role.CANDIDATE, Role.CAMPAIGN_DIRECTOR)
_SHOWN_AGAIN = ("role", "forename", "surname", "jmbg", "email", "username", "phone")
_FIELDS = (*_SHOWN_AGAIN, "password", "repeated_password")
NOTICES.update(
    {
        "registered": lazy_gettext("You are registered. Sign in."),
        "registered-waiting": lazy_gettext("You are registered. An administrator has to approve the account first."),
    }
)


@sign_up_pages.get("/sign-up")
@public
@sign_up_pages.doc(summary="A page to register")
def sign_up() -> Response:
    return _shown()


@sign_up_pages.post("/sign-up")
@public_form
@journaled("account.registered", "account")
@sign_up_pages.doc(summary="Its form")
def register() -> Response:
    said = {name: request.form.get(name, "") for name in _FIELDS}
    service = parts()
    try:
        if said["role"] not in _OFFERED:
            raise InvalidInput("This form cannot be read.", field="role")
        if said["password"] != said["repeated_password"]:
            raise InvalidInput("The password was not repeated as it was.", field="repeated_password")
        new = registration.NewAccount(
            jmbg=said["jmbg"].strip(),
            forename=said["forename"].strip(),
            surname=said["surname"].strip(),
            email=said["email"].strip(),
            password=said["password"],
            role=Role(said["role"]),
            username=said["username"].strip() or None,
            phone=said["phone"].strip() or None,
        )
        made = registration.register(
            service.database,
            service.passwords,
            new,
            registration=service.settings.registration,
            caller=signing.caller(),
            limits=signing.limits(),
            now=signing.now(),
        )
    except (InvalidInput, Conflict, TooManyAttempts) as error:
        return _shown(error)
    notice = "registered" if made.approval is Approval.APPROVED else "registered-waiting"
    return see_other(url_for("pages.sign_in", notice=notice))


def _shown(error: UrnaError | None = None) -> Response:
    return page(
        "sign_up.html",
        error,
        sent={name: request.form.get(name, "") for name in _SHOWN_AGAIN},
        role_choices=[(role.value, ROLES[role]) for role in _OFFERED],
        # A role that is none comes from no form of ours, so its field shows no fault.
        fields=_FIELDS[1:],
    )
