"""The /api routes: registering, the own profile, and the accounts for administrators; sessions stand beside."""

from datetime import datetime
from typing import Annotated, Any, cast

from apiflask import APIBlueprint
from flask import request
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from authentication_service import letters, signing
from authentication_service.actions import administration, profile, registration
from authentication_service.actions.accounts import Account
from authentication_service.actions.administration import UNCHANGED
from authentication_service.routes.sessions import SessionsPage
from authentication_service.rules import MOST_STATIONS, SELF_REGISTERED
from authentication_service.signing import parts
from shared.auth import identity, public, requires
from shared.terms import Approval, Role
from shared.web.journal import journaled
from shared.web.requests import Page, PageQuery, Strict, check_match, etag

accounts = APIBlueprint("accounts", __name__, tag="Accounts", url_prefix="/api")
users = APIBlueprint("users", __name__, tag="Administration of accounts", url_prefix="/api/users")

_JMBG = "Unique citizen number (JMBG): 13 digits, the last of them a control digit."
_USERNAME = "3 to 64 characters of a-z, 0-9, dot, hyphen and underscore, a letter first; logs in as well."
_PHONE = "6 to 15 digits, perhaps after a plus sign; logs in as well."
_PASSWORD = "8 to 256 characters with at least one digit, one lower-case and one upper-case letter."

# A number of something in the election store.
StationId = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]


class RegistrationIn(Strict):
    """Who registers, and as what."""

    # A password is taken as it is typed, with any blanks at its ends.
    model_config = ConfigDict(str_strip_whitespace=False)

    email: str = Field(max_length=256, description="Logs in; unique without regard to upper and lower case.")
    password: str = Field(max_length=256, description=_PASSWORD)
    forename: str = Field(max_length=256)
    surname: str = Field(max_length=256)
    jmbg: str = Field(max_length=13, description=_JMBG)
    role: Role = Field(
        Role.VOTER,
        description="Which role: "
        + ", ".join(sorted(SELF_REGISTERED))
        + ". Other roles are granted by administrators.",
    )
    username: str | None = Field(None, max_length=64, description=_USERNAME)
    phone: str | None = Field(None, max_length=32, description=_PHONE)


class AccountOut(BaseModel):
    """An account, as itself and administrators see it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    email: str
    jmbg: str = Field(description=_JMBG)
    forename: str
    surname: str
    username: str | None
    phone: str | None
    roles: list[Role]
    stations: list[int] = Field(description="The polling stations that an official belongs to, by their numbers.")
    participant: int | None = Field(description="The participant that a campaign director is of, by its number.")
    approval: Approval = Field(description="Only an approved account may log in.")
    has_second_factor: bool = Field(description="Whether a log-in asks for a code besides the password.")
    created_at: datetime = Field(description="UTC.")


def _without_defaults(schema: dict[str, Any]) -> None:
    # The defaults only stand for what was not sent; a reader would take them for what is stored then.
    for field in schema["properties"].values():
        field.pop("default", None)


class ProfileIn(Strict):
    """The details to change; what is left out stays."""

    model_config = ConfigDict(str_strip_whitespace=False, json_schema_extra=_without_defaults)

    forename: str = Field("", max_length=256)
    surname: str = Field("", max_length=256)
    email: str = Field(
        "",
        max_length=256,
        description="Needs `current_password`. Refresh the access token afterwards: it names the old one.",
    )
    username: str | None = Field(None, max_length=64, description=_USERNAME + " Null removes it.")
    phone: str | None = Field(None, max_length=32, description=_PHONE + " Null removes it.")
    password: str = Field("", max_length=256, description=f"Needs `current_password`; ends all sessions. {_PASSWORD}")
    current_password: str | None = Field(None, max_length=256)


class DetailsIn(Strict):
    """The details that administrators change; what is left out stays."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    forename: str = Field("", max_length=256)
    surname: str = Field("", max_length=256)
    email: str = Field(
        "", max_length=256, description="The account signs in with it from then on; its old one is told."
    )
    username: str | None = Field(None, max_length=64, description=_USERNAME + " Null removes it.")
    phone: str | None = Field(None, max_length=32, description=_PHONE + " Null removes it.")


