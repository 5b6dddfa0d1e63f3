"""The rights of deploy/grants are enough for the work: the programs' own queries, on real servers as their users."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from admin_service.actions.seats import Count
from daemon.store import parts
from results_service import store as results
from shared.apportionment import SPAIN_CONGRESS
from shared.database import Database
from shared.queue.work import DamagedPart
from shared.schema.election import DeadLetter, Election, Partition
from tests.deployment.least_rights import LeastRights
from tests.servers import DatabaseServer

BATCH = "0123456789abcdef0123456789abcdef"


@pytest.fixture(params=["mariadb", "mysql", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LeastRights]:
    """An election store with one election."""
    server = request.getfixturevalue(f"{request.param}_server")
    assert isinstance(server, DatabaseServer)
    made = LeastRights(server, "election", tmp_path / "secrets")
    now = datetime.now(UTC)
    period = {"start": now, "end": now, "created_at": now}
    with made.engine("administration") as engine, engine.begin() as connection:
        connection.execute(
            sa.insert(Election).values(id=1, kind="parliamentary", individual=False, rules={}, lots=[], **period)
        )
    yield made
    made.close()


def test_a_daemon_can_bury_a_part_and_the_results_service_sees_that(store: LeastRights) -> None:
    now = datetime.now(UTC)
    database = Database(store.url("daemon"))
    with database.writing() as session:
        damaged = DamagedPart(f"{BATCH}_0", "It is damaged.", BATCH, 0, None, 1)
        for _ in range(2):
            parts.bury(session, Partition(partition=0), damaged, now)
    database.close()
    with store.engine("administrator") as engine, engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(DeadLetter)) == 1
    database = Database(store.url("results"))
    with database.reading() as session:
        look = results.look(session, 1)
    database.close()
    assert look is not None
    assert look.dead_letter


def test_the_administration_can_give_the_seats_of_each_constituency(store: LeastRights) -> None:
    database = Database(store.url("administration"))
    with database.reading() as session:
        election = session.get_one(Election, 1)
        assert Count(session, election, SPAIN_CONGRESS).seats() == {}
    database.close()
