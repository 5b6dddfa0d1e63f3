"""What processes cost, from /proc: seconds of processor time and memory, with all their children."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tests.servers.supervisor import descendants

_TICKS = os.sysconf("SC_CLK_TCK")


def family(process: int) -> list[int]:
    """A process and all below it."""
    return [process, *descendants(process)]


def processor_seconds(processes: Iterable[int]) -> float:
    """User and system time of these, of all below them, and of their children that have ended."""
    ticks = 0
    for process in {member for ancestor in processes for member in family(ancestor)}:
        with suppress(OSError):
            # The command's name stands in parentheses and may hold blanks, so the fields are counted after it.
            fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS


def memory_kib(process: int, field: str) -> int:
    """``VmHWM`` (most memory that was ever resident), ``VmRSS`` or ``RssAnon`` of one process; 0 if it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
    return 0


def shared_out_kib(process: int) -> int:
    """The memory of one process where pages that several share count as a part each (PSS); 0 if it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def forget_peak(process: int) -> None:
    """Let ``VmHWM`` begin anew at what is resident now."""
    Path(f"/proc/{process}/clear_refs").write_text("5")
