"""How ``urna up`` learns that it should stop."""

import os
import select
import signal
import sys
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequests:
    """Waits that end early when a signal to stop arrives or, with ``watch_input``, when standard input ends.

    Whoever starts ``urna up`` as a part of something else gives it a pipe as standard input: the kernel closes it for
    every kind of death of the starter, so that no suite is ever left behind.
    """

    def __init__(self, *, watch_input: bool) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        # Signals become bytes in a pipe, because a handler may run between any two instructions of the supervisor.
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        for number in STOPPING:
            signal.signal(number, _do_nothing)
        self._watched = [self._reading, *([sys.stdin.fileno()] if watch_input else [])]

    def wait(self, seconds: float) -> bool:
        """Sleep for so long; True, at once, when somebody has asked to stop since the last call."""
        ready, _, _ = select.select(self._watched, [], [], seconds)
        asked = False
        for descriptor in ready:
            received = os.read(descriptor, 4096)
            if descriptor == self._reading:
                asked |= any(number in received for number in STOPPING)
            elif not received:
                self._watched.remove(descriptor)
                asked = True
        return asked


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """A handler there has to be; the wake-up pipe says everything."""
