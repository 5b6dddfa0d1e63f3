"""Which election a ballot belongs to, and whether it counts. Pure: no clock, no queue, no database."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.terms import Refusal

GUID_BYTES = 16
# The elections of the country as a whole; a ballot that names no election belongs to theirs first.
DEFAULT_JURISDICTION = 1


@dataclass(frozen=True)
class Poll:
    """An election as the daemon needs it: open from ``start``, inclusive, to ``end``, exclusive."""

    id: int
    jurisdiction_id: int
    start: datetime
    end: datetime
    poll_numbers: frozenset[int]
    # By which the signatures of voters' ballots are checked; None where voters do not vote so.
    ballot_key: str | None = None

    def is_open(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


@dataclass(frozen=True)
class Refused:
    """A ballot that does not count; ``line`` is the line of its file, from 0."""

    line: int
    guid: bytes
    poll_number: int
    reason: Refusal


@dataclass(frozen=True)
class Judgement:
    """What became of the ballots of one part: ``received = counted + duplicate + invalid + outside``."""

    received: int
    counted: int
    duplicate: int
    invalid: int
    outside: int
    tally: dict[int, int] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)


@dataclass(frozen=True)
class Lines:
    """The ballots of a part, or those of them that are judged any further."""

    guids: bytes
    poll_numbers: "array[int]"
    lines: "array[int]"

    def without(self, places: Sequence[int]) -> "Lines":
        """All but those at these places."""
        out = set(places)
        kept = [place for place in range(len(self.lines)) if place not in out]
        return Lines(
            b"".join(self.guids[place * GUID_BYTES : (place + 1) * GUID_BYTES] for place in kept),
            array("Q", [self.poll_numbers[place] for place in kept]),
            array("I", [self.lines[place] for place in kept]),
        )

    def refused(self, places: Sequence[int], reason: Refusal) -> list[Refused]:
        """Those at these places, with why they do not count."""
        return [
            Refused(
                self.lines[place],
                self.guids[place * GUID_BYTES : (place + 1) * GUID_BYTES],
                self.poll_numbers[place],
                reason,
            )
            for place in places
        ]


def poll_at(polls: Sequence[Poll], moment: datetime, named: int | None) -> Poll | None:
    """The election that ballots received at ``moment`` belong to.

    It is the one that they name, if that was open, else the only one that was open. Where several were, it is the
    one of the whole country, since the classic route knows no other.
    """
    were_open = [poll for poll in polls if poll.is_open(moment)]
    if named is not None:
        return next((poll for poll in were_open if poll.id == named), None)
    if len(were_open) == 1:
        return were_open[0]
    return next((poll for poll in were_open if poll.jurisdiction_id == DEFAULT_JURISDICTION), None)


def outside(ballots: int) -> Judgement:
    """A part that was received while its election was not open: all of it is outside, line by line."""
    return Judgement(received=ballots, counted=0, duplicate=0, invalid=0, outside=ballots)


def judge(
    guids: bytes,
    poll_numbers: "array[int]",
    lines: "array[int]",
    valid: frozenset[int],
    firsts: Mapping[bytes, bool] | None,
) -> Judgement:
    """Judge the ballots of one part, in order: a GUID seen before is a duplicate, else the poll number has to exist.

    ``firsts`` says of GUIDs whether this part brought them first; within the part the first line does. Every GUID that
    is not in it comes once in the part and was not seen before; None means all of them.
    """
    received = len(poll_numbers)
    refused: list[Refused] = []
    tally = Counter(poll_numbers)
    if firsts is not None:
        seen: set[bytes] = set()
        for index in range(received):
            guid = guids[index * GUID_BYTES : (index + 1) * GUID_BYTES]
            if firsts.get(guid, True) and guid not in seen:
                seen.add(guid)
                continue
            refused.append(Refused(lines[index], guid, poll_numbers[index], Refusal.DUPLICATE))
            tally[poll_numbers[index]] -= 1
    duplicate = len(refused)
    unknown = {number for number, votes in tally.items() if number not in valid and votes}
    if unknown:
        duplicates = {line.line for line in refused}
        for index, number in enumerate(poll_numbers):
            if number in unknown and lines[index] not in duplicates:
                guid = guids[index * GUID_BYTES : (index + 1) * GUID_BYTES]
                refused.append(Refused(lines[index], guid, number, Refusal.INVALID_POLL_NUMBER))
        refused.sort(key=lambda ballot: ballot.line)
    counts = {number: votes for number, votes in tally.items() if number in valid and votes}
    counted = sum(counts.values())
    return Judgement(
        received=received,
        counted=counted,
        duplicate=duplicate,
        invalid=received - duplicate - counted,
        outside=0,
        tally=counts,
        refused=refused,
    )


def with_refused(judgement: Judgement, before: Sequence[Refused]) -> Judgement:
    """What became of a part of which ``before`` were refused as invalid before the others were judged.

    They take no GUID up: whoever has no right to vote cannot stand in the way of who has one.
    """
    return replace(
        judgement,
        received=judgement.received + len(before),
        invalid=judgement.invalid + len(before),
        refused=sorted([*judgement.refused, *before], key=lambda ballot: ballot.line),
    )
