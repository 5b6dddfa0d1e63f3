"""The polling stations, as far as uploads are taken for them."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.election import PollingStation
from shared.terms import StationStatus


def fingerprint(session: Session) -> str:
    """Another text whenever a station was added, changed or removed; empty while there is none.

    A database may give the number of a removed station to the next one, so those that are disabled are summed, too.
    """
    disabled = sa.case((PollingStation.status == StationStatus.DISABLED.value, PollingStation.id), else_=0)
    sums = [sa.func.sum(column) for column in (PollingStation.id, PollingStation.version, disabled)]
    number, *others = session.execute(sa.select(sa.func.count(), *sums).select_from(PollingStation)).one()
    return ":".join(map(str, (number, *others))) if number else ""


def statuses(session: Session) -> dict[int, str]:
    """Whether each station is active or disabled, by its number."""
    found = session.execute(sa.select(PollingStation.id, PollingStation.status))
    return {row.id: row.status for row in found}
