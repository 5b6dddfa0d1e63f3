"""What the suite counts while it works, for Prometheus: every name that it gives out, in groups by what they are about.

A label says which of a few known things a number is about (a route, a status, a partition, an outcome); none holds an
account, an id, a GUID or anything else that a caller can choose. A group is made when it is first asked for, so that
importing this makes no file, and a process gives out what it can count and nothing else. Seconds, as everywhere in
Prometheus, are the unit of time.

The processes of a gunicorn write their numbers into files of one directory (``share``), and whichever of them is asked
answers for all. A program of one process keeps them in its memory.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Generic, TypeVar

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

T = TypeVar("T")

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST

# Prometheus waits for five seconds; whatever a store does, the rest has to be told before.
LOOK_SECONDS = 3.0

# From a kept result to a large file over a slow line.
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_RECORDING_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_registry = CollectorRegistry()
_making = threading.Lock()
# Where the processes of one server write; None in a program of one process.
_shared: Path | None = None

# When a counter began is of no use to any of our rules, and takes a line for each.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # The library has not typed it.


def share(directory: Path) -> None:
    """From now on write into files of ``directory``, which the processes forked from this one share.

    It is made if it is missing, and emptied of what an earlier server has left there. Call it before anything is
    counted.
    """
    global _shared
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in directory.glob("*.db"):
        left.unlink()
    # Where the library looks, in this process and in those forked from it; no setting of ours.
    os.environ.update(PROMETHEUS_MULTIPROC_DIR=str(directory))
    # It decides when it is first imported, which may be long before the server is known.
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]  # The library has not typed it.
    _shared = directory


def forget_process(process_id: int) -> None:
    """What a process of the server had in hands ended with it; what it has counted stays counted."""
    if _shared is not None:
        mark_process_dead(process_id, str(_shared))  # type: ignore[no-untyped-call]  # The library has not typed it.


def _once(make: Callable[[], T]) -> Callable[[], T]:
    """Make a group when it is first asked for, by several threads at the same moment perhaps.

    The registry takes each name once: the second thread that made the group would fail, and its request with it.
    """
    made: list[T] = []

    @wraps(make)
    def group() -> T:
        if not made:
            with _making:
                if not made:
                    made.append(make())
        return made[0]

    return group


@dataclass(frozen=True)
class Reading:
    """A number that is looked up when somebody asks for it."""

    name: str
    about: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def readiness(name: str, ready: bool) -> Reading:
    """Whether what a program needs is there, as its ``/health/ready`` says it."""
    return Reading(
        "urna_ready", "Whether what the program needs can be used.", float(ready), {"check": name.removeprefix("the ")}
    )


class _Readings:
    """Readings as the library collects them: those of one name together."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = list(readings)

    def collect(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for one in self._readings:
            names = list(one.labels)
            family = families.setdefault(one.name, GaugeMetricFamily(one.name, one.about, labels=names))
            family.add_metric([one.labels[name] for name in names], one.value)
        yield from families.values()


def exposition(readings: Iterable[Reading] = ()) -> bytes:
    """Everything counted, by all processes of this server, and ``readings``, in Prometheus's text form."""
    registry = CollectorRegistry()
    if _shared is None:
        registry.register(_registry)
    else:
        MultiProcessCollector(registry, str(_shared))  # type: ignore[no-untyped-call]  # The library has not typed it.
    registry.register(_Readings(readings))
    return prometheus_client.generate_latest(registry)


class Look(Generic[T]):
    """Asks in a thread of its own, so that who wants to know is answered also while a store does not.

    As long as one question is unanswered no other is asked: a frozen store costs one thread, however often it is
    looked at. Who looks at several begins with all of them, so that they are waited for at the same time.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._asking: threading.Thread | None = None
        self._found: list[T] = []

    def begin(self) -> Callable[[], T | None]:
        """Ask; what is returned gives the answer, or None where there is none in time or at all."""
        deadline = time.monotonic() + LOOK_SECONDS
        with self._lock:
            if self._asking is None or not self._asking.is_alive():
                self._found = []
                self._asking = threading.Thread(target=self._look, args=(self._found,), name="look", daemon=True)
                self._asking.start()
            asking, found = self._asking, self._found

        def wait() -> T | None:
            asking.join(max(0.0, deadline - time.monotonic()))
            return found[0] if found else None

        return wait

    def _look(self, found: list[T]) -> None:
        # Why it could not be told is counted and logged where the stores are reached.
        try:
            found.append(self._ask())
        except Exception:
            return


class Requests:
    """What a service was asked."""

    def __init__(self) -> None:
        self._answered = Counter(
            "urna_http_requests", "Requests that were answered.", ["method", "route", "status"], registry=_registry
        )
        self._seconds = Histogram(
            "urna_http_request_duration_seconds",
            "From the first look at a request to the headers of its answer.",
            ["method", "route"],
            buckets=_REQUEST_SECONDS,
            registry=_registry,
        )
        self._in_flight = Gauge(
            "urna_http_requests_in_flight",
            "Requests that are being answered; a stream of live results counts as answered once it has begun.",
            multiprocess_mode="livesum",
            registry=_registry,
        )
        # The library takes longer to find a number by its labels than to add to it.
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def begin(self) -> None:
        self._in_flight.inc()

    def answer(self, method: str, route: str, status: int, seconds: float) -> None:
        """``route`` is the template of the path, and empty where no route fits."""
        key = (method if method in _METHODS else "other", route or "none", status)
        numbers = self._known.get(key)
        if numbers is None:
            numbers = self._answered.labels(key[0], key[1], str(status)), self._seconds.labels(key[0], key[1])
            self._known[key] = numbers
        numbers[0].inc()
        numbers[1].observe(seconds)

    def end(self) -> None:
        self._in_flight.dec()

    def unreadable(self, status: int) -> None:
        """The server itself refused what was no request."""
        self._answered.labels("other", "unreadable", str(status)).inc()


class StoreErrors:
    """What a store said instead of what was asked for."""

    def __init__(self, name: str, about: str, kinds: tuple[str, ...]) -> None:
        self._errors = Counter(name, about, ["kind"], registry=_registry)
        for kind in kinds:
            # From the start, because an increase is seen only from a number on that was there before.
            self._errors.labels(kind)

    def count(self, kind: str) -> None:
        self._errors.labels(kind).inc()


class Uploads:
    """What a station took in."""

    OUTCOMES = ("accepted", "repeated", "empty", "refused", "limited", "unavailable")

    def __init__(self) -> None:
        self._uploads = Counter(
            "urna_uploads", "Files of ballots by what was answered.", ["outcome"], registry=_registry
        )
        self._ballots = Counter("urna_ballots_received", "Ballots in accepted files.", registry=_registry)
        self._by_outcome = {outcome: self._uploads.labels(outcome) for outcome in self.OUTCOMES}

    def accept(self, ballots: int) -> None:
        self._by_outcome["accepted"].inc()
        self._ballots.inc(ballots)

    def end(self, outcome: str) -> None:
        """An upload that brought nothing new; ``outcome`` is one of ``OUTCOMES``."""
        self._by_outcome[outcome].inc()


class Counting:
    """What a daemon did with the parts that it took from the queues."""

    PARTS = ("recorded", "repeated", "buried")
    BALLOTS = ("counted", "duplicate", "invalid", "outside")

    def __init__(self) -> None:
        self._parts = Counter(
            "urna_parts",
            "Parts by what became of them; a repeated one was recorded before.",
            ["outcome"],
            registry=_registry,
        )
        self._ballots = Counter(
            "urna_ballots_judged",
            "Ballots of recorded parts by what they were found to be.",
            ["outcome"],
            registry=_registry,
        )
        self._seconds = Histogram(
            "urna_recording_duration_seconds",
            "The transactions that record parts, from their begin to their commit.",
            buckets=_RECORDING_SECONDS,
            registry=_registry,
        )
        for outcome in self.PARTS:
            self._parts.labels(outcome)
        for outcome in self.BALLOTS:
            self._ballots.labels(outcome)

    def record(self, new: Mapping[str, int], parts: int, repeated: int, seconds: float) -> None:
        """A transaction was committed: ``new`` are the ballots by outcome of its ``parts`` new parts."""
        self._parts.labels("recorded").inc(parts)
        self._parts.labels("repeated").inc(repeated)
        for outcome, ballots in new.items():
            self._ballots.labels(outcome).inc(ballots)
        self._seconds.observe(seconds)

    def bury(self) -> None:
        self._parts.labels("buried").inc()


class Sheets:
    """What a daemon did with what officials sent of tally sheets."""

    KINDS = ("entry", "photograph", "unreadable")
    OUTCOMES = ("recorded", "refused", "damaged")

    def __init__(self) -> None:
        self._judged = Counter(
            "urna_sheets_judged",
            "Entries and photographs of tally sheets by what became of them.",
            ["kind", "outcome"],
            registry=_registry,
        )
        for kind in self.KINDS:
            for outcome in self.OUTCOMES if kind != "unreadable" else ("damaged",):
                self._judged.labels(kind, outcome)

    def judge(self, kind: str, outcome: str) -> None:
        """Something was dealt with; ``kind`` is empty for what nobody can read."""
        self._judged.labels(kind or "unreadable", outcome).inc()


class Watchers:
    """Who follows results as they change."""

    def __init__(self) -> None:
        self._open = Gauge(
            "urna_live_watchers",
            "Open streams of live results.",
            multiprocess_mode="livesum",
            registry=_registry,
        )
        self._most = Gauge(
            "urna_live_watchers_limit",
            "Streams from which on more are refused, in all processes together.",
            multiprocess_mode="livesum",
            registry=_registry,
        )

    def limit(self, most: int) -> None:
        """This process holds so many streams."""
        self._most.set(most)

    def come(self) -> None:
        self._open.inc()

    def go(self) -> None:
        self._open.dec()


@_once
def requests() -> Requests:
    return Requests()


@_once
def uploads() -> Uploads:
    return Uploads()


@_once
def counting() -> Counting:
    return Counting()


@_once
def sheets() -> Sheets:
    return Sheets()


@_once
def watchers() -> Watchers:
    return Watchers()


@_once
def database_errors() -> StoreErrors:
    """Kinds: away (also full and read-only), race (rolled back in favour of another), refused (all else)."""
    return StoreErrors(
        "urna_database_errors", "Transactions that a database ended with an error.", ("away", "race", "refused")
    )


@_once
def redis_errors() -> StoreErrors:
    """Kinds: away (also still loading), full, read_only, refused (all else, a missing right for instance)."""
    return StoreErrors(
        "urna_redis_errors", "What Redis refused or did not answer.", ("away", "full", "read_only", "refused")
    )


@_once
def unexpected_errors() -> Counter:
    """Counted where an error is caught that nobody has thought of."""
    return Counter(
        "urna_unexpected_errors", "Errors that nobody has thought of, each with a line in the log.", registry=_registry
    )
