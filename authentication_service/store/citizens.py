"""Queries of the citizens' register, past the models where there are a million rows."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from authentication_service.store import national_ids
from authentication_service.store.citizen_rows import NewCitizen, insert
from shared.schema.accounts import Citizen, User
from shared.terms import CitizenStatus

_TABLE = cast(sa.Table, Citizen.__table__)
_TEXTS = ("forename", "surname", "birthplace", "address", "region", "federal_unit")
_COMPARED = ("id", "jmbg_key", "born_on", "status", *_TEXTS)
_AT_ONCE = 5000


class Known(NamedTuple):
    """What is known of a citizen. ``texts``: forename, surname, birthplace, address, region, federal unit."""

    id: int
    born_on: date
    status: str
    texts: tuple[str, ...]


def is_empty(session: Session) -> bool:
    """Whether the register has nobody yet, so that nobody needs to be looked up."""
    return session.scalar(sa.select(_TABLE.c.id).limit(1)) is None


def known(session: Session, keys: Collection[bytes], *, lock: bool) -> dict[bytes, Known]:
    """What is known of the citizens with these keys of national ids; locked, nobody else changes them meanwhile."""
    statement = sa.select(*(_TABLE.c[name] for name in _COMPARED)).where(_TABLE.c.jmbg_key.in_(keys))
    if lock:
        statement = statement.with_for_update()
    return {
        bytes(key): Known(number, born_on, status, tuple(texts))
        for number, key, born_on, status, *texts in session.execute(statement)
    }


def add(session: Session, rows: Sequence[NewCitizen], now: datetime) -> None:
    """Add citizens who come into the register at ``now``."""
    if rows:
        insert(session.connection(), rows, now)


def change(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Give citizens, by ``number``, other values; each counts as one change more."""
    if rows:
        statement = sa.update(_TABLE).where(_TABLE.c.id == sa.bindparam("number"))
        session.execute(statement.values(version=_TABLE.c.version + 1), rows)


def citizen(session: Session, citizen_id: int, *, lock: bool = False) -> Citizen | None:
    """The entry with this number."""
    statement = sa.select(Citizen).where(Citizen.id == citizen_id)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalar(statement)


def by_national_id(session: Session, national_id: str) -> Citizen | None:
    """The entry of this national id."""
    return session.scalar(sa.select(Citizen).where(Citizen.jmbg_key == national_ids(session).key_of(national_id)))


def numbers(session: Session, national_id_keys: Collection[bytes]) -> dict[bytes, int]:
    """The numbers of the citizens with these keys."""
    rows = session.execute(sa.select(Citizen.jmbg_key, Citizen.id).where(Citizen.jmbg_key.in_(national_id_keys)))
    return {bytes(key): number for key, number in rows}


def found(key: bytes | None, name: str | None, status: CitizenStatus | None) -> sa.Select[Citizen]:
    """Entries in the order of their names: of one national id by its key, or whose folded name begins with ``name``."""
    statement = sa.select(Citizen).order_by(Citizen.name_key, Citizen.id)
    if key is not None:
        statement = statement.where(Citizen.jmbg_key == key)
    if name:
        # A range, and not LIKE, which not every collation answers by the index.
        statement = statement.where(Citizen.name_key >= name, Citizen.name_key < name + "\U0010ffff")
    if status is not None:
        statement = statement.where(Citizen.status == status.value)
    return statement


def with_account(session: Session, citizen_ids: Collection[int]) -> set[int]:
    """Which of these citizens have a voter's account."""
    return {
        number
        for number in session.scalars(sa.select(User.citizen_id).where(User.citizen_id.in_(citizen_ids)))
        if number is not None
    }


def everybody(session: Session) -> Iterator[Sequence[Citizen]]:
    """All who are registered, by their numbers, some thousands at a time, which alone are in the memory."""
    wanted = sa.select(Citizen).where(Citizen.status == CitizenStatus.REGISTERED.value)
    wanted = wanted.order_by(Citizen.id).limit(_AT_ONCE)
    last = 0
    while rows := list(session.scalars(wanted.where(Citizen.id > last))):
        yield rows
        last = rows[-1].id
        session.expunge_all()
