"""What a step costs that one process does with a database: by the clock, and of the processors."""

import time
from collections.abc import Callable
from typing import Any

from benchmarks.engines import Databases
from benchmarks.processes import processor_seconds
from tests.servers import DatabaseServer


def spending(databases: Databases, step: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What ``step`` returns, and its seconds: by the clock, of this process, and of the database's server.

    SQLite works inside of this process.
    """
    began, own, server = time.monotonic(), time.process_time(), _of_server(databases)
    made = step()
    return made, {
        "seconds": time.monotonic() - began,
        "processor seconds of the service": time.process_time() - own,
        "processor seconds of the database": _of_server(databases) - server,
    }


def _of_server(databases: Databases) -> float:
    return processor_seconds([databases.process_id]) if isinstance(databases, DatabaseServer) else 0.0
