"""Queries of the accounts store. Deleted accounts are found by nothing here but the sessions that they once had."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from authentication_service.rules import LoginName, part_of_phone
from authentication_service.rules.limits import Tries
from shared.schema.accounts import AccountsBase, Attempt, RefreshSession, User, UserRole, UserStation
from shared.sealing import NationalIds
from shared.terms import Approval, Role

T = TypeVar("T")

NATIONAL_IDS = "national ids"

_AT_ONCE = 1000

NAMES = {LoginName.EMAIL: User.email_key, LoginName.USERNAME: User.username, LoginName.PHONE: User.phone}


def national_ids(session: Session) -> NationalIds:
    """What opens and seals the national ids of the store that this session is of."""
    found: NationalIds = session.info[NATIONAL_IDS]
    return found


def national_id_of(session: Session, user: User) -> str:
    """The national id of a live account."""
    if user.jmbg_key is None or user.jmbg_sealed is None:
        raise ValueError("A deleted account has no national id any more.")
    return national_ids(session).open(user.jmbg_sealed, user.jmbg_key)


def touch_every_table(session: Session) -> None:
    """Ask each table for its columns, which fails where the schema is not there or is an older one."""
    for table in AccountsBase.metadata.sorted_tables:
        session.execute(sa.select(table).limit(1))


def user_by_name(session: Session, kind: LoginName, key: str, *, lock: bool = False) -> User | None:
    """The account with this email, username or phone number in its stored form."""
    return session.scalar(_live(lock).where(NAMES[kind] == key))


def users_by_names(
    session: Session, names: Iterable[tuple[LoginName, str]], *, lock: bool = False
) -> dict[tuple[LoginName, str], User]:
    """The accounts with these emails, usernames or phone numbers in their stored form, by them.

    They are locked in one order, so that two who want the same ones wait for each other instead of deadlocking.
    """
    wanted: dict[LoginName, set[str]] = {}
    for kind, key in names:
        wanted.setdefault(kind, set()).add(key)
    numbers: dict[tuple[LoginName, str], int] = {}
    for kind, keys in wanted.items():
        for some in _pieces(sorted(keys)):
            rows = session.execute(
                sa.select(NAMES[kind], User.id).where(User.deleted_at.is_(None), NAMES[kind].in_(some))
            )
            numbers |= {(kind, key): number for key, number in rows if key is not None}
    found: dict[int, User] = {}
    for few in _pieces(sorted(set(numbers.values()))):
        found |= {user.id: user for user in session.scalars(_live(lock).where(User.id.in_(few)).order_by(User.id))}
    return {name: found[number] for name, number in numbers.items() if number in found}


def taken_national_ids(session: Session, given: Iterable[str]) -> set[str]:
    """Those of these national ids that an account has."""
    keys = {national_ids(session).key_of(one): one for one in given}
    taken: set[str] = set()
    for some in _pieces(list(keys)):
        found = session.scalars(sa.select(User.jmbg_key).where(User.deleted_at.is_(None), User.jmbg_key.in_(some)))
        taken |= {keys[bytes(key)] for key in found if key is not None}
    return taken


def credentials(session: Session, kind: LoginName, key: str) -> tuple[int, str] | None:
    """Number and password hash of the account with this name, by one query whether or not there is one."""
    statement = sa.select(User.id, User.password_hash).where(User.deleted_at.is_(None), NAMES[kind] == key)
    row = session.execute(statement).one_or_none()
    return None if row is None else (row[0], row[1])


def user_by_id(session: Session, user_id: int, *, lock: bool = False) -> User | None:
    """The account with this number."""
    return session.scalar(_live(lock).where(User.id == user_id))


def user_by_jmbg(session: Session, jmbg: str) -> User | None:
    """The account with this national id."""
    return session.scalar(_live(False).where(User.jmbg_key == national_ids(session).key_of(jmbg)))


def users(
    ids: NationalIds, search: str | None, role: Role | None, approval: Approval | None, station: int | None
) -> sa.Select[User]:
    """Accounts in the order of their numbers; ``station`` is the number of a polling station that they belong to.

    ``search`` is a part of an address, a username, a name (also of forename and surname with a blank between them) or a
    phone number however it is written, or a whole JMBG.
    """
    statement = _live(False).order_by(User.id)
    if search:
        parts = (User.email, User.username, User.forename + " " + User.surname)
        contained = [column.icontains(search, autoescape=True) for column in parts]
        if (digits := part_of_phone(search)) is not None:
            contained.append(User.phone.contains(digits, autoescape=True))
        statement = statement.where(sa.or_(*contained, User.jmbg_key == ids.key_of(search)))
    if role:
        statement = statement.where(User.roles.any(UserRole.role == role.value))
    if approval:
        statement = statement.where(User.approval == approval.value)
    if station:
        statement = statement.where(User.stations.any(UserStation.station_id == station))
    return statement


def lock_administrators(session: Session) -> list[int]:
    """The numbers of the administrators that may log in, and nobody else may change these until the transaction ends.

    They are locked in one order, so that two who change administrators wait for each other instead of deadlocking.
    """
    statement = (
        sa.select(User.id)
        .join(UserRole, UserRole.user_id == User.id)
        .where(
            UserRole.role == Role.ADMINISTRATOR.value,
            User.deleted_at.is_(None),
            User.approval == Approval.APPROVED.value,
        )
        .order_by(User.id)
        .with_for_update()
    )
    return list(session.scalars(statement))


def replace_password_hash(session: Session, user_id: int, old: str, new: str) -> None:
    """Store the same password's new hash, unless the hash was replaced meanwhile. The account has not changed by it."""
    session.execute(sa.update(User).where(User.id == user_id, User.password_hash == old).values(password_hash=new))


