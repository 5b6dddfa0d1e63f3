"""A backup and a restore with the database users of the deployment, and with no more rights than they have."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cli.backup.places import Places
from shared.database import Database
from tests.deployment.least_rights import LeastRights
from tests.left_out import needs
from tests.servers import DatabaseServer, Redis
from tests.services.backing_up import back_up, fill_accounts, fill_election, in_redis, restore, summaries
from tests.services.counting import Counting, counting

WAYS = [("mysql", "postgresql"), ("postgresql", "mariadb")]


@contextmanager
def stores(accounts: DatabaseServer, election: DatabaseServer, folder: Path) -> Iterator[dict[str, LeastRights]]:
    """Both stores as the deployment makes them; on two servers, because each has a user `prepare` of its own."""
    folder.mkdir()
    made = {"accounts": LeastRights(accounts, "accounts", folder / "accounts")}
    try:
        made["election"] = LeastRights(election, "election", folder / "election")
        yield made
    finally:
        for store in made.values():
            store.close()


@pytest.mark.parametrize("way", WAYS, ids="-and-".join)
def test_the_users_of_the_deployment_back_up_and_restore_with_the_rights_that_they_have(
    request: pytest.FixtureRequest, way: tuple[str, str], redis_url: str, tmp_path: Path
) -> None:
    needs(Redis)
    one, other = (request.getfixturevalue(f"{name}_server") for name in way)
    file = tmp_path / "archive.urna"
    with stores(one, other, tmp_path / "before") as before:
        fill_accounts(before["accounts"].url("prepare"))
        with counting(before["election"].url("prepare"), redis_url, partitions=2) as suite:
            fill_election(suite)
        reads = Places(before["accounts"].url("backup"), before["election"].url("auditor"), redis_url)
        back_up(reads, file)
        expected, waiting = summaries(reads), in_redis(redis_url)

    with stores(other, one, tmp_path / "after") as after, Redis() as empty:
        restore(Places(after["accounts"].url("prepare"), after["election"].url("prepare"), empty.url), file)
        assert summaries(Places(after["accounts"].url("backup"), after["election"].url("auditor"), "")) == expected
        assert in_redis(empty.url) == waiting
        # Whatever the rights were, a restore has taken none away: the daemon goes on.
        with closing(Database(after["election"].url("daemon"), loads=True)) as database:
            resumed = Counting(database, empty.url, 2)
            resumed.record_all()
            assert resumed.waiting() == 0
