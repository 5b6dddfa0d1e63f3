"""An election night under load: officials hand files in, readers look, and a ledger knows what has to come out."""

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from cli import elections, results
from cli.client import Client
from cli.upload import hand_in, wait_for_outcome
from tests.deployment.engine.deployment import PATIENCE, Deployment, until
from tests.deployment.engine.people import new_official, open_election

LISTS = ("First", "Second", "Third", "Fourth")
_LINES = range(40, 400)
# Between two files of an official, and two questions of a reader: faster than people are, and slow enough for the work
# that is done meanwhile to get its share of a small machine.
_PAUSE = 0.5


@dataclass
class Ledger:
    """What was accepted, and so what has to be counted; threads share it."""

    votes: Counter[int] = field(default_factory=Counter)
    ballots: Counter[str] = field(default_factory=Counter)
    batches: dict[str, dict[str, int]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Uploader(threading.Thread):
    """An official who hands in one file after the other; each holds wrong poll numbers and ballots of earlier files."""

    def __init__(self, client: Client, election: int, ledger: Ledger, seed: int, folder: Path) -> None:
        super().__init__(name=f"official-{seed}", daemon=True)
        self.error: BaseException | None = None
        self.stop = threading.Event()
        self._client = client
        self._election = election
        self._ledger = ledger
        self._numbers = random.Random(seed)
        self._folder = folder
        self._known: list[tuple[str, int]] = []

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                self._hand_in_one()
                self.stop.wait(_PAUSE)
        except BaseException as error:
            self.error = error

    def _hand_in_one(self) -> None:
        numbers = self._numbers
        new = [
            (str(UUID(int=numbers.getrandbits(128), version=4)), numbers.randint(1, len(LISTS)))
            for _ in range(numbers.choice(_LINES))
        ]
        wrong = [(str(UUID(int=numbers.getrandbits(128), version=4)), 99) for _ in range(numbers.randint(0, 2))]
        again = numbers.sample(self._known, min(len(self._known), numbers.randint(0, 3)))
        lines = [*new, *wrong, *again]
        numbers.shuffle(lines)
        path = self._folder / f"{self.name}.csv"
        path.write_text("".join(f"{guid},{number}\n" for guid, number in lines))
        receipt = hand_in(self._client, path, self._election)
        became = {
            "received": len(lines),
            "counted": len(new),
            "duplicate": len(again),
            "invalid": len(wrong),
            "outside": 0,
        }
        with self._ledger.lock:
            assert receipt["id"] not in self._ledger.batches
            self._ledger.batches[receipt["id"]] = became
            self._ledger.ballots.update(became)
            self._ledger.votes.update(number for _, number in new)
        self._known = [*self._known[-50:], *new[:5]]


class Reader(threading.Thread):
    """Somebody who asks the same question over and over, each time on a new connection, and never tries one twice."""

    def __init__(self, kind: str, deployment: Deployment, path: str, token: str | None) -> None:
        super().__init__(name=f"reader-{kind}", daemon=True)
        self.kind = kind
        self.stop = threading.Event()
        self.requests = 0
        self.failures: list[str] = []
        self._deployment = deployment
        self._path = path
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def run(self) -> None:
        while not self.stop.is_set():
            began = time.monotonic()
            problem = self._ask()
            self.requests += 1
            if problem:
                self.failures.append(f"{time.strftime('%H:%M:%S')} after {time.monotonic() - began:.1f} s: {problem}")
            self.stop.wait(_PAUSE)

    def _ask(self) -> str | None:
        port = self._deployment.ports.https
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=self._deployment.tls)
        try:
            connection.request("GET", self._path, headers=self._headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
        finally:
            connection.close()
        return None if answer.status == 200 else f"{answer.status} {body[:200]!r}"


@dataclass(frozen=True)
class Seen:
    """What readers of one kind saw in a while: how many requests, and what was wrong with those that failed."""

    requests: int
    failures: list[str]


class Night:
    """Officials and readers at work from ``with`` to ``stop``; ``check`` then compares every count."""

    def __init__(self, deployment: Deployment, officials: int = 2) -> None:
        self.deployment = deployment
        self.ledger = Ledger()
        self._folder = TemporaryDirectory(prefix="urna-night-")
        self.admin = deployment.administrator()
        people = [new_official(deployment, self.admin) for _ in range(officials)]
        self.official = people[0]
        self.election = open_election(self.admin, self.official, LISTS)
        self._uploaders = [
            Uploader(person, self.election, self.ledger, seed, Path(self._folder.name))
            for seed, person in enumerate(people)
        ]
        token = _token(self.official)
        admin_token = _token(self.admin)
        self._readers = [
            Reader("results", deployment, f"/results/api/elections/{self.election}/results", None),
            Reader("results", deployment, f"/results/elections/{self.election}", None),
            Reader("station", deployment, "/station/api/elections", token),
            Reader("authentication", deployment, "/authentication/api/profile", token),
            Reader("administration", deployment, f"/administration/api/elections/{self.election}", admin_token),
        ]

    def __enter__(self) -> Self:
        for thread in (*self._uploaders, *self._readers):
            thread.start()
        self.let_pass(files=4)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()

    @property
    def accepted(self) -> int:
        """How many files were accepted so far."""
        return len(self.ledger.batches)

    def let_pass(self, files: int) -> None:
        """Wait until so many more files are accepted, each uploader still being at work."""
        goal = self.accepted + files
        until(lambda: self._at_work() and self.accepted >= goal, f"{files} more files were not accepted.")

    def watch(self, act: Callable[[], Any]) -> dict[str, Seen]:
        """What the readers of each kind saw while something was done."""
        before = {reader: (reader.requests, len(reader.failures)) for reader in self._readers}
        act()
        seen: dict[str, Seen] = {}
        for reader, (requests, failures) in before.items():
            so_far = seen.get(reader.kind, Seen(0, []))
            seen[reader.kind] = Seen(
                so_far.requests + reader.requests - requests, so_far.failures + reader.failures[failures:]
            )
        return seen

    def stop(self) -> None:
        """Let everybody finish what is begun."""
        for worker in self._uploaders:
            worker.stop.set()
        for reader in self._readers:
            reader.stop.set()
        for thread in (*self._uploaders, *self._readers):
            if thread.is_alive():
                thread.join(PATIENCE + 60)
                assert not thread.is_alive(), f"{thread.name} does not come to an end."
        self._at_work()

    def check(self) -> dict[str, Any]:
        """Every count against the ledger, batch by batch; the result, which is still provisional."""
        outcomes = {batch: wait_for_outcome(self.admin, batch, PATIENCE) for batch in self.ledger.batches}
        for batch, right in self.ledger.batches.items():
            assert {name: outcomes[batch][name] for name in right} == right, batch
        shown: dict[str, Any] = {}

        def all_there() -> bool:
            # A reader may see the answer of a second ago.
            shown.update(results.read(self.official, self.election))
            return bool(shown["ballots"]["received"] >= self.ledger.ballots["received"])

        until(all_there, "Not everything that was recorded is shown.")
        assert {name: shown["ballots"][name] for name in self.ledger.ballots} == dict(self.ledger.ballots)
        votes = {one["poll_number"]: one["votes"] for one in shown["lists"]}
        assert votes == {number: self.ledger.votes[number] for number in range(1, len(LISTS) + 1)}
        return shown

    def close_and_check(self) -> dict[str, Any]:
        """End the election and compare every count of the final result."""
        elections.close(self.admin, self.election)
        final = results.wait_until_final(self.official, self.election, PATIENCE)
        checked = self.check()
        assert checked["lists"] == final["lists"]
        assert checked["certainty"] == "final"
        return checked

    def _at_work(self) -> bool:
        for uploader in self._uploaders:
            if uploader.error:
                raise AssertionError(f"{uploader.name} gave up.") from uploader.error
        return True


def _token(client: Client) -> str:
    answer = client.authorized("GET", "authentication", "/api/profile")
    return str(answer.request.headers["Authorization"]).removeprefix("Bearer ")
