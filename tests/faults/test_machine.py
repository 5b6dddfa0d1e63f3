"""The fault machine as it is called, on one schedule."""

import os
import subprocess
import sys

from tests.faults.plan import plan
from tests.faults.stores import can_take_disk
from tests.left_out import leave_out, needs
from tests.servers import MariaDB, Redis
from tests.source import ROOT

SEED = 2


def test_a_schedule_of_faults_loses_nothing_and_counts_nothing_twice() -> None:
    needs(Redis)
    needs(MariaDB)
    if reason := can_take_disk():
        leave_out("disk faults", reason)
    assert plan(SEED).engine == "mariadb"
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--seed", str(SEED)],
        cwd=ROOT,
        env={**os.environ},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Schedules          1, of which 0 failed" in done.stdout
    assert "FAULT" in done.stdout


def test_a_machine_that_cannot_fill_a_disk_says_so_and_fails_where_all_is_required() -> None:
    needs(Redis)
    needs(MariaDB)
    program = (
        "import os, sys\n"
        "os.geteuid = lambda: 1000\n"
        "from tests.faults.__main__ import _what_is_missing\n"
        "sys.exit(0 if _what_is_missing('mariadb') is None else 7)\n"
    )
    for require, status in (("", 7), ("all", 0)):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "URNA_TEST_REQUIRE": require},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status
        assert "LEFT OUT: no disk will be full in this run" in done.stderr
