"""What lets a crowd ask at once: the last things asked for are kept, and one look answers all who ask meanwhile."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The values that were used last, ``size`` of them at most."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def keep(self, key: K, value: V) -> None:
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            if len(self._values) > self._size:
                self._values.popitem(last=False)

    def __len__(self) -> int:
        return len(self._values)


class Crowd(Generic[K, V]):
    """Answers a question once for all who ask it at the same time.

    Nobody is given what was looked up before they asked: who asks while somebody is looking waits for the next look,
    which is one for all who wait. So an answer is never older than its question, and however many ask, no more than
    one looks at a time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._questions: dict[K, _Question[V]] = {}

    def ask(self, key: K, look: Callable[[], V]) -> V:
        """What ``look`` finds, ours or that of somebody who asked the same; its errors are raised to all of them."""
        with self._lock:
            question = self._questions.setdefault(key, _Question())
            question.askers += 1
            is_first = question.next_look is None
            found = question.next_look = question.next_look or Future()
        try:
            if is_first:
                self._look(question, found, look)
            return found.result()
        finally:
            with self._lock:
                question.askers -= 1
                if not question.askers:
                    del self._questions[key]

    def asking(self, key: K) -> int:
        """How many ask this right now."""
        with self._lock:
            question = self._questions.get(key)
            return question.askers if question else 0

    def _look(self, question: "_Question[V]", found: "Future[V]", look: Callable[[], V]) -> None:
        try:
            # Whoever came at the same moment is let in first. A worker of gevent does one thing at a time, and SQLite
            # holds it; it would otherwise be done with one look before it hears the next question.
            time.sleep(0)
            with question.looking:
                with self._lock:
                    # Who asks from now on may know of something that this look does not see.
                    question.next_look = None
                found.set_result(look())
        except BaseException as error:
            # Also the end of this worker: nobody may be left waiting.
            with self._lock:
                if question.next_look is found:
                    question.next_look = None
            found.set_exception(error)


class _Question(Generic[V]):
    """All who ask the same: those for whom somebody looks right now, and those who wait for the look after it."""

    def __init__(self) -> None:
        self.askers = 0
        self.looking = threading.Lock()
        self.next_look: Future[V] | None = None
