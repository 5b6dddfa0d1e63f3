"""What the figures were measured on."""

import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.servers import Redis

_WRITES = 200


def facts(directory: Path) -> dict[str, Any]:
    """Processor, memory, kernel, and what a write to the disk of ``directory`` takes until it is there."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count() or 0,
        "memory MiB": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1024 * 1024),
        "kernel": platform.release(),
        "a write of 4 KiB and fsync, ms": _milliseconds_to_sync(directory),
    }


def versions(engine: str, database: str, redis: Redis) -> dict[str, str]:
    """What runs, and which commit of the suite; a dirty tree is said to be one."""
    with redis.client() as client:
        answer: Any = client.info("server")
    return {
        engine: database,
        "Redis": str(answer["redis_version"]),
        "Python": platform.python_version(),
        "commit": _git("rev-parse", "HEAD") + (", changed" if _git("status", "--porcelain") else ""),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _milliseconds_to_sync(directory: Path) -> float:
    """The middle of many."""
    path = directory / "fsync"
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(_WRITES):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    path.unlink()
    return 1000 * sorted(took)[len(took) // 2]


def _git(*words: str) -> str:
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        ["git", "-C", root, *words],  # noqa: S607 -- whichever git the developer uses.
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or ("" if words[0] == "status" else "unknown")
