"""What administrators do with the accounts of others. Each action asks the store whether its actor still is one."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Any

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from authentication_service import rules, store
from authentication_service.actions.accounts import (
    Account,
    Matches,
    account_of,
    refuse_taken,
    require_administrator,
    subject,
    write,
)
from authentication_service.actions.citizens import link
from authentication_service.actions.outbox import Letter, put
from authentication_service.actions.profile import ProfileChanges, stored_form
from authentication_service.actions.sessions import described
from authentication_service.rules.mails import NOTICE_IS_GOOD
from authentication_service.store import second_factors
from authentication_service.store.password_resets import void_links
from shared.auth import Identity
from shared.database import Database
from shared.errors import Conflict, NotFound
from shared.journal.store import note
from shared.schema.accounts import User, UserRole, UserStation
from shared.sealing import Seal
from shared.sentences import say
from shared.terms import Approval, Role
from shared.web.requests import PageQuery, paginate


class Unchanged(Enum):
    """What is not to be changed, where None is a value."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED
LAST_ADMINISTRATOR = say("The last administrator has to stay one.")


def list_accounts(
    database: Database,
    actor: Identity,
    page: PageQuery,
    *,
    search: str | None,
    role: Role | None,
    approval: Approval | None,
    station: int | None = None,
) -> dict[str, Any]:
    """One page of the accounts that fit all the filters; ``station`` is the number of one that they belong to."""
    with database.reading() as session:
        require_administrator(session, actor)
        found = store.users(store.national_ids(session), search, role, approval, station)
        return paginate(session, found, page, account_of)


def account(database: Database, actor: Identity, user_id: int) -> Account:
    """The account with this number."""
    with database.reading() as session:
        require_administrator(session, actor)
        return account_of(_numbered(session, user_id))


def change_account(
    database: Database,
    actor: Identity,
    user_id: int,
    *,
    roles: Sequence[Role] | None,
    stations: Sequence[int] | None,
    approval: Approval | None,
    matches: Matches,
    now: datetime,
    participant: int | Unchanged | None = UNCHANGED,
) -> Account:
    """Give an account other roles, other polling stations or another approval; None leaves each as it is.

    ``participant`` is the number of the one that a campaign director is of, None of none. What has changed is in the
    next token. An account that loses its approval refreshes nothing any more, one that is no official any more belongs
    to no station, and one that is no campaign director any more to no participant.
    """
    if roles is not None:
        rules.check_roles(roles)

    def change(session: Session) -> Account:
        administrators = store.lock_administrators(session)
        require_administrator(session, actor)
        user = _numbered(session, user_id, lock=True)
        matches(user.version)
        if roles is not None:
            _set_roles(session, user, set(roles))
        _set_stations(session, user, stations)
        _set_participant(session, user, participant)
        if approval is not None and user.approval != approval.value:
            told = {"approval": {"before": user.approval, "after": approval.value}}
            note(session, "account.judged", subject(user.id), told)
            user.approval = approval.value
        stays = user.approval == Approval.APPROVED and Role.ADMINISTRATOR in (row.role for row in user.roles)
        if not stays and rules.would_leave_no_administrator(administrators, user_id):
            raise Conflict(LAST_ADMINISTRATOR)
        if user.approval != Approval.APPROVED:
            store.revoke_sessions(session, user_id, now)
        session.flush()
        return account_of(user)

    return write(database, change)


def change_details(
    database: Database,
    actor: Identity,
    user_id: int,
    changes: ProfileChanges,
    *,
    seal: Seal,
    letter: Letter | None,
    matches: Matches,
    now: datetime,
) -> Account:
    """Change names, address, username or phone number of an account; whoever holds them keeps password and sessions.

    ``letter`` goes to an address that the account loses, so that nobody is given another one in silence.
    """
    stored = stored_form(changes)

    def change(session: Session) -> Account:
        require_administrator(session, actor)
        user = _numbered(session, user_id, lock=True)
        matches(user.version)
        refuse_taken(
            session,
            email=changes.get("email"),
            username=stored.get("username"),
            phone=stored.get("phone"),
            owner=user.id,
        )
        former = user.email
        fields = sorted(name for name in changes if getattr(user, name) != stored[name])
        if not fields:
            return account_of(user)
        for name, value in stored.items():
            setattr(user, name, value)
        if "email" in fields:
            void_links(session, user.id)
            if letter is not None and former is not None:
                put(session, seal, user.id, former, letter, now + NOTICE_IS_GOOD, now)
        note(session, "account.details_changed", subject(user.id), {"fields": fields})
        session.flush()
        return account_of(user)

    return write(database, change)


