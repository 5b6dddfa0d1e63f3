"""What docs/alerts.md tells somebody to type at three in the morning can be typed, and leaves everything healthy."""

import os
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.deployment.engine.compose import Compose
from tests.deployment.engine.deployment import PARTS, until
from tests.deployment.engine.letters import STRANGER, bury, wait_until_buried
from tests.deployment.engine.report import Report
from tests.source import ROOT

pytestmark = pytest.mark.release

PAGE = ROOT / "docs" / "alerts.md"
_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Every command of the page, once, in its order."""
    lines = [line for block in _BLOCK.findall(PAGE.read_text(encoding="utf-8")) for line in block.splitlines()]
    return list(dict.fromkeys(lines))


@pytest.fixture
def as_before(compose: Compose) -> Iterator[Compose]:
    """The suite, which afterwards has as many containers of each part as its files want."""
    yield compose
    compose.up("--no-recreate")


def test_each_command_can_be_typed_and_leaves_everything_healthy(as_before: Compose, report: Report) -> None:
    compose = as_before
    assert len(commands()) > 25
    typed = []
    for command in commands():
        if "queue replay" in command:
            bury(compose)
        elif "queue dismiss" in command:
            wait_until_buried(compose)
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=compose.checkout,
            env={**os.environ, **compose.environment, "BATCH": STRANGER, "PART": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        # grep says so when it finds nothing, which on a good day is so.
        good = {0, 1} if re.search(r"\| grep [^|]*$", command) else {0}
        assert done.returncode in good, f"{command}\n{done.stdout}{done.stderr}"
        until(lambda: all(map(compose.is_healthy, PARTS)), f"Not everything is healthy after: {command}")
        typed.append(f"{done.returncode}  {command}")
    report.add("What docs/alerts.md says, and the status of each command", "\n".join(typed))
