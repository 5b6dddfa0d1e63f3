"""What administrators and auditors do with the citizens' register: look somebody up, and note what has changed."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypedDict

from sqlalchemy.orm import Session

from authentication_service import rules as account_rules
from authentication_service import store as accounts
from authentication_service.actions.accounts import Matches, require_administrator, write
from authentication_service.actions.journal import check_reader
from authentication_service.rules import citizens as rules
from authentication_service.store import citizens as store
from shared.auth import Identity
from shared.database import Database
from shared.errors import InvalidInput, NotFound
from shared.journal.store import note
from shared.schema.accounts import Citizen, User
from shared.sentences import say
from shared.terms import CitizenStatus, Role
from shared.web.requests import PageQuery, paginate

NOT_IN_THE_REGISTER = say(
    "The citizens' register has no entry of this national id and this name that may have a voter's account. Look at "
    "how they are written in your documents; whoever keeps the register can tell more."
)


@dataclass(frozen=True)
class Entry:
    """A citizen as the register has him. ``national_id`` is masked for whoever does not need it."""

    id: int
    national_id: str
    forename: str
    surname: str
    born_on: date
    birthplace: str
    address: str
    region: str
    federal_unit: str
    status: CitizenStatus
    has_account: bool
    imported_at: datetime
    updated_at: datetime | None
    version: int


class CitizenChanges(TypedDict, total=False):
    """What is to be other than it is."""

    forename: str
    surname: str
    address: str
    region: str
    federal_unit: str
    status: CitizenStatus


def list_citizens(
    database: Database, actor: Identity, page: PageQuery, *, search: str | None, status: CitizenStatus | None
) -> dict[str, Any]:
    """One page of the register: of a whole national id, or of a surname's beginning and perhaps a forename's."""
    with database.reading() as session:
        check_reader(session, actor)
        ids = accounts.national_ids(session)
        words = (search or "").strip()
        key = ids.key_of(words) if words.isascii() and words.isdigit() else None
        name = rules.folded(words) if key is None else None
        found = paginate(session, store.found(key, name, status), page, lambda citizen: citizen)
        linked = store.with_account(session, [citizen.id for citizen in found["items"]])
        # A list is for finding people; nobody needs all their national ids at once.
        found["items"] = [_entry(session, citizen, citizen.id in linked, whole=False) for citizen in found["items"]]
        return found


def read_citizen(database: Database, actor: Identity, citizen_id: int) -> Entry:
    """One entry; with the whole national id for an administrator, who may have to compare it with a document."""
    with database.reading() as session:
        check_reader(session, actor)
        return _shown(session, actor, _numbered(session, citizen_id))


def change_citizen(
    database: Database, actor: Identity, citizen_id: int, changes: CitizenChanges, *, matches: Matches, now: datetime
) -> Entry:
    """Note that somebody has died, moved or bears another name."""
    stored: dict[str, str] = {}
    for name, value in changes.items():
        text = " ".join(str(value).split())
        if len(text) > rules.LONGEST or not text.isprintable() or (not text and name in ("forename", "surname")):
            raise InvalidInput(say("1 to {most} characters that can be printed.", most=rules.LONGEST), field=name)
        stored[name] = text

    def change(session: Session) -> Entry:
        require_administrator(session, actor)
        citizen = _numbered(session, citizen_id, lock=True)
        matches(citizen.version)
        other = {name: value for name, value in stored.items() if getattr(citizen, name) != value}
        told: dict[str, Any] = {"fields": sorted(other)}
        if "status" in other:
            told["status"] = {"before": citizen.status, "after": other["status"]}
        if other:
            for name, value in other.items():
                setattr(citizen, name, value)
            citizen.name_key = rules.name_key(citizen.forename, citizen.surname)
            citizen.updated_at = now
            note(session, "citizen.changed", subject(citizen.id), told)
        session.flush()
        return _shown(session, actor, citizen)

    return write(database, change)


def subject(citizen_id: int) -> str:
    """How the journal names a citizen: by his number in the register."""
    return f"citizen {citizen_id}"


def link(session: Session, user: User, national_id: str) -> None:
    """Let an account be a voter's: of the citizen with this national id and the account's name.

    One refusal for all reasons: whoever tries a national id learns nothing about its owner. Those under 18 may
    register, because elections come on whose day they will be of age.
    """
    citizen = store.by_national_id(session, national_id)
    if (
        citizen is None
        or citizen.status != CitizenStatus.REGISTERED
        or not rules.is_same_name(user.forename, user.surname, citizen.forename, citizen.surname)
    ):
        raise InvalidInput(NOT_IN_THE_REGISTER, field="jmbg")
    user.citizen_id = citizen.id


def _shown(session: Session, actor: Identity, citizen: Citizen) -> Entry:
    user = accounts.user_by_name(session, account_rules.LoginName.EMAIL, account_rules.email_key(actor.email))
    whole = user is not None and Role.ADMINISTRATOR.value in {row.role for row in user.roles}
    return _entry(session, citizen, citizen.id in store.with_account(session, [citizen.id]), whole=whole)


def _entry(session: Session, citizen: Citizen, has_account: bool, *, whole: bool) -> Entry:
    national_id = accounts.national_ids(session).open(citizen.jmbg_sealed, citizen.jmbg_key)
    return Entry(
        id=citizen.id,
        national_id=national_id if whole else rules.masked(national_id),
        forename=citizen.forename,
        surname=citizen.surname,
        born_on=citizen.born_on,
        birthplace=citizen.birthplace,
        address=citizen.address,
        region=citizen.region,
        federal_unit=citizen.federal_unit,
        status=CitizenStatus(citizen.status),
        has_account=has_account,
        imported_at=citizen.imported_at,
        updated_at=citizen.updated_at,
        version=citizen.version,
    )


def _numbered(session: Session, citizen_id: int, *, lock: bool = False) -> Citizen:
    citizen = store.citizen(session, citizen_id, lock=lock)
    if citizen is None:
        raise NotFound("There is no citizen with this number in the register.")
    return citizen
