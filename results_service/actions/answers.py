"""What is answered to the public: forms of an answer, and an election as everybody may see it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from shared.schema.election import Election
from shared.terms import State

T = TypeVar("T")
F = TypeVar("F")

# Whether the caller already has the answer of that name.
Known = Callable[[str], bool]


@dataclass(frozen=True)
class Answer(Generic[T]):
    """``body`` is None when the caller already has the answer with this ``tag``; ``settled``: it will hardly change."""

    tag: str
    settled: bool
    body: T | None


@dataclass(frozen=True)
class Kept(Generic[T]):
    """An answer that is given more than once, with the forms in which it was written."""

    tag: str
    settled: bool
    body: T
    _forms: dict[str, object] = field(default_factory=dict, compare=False, repr=False)

    def form(self, name: str, write: Callable[["Kept[T]"], F]) -> F:
        """The answer as ``write`` writes it, once for all; each ``name`` has one way to be written."""
        if name not in self._forms:
            self._forms[name] = write(self)
        return self._forms[name]  # type: ignore[return-value]  # What is under a name came from its one writer.


@dataclass(frozen=True)
class Summary:
    """An election as everybody may see it; ``by_voters``: voters cast ballots themselves in it."""

    id: int
    title: str
    kind: str
    individual: bool
    state: State
    start: datetime
    end: datetime
    cancelled_reason: str
    by_voters: bool
    choices_public: bool


@dataclass(frozen=True)
class OnBallot:
    """Who stands under a poll number."""

    poll_number: int
    name: str
    individual: bool
    exempt: bool


@dataclass(frozen=True)
class Details:
    """An election with who stands in it and by which rules votes become seats; no rules: it gives no seats."""

    election: Summary
    lists: tuple[OnBallot, ...]
    rules: dict[str, int | str | bool] | None
    ballot_key: str | None


@dataclass(frozen=True)
class Listing(Generic[T]):
    """One page, and how many items there are in all."""

    items: list[T]
    total: int


def summary_of(election: Election, state: State) -> Summary:
    """An election as everybody may see it."""
    return Summary(
        id=election.id,
        title=election.title,
        kind=election.kind,
        individual=election.individual,
        state=state,
        start=election.start,
        end=election.end,
        cancelled_reason=election.cancelled_reason,
        by_voters=election.ballot_key is not None,
        choices_public=election.choices_public,
    )
