"""What ``urna recount`` finds: each tampering beside the same store without it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.recount.command import recounted
from tests.servers import Redis
from tests.services.counting import counting
from tests.services.tamperings import EVERYWHERE, TAMPERINGS, Story, tell


@pytest.fixture(scope="module")
def told(redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The story in SQLite, once for all tests, which tamper with copies."""
    url = f"sqlite:///{tmp_path_factory.mktemp('told')}/election.db"
    with counting(url, redis_server.url, partitions=2) as suite:
        story = tell(suite)
        suite.redis.flushall()
    return story


@pytest.fixture
def story(told: Story, tmp_path: Path) -> Story:
    """A copy of the told story."""
    shutil.copy(told.url.removeprefix("sqlite:///"), tmp_path / "election.db")
    return Story(**{**told.__dict__, "url": f"sqlite:///{tmp_path}/election.db"})


@pytest.fixture
def anywhere(election_database_url: str, redis_url: str) -> Iterator[Story]:
    """The same story on each engine."""
    with counting(election_database_url, redis_url, partitions=2) as suite:
        yield tell(suite)


def recount(story: Story, election: int | None = None) -> dict[str, Any]:
    return recounted(story.url, election or story.election, 100)


def sentences(found: dict[str, Any], kind: str) -> list[str]:
    return [one["sentence"] for one in found["findings"] if one["kind"] == kind]


def test_an_untouched_store_agrees_with_what_the_stations_received(story: Story) -> None:
    found = recount(story)
    assert found["findings"] == []
    assert found["agrees"]
    assert found["ballots"] == {
        name: {"recounted": number, "committed": number}
        for name, number in (("received", 45), ("counted", 41), ("duplicate", 3), ("invalid", 1), ("outside", 0))
    }
    votes = [14, 14, 13]
    assert [(one["poll_number"], one["recounted"], one["committed"]) for one in found["lists"]] == [
        (number, votes[number - 1], votes[number - 1]) for number in (1, 2, 3)
    ]
    assert found["parts_waiting"] == 0
    early = recount(story, story.later)
    assert early["agrees"], early["findings"]
    assert early["ballots"]["outside"] == {"recounted": 5, "committed": 5}


@pytest.mark.parametrize(("tampering", "kind"), TAMPERINGS, ids=lambda one: getattr(one, "__name__", one))
def test_each_tampering_is_found_and_named(story: Story, tampering: Callable[[Story], list[str]], kind: str) -> None:
    assert recount(story)["agrees"]
    words = tampering(story)
    found = recount(story)
    assert not found["agrees"]
    assert found["found"][kind]
    said = "\n".join(sentences(found, kind))
    assert [word for word in words if word not in said] == [], said


@pytest.mark.parametrize("tampering", EVERYWHERE, ids=lambda one: one.__name__)
def test_tampering_is_found_on_every_engine(anywhere: Story, tampering: Callable[[Story], list[str]]) -> None:
    before = recount(anywhere)
    assert before["agrees"], before["findings"]
    words = tampering(anywhere)
    found = recount(anywhere)
    said = "\n".join(one["sentence"] for one in found["findings"])
    assert not found["agrees"]
    assert [word for word in words if word not in said] == [], said
