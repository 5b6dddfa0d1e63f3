"""The count once more, as plainly as it can be written: all accepted files in the order of receipt, line by line.

Nothing of the product's code is used here but the names of the reasons; a fault of the product must not be in both.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.terms import Refusal
from tests.faults.plan import Ballot

COUNTRY = 1


@dataclass(frozen=True)
class Poll:
    """An election as it is stored: open from ``start``, inclusive, to ``end``, exclusive."""

    id: int
    jurisdiction: int
    start: datetime
    end: datetime
    poll_numbers: frozenset[int]


@dataclass(frozen=True)
class Accepted:
    """A file that was accepted; ``election`` is the one that it was accepted for, None by the classic route."""

    batch: str
    received_at: datetime
    election: int | None
    ballots: Sequence[Ballot]


@dataclass
class BatchCount:
    """What became of the lines of one file; ``refused`` has the reason of each line that is not counted, from 0."""

    received: int = 0
    counted: int = 0
    duplicate: int = 0
    invalid: int = 0
    outside: int = 0
    refused: dict[int, Refusal] = field(default_factory=dict)


@dataclass
class ElectionCount:
    """What an election came to; ``first`` has the poll number of the ballot that came first with each GUID."""

    votes: Counter[int] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)
    counted: int = 0
    duplicate: int = 0
    invalid: int = 0
    outside: int = 0


@dataclass
class Recount:
    """Every file and every election."""

    batches: dict[str, BatchCount] = field(default_factory=dict)
    elections: dict[int, ElectionCount] = field(default_factory=dict)


def recount(polls: Sequence[Poll], files: Iterable[Accepted]) -> Recount:
    """Count the files; of several ballots with one GUID in an election, the one received first is the ballot."""
    found = Recount(elections={poll.id: ElectionCount() for poll in polls})
    ends = {poll.id: poll.end for poll in polls}
    for file in sorted(files, key=lambda file: file.received_at):
        batch = found.batches[file.batch] = BatchCount()
        poll = _poll(polls, file)
        for line, (guid, number) in enumerate(file.ballots):
            batch.received += 1
            if poll is None:
                batch.outside += 1
                # What comes after the end is in no result, which may be final by then.
                if file.election is not None and file.received_at < ends[file.election]:
                    found.elections[file.election].outside += 1
                continue
            election = found.elections[poll.id]
            if guid in election.first:
                batch.duplicate += 1
                election.duplicate += 1
                batch.refused[line] = Refusal.DUPLICATE
                continue
            election.first[guid] = number
            if number not in poll.poll_numbers:
                batch.invalid += 1
                election.invalid += 1
                batch.refused[line] = Refusal.INVALID_POLL_NUMBER
                continue
            batch.counted += 1
            election.counted += 1
            election.votes[number] += 1
    return found


def _poll(polls: Sequence[Poll], file: Accepted) -> Poll | None:
    """The election that was open when the file was received: the named one, or the only one, or the country's."""
    were_open = [poll for poll in polls if poll.start <= file.received_at < poll.end]
    if file.election is not None:
        were_open = [poll for poll in were_open if poll.id == file.election]
    elif len(were_open) > 1:
        were_open = [poll for poll in were_open if poll.jurisdiction == COUNTRY]
    return were_open[0] if were_open else None