class AccountIn(Strict):
    """What administrators change about an account; what is left out stays."""

    roles: list[Role] | None = Field(None, max_length=len(Role), description="All roles from now on.")
    stations: list[StationId] | None = Field(
        None,
        max_length=MOST_STATIONS,
        description="All polling stations that an official belongs to from now on, by their numbers.",
    )
    participant: StationId | None = Field(
        None, description="The participant that a campaign director is of, by its number there; null: none any more."
    )
    approval: Approval | None = Field(None, description="Whether the account may log in.")

    @model_validator(mode="after")
    def _changes_something(self) -> "AccountIn":
        changed = (self.roles, self.stations, self.approval)
        if all(one is None for one in changed) and "participant" not in self.model_fields_set:
            raise ValueError(
                "Say which roles, which polling stations, which participant or which approval the account gets."
            )
        return self


class AccountsQuery(PageQuery):
    """Which accounts."""

    search: str | None = Field(
        None, max_length=256, description="Part of an address, username, name or phone number, or a whole national id."
    )
    role: Role | None = Field(None, description="Only accounts with this role.")
    approval: Approval | None = Field(None, description="Only accounts with this approval.")
    station: int | None = Field(
        None, ge=1, le=2**31 - 1, description="Only officials of this polling station, by its number."
    )

    @field_validator("search")
    @classmethod
    def _can_be_searched(cls, value: str | None) -> str | None:
        if value is not None and "\0" in value:
            raise ValueError("A search cannot hold the character NUL.")
        return value


class AccountsPage(Page[AccountOut]):
    """One page of accounts, in the order of their numbers."""


@accounts.post("/register")
@public
@journaled("account.registered", "account")
@accounts.input(RegistrationIn)
@accounts.output(AccountOut, status_code=201)
@accounts.doc(
    summary="Register",
    description="An official may have to wait for an administrator's approval before the first log-in.",
    responses={
        409: "Another account has this email, national id, username or phone number",
        429: "Too many registrations from this address",
    },
)
def register(json_data: RegistrationIn) -> tuple[Account, int, dict[str, str]]:
    service = parts()
    new = registration.NewAccount(**json_data.model_dump())
    account = registration.register(
        service.database,
        service.passwords,
        new,
        registration=service.settings.registration,
        caller=signing.caller(),
        limits=signing.limits(),
        now=signing.now(),
    )
    return account, 201, {"Location": "/api/profile", **etag(account.version)}


@accounts.get("/profile")
@requires()
@accounts.output(AccountOut)
@accounts.doc(summary="The own account")
def read_profile() -> tuple[Account, int, dict[str, str]]:
    return _with_etag(profile.own_account(parts().database, identity()))


@accounts.patch("/profile")
@requires()
@journaled("account.changed", "own account")
@accounts.input(ProfileIn)
@accounts.output(AccountOut)
@accounts.doc(
    summary="Change the own account",
    responses={
        409: "Another account has this email, username or phone number",
        412: "Changed meanwhile",
        428: "If-Match is missing",
        429: "Too many wrong passwords",
    },
)
def change_profile(json_data: ProfileIn) -> tuple[Account, int, dict[str, str]]:
    changes = json_data.model_dump(exclude_unset=True)
    offered = changes.pop("current_password", None)
    service = parts()
    return _with_etag(
        profile.change_profile(
            service.database,
            service.passwords,
            identity(),
            cast(profile.ProfileChanges, changes),
            None if offered is None else signing.attempt(offered),
            check_match,
            signing.now(),
        )
    )


