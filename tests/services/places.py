"""What the tests of results per place share: the hours of their elections, and how they ask."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.schema.election import SheetEvent, TallySheet
from shared.terms import SheetAct, SheetState
from tests.services.recorded import Recorded

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
START = NOW - 10 * HOUR
HOURS = (START, NOW - 2 * HOUR)


def get(client: FlaskClient, election: int, path: str = "", status: int = 200, **query: Any) -> Any:
    answer = asked(client, election, path, **query)
    assert answer.status_code == status, answer.text
    return answer.get_json()


def asked(client: FlaskClient, election: int, path: str = "", **query: Any) -> TestResponse:
    moment = query.get("as_of")
    if isinstance(moment, datetime):
        query["as_of"] = moment.isoformat().replace("+00:00", "Z")
    return client.get(f"/api/elections/{election}/results{path}", query_string=query)


def accept_sheet(night: Recorded, election: int, station: int, at: datetime = NOW - HOUR, **numbers: int) -> None:
    """An accepted sheet, by two entries, as the daemon leaves it behind."""
    said = {**dict.fromkeys(("registered", "voted", "received", "unused", "in_box", "invalid", "blank"), 0), **numbers}
    with night.database.writing() as session:
        state = SheetState.ACCEPTED.value
        session.add(
            TallySheet(election_id=election, station_id=station, state=state, last=2, standing=2, changed_at=at)
        )
        session.flush()
        for number in (1, 2):
            session.add(
                SheetEvent(
                    election_id=election,
                    station_id=station,
                    number=number,
                    id=f"{election}-{station}-{number}",
                    act=SheetAct.ENTRY.value,
                    actor=f"official{number}@example.org",
                    at=at,
                    numbers={**said, "votes": {"1": 0, "2": 0}},
                )
            )
