"""The suite that outgrew its SQLite files and its own Redis: the same journey on servers that somebody else runs."""

from pathlib import Path

import pytest

from cli import elections
from cli.results import wait_until_final
from cli.upload import hand_in, wait_for_outcome
from tests.journey.command import urna
from tests.journey.conftest import StartSuite
from tests.journey.people import Journey, write_ballots


@pytest.mark.parametrize("engine", ["mariadb", "postgresql"])
def test_urna_up_works_on_the_stores_and_the_redis_of_the_environment(
    accounts_database_url: str, election_database_url: str, redis_url: str, start_suite: StartSuite, tmp_path: Path
) -> None:
    suite = start_suite(
        ACCOUNTS_DATABASE_URL=accounts_database_url, ELECTION_DATABASE_URL=election_database_url, REDIS_URL=redis_url
    )
    suite.wait_until_ready()
    assert not list(suite.data.glob("*.db"))
    assert not (suite.data / "redis").exists()
    with Journey(suite) as journey:
        election = journey.open_election()
        first, second = tmp_path / "first.csv", tmp_path / "second.csv"
        guids = write_ballots(first, [1] * 5000 + [2] * 3000 + [3] * 100 + [4])
        write_ballots(second, [2] * 20, guids[:10])
        outcomes = [
            wait_for_outcome(journey.official, hand_in(journey.official, file, election)["id"], 60)
            for file in (first, second)
        ]
        assert [(one["counted"], one["duplicate"], one["invalid"]) for one in outcomes] == [(8100, 0, 1), (10, 10, 0)]
        queue = urna("queue", "--json", environment={"REDIS_URL": redis_url})
        assert [one["parts"] for one in queue.json["partitions"]] == [0, 0, 0, 0]
        elections.close(journey.admin, election)
        result = wait_until_final(journey.admin, election, 60)
        assert [one["votes"] for one in result["lists"]] == [5000, 3010, 100]
