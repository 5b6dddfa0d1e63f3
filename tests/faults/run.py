"""One schedule from beginning to end: elections, officials, faults, then peace, and the checks."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from shared.queue import keys
from tests.faults.checks import wrong
from tests.faults.evidence import Evidence, known_batches, read_queue, read_store
from tests.faults.faults import Strokes
from tests.faults.officials import Official, Surroundings, ask, email, token
from tests.faults.plan import OFFICIALS, RESULTS, STATIONS, Plan
from tests.faults.record import Record
from tests.faults.suite import Suite
from tests.faults.watch import Watch

# How long the suite may take to count everything once it is left in peace.
_SECONDS_TO_DRAIN = 120.0
# What nobody has thought of is logged so, by us and by gunicorn.
_UNEXPECTED = ("unexpected error", "Exception in thread", "Exception in worker", "Error handling request", "CRITICAL")


@dataclass
class Outcome:
    """What came of a schedule."""

    seed: int
    engine: str
    wrong: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    timeline: list[str] = field(default_factory=list)


def run(plan: Plan, suite: Suite) -> Outcome:
    """Run a schedule on a suite that has nothing to do; it has nothing to do afterwards, and goes on running."""
    record = Record()
    since, before = datetime.now(UTC), known_batches(suite.queue)
    logs = dict(suite.logs())
    polls = suite.open_elections(plan, record.begin)
    elections = [poll.id for poll in polls]
    watch = Watch(suite, elections, record)
    strokes = Strokes(plan.strokes, suite, record, watch)
    surroundings = Surroundings(plan.seed, suite.ports, elections, suite.keys, record)
    officials = [
        Official(number, [one for one in plan.uploads if one.official == number], surroundings)
        for number in range(OFFICIALS)
    ]
    watch.start()
    strokes.start()
    for official in officials:
        official.start()
    strokes.end()
    record.say("everything is healed")
    for official in officials:
        official.join()
    record.say("every file is handed in")
    _wait_until_counted(suite, elections, record)
    watch.end()
    evidence = Evidence(polls, record.attempts, record.marks, record.glances)
    _read(evidence, suite, since, before)
    logged = {name: log.removeprefix(logs[name]).splitlines() for name, log in suite.logs()}
    _look_for_the_unexpected(logged, record)
    found = [*record.wrong, *wrong(evidence)]
    _tell(record, evidence)
    last = [f"{name}: {line}" for name, lines in logged.items() for line in lines[-60:]] if found else []
    return Outcome(plan.seed, plan.engine, found, dict(record.counts), [*record.timeline(), *last])


def _wait_until_counted(suite: Suite, elections: Sequence[int], record: Record) -> None:
    """Until nothing waits, not even for the journal, and every election is final."""
    deadline = time.monotonic() + _SECONDS_TO_DRAIN
    with suite.queue.client() as client:
        while time.monotonic() < deadline:
            lists = [*map(keys.queue, range(suite.partitions)), keys.JOURNAL]
            waiting = [client.llen(name) for name in lists]
            if not any(waiting) and all(
                result is not None and result["state"] == "final" for result in _results(suite, elections).values()
            ):
                record.say("everything is counted and final")
                return
            time.sleep(0.25)
    record.complain(
        f"Not counted {_SECONDS_TO_DRAIN:.0f} s after the last fault; what waits, the journal last: {waiting}."
    )


def _results(suite: Suite, elections: Sequence[int]) -> dict[int, dict[str, Any] | None]:
    port = suite.programs[RESULTS].port
    return {election: ask(port, f"/api/elections/{election}/results") for election in elections}


def _read(evidence: Evidence, suite: Suite, since: datetime, before: set[str]) -> None:
    read_store(evidence, suite.database, since)
    read_queue(evidence, suite.queue, before)
    evidence.results = _results(suite, [poll.id for poll in evidence.polls])
    bearers = {email(number): token(suite.keys, number) for number in range(OFFICIALS)}
    for place, batch in enumerate(evidence.batches):
        port = suite.programs[STATIONS[place % 2]].port
        evidence.statuses[batch.id] = ask(port, f"/api/batches/{batch.id}", bearers.get(batch.official))


def _look_for_the_unexpected(logged: dict[str, list[str]], record: Record) -> None:
    for name, lines in logged.items():
        for place, line in enumerate(lines):
            if any(words in line for words in _UNEXPECTED):
                record.complain(f"{name} wrote: " + "\n".join(lines[place : place + 40]))
                break


def _tell(record: Record, evidence: Evidence) -> None:
    """Count what the last lines of a run say."""
    stored = {batch.file_name for batch in evidence.batches}
    tell = Counter[str]()
    for attempt in evidence.attempts:
        tell["sendings"] += 1
        if not attempt.reached:
            tell["nobody there"] += 1
        elif attempt.hung_up:
            tell["hung up half-way"] += 1
        elif attempt.status is None:
            tell["answer lost"] += 1
            tell["answer lost, and stored" if attempt.file_name in stored else "answer lost, and not stored"] += 1
        elif attempt.accepted:
            tell["accepted"] += 1
            tell["repeated"] += bool(attempt.body.get("repeated"))
        elif attempt.refused_for_good:
            tell["refused for good"] += 1
        else:
            tell["put off"] += 1
    tell["sent again"] = tell["sendings"] - len({attempt.upload.number for attempt in evidence.attempts})
    tell["batches"] = len(evidence.batches)
    for part in evidence.parts:
        for name in ("received", "counted", "duplicate", "invalid", "outside"):
            tell[f"ballots {name}"] += getattr(part, name)
    tell["looks at watermarks"] = len(evidence.marks)
    tell["looks at results"] = len(evidence.glances)
    record.counts.update(tell)
