"""The model of the way of a ballot, tried with random steps in random order."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from shared.database import Database, migrate
from tests.faults.model import WayOfABallot
from tests.faults.world import World
from tests.servers import Redis
from tests.services.wire import Wire

# The same steps in every run; a failure prints those that lead to it.
RUNS = settings(
    stateful_step_count=40,
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
EXAMPLES = {"sqlite": 40, "mariadb": 8}


@pytest.fixture
def wire(redis_server: Redis, redis_url: str) -> Iterator[Wire]:
    """A wire to the empty Redis."""
    with Wire(redis_server.port) as made:
        yield made


@pytest.mark.parametrize("engine", list(EXAMPLES))
def test_whatever_happens_in_whatever_order_the_count_is_that_of_ten_lines(
    engine: str, election_database_url: str, redis_url: str, wire: Wire
) -> None:
    migrate(election_database_url, "election")
    with closing(Database(election_database_url, loads=True)) as database:
        machine = cast("type[WayOfABallot]", partial(WayOfABallot, World(database, redis_url, wire)))
        run_state_machine_as_test(machine, settings=settings(RUNS, max_examples=EXAMPLES[engine]))
