"""The commands of docs/operations.md, and what each of them prints, as the page has them."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.source import ROOT

PAGE = ROOT / "docs" / "operations.md"
# Where a block is run, and the test that runs all blocks of that kind.
KINDS = {
    "host": "tests/test_operations.py",
    "compose": "tests/deployment/engine/test_operations.py",
    "swarm": "tests/deployment/engine/test_operations_swarm.py",
}
# What the page calls $URNA_BACKUP_PASSPHRASE.
PASSPHRASE = "three o'clock in the morning"
_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANYTHING = "…"


@dataclass(frozen=True)
class Block:
    """Commands under a heading; ``prints`` are the lines of the page that say what is printed, in their order."""

    kind: str
    heading: str
    script: str
    prints: tuple[str, ...]

    def run(self, checkout: Path, environment: Mapping[str, str], seconds: float = 900) -> str:
        """Type the commands in a checkout; fails when one of them does. Returns what they printed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.script],
            cwd=checkout,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"{self.heading}:\n{self.script}\n{done.stdout}"
        return done.stdout

    def missing_in(self, output: str) -> str | None:
        """The first line that the page promises and the output does not have, after those before it."""
        lines = iter(" ".join(line.split()) for line in output.splitlines())
        for promised in self.prints:
            pattern = ".*".join(re.escape(" ".join(part.split())) for part in promised.split(_ANYTHING))
            if not any(re.search(pattern, line) for line in lines):
                return promised
        return None


def blocks(text: str | None = None) -> list[Block]:
    """Every block of commands of the page, from top to bottom."""
    text = PAGE.read_text(encoding="utf-8") if text is None else text
    found = []
    fenced = list(_BLOCK.finditer(text))
    for number, match in enumerate(fenced):
        language, _, kind = match[1].partition(" ")
        if language == "text":
            continue
        following = fenced[number + 1] if number + 1 < len(fenced) else None
        printed = following[2] if following and following[1] == "text" else ""
        heading = re.findall(r"^#+ (.*)$", text[: match.start()], re.MULTILINE)[-1]
        lines = tuple(line for line in printed.splitlines() if line.strip() not in ("", _ANYTHING))
        found.append(Block(kind if language == "sh" else match[1], heading, match[2], lines))
    return found
