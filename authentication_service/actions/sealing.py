"""The key of the register: that it is the store's, and how another one takes its place."""

from collections.abc import Iterator
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from authentication_service import store
from shared.database import Database
from shared.errors import Misconfigured
from shared.journal.events import PREPARE
from shared.journal.store import note
from shared.schema.accounts import Citizen, Mail, SecondFactor, User, VoterElection
from shared.sealing import BALLOT_KEYS, MAILS, SECOND_FACTORS, NationalIds, Seal, about_account, about_election

_AT_ONCE = 5000
_SEALED = (User, Citizen)


def hold_key(database: Database, secret: str, former: str | None) -> int:
    """Make sure that the store is sealed with ``secret``, and seal it anew where it is sealed with ``former``.

    All or nothing, in one transaction. Returns how many values were sealed anew. Raises ``Misconfigured`` when the
    store is sealed with neither.
    """
    ids = NationalIds(secret)
    with database.reading() as session:
        if _is_of(session, ids):
            return 0
    if former is None:
        with database.reading() as session:
            _open_one(session, ids)
    with database.writing() as session:
        # Of two programs that prepare the store at once the second one waits here, and finds the work done.
        store.lock_administrators(session)
        if _is_of(session, ids):
            return 0
        before = NationalIds(former or "")
        _open_one(session, before)
        number = sum(_reseal(session, table, before, ids) for table in _SEALED)
        number += _reseal_ballot_keys(session, former or "", secret)
        number += _reseal_mails(session, former or "", secret)
        number += _reseal_second_factors(session, former or "", secret)
        note(session, "register.key_changed", "register", {"values": number}, actor=PREPARE)
        return number


def _is_of(session: Session, ids: NationalIds) -> bool:
    try:
        _open_one(session, ids)
    except Misconfigured:
        return False
    return True


def _open_one(session: Session, ids: NationalIds) -> None:
    """Open the first national id of the store, if it has one; all of them are sealed with one key."""
    for table in _SEALED:
        columns = sa.select(table.jmbg_sealed, table.jmbg_key).where(table.jmbg_key.is_not(None))
        for sealed, key in session.execute(columns.order_by(table.id).limit(1)):
            ids.open(sealed or b"", key or b"")
            return


def _reseal(session: Session, table: type[User] | type[Citizen], before: NationalIds, ids: NationalIds) -> int:
    own = cast(sa.Table, table.__table__)
    number = 0
    for rows in _all_of(session, table):
        kept = [(row.id, *ids.kept(before.open(row.jmbg_sealed, row.jmbg_key))) for row in rows]
        session.execute(
            # Past the models, which would count a change: the account or the entry is the same afterwards.
            sa.update(own)
            .where(own.c.id == sa.bindparam("number"))
            .values(jmbg_key=sa.bindparam("key"), jmbg_sealed=sa.bindparam("sealed")),
            [{"number": row_id, "key": key, "sealed": sealed} for row_id, key, sealed in kept],
        )
        number += len(kept)
    return number


def _all_of(session: Session, table: type[User] | type[Citizen]) -> Iterator[list[Any]]:
    wanted = sa.select(table.id, table.jmbg_key, table.jmbg_sealed).where(table.jmbg_key.is_not(None))
    wanted = wanted.order_by(table.id).limit(_AT_ONCE)
    rows = list(session.execute(wanted))
    while rows:
        yield rows
        rows = list(session.execute(wanted.where(table.id > rows[-1].id)))


def _reseal_ballot_keys(session: Session, former: str, secret: str) -> int:
    before, now = Seal(former, BALLOT_KEYS), Seal(secret, BALLOT_KEYS)
    wanted = sa.select(VoterElection.election_id, VoterElection.private_key_sealed)
    number = 0
    for election_id, sealed in session.execute(wanted.where(VoterElection.private_key_sealed.is_not(None))).all():
        about = about_election(election_id)
        closed = now.close(before.open(sealed or b"", about), about)
        session.execute(
            sa.update(VoterElection)
            .where(VoterElection.election_id == election_id)
            .values(private_key_sealed=closed, version=VoterElection.version)
        )
        number += 1
    return number


def _reseal_mails(session: Session, former: str, secret: str) -> int:
    before, now = Seal(former, MAILS), Seal(secret, MAILS)
    waiting = session.scalars(sa.select(Mail)).all()
    for mail in waiting:
        about = mail.id.encode()
        mail.sealed = now.close(before.open(mail.sealed, about), about)
    return len(waiting)


def _reseal_second_factors(session: Session, former: str, secret: str) -> int:
    before, now = Seal(former, SECOND_FACTORS), Seal(secret, SECOND_FACTORS)
    number = 0
    for user_id, sealed in session.execute(sa.select(SecondFactor.user_id, SecondFactor.secret_sealed)).all():
        about = about_account(user_id)
        closed = now.close(before.open(sealed, about), about)
        session.execute(sa.update(SecondFactor).where(SecondFactor.user_id == user_id).values(secret_sealed=closed))
        number += 1
    return number
