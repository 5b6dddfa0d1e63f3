"""The ``urna`` command as a test calls it, in its own process."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.source import ROOT


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one line of JSON on standard output."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The last line of JSON on standard error."""
        found = json.loads(self.err.splitlines()[-1])
        assert isinstance(found, dict)
        return found


def urna(*arguments: str | Path, environment: Mapping[str, str] | None = None, seconds: float = 120) -> Outcome:
    """Run the command to its end, with a terminal's input closed."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