@users.get("")
@requires(Role.ADMINISTRATOR)
@users.input(AccountsQuery, location="query")
@users.output(AccountsPage)
@users.doc(summary="List accounts")
def list_accounts(query_data: AccountsQuery) -> dict[str, Any]:
    return administration.list_accounts(
        parts().database,
        identity(),
        query_data,
        search=query_data.search,
        role=query_data.role,
        approval=query_data.approval,
        station=query_data.station,
    )


@users.get("/<int:user_id>")
@requires(Role.ADMINISTRATOR)
@users.output(AccountOut)
@users.doc(summary="One account", responses={404: "No such account"})
def read_account(user_id: int) -> tuple[Account, int, dict[str, str]]:
    return _with_etag(administration.account(parts().database, identity(), user_id))


@users.patch("/<int:user_id>")
@requires(Role.ADMINISTRATOR)
@journaled("account.judged", "account {user_id}")
@users.input(AccountIn)
@users.output(AccountOut)
@users.doc(
    summary="Grant roles, assign polling stations or a participant, approve or refuse",
    responses={
        404: "No such account",
        409: "It is the last administrator",
        412: "Changed meanwhile",
        428: "If-Match is missing",
    },
)
def change_account(user_id: int, json_data: AccountIn) -> tuple[Account, int, dict[str, str]]:
    return _with_etag(
        administration.change_account(
            parts().database,
            identity(),
            user_id,
            roles=json_data.roles,
            stations=json_data.stations,
            approval=json_data.approval,
            matches=check_match,
            now=signing.now(),
            participant=json_data.participant if "participant" in json_data.model_fields_set else UNCHANGED,
        )
    )


@users.delete("/<int:user_id>")
@requires(Role.ADMINISTRATOR)
@journaled("account.deleted", "account {user_id}")
@users.output({}, status_code=204)
@users.doc(
    summary="Delete an account",
    description="Its email and national id may register again, and its refresh tokens are of no use any more.",
    responses={
        404: "No such account",
        409: "It is the last administrator",
        412: "Changed meanwhile, if If-Match is sent",
    },
)
def delete_account(user_id: int) -> str:
    matches = check_match if "If-Match" in request.headers else None
    administration.delete_account(parts().database, identity(), user_id, matches=matches, now=signing.now())
    return ""


@users.patch("/<int:user_id>/details")
@requires(Role.ADMINISTRATOR)
@journaled("account.details_changed", "account {user_id}")
@users.input(DetailsIn)
@users.output(AccountOut)
@users.doc(
    summary="Change the details of an account",
    responses={
        404: "No such account",
        409: "Another account has this email, username or phone number",
        412: "Changed meanwhile",
        428: "If-Match is missing",
    },
)
def change_details(user_id: int, json_data: DetailsIn) -> tuple[Account, int, dict[str, str]]:
    return _with_etag(
        administration.change_details(
            parts().database,
            identity(),
            user_id,
            cast(profile.ProfileChanges, json_data.model_dump(exclude_unset=True)),
            seal=letters.seal(),
            letter=letters.address_letter(),
            matches=check_match,
            now=signing.now(),
        )
    )


@users.get("/<int:user_id>/sessions")
@requires(Role.ADMINISTRATOR)
@users.input(PageQuery, location="query")
@users.output(SessionsPage)
@users.doc(summary="The sessions of an account that still refresh", responses={404: "No such account"})
def list_sessions(user_id: int, query_data: PageQuery) -> dict[str, Any]:
    return administration.sessions_of(parts().database, identity(), user_id, query_data, signing.now())


@users.delete("/<int:user_id>/sessions")
@requires(Role.ADMINISTRATOR)
@journaled("account.sessions_ended", "account {user_id}")
@users.output({}, status_code=204)
@users.doc(
    summary="End all sessions of an account",
    description="Access tokens that they gave stay good until they expire, an hour at most.",
    responses={404: "No such account"},
)
def end_sessions(user_id: int) -> str:
    administration.end_sessions(parts().database, identity(), user_id, signing.now())
    return ""


def _with_etag(account: Account) -> tuple[Account, int, dict[str, str]]:
    return account, 200, etag(account.version)