def session_and_user(session: Session, session_id: str) -> tuple[RefreshSession, User] | None:
    """The refresh session with this id, and the account that it belongs to."""
    statement = (
        sa.select(RefreshSession, User)
        .join(User, User.id == RefreshSession.user_id)
        .where(RefreshSession.id == session_id, User.deleted_at.is_(None))
        .execution_options(populate_existing=True)
    )
    row = session.execute(statement).one_or_none()
    return None if row is None else (row[0], row[1])


def live_sessions(user_id: int, now: datetime) -> sa.Select[RefreshSession]:
    """The sessions of this account that still refresh, the newest first."""
    return (
        sa.select(RefreshSession)
        .where(*_live_sessions(user_id, now))
        .order_by(RefreshSession.created_at.desc(), RefreshSession.id)
    )


def supersede(session: Session, session_id: str, token: str, successor: str, now: datetime) -> bool:
    """Let ``successor`` take the place of the refresh token that is good now; False unless ``token`` is that one.

    Of two that come with the same token at the same instant, the database lets the second wait for the first.
    """
    is_good = sa.or_(RefreshSession.token == token, sa.and_(RefreshSession.token.is_(None), RefreshSession.id == token))
    statement = (
        sa.update(RefreshSession)
        .where(
            RefreshSession.id == session_id,
            is_good,
            RefreshSession.revoked_at.is_(None),
            RefreshSession.expires_at > now,
        )
        .values(token=successor, used_at=now)
        .execution_options(synchronize_session=False)
    )
    return changed(session, statement) == 1


def use_session(session: Session, session_id: str, now: datetime) -> None:
    """Note that a session was refreshed without a new refresh token."""
    session.execute(sa.update(RefreshSession).where(RefreshSession.id == session_id).values(used_at=now))


def revoke_session(session: Session, session_id: str, now: datetime) -> bool:
    """Let this session refresh nothing any more; whether it could until now."""
    return (
        changed(
            session,
            sa.update(RefreshSession)
            .where(RefreshSession.id == session_id, RefreshSession.revoked_at.is_(None))
            .values(revoked_at=_day_of(now)),
        )
        == 1
    )


def revoke_sessions(session: Session, user_id: int, now: datetime, *, keep: str | None = None) -> int:
    """Let no session of this account refresh anything any more, but ``keep``; how many could until now."""
    statement = sa.update(RefreshSession).where(*_live_sessions(user_id, now)).values(revoked_at=_day_of(now))
    if keep is not None:
        statement = statement.where(RefreshSession.id != keep)
    return changed(session, statement)


def delete_expired_sessions(session: Session, now: datetime) -> None:
    """Forget the sessions whose tokens have expired anyway."""
    session.execute(sa.delete(RefreshSession).where(RefreshSession.expires_at <= now))


def has_logged_in_from(session: Session, user_id: int, where: str, now: datetime) -> bool:
    """Whether this account has logged in from this place in the last thirty days, the time that sessions are kept."""
    statement = (
        sa.select(RefreshSession.id)
        .where(RefreshSession.user_id == user_id, RefreshSession.address == where, RefreshSession.expires_at > now)
        .limit(1)
    )
    return session.scalar(statement) is not None


def tries(session: Session, keys: Collection[str], since: datetime) -> dict[str, Tries]:
    """What was tried under these keys after ``since``; a key under which nothing was is left out."""
    statement = (
        sa.select(Attempt.key, sa.func.count(), sa.func.min(Attempt.tried_at), sa.func.max(Attempt.tried_at))
        .where(Attempt.key.in_(keys), Attempt.tried_at > since)
        .group_by(Attempt.key)
    )
    return {key: Tries(number, earliest, latest) for key, number, earliest, latest in session.execute(statement)}


def add_attempts(session: Session, keys: Collection[str], now: datetime) -> None:
    """Count one attempt under each of these keys."""
    session.execute(sa.insert(Attempt), [{"key": key, "tried_at": now} for key in keys])


def forget_attempts(session: Session, keys: Collection[str]) -> None:
    """Count under these keys from nought again."""
    session.execute(sa.delete(Attempt).where(Attempt.key.in_(keys)))


def delete_attempts(session: Session, before: datetime) -> None:
    """Forget the attempts that limit nobody any more."""
    session.execute(sa.delete(Attempt).where(Attempt.tried_at <= before))


def changed(session: Session, statement: sa.Update | sa.Delete) -> int:
    """How many rows a statement changes or deletes."""
    outcome = session.execute(statement)
    assert isinstance(outcome, sa.CursorResult)  # noqa: S101 -- An update has no rows to give.
    return outcome.rowcount


def _day_of(moment: datetime) -> datetime:
    """The beginning of its day, UTC."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _live_sessions(user_id: int, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        RefreshSession.user_id == user_id,
        RefreshSession.revoked_at.is_(None),
        RefreshSession.expires_at > now,
    )


def _live(lock: bool) -> sa.Select[User]:
    statement = sa.select(User).where(User.deleted_at.is_(None))
    # Without populate_existing a locked read would still show what an earlier read of the transaction saw.
    return statement.with_for_update().execution_options(populate_existing=True) if lock else statement


def _pieces(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]
