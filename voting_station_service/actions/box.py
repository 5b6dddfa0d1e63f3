"""The box into which voters' ballots fall: those that come at the same moment go into the queue together."""

import threading
from collections.abc import Callable, Sequence
from copy import copy
from typing import Generic, TypeVar

from shared.errors import Unavailable, UrnaError

B = TypeVar("B")

# Together as many as one upload holds easily; more wait for the next one.
MOST_TOGETHER = 500


class _Waiting(Generic[B]):
    """A ballot on its way, and the thread that waits with it."""

    def __init__(self, ballot: B) -> None:
        self.ballot = ballot
        self.awake = threading.Event()
        self.is_done = False
        self.error: UrnaError | None = None


class Box(Generic[B]):
    """Gathers the ballots that come while others are being written, so that all of them cost Redis one write.

    The first that comes is written at once, by its own thread. Those that come meanwhile wait for that; then the thread
    of the first of them writes them together.
    """

    def __init__(self, commit: Callable[[Sequence[B]], list[UrnaError | None]]) -> None:
        self._commit = commit
        self._lock = threading.Lock()
        self._waiting: list[_Waiting[B]] = []
        self._is_led = False

    def put(self, ballot: B) -> None:
        """Return when the ballot is on disk; raise what the sender is to be told otherwise."""
        mine = _Waiting(ballot)
        with self._lock:
            self._waiting.append(mine)
            leads, self._is_led = not self._is_led, True
        if not leads:
            mine.awake.wait()
        if not mine.is_done:
            self._lead()
        if mine.error is not None:
            # Each thread has a trace of its own, and the operator learns why from each.
            raise copy(mine.error) from mine.error.__cause__

    def _lead(self) -> None:
        with self._lock:
            taken, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
        outcomes: Sequence[UrnaError | None] = [
            Unavailable("It is not known whether the ballot was stored. Send it again; it counts once.")
        ] * len(taken)
        try:
            outcomes = self._commit([one.ballot for one in taken])
        finally:
            # Whatever happened: nobody may wait for ever.
            with self._lock:
                heir = self._waiting[0] if self._waiting else None
                self._is_led = heir is not None
            for one, error in zip(taken, outcomes, strict=True):
                one.error, one.is_done = error, True
                one.awake.set()
            if heir is not None:
                heir.awake.set()
