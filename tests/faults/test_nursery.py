"""Programs that are started as copies: each is a process of its own, with its own settings, and dies as others do."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.suite import Nursed
from tests.servers.nursling import Copied
from tests.services.test_daemon_processes import until
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


class Told(NamedTuple):
    """What a program has told of itself."""

    process: int
    environment: dict[str, str]
    folder: str
    descriptors: list[str]


def told(program: Nursed) -> list[Told]:
    """What each start of the program has told."""
    lines = (program.directory / "log").read_text().splitlines()
    return [Told(*json.loads(line)) for line in lines if line.startswith("[")]


def has_told(program: Nursed, times: int) -> bool:
    return len(told(program)) == times


def test_a_copy_has_its_own_settings_and_folder_and_none_of_another_copy() -> None:
    with telling(600, FIRST="one") as first, telling(600, SECOND="two") as second:
        for program, settings in ((first, {"FIRST": "one"}), (second, {"SECOND": "two"})):
            until(partial(has_told, program, 1))
            (own,) = told(program)
            assert own.process == program.process_id
            assert own.environment == program._environment()
            assert settings.items() <= own.environment.items()
            assert own.folder == str(program.directory)
            # Its input, its output and its log; the fourth is the look at them.
            assert len(own.descriptors) == 4


def test_a_copy_is_killed_and_starts_anew() -> None:
    with telling(600) as program:
        until(partial(has_told, program, 1))
        program.kill()
        assert not program.running
        program.start()
        until(partial(has_told, program, 2))
        assert program.running
        before, now = told(program)
        assert before.process != now.process == program.process_id
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
