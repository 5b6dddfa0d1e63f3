"""Live results: for each election that is watched, one look a second at most, and one event for all who watch it.

A look is due at once when the daemon says over Redis that something was recorded, unless the last event is less than a
second old; and every second, because an election also opens, ends and becomes final, and because Redis may be away.
"""

import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog
from gevent import monkey
from redis import Redis
from redis.exceptions import RedisError

from results_service.actions import ElectionResult
from results_service.actions.answers import Kept
from shared import metrics
from shared.errors import NotFound, Unavailable
from shared.logs import reason
from shared.queue import keys
from shared.queue.connection import count_error

LOOK_SECONDS = 1.0
# How long streams have to end by themselves when the service stops, before their connections are cut.
_FAREWELL_SECONDS = 2.0
_RECONNECT_SECONDS = 1.0

# In a worker of gevent `select` lacks it, because it would make all wait; ours is never waited for.
_epoll: "Callable[[], select.epoll]" = monkey.get_original("select", "epoll")

log = structlog.get_logger()

Result = Kept[ElectionResult]


@dataclass(frozen=True)
class Wire:
    """How a stream is written: its ``greeting``, the event of a result under the ``name`` of its form, and a ``beat``.

    A result is written once for all who read the same form.
    """

    name: str
    write: Callable[[Result], bytes]
    greeting: bytes = b""
    beat: bytes = b""

    def event(self, result: Result) -> bytes:
        return result.form(self.name, self.write)


