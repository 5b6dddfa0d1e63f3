"""The election of the demonstration, held in a deployment by its people, with somebody at its live stream."""

import http.client
import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli import elections, participants, results
from cli.demo import facts
from cli.demo.ballots import BallotFile, write_files
from cli.demo.check import Expectation, differences
from cli.demo.scaling import scaled_votes
from cli.upload import hand_in, wait_for_outcome
from tests.deployment.engine.deployment import PATIENCE, Deployment, until
from tests.deployment.engine.people import new_official, open_election

# One hundredth of the ballots; the seats are the official ones.
SCALE = 100
FILES = 40
_OFFICIALS = 2


@dataclass
class Stream:
    """What somebody saw who followed an election's live results through nginx."""

    events: list[dict[str, Any]] = field(default_factory=list)
    error: BaseException | None = None

    def received(self) -> list[int]:
        """The ballots received, event by event."""
        return [int(event["ballots"]["received"]) for event in self.events]


@dataclass(frozen=True)
class Held:
    """An election that is over, and what was wrong with it."""

    election: int
    differences: list[str]
    stream: Stream


def hold_election(deployment: Deployment, folder: Path) -> Held:
    """Log in, make the election of 2014 at a hundredth, hand every file in, and wait for the final result."""
    votes = scaled_votes(facts.LISTS, SCALE)
    expected = Expectation(
        votes, {one.poll_number: one.seats for one in facts.LISTS}, write_files(folder, votes, FILES)
    )
    with deployment.administrator() as admin, ExitStack() as stack:
        officials = [stack.enter_context(new_official(deployment, admin)) for _ in range(_OFFICIALS)]
        entries = [
            {"participant_id": participants.create(admin, one.name)["id"], "exempt": one.minority}
            for one in facts.LISTS
        ]
        election = open_election(admin, officials[0], (), title=facts.TITLE, rules="serbia_2014", entries=entries)
        with Following(deployment, election) as stream:
            until(lambda: bool(stream.events), "The live stream sends nothing.")
            receipts: dict[str, str] = {}
            for late in (False, True):
                files = [file for file in expected.files if file.late == late]
                with ThreadPoolExecutor(len(officials)) as pool:
                    shares = [files[place :: len(officials)] for place in range(len(officials))]
                    for found in pool.map(lambda who, share: _hand_in(who, share, election), officials, shares):
                        receipts.update(found)
            for batch in receipts.values():
                wait_for_outcome(admin, batch, PATIENCE)
            elections.close(admin, election)
            final = results.wait_until_final(admin, election, PATIENCE)
            until(
                lambda: stream.events[-1]["certainty"] == "final", "The live stream does not come to the final result."
            )
        batches = {name: admin.get("station", f"/api/batches/{batch}") for name, batch in receipts.items()}
    return Held(election, differences(expected, final, batches), stream)


def _hand_in(official: Any, files: Sequence[BallotFile], election: int) -> dict[str, str]:
    return {file.path.name: str(hand_in(official, file.path, election)["id"]) for file in files}


class Following:
    """Follow an election's live results in a thread, for as long as the block lasts."""

    def __init__(self, deployment: Deployment, election: int) -> None:
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", deployment.ports.https, timeout=PATIENCE, context=deployment.tls
        )
        self._path = f"/results/api/elections/{election}/live"
        self.stream = Stream()
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Stream:
        self._thread.start()
        return self.stream

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        if self._connection.sock is not None:
            with suppress(OSError):
                self._connection.sock.shutdown(2)
        self._thread.join(30)
        self._connection.close()
        if self.stream.error is not None:
            raise AssertionError("The live stream broke.") from self.stream.error

    def _follow(self) -> None:
        try:
            self._connection.request("GET", self._path, headers={"Accept": "text/event-stream"})
            answer = self._connection.getresponse()
            assert answer.status == 200, answer.status
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            for event in _events(answer):
                self.stream.events.append(event)
            if not self._leaving.is_set():
                raise AssertionError("The server ended the stream.")
        except BaseException as error:
            if not self._leaving.is_set():
                self.stream.error = error


def _events(answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    while line := answer.readline():
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))
