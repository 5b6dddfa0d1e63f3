"""A file of officials and their polling stations, taken over as a whole or only looked at."""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from sqlalchemy.orm import Session

from authentication_service import rules, store
from authentication_service.actions.accounts import require_administrator, subject, write
from authentication_service.actions.administration import give_stations
from authentication_service.actions.outbox import Letter
from authentication_service.actions.password_resets import invite
from authentication_service.passwords import Passwords
from authentication_service.rules.officials import Known, Name, OfficialLine, Planned, plan, read_officials
from shared.auth import Identity
from shared.csv_lines import Change, Lines, refuse_wrong
from shared.database import Database
from shared.errors import ChangedMeanwhile
from shared.journal.store import note
from shared.schema.accounts import User, UserRole, UserStation
from shared.sealing import Seal
from shared.terms import Approval, Role


@dataclass(frozen=True)
class Invitations:
    """How officials get a password for whom an account is made: ``write_letter`` is given the token of a link."""

    seal: Seal
    write_letter: Callable[[str], Letter]


@dataclass(frozen=True)
class Import:
    """What became of a file, or would become of it."""

    sha256: str
    file: Lines[OfficialLine]
    planned: Sequence[Planned]
    done: bool = False

    @property
    def numbers(self) -> Mapping[Change, int]:
        """How many officials are made, get other stations, or stay as they are."""
        return Counter(one.change for one in self.planned)

    @property
    def plan_digest(self) -> str:
        """64 hexadecimal digits that are others when the file would come to something else."""
        found = sha256(f"{self.file.wrong}".encode())
        for one in self.planned:
            found.update(f"{one.line} {one.user_id} {one.change} {one.granted} {one.taken}\n".encode())
        return found.hexdigest()


def import_officials(
    database: Database,
    passwords: Passwords,
    actor: Identity,
    content: bytes,
    *,
    invitations: Invitations | None,
    preview: bool,
    expected: str | None = None,
    planned: str | None = None,
    now: datetime,
) -> Import:
    """Give the officials of a file the polling stations that it says, and no others; all or nothing.

    Whom it names by an address that nobody has gets an account, and by ``invitations`` a link to choose a password;
    None where no mails are sent, and then nobody gets one. A ``preview`` changes nothing. ``expected`` and ``planned``
    are the ``sha256`` and the ``plan_digest`` that somebody has looked at: ChangedMeanwhile when the file is another
    one or would come to something else by now. Raises InvalidInput (field ``file``).
    """
    with database.reading() as session:
        require_administrator(session, actor)
    digest = sha256(content).hexdigest()
    if expected is not None and expected != digest:
        raise ChangedMeanwhile("This is not the file that you have looked at. Here is what would become of this one.")
    read = Import(digest, read_officials(content), [])
    may_make = invitations is not None
    if preview:
        with database.reading() as session:
            return _plan(read, _named(session, read, lock=False), session, may_make=may_make)
    # Nobody knows the password of the new accounts; one for all of them, because a hash takes long on purpose.
    nobodys = passwords.hash(secrets.token_urlsafe(32)) if may_make else ""

    def bring(session: Session) -> Import:
        require_administrator(session, actor)
        users = _named(session, read, lock=True)
        found = _plan(read, users, session, may_make=may_make)
        if planned is not None and planned != found.plan_digest:
            raise ChangedMeanwhile(
                "Somebody has changed accounts since you looked at this file. Nothing was imported; look at it again."
            )
        refuse_wrong(found.file.problems, found.file.wrong)
        by_number = {user.id: user for user in users.values()}
        for one in found.planned:
            if one.user_id is not None and one.change is Change.CHANGED:
                give_stations(session, by_number[one.user_id], one.stations)
        new = [one for one in found.planned if one.user_id is None]
        if invitations is not None and new:
            _make(session, new, invitations, nobodys, now)
        return replace(found, done=True)

    return write(database, bring)


def _named(session: Session, read: Import, *, lock: bool) -> dict[Name, User]:
    return store.users_by_names(session, {line.name for line in read.file.lines}, lock=lock)


def _plan(read: Import, users: Mapping[Name, User], session: Session, *, may_make: bool) -> Import:
    known = {
        name: Known(
            user.id,
            Role.OFFICIAL in {row.role for row in user.roles},
            frozenset(row.station_id for row in user.stations),
        )
        for name, user in users.items()
    }
    new = {line.person.national_id for line in read.file.lines if line.name not in known and line.person.national_id}
    planned, file = plan(read.file, known, store.taken_national_ids(session, new), may_make=may_make)
    return replace(read, file=file, planned=planned)


def _make(
    session: Session, new: Sequence[Planned], invitations: Invitations, password_hash: str, now: datetime
) -> None:
    """Make accounts for officials, who need no approval: an administrator has named them."""
    ids = store.national_ids(session)
    users = []
    for one in new:
        key, sealed = ids.kept(one.person.national_id)
        users.append(
            User(
                email=one.account,
                email_key=rules.email_key(one.account),
                jmbg_key=key,
                jmbg_sealed=sealed,
                forename=one.person.forename,
                surname=one.person.surname,
                password_hash=password_hash,
                approval=Approval.APPROVED.value,
                created_at=now,
                roles=[UserRole(role=Role.OFFICIAL.value)],
                stations=[UserStation(station_id=number) for number in one.stations],
            )
        )
    session.add_all(users)
    session.flush()
    for user, one in zip(users, new, strict=True):
        told = {"role": Role.OFFICIAL.value, "approval": user.approval, "stations": one.stations}
        note(session, "account.registered", subject(user.id), told)
        invite(session, invitations.seal, user.id, one.account, invitations.write_letter, now)