class Watcher:
    """One open stream: iterating waits for what is to be sent, and gives it.

    What is sent next is always the newest event. However slowly somebody reads, nothing is kept for them.
    """

    def __init__(
        self, live: "Live", channel: "_Channel", wire: Wire, seen: str | None, connection: socket.socket | None
    ) -> None:
        self.channel = channel
        self.connection = connection
        self.descriptor = None if connection is None else connection.fileno()
        self.bell = threading.Event()
        self.beat = False
        self.ended = False
        self._live = live
        self._wire = wire
        self._seen = seen
        self._greeting = wire.greeting

    def __iter__(self) -> "Watcher":
        return self

    def __next__(self) -> bytes:
        greeting, self._greeting = self._greeting, b""
        while True:
            if self.ended:
                raise StopIteration
            newest = self.channel.newest
            if newest.tag != self._seen:
                self._seen = newest.tag
                self.beat = False
                return greeting + self._wire.event(newest)
            if greeting:
                return greeting
            if self.beat:
                self.beat = False
                return self._wire.beat
            self.bell.wait()
            self.bell.clear()

    def end(self) -> None:
        """Let the stream end as soon as what is being sent is sent."""
        self.ended = True
        self.bell.set()

    def cut(self) -> None:
        """End the stream also in the middle of what is being sent to somebody who does not read."""
        self.end()
        if self.connection is not None:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Called by the server when the stream has ended, for whatever reason."""
        self._live.forget(self)
        if self.connection is not None:
            # Nothing follows a stream on its connection; the server would wait for another request.
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RD)


class _Channel:
    """An election that is watched. ``due`` is when to look next, ``heard`` whether something was recorded since."""

    def __init__(self, election_id: int, newest: Result) -> None:
        self.election_id = election_id
        self.newest = newest
        self.watchers: set[Watcher] = set()
        self.heard = False
        self._looked = time.monotonic()
        self._sent = self._looked - LOOK_SECONDS

    @property
    def due(self) -> float:
        return min(self._looked, self._sent if self.heard else self._looked) + LOOK_SECONDS

    def looks(self) -> None:
        self.heard = False
        self._looked = time.monotonic()

    def send(self, newest: Result) -> None:
        self.newest = newest
        self._sent = time.monotonic()
        for watcher in tuple(self.watchers):
            watcher.bell.set()

    def end(self) -> None:
        for watcher in tuple(self.watchers):
            watcher.end()


class Live:
    """The streams of one process.

    ``read`` gives the result of an election as it is now. ``is_stopping`` says whether the server wants to end. Nothing
    is started before somebody watches.
    """

    def __init__(
        self,
        read: Callable[[int], Result],
        redis: Redis,
        limit: int,
        is_stopping: Callable[[], bool],
        heartbeat_seconds: float = 15.0,
    ) -> None:
        self._read = read
        self._redis = redis
        self._limit = limit
        self._is_stopping = is_stopping
        self._heartbeat_seconds = heartbeat_seconds
        self._lock = threading.Lock()
        self._channels: dict[int, _Channel] = {}
        self._watchers = 0
        self._connected: dict[int, Watcher] = {}
        self._departures = _epoll()
        self._bell = threading.Event()
        self._started = False
        self._stopped = False
        metrics.watchers().limit(limit)

    def watch(self, election_id: int, wire: Wire, seen: str | None, connection: socket.socket | None) -> Watcher:
        """A stream of the result of an election, without its present state if ``seen`` is the tag of that.

        ``connection`` is the reader's; without it, we learn only when something is sent that the reader has gone.
        NotFound for a draft and for what is no election; Unavailable when too many watch already.
        """
        with self._lock:
            if self._stopped:
                raise Unavailable("The service is being stopped.")
            if self._watchers >= self._limit:
                raise Unavailable("Too many watch the results here already; read them from time to time.")
            self._watchers += 1
        try:
            channel = self._channels.get(election_id)
            newest = self._read(election_id) if channel is None else channel.newest
        except BaseException:
            with self._lock:
                self._watchers -= 1
            raise
        with self._lock:
            channel = self._channels.setdefault(election_id, _Channel(election_id, newest))
            watcher = Watcher(self, channel, wire, seen, connection)
            channel.watchers.add(watcher)
            if watcher.descriptor is not None:
                self._connected[watcher.descriptor] = watcher
                self._departures.register(watcher.descriptor, select.EPOLLRDHUP | select.EPOLLONESHOT)
            self._start()
        metrics.watchers().come()
        return watcher

    def forget(self, watcher: Watcher) -> None:
        """Let go of a stream that has ended; it may have been let go already."""
        with self._lock:
            channel = watcher.channel
            if watcher not in channel.watchers:
                return
            channel.watchers.remove(watcher)
            self._watchers -= 1
            metrics.watchers().go()
            if not channel.watchers:
                self._channels.pop(channel.election_id, None)
            if watcher.descriptor is not None:
                del self._connected[watcher.descriptor]
                with suppress(OSError):
                    self._departures.unregister(watcher.descriptor)

    def stop(self) -> None:
        """End every stream; nobody can watch any more."""
        with self._lock:
            self._stopped = True
            channels = list(self._channels.values())
        for channel in channels:
            channel.end()
        self._bell.set()

    def _start(self) -> None:
        if not self._started:
            self._started = True
            for work in (self._follow, self._listen, self._tend):
                threading.Thread(target=work, name=f"live{work.__name__}", daemon=True).start()

    def _follow(self) -> None:
        """Look at the elections that are watched whenever it is due."""
        while not self._stopped:
            for channel in self._watched():
                if channel.due <= time.monotonic():
                    self._look(channel)
            next_due = min((channel.due for channel in self._watched()), default=time.monotonic() + LOOK_SECONDS)
            self._bell.wait(max(0.0, next_due - time.monotonic()))
            self._bell.clear()

    def _look(self, channel: _Channel) -> None:
        channel.looks()
        try:
            newest = self._read(channel.election_id)
            if newest.tag != channel.newest.tag:
                channel.send(newest)
                log.debug("event", election=channel.election_id, tag=newest.tag, watchers=len(channel.watchers))
        except NotFound:
            channel.end()
        except Unavailable as error:
            log.warning("not looked", election=channel.election_id, reason=reason(error.__cause__ or error))
        except Exception as error:
            # Nobody has thought of this one; it must not end the streams of all other elections.
            metrics.unexpected_errors().inc()
            log.error("unexpected error", election=channel.election_id, exc_info=error)

    def _listen(self) -> None:
        """Hear from the daemon which elections have changed; what is missed is found by the look of every second."""
        while not self._stopped:
            try:
                with self._redis.pubsub(ignore_subscribe_messages=True) as changes:  # type: ignore[no-untyped-call]  # The library has not typed it.
                    changes.subscribe(keys.CHANGED)
                    while not self._stopped:
                        message = changes.get_message(timeout=LOOK_SECONDS)
                        if message is not None:
                            self._hear(message["data"])
            except (RedisError, OSError) as error:
                count_error(error)
                log.warning("no news of changes", reason=reason(error))
                time.sleep(_RECONNECT_SECONDS)

    def _hear(self, changed: bytes) -> None:
        for number in changed.split(b","):
            channel = self._channels.get(int(number)) if number.isdigit() else None
            if channel is not None:
                channel.heard = True
        self._bell.set()

    def _tend(self) -> None:
        """Notice who leaves, say now and then that we are there, and end everything when the server wants to end."""
        next_beat = time.monotonic() + self._heartbeat_seconds
        while not self._stopped:
            select.select([self._departures], [], [], min(LOOK_SECONDS, self._heartbeat_seconds))
            for descriptor, _ in self._departures.poll(0):
                watcher = self._connected.get(descriptor)
                if watcher is not None:
                    watcher.end()
            if time.monotonic() >= next_beat:
                next_beat += self._heartbeat_seconds
                self._beat()
            if self._is_stopping():
                self.stop()
        deadline = time.monotonic() + _FAREWELL_SECONDS
        while self._channels and time.monotonic() < deadline:
            time.sleep(0.05)
        for channel in self._watched():
            for watcher in tuple(channel.watchers):
                watcher.cut()

    def _beat(self) -> None:
        for channel in self._watched():
            for watcher in tuple(channel.watchers):
                if watcher.beat:
                    # Has not even taken the one before: nobody reads there any more.
                    watcher.cut()
                else:
                    watcher.beat = True
                    watcher.bell.set()

    def _watched(self) -> list[_Channel]:
        with self._lock:
            return list(self._channels.values())
