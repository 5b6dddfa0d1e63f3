"""The baseline: the usual design, written out. One ballot is one message, and one transaction.

A consumer takes a message off a list in Redis, looks whether the GUID is there, inserts the ballot and commits. Redis
and the database are as durable as in every other scenario. The messages are in the list before the clock runs, so
nothing that a real suite of this design does besides is counted against it.
"""

import time
from typing import Any

from benchmarks import engines
from benchmarks.ballots import Source
from benchmarks.bench import Bench
from tests.servers import Redis, ServerError

SCENARIO = "baseline"
_LIST = "ballots"


def measure(bench: Bench) -> None:
    """Count some thousand ballots one by one."""
    ballots = Source(3).new(bench.size.baseline_ballots)
    bench.report.begin(f"Baseline: {len(ballots):,} ballots, one a message; SELECT, INSERT and COMMIT for each")
    with engines.new_database(bench.databases) as url, engines.connect(url) as connection:
        with Redis() as redis, redis.client() as client:
            pipe = client.pipeline(transaction=False)
            for guid, number in zip(ballots.guid_list(), ballots.poll_numbers, strict=True):
                pipe.rpush(_LIST, f"{guid.hex()},{number}")
            pipe.execute()
            began = time.perf_counter()
            in_database = _consume(bench.engine, client, connection)
            seconds = time.perf_counter() - began
        ((stored,),) = engines.asking(connection)("SELECT COUNT(*) FROM ballots")
    if stored != len(ballots):
        raise ServerError(f"The baseline has stored {stored:,} ballots of {len(ballots):,}.")
    bench.speeds[SCENARIO] = len(ballots) / seconds
    bench.report.add(
        SCENARIO,
        {
            "ballots": len(ballots),
            "ballots/s": len(ballots) / seconds,
            "ballots/s, the time in the database alone": len(ballots) / in_database,
        },
    )


def _consume(engine: str, client: Any, connection: Any) -> float:
    """Take every message; the seconds that were spent in the database."""
    mark = "?" if engine == "sqlite" else "%s"
    value = f"CAST({mark} AS uuid)" if engine == "postgresql" else mark
    # Constants and marks for values.
    look = f"SELECT poll_number FROM ballots WHERE election_id = 1 AND guid = {value}"  # noqa: S608
    insert = f"INSERT INTO ballots (election_id, guid, poll_number, source) VALUES (1, {value}, {mark}, 1)"  # noqa: S608
    cursor = connection.cursor()
    spent = 0.0
    while (message := client.lpop(_LIST)) is not None:
        guid, _, number = message.partition(",")
        key = guid if engine == "postgresql" else bytes.fromhex(guid)
        began = time.perf_counter()
        cursor.execute("BEGIN")
        cursor.execute(look, (key,))
        if cursor.fetchone() is None:
            cursor.execute(insert, (key, int(number)))
        cursor.execute("COMMIT")
        spent += time.perf_counter() - began
    cursor.close()
    return spent