def sessions_of(database: Database, actor: Identity, user_id: int, page: PageQuery, now: datetime) -> dict[str, Any]:
    """One page of the sessions of an account that still refresh, the newest first."""
    with database.reading() as session:
        require_administrator(session, actor)
        _numbered(session, user_id)
        return paginate(session, store.live_sessions(user_id, now), page, partial(described, actor))


def end_sessions(database: Database, actor: Identity, user_id: int, now: datetime) -> int:
    """End all sessions of an account; how many there were."""

    def end(session: Session) -> int:
        require_administrator(session, actor)
        _numbered(session, user_id, lock=True)
        ended = store.revoke_sessions(session, user_id, now)
        if ended:
            note(session, "account.sessions_ended", subject(user_id), {"sessions": ended})
        return ended

    return write(database, end)


def delete_account(
    database: Database, actor: Identity, user_id: int, *, matches: Matches | None, now: datetime
) -> None:
    """Delete the account with this number; ``matches`` is asked where the caller names the version that it has read."""
    _delete(database, actor, lambda session: _numbered(session, user_id, lock=True), matches, now)


def delete_account_of(database: Database, actor: Identity, email: str, *, now: datetime) -> None:
    """Delete the account with this address, as the classic contract does."""

    def find(session: Session) -> User:
        user = store.user_by_name(session, rules.LoginName.EMAIL, rules.email_key(email), lock=True)
        if user is None:
            raise NotFound("Unknown user.", field="email")
        return user

    _delete(database, actor, find, None, now)


def _delete(
    database: Database, actor: Identity, find: Callable[[Session], User], matches: Matches | None, now: datetime
) -> None:
    """Keep the row for the record, but free what is unique, forget the password and end all sessions."""

    def delete(session: Session) -> None:
        administrators = store.lock_administrators(session)
        require_administrator(session, actor)
        user = find(session)
        if matches is not None:
            matches(user.version)
        if rules.would_leave_no_administrator(administrators, user.id):
            raise Conflict(LAST_ADMINISTRATOR)
        note(session, "account.deleted", subject(user.id))
        user.former_email = user.email
        user.email = user.email_key = user.jmbg_key = user.jmbg_sealed = user.username = user.phone = None
        user.citizen_id = user.participant_id = None
        user.password_hash = ""
        second_factors.remove(session, user.id)
        user.deleted_at = now
        store.revoke_sessions(session, user.id, now)
        void_links(session, user.id)

    write(database, delete)


def _numbered(session: Session, user_id: int, *, lock: bool = False) -> User:
    user = store.user_by_id(session, user_id, lock=lock)
    if user is None:
        raise NotFound("There is no account with this number.")
    return user


def _set_roles(session: Session, user: User, roles: set[Role]) -> None:
    had = {Role(row.role) for row in user.roles}
    if had == roles:
        return
    if Role.VOTER in roles - had and user.citizen_id is None:
        link(session, user, store.national_id_of(session, user))
    told = {"granted": sorted(roles - had), "taken": sorted(had - roles)}
    note(session, "account.roles_changed", subject(user.id), told)
    for row in [row for row in user.roles if row.role not in roles]:
        user.roles.remove(row)
    user.roles.extend(UserRole(role=role.value) for role in sorted(roles - had))
    # The roles stand in a table of their own; the account's version has to count their change all the same.
    flag_modified(user, "approval")


def _set_stations(session: Session, user: User, wanted: Sequence[int] | None) -> None:
    roles = {Role(row.role) for row in user.roles}
    had = {row.station_id for row in user.stations}
    if wanted is None:
        wanted = sorted(had) if Role.OFFICIAL in roles else []
    rules.check_stations(wanted, roles)
    if had != set(wanted):
        give_stations(session, user, set(wanted))


def give_stations(session: Session, user: User, wanted: Collection[int]) -> None:
    """Let an official belong to other polling stations than until now, and tell the journal which were given and taken.

    The row of the account has to be locked, and the numbers to be checked.
    """
    had = {row.station_id for row in user.stations}
    told = {"granted": sorted(set(wanted) - had), "taken": sorted(had - set(wanted))}
    note(session, "account.stations_changed", subject(user.id), told)
    user.stations = [row for row in user.stations if row.station_id in wanted]
    user.stations.extend(UserStation(station_id=number) for number in told["granted"])
    flag_modified(user, "approval")


def _set_participant(session: Session, user: User, wanted: int | Unchanged | None) -> None:
    roles = {Role(row.role) for row in user.roles}
    if isinstance(wanted, Unchanged):
        wanted = user.participant_id if Role.CAMPAIGN_DIRECTOR in roles else None
    rules.check_participant(wanted, roles)
    if user.participant_id == wanted:
        return
    told = {"participant": {"before": user.participant_id, "after": wanted}}
    note(session, "account.participant_changed", subject(user.id), told)
    user.participant_id = wanted
