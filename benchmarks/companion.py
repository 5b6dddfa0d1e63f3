"""A process beside the benchmark that has everything ready, begins on a word, and says at its end what happened.

Whoever sends or reads much is one, so that its work is neither slowed by ours nor mistaken for the suite's. It is a
module of ``benchmarks`` with two duties: ``prepare`` from its plan, say ``ready`` and wait, in ``told``; then work, and
say the outcome, in ``answer``.
"""

import json
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_ROOT = Path(__file__).resolve().parents[1]
FAILED = "failed"


class CompanionFailed(Exception):
    """The companion could not do its work; the message says why."""


class Companion:
    """A running companion. It is ended with the block, whatever it does."""

    def __init__(self, module: str, plan: dict[str, Any], memory: Sequence[int] = ()) -> None:
        self._module = module
        # Ctrl-C is for the benchmark, which then ends everything in order.
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            pass_fds=memory,
            start_new_session=True,
        )
        try:
            self._say(json.dumps(plan))
            line = self._line()
            if line != "ready":
                raise CompanionFailed(_reason(line))
        except BaseException:
            self._end()
            raise

    def start(self) -> None:
        """Let it begin."""
        self._say("go")

    def stop(self) -> None:
        """Tell one that goes on until it is told to stop."""
        self._say("stop")

    def has_finished(self) -> bool:
        """Whether ``finish`` would return at once."""
        return bool(select.select([self._pipes()[1]], [], [], 0)[0])

    def finish(self) -> dict[str, Any]:
        """Wait for its outcome; raises ``CompanionFailed``."""
        line = self._line()
        if not line.startswith("{"):
            raise CompanionFailed(_reason(line))
        outcome: dict[str, Any] = json.loads(line)
        if FAILED in outcome:
            raise CompanionFailed(_reason(line))
        return outcome

    def _say(self, line: str) -> None:
        try:
            self._pipes()[0].write(line + "\n")
            self._pipes()[0].flush()
        except BrokenPipeError:
            raise CompanionFailed(f"{self._module} has ended.") from None

    def _line(self) -> str:
        return str(self._pipes()[1].readline()).strip()

    def _pipes(self) -> tuple[Any, Any]:
        return self._process.stdin, self._process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in self._pipes():
            pipe.close()


def told() -> dict[str, Any]:
    """In the companion: its plan."""
    plan: dict[str, Any] = json.loads(sys.stdin.readline())
    return plan


def wait_for_the_word() -> None:
    """In the companion: say that everything is ready, and wait."""
    print("ready", flush=True)
    sys.stdin.readline()


def answer(outcome: dict[str, Any]) -> None:
    """In the companion: say what happened."""
    print(json.dumps(outcome), flush=True)


def _reason(line: str) -> str:
    if line.startswith("{"):
        return str(json.loads(line)[FAILED])
    return line or "it ended without a word"
