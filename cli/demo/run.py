"""The steps of the demonstration, over HTTP like everybody else's."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cli import elections, participants, results
from cli.client import Addresses, Client, Credentials
from cli.demo import facts
from cli.demo.ballots import BallotFile
from cli.demo.people import Official, make_officials, register
from cli.failure import UNAVAILABLE, Failure
from cli.suite.directory import Administrator
from cli.upload import hand_in

# The suite was told to be ready, so that longer silence is a fault and not a start.
PATIENCE = 60.0
_SECONDS_TO_OPEN = 30.0
# For how long counting may stand still before the demonstration gives up.
SECONDS_OF_STANDSTILL = 60.0


@dataclass
class Run:
    """What happened: answers of the services and moments of ``time.perf_counter``."""

    election: dict[str, Any] = field(default_factory=dict)
    officials: list[Official] = field(default_factory=list)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    repeated_as_first: bool = False
    began: float = 0.0
    uploaded: float = 0.0
    counted: float = 0.0


@dataclass(frozen=True)
class Watcher:
    """Who is told how far it has come: a step's sentence, ballots uploaded more, ballots counted in all."""

    step: Callable[[str], None]
    uploaded: Callable[[int], None]
    counted: Callable[[int], None]


def run(addresses: Addresses, administrator: Administrator, files: Sequence[BallotFile], watcher: Watcher) -> Run:
    """Hold the whole election with these files of ballots."""
    happened = Run()
    with ExitStack() as stack:

        def client(email: str, password: str) -> Client:
            return stack.enter_context(Client(addresses, Credentials(email, password), patience=PATIENCE))

        admin = client(administrator.email, administrator.password)
        watcher.step("Officials register, the administrator makes the lists and the election")
        happened.officials = make_officials()
        for official in happened.officials:
            register(admin, official)
        clients = [client(official.email, official.password) for official in happened.officials]
        for one in clients:
            one.log_in()
        happened.election = make_election(admin)
        election = int(happened.election["id"])
        wait_until_open(clients[0], election)

        watcher.step(f"{len(clients)} officials hand in {len(files)} files")
        with ThreadPoolExecutor(len(clients)) as pool:
            happened.began = time.perf_counter()
            receipts = _upload(pool, clients, election, files, watcher, admin)
            happened.uploaded = time.perf_counter()
            first = next(file for file in files if not file.late)
            again = hand_in(clients[0], first.path, election)
            happened.repeated_as_first = again["repeated"] and again["id"] in receipts.values()

            watcher.step("The administrator closes the election; the daemon counts what is left")
            elections.close(admin, election)
            happened.counted = _follow(admin, election, sum(file.ballots for file in files), watcher)
        watcher.step("Everything is counted; the result becomes final when the election has ended")
        happened.result = results.wait_until_final(admin, election, SECONDS_OF_STANDSTILL)
        for name, batch in receipts.items():
            happened.batches[name] = admin.get("station", f"/api/batches/{batch}")
    return happened


def make_election(admin: Client) -> dict[str, Any]:
    """Make the lists and the election, which is open from now on."""
    entries = [
        {"participant_id": participants.create(admin, one.name)["id"], "exempt": one.minority} for one in facts.LISTS
    ]
    now = datetime.now(UTC)
    return elections.create(
        admin,
        {
            "title": facts.TITLE,
            "kind": "parliamentary",
            "start": now.isoformat(),
            "end": (now + timedelta(days=1)).isoformat(),
            "rules": "serbia_2014",
            "entries": entries,
        },
    )


def wait_until_open(official: Client, election: int) -> None:
    """Wait: the stations learn of elections from the daemon, about once a second."""
    deadline = time.monotonic() + _SECONDS_TO_OPEN
    while not any(one["id"] == election and one["open"] for one in official.get("station", "/api/elections")["items"]):
        if time.monotonic() > deadline:
            raise Failure(f"The stations did not learn of the election in {_SECONDS_TO_OPEN:g} s.", status=UNAVAILABLE)
        time.sleep(0.05)


def _upload(
    pool: ThreadPoolExecutor,
    clients: Sequence[Client],
    election: int,
    files: Sequence[BallotFile],
    watcher: Watcher,
    admin: Client,
) -> dict[str, str]:
    """Hand all files in, the late ones when the others are accepted; the batches by file name."""
    receipts: dict[str, str] = {}
    for late in (False, True):
        waiting = iter([file for file in files if file.late == late])
        turn = threading.Lock()

        def work(client: Client, waiting: Any = waiting, turn: threading.Lock = turn) -> None:
            while True:
                with turn:
                    file = next(waiting, None)
                if file is None:
                    return
                receipts[file.path.name] = hand_in(client, file.path, election)["id"]
                watcher.uploaded(file.ballots)

        futures = [pool.submit(work, client) for client in clients]
        _watch_while(futures, admin, election, watcher)
    return receipts


def _watch_while(futures: Sequence[Future[None]], admin: Client, election: int, watcher: Watcher) -> None:
    while wait(futures, timeout=0.5).not_done:
        watcher.counted(ballots_received(admin, election))
    for future in futures:
        future.result()


def _follow(admin: Client, election: int, ballots: int, watcher: Watcher) -> float:
    """Wait until so many ballots are recorded; the moment when they were."""
    reached, deadline = -1, 0.0
    while (found := ballots_received(admin, election)) < ballots:
        watcher.counted(found)
        if found != reached:
            reached, deadline = found, time.monotonic() + SECONDS_OF_STANDSTILL
        if time.monotonic() > deadline:
            raise Failure(
                f"Only {found:,} of {ballots:,} ballots are recorded, and no more for {SECONDS_OF_STANDSTILL:g} s.",
                status=UNAVAILABLE,
            )
        time.sleep(0.2)
    moment = time.perf_counter()
    watcher.counted(found)
    return moment


def ballots_received(admin: Client, election: int) -> int:
    """How many ballots the results service has heard of."""
    return int(results.read(admin, election)["ballots"]["received"])
