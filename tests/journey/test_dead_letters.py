"""A part that was damaged in the queue is laid aside, seen by an operator, mended, replayed, and counted."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from cli.demo.suite import EmbeddedSuite
from cli.upload import hand_in, wait_for_outcome
from shared.queue import keys
from tests.journey.command import urna
from tests.journey.people import Journey, read_result, write_ballots


@contextmanager
def frozen_daemon(suite: EmbeddedSuite) -> Iterator[Redis]:
    """The suite's Redis while nothing is taken from the queue."""
    running = json.loads((suite.data / "suite.json").read_text())
    daemon = running["processes"]["daemon"]
    os.kill(daemon, signal.SIGSTOP)
    try:
        with Redis.from_url(running["redis_url"]) as redis:
            yield redis
    finally:
        os.kill(daemon, signal.SIGCONT)


def test_an_operator_sees_a_dead_letter_mends_it_and_replays_it(journey: Journey, tmp_path: Path) -> None:
    election = journey.open_election()
    data = journey.suite.data
    file = tmp_path / "ballots.csv"
    write_ballots(file, [1, 2, 3, 4])
    with frozen_daemon(journey.suite) as redis:
        batch = hand_in(journey.official, file, election)["id"]
        queue = urna("queue", "--data", data, "--json")
        assert queue.status == 0, queue.err
        assert [one["parts"] for one in queue.json["partitions"]] == [1]
        assert queue.json["partitions"][0]["oldest"] is not None
        payload = keys.payload(keys.job_id(batch, 0))
        whole = redis.get(payload)
        assert isinstance(whole, bytes)
        redis.set(payload, whole[:-1])

    deadline = time.monotonic() + 30
    while not (letters := urna("queue", "--data", data, "--json").json["dead_letters"]):
        assert time.monotonic() < deadline
    assert [(one["batch_id"], one["part"]) for one in letters] == [(batch, 0)]
    assert "wrong length" in letters[0]["reason"]
    shown = urna("queue", "--data", data)
    assert batch in shown.out
    assert "urna queue replay" in shown.out
    assert read_result(journey.admin, election)["ballots"]["counted"] == 0

    with frozen_daemon(journey.suite) as redis:
        redis.set(payload, whole)
    replayed = urna("queue", "replay", batch, "0", "--data", data, "--json")
    assert replayed.json == {"replayed": [{"batch_id": batch, "part": 0, "partition": 0}]}
    outcome = wait_for_outcome(journey.official, batch, 30)
    assert (outcome["counted"], outcome["invalid"], outcome["dead_parts"]) == (3, 1, 0)
    assert urna("queue", "--data", data, "--json").json["dead_letters"] == []
    nothing = urna("queue", "--data", data, "--json", "replay", "--all")
    assert nothing.json == {"replayed": []}
    unknown = urna("queue", "replay", batch, "0", "--data", data, "--json")
    assert (unknown.status, "No dead letter" in unknown.error["error"]) == (1, True)

    # Who replayed it, and that it was laid aside, is in the journal, as soon as the daemon has moved it there.
    deadline = time.monotonic() + 30
    while not (replays := urna("journal", "list", "--action", "part.replayed", "--data", data, "--json").json["items"]):
        assert time.monotonic() < deadline
    assert [(one["actor"], one["subject"]) for one in replays] == [("operator", f"part 0 of batch {batch}")]
    told = urna("journal", "list", "--data", data, "--json", "--limit", "1000").json["items"]
    actions = {one["action"] for one in told}
    assert {"schema.migrated", "partitions.changed", "election.created", "batch.accepted", "part.buried"} <= actions
    (accepted,) = (one for one in told if one["subject"] == f"batch {batch}")
    assert accepted["actor"] == outcome.get("official_email", accepted["actor"])
    whole_journal = urna("journal", "verify", "--data", data)
    assert whole_journal.status == 0, whole_journal.out


def test_the_queue_command_says_what_it_needs(tmp_path: Path) -> None:
    nowhere = urna("queue", "--json", environment={"REDIS_URL": ""})
    assert (nowhere.status, "--data" in nowhere.error["error"]) == (2, True)
    stopped = urna("queue", "--json", "--data", tmp_path)
    assert (stopped.status, "urna up --data" in stopped.error["error"]) == (3, True)
    away = urna("queue", "--json", "--redis-url", "redis://127.0.0.1:1/0")
    assert away.status == 3
    confused = urna("queue", "--json", "--redis-url", "redis://127.0.0.1:1/0", "replay", "abc")
    assert (confused.status, "--all" in confused.error["error"]) == (2, True)
