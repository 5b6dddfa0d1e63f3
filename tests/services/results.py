"""The results service as it runs, under gunicorn, and readers of its streams."""

import http.client
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import free_port
from tests.servers.nursling import Copied

ROOT = Path(__file__).parents[2]
SECONDS = 60


@dataclass(frozen=True)
class Event:
    """An event of a stream; ``text`` is its data as it was sent."""

    id: str
    text: str

    @property
    def data(self) -> dict[str, Any]:
        found = json.loads(self.text)
        assert isinstance(found, dict)
        return found


class Stream:
    """An answer that is read line by line as it comes."""

    def __init__(self, port: int, path: str, headers: dict[str, str]) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        self.connection.request("GET", path, headers=headers)
        self.answer = self.connection.getresponse()

    def line(self) -> str:
        """The next line, without its end."""
        line = self.answer.readline()
        assert line.endswith(b"\n"), "The stream has ended."
        return line.decode()[:-1]

    def event(self) -> Event:
        """The next event; comments and the time to come back are passed over."""
        fields: dict[str, str] = {}
        while True:
            line = self.line()
            name, colon, value = line.partition(": ")
            if line and colon and name:
                fields[name] = value
            elif not line and "data" in fields:
                assert set(fields) - {"retry"} == {"id", "data"}
                return Event(fields["id"], fields["data"])

    def event_with(self, **values: Any) -> Event:
        """The first event from now on whose data have these values."""
        while True:
            event = self.event()
            if all(event.data[name] == value for name, value in values.items()):
                return event

    def has_ended(self) -> bool:
        """Read on to the end, which has to come."""
        while self.answer.readline():
            pass
        return True

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


@dataclass
class Results:
    """A running service of one worker process."""

    port: int
    process: Copied
    log: Path

    def get(self, path: str, method: str = "GET") -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    @contextmanager
    def watching(self, election: int, seen: str | None = None) -> Iterator[Stream]:
        headers = {} if seen is None else {"Last-Event-ID": seen}
        stream = Stream(self.port, f"/api/elections/{election}/live", headers)
        try:
            yield stream
        finally:
            stream.close()

    def logged(self, event: str, election: int | None = None) -> list[dict[str, Any]]:
        """The log lines of one kind so far, of all elections or of one."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        entries = [entry for entry in map(json.loads, lines) if entry["event"] == event]
        return [entry for entry in entries if election in (None, entry.get("election"))]

    def wait_until_logged(self, event: str) -> None:
        """Wait for a log line of one kind."""
        deadline = time.monotonic() + SECONDS
        while not self.logged(event):
            assert time.monotonic() < deadline, f"{event} was never logged"
            time.sleep(0.05)


@contextmanager
def running_results(database_url: str, redis_url: str, public_key: str, **settings: str) -> Iterator[Results]:
    """Start the service and wait until it is ready."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "ELECTION_DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "JWT_PUBLIC_KEY": public_key,
        "LOG_LEVEL": "debug",
        "PORT": str(port),
        "WEB_WORKERS": "1",
        **settings,
    }
    command = ("gunicorn", "--config", "python:shared.web.gunicorn", "results_service.app:create_app()")
    with tempfile.NamedTemporaryFile(prefix="urna-results-") as log:
        process = Copied(command, environment, log.fileno())
        service = Results(port, process, Path(log.name))
        try:
            deadline = time.monotonic() + SECONDS
            while not _is_ready(service):
                assert process.poll() is None, service.log.read_text()
                assert time.monotonic() < deadline, "The service does not answer."
                time.sleep(0.05)
            yield service
        finally:
            process.terminate()
            process.wait(timeout=SECONDS)
        # Whatever was tested, nothing unforeseen happened meanwhile.
        text = service.log.read_text()
        assert not re.search("Traceback|unexpected error|Warning", text), text


def _is_ready(service: Results) -> bool:
    with suppress(OSError):
        return service.get("/health/ready")[0] == 200
    return False
