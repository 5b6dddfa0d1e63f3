"""Starts the processes of a suite in order, keeps them running, and ends them in the opposite order."""

import http.client
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import urlsplit

import redis

from cli.failure import CANNOT_START, Failure
from cli.suite.directory import DataDirectory
from cli.suite.plan import Plan, Process
from cli.suite.process import Running

SECONDS_TO_START = 90.0
SECONDS_TO_END = 40.0
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
# A process that lived so long before it died did not die of its start, so its next restart is quick again.
_SETTLED_AFTER = 60.0


class Supervisor:
    """The running suite. Everything is done by the thread that calls: children die with the thread that started them.

    ``say`` is told what people should know. ``wait`` sleeps for some seconds and returns True, at once, when somebody
    wants the suite to stop, or, while it is stopping, to stop without waiting any longer.
    """

    def __init__(
        self, plan: Plan, data: DataDirectory, *, say: Callable[[str], None], wait: Callable[[float], bool]
    ) -> None:
        self._plan = plan
        self._data = data
        self._say = say
        self._wait = wait
        self._running: dict[str, Running] = {}
        self._delays: dict[str, float] = {}
        self._due: dict[str, tuple[float, Process]] = {}
        self._restarts: dict[str, int] = {}

    def start(self) -> bool:
        """Start everything and wait until it is ready; False when somebody wanted to stop meanwhile."""
        plan = self._plan
        if plan.redis is not None:
            self._launch(plan.redis)
        if not self._until(self._redis_answers, "Redis"):
            return False
        for preparation in plan.preparations:
            self._launch(preparation)
        for preparation in plan.preparations:
            if not self._until(partial(self._has_succeeded, preparation), preparation.name):
                return False
        for process in (plan.daemon, plan.mailer, *plan.services):
            if process is not None:
                self._launch(process)
        for service in plan.services:
            if not self._until(partial(_is_ready, service), service.name):
                return False
        self._remember()
        return True

    def tend(self) -> None:
        """Look after every process once: say who died, and start again whose time has come."""
        now = time.monotonic()
        for name, running in list(self._running.items()):
            status = running.status()
            if status is None:
                continue
            running.kill_leftovers()
            del self._running[name]
            settled = now - running.started > _SETTLED_AFTER
            delay = _FIRST_DELAY if settled else self._delays.get(name, _FIRST_DELAY)
            self._delays[name] = min(2 * delay, _LONGEST_DELAY)
            self._due[name] = (now + delay, running.process)
            self._say(f"{name} {_ended(status)} and is started again in {delay:g} s; its log: {running.log}")
        due = [process for moment, process in self._due.values() if moment <= now]
        for process in due:
            del self._due[process.name]
            self._restarts[process.name] = self._restarts.get(process.name, 0) + 1
            self._launch(process)
        if due:
            self._remember()

    def stop(self) -> None:
        """End the services, then the daemon, then Redis, so that nothing is asked of a part that has gone."""
        self._due.clear()
        services = [service.name for service in self._plan.services]
        preparations = [preparation.name for preparation in self._plan.preparations]
        for names in ([*preparations, *services], [self._plan.daemon.name, "mailer"], ["redis"]):
            self._end([self._running.pop(name) for name in names if name in self._running])

    def _end(self, ending: Sequence[Running]) -> None:
        for running in ending:
            running.ask_to_end()
        deadline = time.monotonic() + SECONDS_TO_END
        for running in ending:
            while running.status() is None:
                if time.monotonic() > deadline or self._wait(0.02):
                    self._say(f"{running.process.name} did not end in time and is ended by force.")
                    break
            running.kill()

    def _launch(self, process: Process) -> None:
        log = self._data.logs / f"{process.name}.log"
        # The folder of the logs holds neither a .env nor anything that Python could import.
        self._running[process.name] = Running(process, self._data.logs, log, self._data.lock)

    def _remember(self) -> None:
        self._data.remember_running(
            {
                "process": os.getpid(),
                "processes": {name: running.id for name, running in self._running.items()},
                "restarts": self._restarts,
                "addresses": self._plan.addresses,
                "redis_url": self._plan.redis_url,
                "accounts_database_url": self._plan.accounts_database_url,
                "election_database_url": self._plan.election_database_url,
            }
        )

    def _until(self, is_so: Callable[[], bool], name: str) -> bool:
        """Wait until something is so; fails when a process ends meanwhile, since that is a fault of its settings."""
        deadline = time.monotonic() + SECONDS_TO_START
        while not is_so():
            self._refuse_dead()
            if time.monotonic() > deadline:
                raise Failure(
                    f"{name} was not ready in {SECONDS_TO_START:.0f} s; see the logs in {self._data.logs}.",
                    status=CANNOT_START,
                )
            if self._wait(0.05):
                return False
        return True

    def _has_succeeded(self, step: Process) -> bool:
        running = self._running.get(step.name)
        if running is None:
            return True
        if running.status() != 0:
            return False
        del self._running[step.name]
        return True

    def _refuse_dead(self) -> None:
        steps = {step.name for step in self._plan.preparations}
        for name, running in self._running.items():
            status = running.status()
            if status is not None and not (status == 0 and name in steps):
                raise Failure(
                    f"{name} {_ended(status)} while the suite was starting. The end of its log, {running.log}:\n"
                    f"{running.last_lines()}",
                    status=CANNOT_START,
                )

    def _redis_answers(self) -> bool:
        # One attempt a turn, so that a Redis that was named wrongly is said to be so, and not waited for in silence.
        try:
            with redis.Redis.from_url(self._plan.redis_url, socket_timeout=5, socket_connect_timeout=5) as client:
                client.ping()
        except (redis.AuthenticationError, redis.ResponseError, ValueError) as error:
            raise Failure(f"Redis refuses us ({error}); correct REDIS_URL.", status=CANNOT_START) from None
        except (redis.ConnectionError, redis.TimeoutError) as error:
            if self._plan.redis is None:
                raise Failure(
                    f"The Redis that REDIS_URL names cannot be reached ({error}); start it, or leave REDIS_URL out "
                    "to have one started here.",
                    status=CANNOT_START,
                ) from None
            return False
        return True


def _is_ready(service: Process) -> bool:
    assert service.ready_url is not None  # noqa: S101 -- every service of a plan has one.
    address = urlsplit(service.ready_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
    try:
        connection.request("GET", address.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _ended(status: int) -> str:
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
