"""How accounts come into being: people register, and the store's first administrator is made."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from authentication_service import rules, store
from authentication_service.actions.accounts import Account, account_of, refuse_taken, subject, write
from authentication_service.actions.attempts import Caller, admit_registration
from authentication_service.actions.citizens import link
from authentication_service.passwords import Passwords
from authentication_service.rules.limits import Limits
from shared.database import Database
from shared.errors import Conflict, InvalidInput
from shared.journal.events import PREPARE
from shared.journal.store import note
from shared.schema.accounts import User, UserRole
from shared.terms import Approval, Role


@dataclass(frozen=True)
class NewAccount:
    """What a person says who registers; nothing of it is checked yet."""

    jmbg: str
    forename: str
    surname: str
    email: str
    password: str
    role: Role
    username: str | None = None
    phone: str | None = None


def register(
    database: Database,
    passwords: Passwords,
    new: NewAccount,
    *,
    registration: str,
    caller: Caller,
    limits: Limits,
    now: datetime,
) -> Account:
    """Create an account; ``registration`` is the setting that says whether an official has to wait for approval.

    The hash is computed before the store is asked who has that address, so that the work is the same either way.
    """
    if new.role not in rules.SELF_REGISTERED:
        raise InvalidInput("An administrator grants this role; nobody registers with it.", field="role")
    username, phone = check_details(new)
    admit_registration(database, caller, limits, now)
    password_hash = passwords.hash(new.password)

    def create(session: Session) -> Account:
        if new.role is not Role.VOTER:
            refuse_taken(session, email=new.email, jmbg=new.jmbg, username=username, phone=phone)
        key, sealed = store.national_ids(session).kept(new.jmbg)
        user = User(
            email=new.email,
            email_key=rules.email_key(new.email),
            jmbg_key=key,
            jmbg_sealed=sealed,
            forename=new.forename,
            surname=new.surname,
            username=username,
            phone=phone,
            password_hash=password_hash,
            approval=rules.first_approval(new.role, registration).value,
            created_at=now,
            roles=[UserRole(role=new.role.value)],
        )
        if new.role is Role.VOTER:
            # The register first: who does not know a citizen's name is not told whether there is an account.
            link(session, user, new.jmbg)
            refuse_taken(session, email=new.email, jmbg=new.jmbg, username=username, phone=phone)
        session.add(user)
        session.flush()
        told = {"role": new.role.value, "approval": user.approval}
        note(session, "account.registered", subject(user.id), told, actor=new.email)
        return account_of(user)

    return write(database, create)


def check_details(new: NewAccount) -> tuple[str | None, str | None]:
    """Refuse the first detail that is not of its form; return username and phone number in their stored form."""
    if not rules.is_jmbg(new.jmbg):
        raise InvalidInput(
            "This is no valid JMBG: 13 digits, day, month and three digits of the year of birth, a region of 70 to 99, "
            "three more digits and the control digit.",
            field="jmbg",
        )
    check_email(new.email)
    check_password(new.password)
    check_name("forename", new.forename)
    check_name("surname", new.surname)
    return check_username(new.username), check_phone(new.phone)


def check_email(email: str) -> None:
    """Refuse what is no address."""
    if not rules.is_email(email):
        raise InvalidInput("This is no email address, such as vera@example.org.", field="email")


def check_password(password: str) -> None:
    """Refuse a new password that is too simple."""
    if not rules.is_password(password):
        raise InvalidInput(
            "A password has 8 to 256 characters, among them a digit, a lower-case and an upper-case letter.",
            field="password",
        )


def check_name(field: str, name: str) -> None:
    """Refuse what is no forename or surname."""
    if not rules.is_name(name):
        raise InvalidInput(f"A {field} has 1 to 256 characters and no control characters.", field=field)


def check_username(username: str | None) -> str | None:
    """The username in its stored form; refuses what is none."""
    if username is None:
        return None
    if (key := rules.username_key(username)) is None:
        raise InvalidInput(
            "A username has 3 to 64 characters of a-z, 0-9, dot, hyphen and underscore, and starts with a letter.",
            field="username",
        )
    return key


def check_phone(phone: str | None) -> str | None:
    """The phone number in its stored form; refuses what is none."""
    if phone is None:
        return None
    if (key := rules.phone_key(phone)) is None:
        raise InvalidInput("A phone number has 6 to 15 digits, perhaps after a plus sign.", field="phone")
    return key


def create_first_administrator(
    database: Database, passwords: Passwords, *, email: str, password: str, jmbg: str, now: datetime
) -> bool:
    """Create an administrator if the store has none that may log in; False when it has one.

    The password is the operator's choice and is not checked: the classic one has a single character.
    """
    with database.reading() as session:
        if store.lock_administrators(session):
            return False
    password_hash = passwords.hash(password)

    def create(session: Session) -> bool:
        if store.lock_administrators(session):
            return False
        try:
            refuse_taken(session, email=email, jmbg=jmbg)
        except Conflict:
            # Another process that prepares the same store may have made the administrator since the look above.
            if store.lock_administrators(session):
                return False
            raise
        key, sealed = store.national_ids(session).kept(jmbg)
        user = User(
            email=email,
            email_key=rules.email_key(email),
            jmbg_key=key,
            jmbg_sealed=sealed,
            forename="admin",
            surname="admin",
            password_hash=password_hash,
            approval=Approval.APPROVED.value,
            created_at=now,
            roles=[UserRole(role=Role.ADMINISTRATOR.value)],
        )
        session.add(user)
        session.flush()
        note(session, "account.registered", subject(user.id), {"role": Role.ADMINISTRATOR.value}, actor=PREPARE)
        return True

    return write(database, create)
