"""What a recount finds: a sentence each, and how many of each kind."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Finding:
    """Something in the store that is not as the received ballots make it; ``sentence`` says all of it.

    ``line`` is counted from 0, as everywhere. What does not apply is None.
    """

    kind: str
    sentence: str
    batch_id: str | None = None
    part: int | None = None
    line: int | None = None
    guid: str | None = None
    expected: Any = None
    found: Any = None


class Findings:
    """Counts findings, and keeps the first ``keep`` of each kind: a part that is gone may make many thousands."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.counts: Counter[str] = Counter()
        self.kept: list[Finding] = []

    def __bool__(self) -> bool:
        return bool(self.counts)

    def add(self, kind: str, make: Callable[[], Finding] | None = None, /, **facts: Any) -> None:
        """Note a finding, given by what it consists of or, where there may be many, by a function that makes it."""
        self.counts[kind] += 1
        if self.counts[kind] <= self.keep:
            self.kept.append(make() if make else Finding(kind, **facts))


def written(guid: bytes) -> str:
    """A GUID as it stands in files, or the bytes of what is none."""
    return str(UUID(bytes=guid)) if len(guid) == 16 else guid.hex()
