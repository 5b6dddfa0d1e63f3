"""The polling stations, as far as uploads are taken for them."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.election import PollingStation


def fingerprint(session: Session) -> str:
    """Another text whenever a station was added, changed or removed; empty while there is none."""
    number, last, versions = session.execute(
        sa.select(sa.func.count(), sa.func.max(PollingStation.id), sa.func.sum(PollingStation.version))
    ).one()
    return f"{number}:{last}:{versions}" if number else ""


def statuses(session: Session) -> dict[int, str]:
    """Whether each station is active or disabled, by its number."""
    found = session.execute(sa.select(PollingStation.id, PollingStation.status))
    return {row.id: row.status for row in found}
