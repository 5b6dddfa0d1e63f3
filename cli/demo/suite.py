"""An embedded suite as a process of its own, which ends with whoever started it, however that ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cli.client import Addresses
from cli.failure import CANNOT_START, Failure
from cli.suite.plan import ROOT, known_settings

_SECONDS_TO_END = 120.0


class EmbeddedSuite:
    """``urna up`` on a data directory and free ports, without any setting of the environment but those given.

    A setting of the environment could make it write into a database that somebody uses.
    """

    def __init__(self, data: Path, *options: str, **settings: str) -> None:
        self.data = data
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._said = data / "up.log"
        kept = {name: value for name, value in os.environ.items() if name not in known_settings()}
        command = [sys.executable, "-m", "cli", "up", "--json", "--data", str(data), "--until-input-ends"]
        if not any(option.startswith("--port-base") for option in options):
            command += ["--port-base", "0"]
        with self._said.open("ab") as said:
            self._process = subprocess.Popen(
                [*command, *options],
                # No .env lies there.
                cwd=data,
                env={**kept, "PYTHONPATH": str(ROOT), **settings},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                # Ctrl-C is for us; closing the pipe then tells the suite to stop.
                start_new_session=True,
            )
        self._facts: dict[str, Any] | None = None

    def wait_until_ready(self) -> None:
        """Fails with what ``urna up`` said when it did not start."""
        assert self._process.stdout is not None  # noqa: S101 -- it was made with a pipe.
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            lines = self._said.read_text(encoding="utf-8").splitlines()
            try:
                reason = json.loads(lines[-1])["error"]
            except (IndexError, ValueError, KeyError):
                reason = "\n".join(lines[-15:])
            raise Failure(f"The suite did not start: {reason}", status=status if status > 0 else CANNOT_START)
        self._facts = json.loads(line)

    @property
    def facts(self) -> dict[str, Any]:
        """The line that ``urna up --json`` writes when everything is ready."""
        if self._facts is None:
            self.wait_until_ready()
        assert self._facts is not None  # noqa: S101 -- the line above has read it.
        return self._facts

    @property
    def addresses(self) -> Addresses:
        found = self.facts["addresses"]
        return Addresses(
            authentication=found["authentication_service"],
            admin=found["admin_service"],
            station=found["voting_station_service"],
            results=found["results_service"],
        )

    @property
    def process_id(self) -> int:
        return self._process.pid

    def said(self) -> str:
        """What ``urna up`` has written to standard error."""
        return self._said.read_text(encoding="utf-8")

    def wait(self, seconds: float | None = None) -> int:
        """Wait for its end; its exit status."""
        return self._process.wait(seconds)

    def stop(self) -> int:
        """Tell it to stop and wait until everything has ended; its exit status."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        return self._process.wait(_SECONDS_TO_END)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()
