"""What the model of the way of a ballot has to come to: a count of ten lines."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

POLL_NUMBERS = 3

# Batch and number of a part; a line with the part in which it lies.
PartKey = tuple[str, int]
Line = tuple[PartKey, str, int]


@dataclass
class Poll:
    """An election: open from ``start``, inclusive, to ``end``, exclusive."""

    id: int
    start: datetime
    end: datetime


@dataclass
class Entered:
    """Lines that were accepted together, or that were put back into the queue together."""

    received_at: datetime
    named: int | None
    lines: list[Line]


@dataclass
class Counted:
    """What has to be in the store."""

    ballots: dict[tuple[int, str], int] = field(default_factory=dict)
    votes: Counter[tuple[int, int]] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    outside: int = 0


def reference(log: Sequence[Entered], polls: Sequence[Poll], recorded: set[PartKey]) -> Counted:
    """The count of what is recorded, in the order in which it came into the queues."""
    counted = Counted()
    for one in log:
        polls_then = [poll.id for poll in polls if poll.start <= one.received_at < poll.end]
        election = next((poll for poll in polls_then if one.named in (None, poll)), None)
        for part, ballot, number in one.lines:
            if part not in recorded:
                continue
            if election is None:
                counted.outside += 1
            elif (election, ballot) in counted.ballots:
                counted.refused[ballot, "duplicate"] += 1
            else:
                counted.ballots[election, ballot] = number
                known = number <= POLL_NUMBERS
                counted.votes[election, number] += known
                counted.refused[ballot, "invalid_poll_number"] += not known
    return counted
