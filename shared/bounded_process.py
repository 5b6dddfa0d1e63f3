"""Lets a program of ours read what may be hostile, in a process of its own with bounded memory and time.

``ask`` runs this file, which takes the limits upon itself and then becomes the program. That reads the content on its
standard input and writes one JSON object of texts; it gets nothing of ours, and neither it nor this file imports
anything of the suite.
"""

import json
import resource
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SECONDS = 20
PROCESSOR_SECONDS = 15
MEMORY = 1 << 30


def ask(program: Path, content: bytes) -> Mapping[str, str] | None:
    """What the program says about ``content``; None where it took too much, or broke."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-W", "error", str(Path(__file__).resolve()), str(program.resolve()), str(MEMORY)],
            input=content,
            capture_output=True,
            timeout=SECONDS,
            env={},
            check=True,
        )
        said = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _become(program: str, memory: int) -> None:
    for limit, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, PROCESSOR_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    _become(sys.argv[1], int(sys.argv[2]))
