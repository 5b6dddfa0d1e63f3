"""What one daemon of all does again and again beside the partitions: whoever works partition 0."""

import threading
import time
from abc import ABC, abstractmethod

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from shared import metrics
from shared.errors import UrnaError
from shared.logs import reason

_PAUSE_SECONDS = 2.0

log = structlog.get_logger()


class Duty(threading.Thread, ABC):
    """Takes one ``step`` after the other while ``leased``, the event of whoever owns partition 0, is set.

    ``complaint`` is what the log says of a step that failed. After each step it rests for ``rests`` times as long as
    that took, and for no shorter time than the step has said; after one that failed, for two seconds at least.
    """

    complaint = ""
    rests = 0.0
    # How often it looks whether the lease has come.
    idle_seconds = 0.5

    def __init__(self, name: str, leased: threading.Event, stop: threading.Event) -> None:
        super().__init__(name=name)
        self.leased = leased
        self.stop = stop

    @abstractmethod
    def step(self) -> float:
        """Do what there is to do; return for how many seconds to rest after it."""

    def without_lease(self) -> None:
        """Called again and again while another daemon does this."""

    def run(self) -> None:
        while not self.stop.is_set():
            if not self.leased.wait(timeout=self.idle_seconds):
                self.without_lease()
                continue
            began = time.monotonic()
            seconds = self._try()
            self.stop.wait(max(seconds, self.rests * (time.monotonic() - began)))

    def _try(self) -> float:
        try:
            return self.step()
        except (UrnaError, SQLAlchemyError, RedisError, OSError) as error:
            log.warning(self.complaint, reason=reason(error))
        except Exception as error:
            # As with the partitions' workers: a thread that ended would end its duty, and nobody the wiser.
            metrics.unexpected_errors().inc()
            log.error("unexpected error", thread=self.name, exc_info=error)
        return _PAUSE_SECONDS
