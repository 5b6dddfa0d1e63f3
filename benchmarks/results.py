"""Results of ten million ballots: what one request takes, and how many a second one process answers."""

import http.client
import json
import time
from typing import Any

from benchmarks.ballots import Outcome, Source
from benchmarks.bench import Bench
from benchmarks.companion import Companion, CompanionFailed
from benchmarks.officials import Official, Plan, Sent
from benchmarks.readers import Read
from benchmarks.report import Target, percentiles
from benchmarks.store import Recorded, differences
from benchmarks.suite import Suite
from benchmarks.uploads import Uploads, total
from tests.servers import ServerError

SCENARIO = "results"
CONNECTIONS = 8
_CHANGES = 20
_LINES = 500
# Answers may be kept for a moment, so that the last change is not in them at once.
_PATIENCE = 10.0

ONE = Target("one result at 10 million ballots, p99", 10.0, "ms", at_least=False)
MANY = Target("results from one process", 500.0, "requests/s", at_least=True)


def measure(bench: Bench, suite: Suite, recorded: Recorded, before: Outcome) -> Outcome:
    """Read the result again and again, whole and by its ETag, and at once after changes."""
    bench.report.begin(f"Results: one process, {before.received:,} ballots in the store")
    path = f"/api/elections/{suite.election}/results"
    port = suite.results[0].port
    facts: dict[str, Any] = {"ballots in the store": before.received}
    size = bench.size
    for name, remembers in (("whole", False), ("with If-None-Match", True)):
        plan: dict[str, Any] = {"port": port, "path": path, "remembers": remembers}
        one = _read(suite, {**plan, "connections": 1, "requests": size.requests, "seconds": 60.0})
        used = suite.seconds()["results"]
        many = _read(suite, {**plan, "connections": CONNECTIONS, "requests": 10**9, "seconds": size.request_seconds})
        used = suite.seconds()["results"] - used
        facts[name] = {
            "bytes of the last answer": one.length,
            "answers that said unchanged": f"{one.unchanged} of {len(one.took)}",
            "one after the other": percentiles(one.took),
            f"requests/s, {CONNECTIONS} connections": len(many.took) / many.seconds,
            f"answers, {CONNECTIONS} connections": percentiles(many.took),
            "processor ms of the service for a request": 1000 * used / len(many.took),
        }
        if not remembers:
            bench.report.hold(ONE, percentiles(one.took)["p99 ms"])
            bench.report.hold(MANY, len(many.took) / many.seconds)
    changed, outcome = _after_changes(suite, recorded, before, path)
    facts["the first one after a commit"] = percentiles(changed)
    bench.report.add(SCENARIO, facts)
    bench.report.check(SCENARIO, [*differences(suite, outcome), *served_otherwise(suite, outcome)])
    return outcome


def served_otherwise(suite: Suite, expected: Outcome) -> list[str]:
    """What the service shows otherwise than it has to."""
    path = f"/api/elections/{suite.election}/results"
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = _answer(suite.results[0].port, path)
        votes = {one["poll_number"]: one["votes"] for one in found["lists"] if one["votes"]}
        right = votes == dict(expected.votes) and found["ballots"]["received"] == expected.received
        if right or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return [] if right else [f"the result that is served: {found['ballots']} with votes {votes}"]


def _after_changes(suite: Suite, recorded: Recorded, before: Outcome, path: str) -> tuple[list[float], Outcome]:
    """Seconds of the first request after each of some commits, and what the store has to hold then."""
    source = Source(8)
    took = []
    with Uploads() as uploads:
        files = [uploads.add(source.new(_LINES)) for _ in range(_CHANGES)]
        official = Official(Plan.of_one(suite.station.port, suite.path, uploads.memory), suite.token(0), Sent())
        connection = http.client.HTTPConnection("127.0.0.1", suite.results[0].port, timeout=30)
        for place, upload in enumerate(files, start=1):
            official.hand_in(upload.file)
            recorded.wait_for(before.received + _LINES * place, 0.001)
            began = time.monotonic()
            connection.request("GET", path)
            connection.getresponse().read()
            took.append(time.monotonic() - began)
        connection.close()
        official.close()
        return took, before + total(files)


def _read(suite: Suite, plan: dict[str, Any]) -> Read:
    try:
        with Companion("readers", plan) as readers:
            readers.start()
            return Read(**readers.finish())
    except CompanionFailed as error:
        suite.check()
        raise ServerError(f"The results could not be read: {error}\n{suite.log_tails()}") from None


def _answer(port: int, path: str) -> Any:
    """An answer's content."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise ServerError(f"The results service answered {answer.status}: {content[:500]!r}")
        return json.loads(content)
    finally:
        connection.close()
