"""Programs that are started as copies: each is a process of its own, with its own settings, and dies as others do."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.suite import Nursed
from tests.servers.nursling import Copied
from tests.source import ROOT

_TELLING = """
import json, os, sys, time
print(json.dumps([os.getpid(), dict(os.environ), os.getcwd(), sorted(os.listdir("/proc/self/fd"))]), flush=True)
time.sleep({seconds})
"""
_OWNER = """
import time
from tests.faults.test_nursery import telling
with telling(600) as program:
    print(program.process_id, program.directory, flush=True)
    time.sleep(600)
"""


def telling(seconds: int, **settings: str) -> Nursed:
    """A program that tells of itself in its log and then waits."""
    return Nursed("telling", ["-m", "timeit", "-n1", "-r1", _TELLING.format(seconds=seconds)], settings, serves=False)


def told(program: Nursed) -> list[list[object]]:
    """What each start of the program has told."""
    lines = (program.directory / "log").read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("[")]


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_copy_has_its_own_settings_and_folder_and_none_of_another_copy() -> None:
    with telling(600, FIRST="one") as first, telling(600, SECOND="two") as second:
        for program, settings in ((first, {"FIRST": "one"}), (second, {"SECOND": "two"})):
            until(lambda program=program: bool(told(program)))  # type: ignore[misc]  # mypy cannot infer it.
            ((process, environment, folder, descriptors),) = told(program)
            assert process == program.process_id
            assert isinstance(environment, dict)
            assert environment == program._environment()
            assert settings.items() <= environment.items()
            assert folder == str(program.directory)
            # Its input, its output and its log; the fourth is the look at them.
            assert len(descriptors) == 4  # type: ignore[arg-type]  # A list.


def test_a_copy_is_killed_and_starts_anew() -> None:
    with telling(600) as program:
        until(lambda: len(told(program)) == 1)
        program.kill()
        assert not program.running
        program.start()
        until(lambda: len(told(program)) == 2)
        assert program.running
        assert told(program)[1][0] not in (told(program)[0][0], None)
        program.stop()
        assert not program.running


def test_a_copy_that_ends_by_itself_runs_no_more() -> None:
    with telling(0) as program:
        until(lambda: not program.running)
        assert "loop" in program.log_tail()


def test_who_started_a_copy_alone_learns_how_it_has_ended() -> None:
    ended = [Copied(["timeit", "-n1", "-r1", what], os.environ) for what in ("pass", "1 / 0")]
    assert [one.wait(60) for one in ended] == [0, 1]
    waiting = Copied(["timeit", "-n1", "-r1", "import time; time.sleep(600)"], os.environ)
    assert waiting.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.1)
    waiting.kill()
    assert waiting.wait(60) == -signal.SIGKILL
    assert waiting.poll() == -signal.SIGKILL
    waiting.terminate()


def test_no_copy_outlives_tests_that_were_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _OWNER], cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        process, directory = owner.stdout.readline().split()
        assert Path("/proc", process).exists()
        owner.send_signal(signal.SIGKILL)
    until(lambda: not Path("/proc", process).exists() and not Path(directory).exists())
