"""The daemon's own port: how it is (``/health/live``, ``/health/ready``), and ``/metrics`` for Prometheus.

It answers from a thread of its own and one request at a time, whoever is slow is cut off, and no answer waits for a
store for longer than a moment: nothing that is asked here holds the counting up.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from daemon import actions
from shared import metrics
from shared.metrics import Look, Reading
from shared.terms import SheetState

_CALLER_SECONDS = 5.0


@dataclass(frozen=True)
class Condition:
    """How a daemon is: ``lives`` while it keeps house, ``works`` when the last round of that succeeded."""

    lives: bool
    works: bool


class Sight:
    """What is known of the queues and of how far each partition is; the last that was known while a store is away.

    The moments are remembered and not their distance, so that what nobody can look at grows old.
    """

    def __init__(
        self,
        queues: Callable[[], actions.Waiting],
        watermarks: Callable[[], dict[int, datetime]],
        sheets: Callable[[], dict[str, int]],
    ) -> None:
        self._queues = Look(queues)
        self._watermarks = Look(watermarks)
        self._sheets = Look(sheets)
        self._waiting: actions.Waiting | None = None
        self._recorded: dict[int, datetime] = {}
        self._states: dict[str, int] = {}

    def look(self) -> dict[str, bool]:
        """Look at both stores; which of them answered."""
        queues, watermarks, sheets = self._queues.begin(), self._watermarks.begin(), self._sheets.begin()
        waiting, recorded, states = queues(), watermarks(), sheets()
        self._states = self._states if states is None else states
        self._waiting = waiting or self._waiting
        self._recorded = self._recorded if recorded is None else recorded
        return {"the queue": waiting is not None, "the election store": recorded is not None}

    def readings(self) -> list[Reading]:
        """What is known, as numbers."""
        now = datetime.now(UTC)
        lag = Reading("urna_watermark_lag_seconds", "For how long nothing of a partition is known to be counted.", 0)
        found = [
            replace(lag, value=max(0.0, (now - moment).total_seconds()), labels={"partition": str(partition)})
            for partition, moment in self._recorded.items()
        ]
        found += [
            Reading(
                "urna_tally_sheets",
                "Tally sheets by where they stand, those that nobody has entered left out.",
                self._states.get(state, 0),
                {"state": state},
            )
            for state in SheetState
            if state is not SheetState.EMPTY
        ]
        if self._waiting is not None:
            found += self._of_queues(self._waiting, now)
        return found

    def _of_queues(self, waiting: actions.Waiting, now: datetime) -> list[Reading]:
        found = [
            Reading("urna_queued_ballots", "Ballots that wait to be counted.", waiting.ballots),
            Reading("urna_journal_waiting_entries", "Entries on their way to the journal.", waiting.journal),
            Reading("urna_sheets_waiting_entries", "Tally sheets and photographs to be recorded.", waiting.sheets),
            Reading(
                "urna_sheets_oldest_entry_age_seconds",
                "Since when the first of them waits; 0 where none does.",
                max(0.0, (now - waiting.sheets_since).total_seconds()) if waiting.sheets_since else 0.0,
            ),
        ]
        for queue in waiting.queues:
            age = (now - queue.oldest).total_seconds() if queue.oldest else 0.0
            labels = {"partition": str(queue.partition)}
            found += [
                Reading("urna_queue_parts", "Parts that wait in a partition.", queue.parts, labels),
                Reading(
                    "urna_queue_oldest_part_age_seconds",
                    "Since when the first part of a partition waits; 0 where none does.",
                    max(0.0, age),
                    labels,
                ),
                Reading("urna_dead_letters", "Parts that were laid aside.", queue.dead_letters, labels),
                Reading(
                    "urna_partition_worked", "Whether any daemon works a partition.", float(bool(queue.owner)), labels
                ),
            ]
        return found


class Monitor(threading.Thread):
    """Answers until it is closed. The port is taken when it is made: OSError when another program has it."""

    def __init__(
        self, address: tuple[str, int], condition: Callable[[], Condition], sight: Sight, held: Callable[[], int]
    ) -> None:
        super().__init__(name="monitor", daemon=True)
        self._condition = condition
        self._sight = sight
        self._held = held
        monitor = self

        class Handler(BaseHTTPRequestHandler):
            timeout = _CALLER_SECONDS
            server_version = "urna"
            sys_version = ""

            def do_GET(self) -> None:
                status, content_type, body = monitor.answer(self.path.partition("?")[0])
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Programs ask every few seconds, and strangers' words belong into no log."""

        class Server(HTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """Who has gone away, or is too slow, is answered nothing."""

        self._server = Server(address, Handler)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def run(self) -> None:
        self._server.serve_forever()

    def close(self) -> None:
        """Give the port back."""
        if self.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        match path:
            case "/metrics":
                stores = self._sight.look()
                readings = [metrics.readiness(name, there) for name, there in stores.items()]
                readings += self._sight.readings()
                readings.append(
                    Reading("urna_partitions_held", "Partitions that this daemon works.", float(self._held()))
                )
                return 200, metrics.CONTENT_TYPE, metrics.exposition(readings)
            case "/health/live":
                return self._health(self._condition().lives, "live", "The daemon has stopped keeping house.")
            case "/health/ready":
                missing = [name for name, there in self._sight.look().items() if not there]
                if not missing and not self._condition().works:
                    missing = ["what the daemon prepares at its start"]
                return self._health(
                    not missing, "ready", f"Not ready: {', '.join(missing)} cannot be used at the moment."
                )
        return 404, *_json("problem+json", {"type": "about:blank", "title": "Not Found", "status": 404})

    def _health(self, well: bool, word: str, detail: str) -> tuple[int, str, bytes]:
        if well:
            return 200, *_json("json", {"status": word})
        said = {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": detail}
        return 503, *_json("problem+json", said)


def _json(kind: str, said: dict[str, Any]) -> tuple[str, bytes]:
    return f"application/{kind}", json.dumps(said).encode()
