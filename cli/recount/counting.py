"""Counting again: of each GUID the ballot that was received first, and everything that must follow from that."""

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import groupby
from operator import itemgetter

from cli.recount.findings import Findings
from cli.recount.reading import Facts, Snapshot, StoredBatch, StoredPart
from cli.recount.receipts import compare_payloads
from cli.recount.sorting import Sorter
from shared.ballot_proofs import unproven
from shared.errors import InvalidInput
from shared.queue.parts import PartContents, unpack
from shared.terms import Refusal

# GUID, rank of the part, line of the file, number of the part here, poll number: in this order the first one wins.
BALLOT = struct.Struct(">16sIIIQ")
# Batch, line; part, GUID, poll number, reason.
REFUSED = struct.Struct(">32sIq16sQB")
# Partition, place, poll number; votes.
TALLY = struct.Struct(">qqqq")
REASONS = [Refusal.DUPLICATE, Refusal.INVALID_POLL_NUMBER, Refusal.OUTSIDE_ELECTION, Refusal.INVALID_SIGNATURE]
_GUID = 16
_DUPLICATE, _INVALID = REASONS.index(Refusal.DUPLICATE), REASONS.index(Refusal.INVALID_POLL_NUMBER)
_UNSIGNED = REASONS.index(Refusal.INVALID_SIGNATURE)

# Where a ballot came in: the number of its part here, and its line.
Origin = tuple[int, int]


@dataclass
class Recounted:
    """What has to be in the store; each may be read once, the ballots first.

    ``votes`` is filled while the tallies are read, the numbers of the parts while the ballots are.
    """

    facts: Facts
    ballots_received: Sorter = field(default_factory=lambda: Sorter(BALLOT.size))
    refused_lines: Sorter = field(default_factory=lambda: Sorter(REFUSED.size))
    votes_of_parts: Sorter = field(default_factory=lambda: Sorter(TALLY.size))
    votes: Counter[int] = field(default_factory=Counter)

    def close(self) -> None:
        for sorter in (self.ballots_received, self.refused_lines, self.votes_of_parts):
            sorter.close()

    def take(self, index: int, contents: PartContents) -> None:
        """Take a part of the election in."""
        part = self.facts.parts[index]
        guids, pack, rank = contents.guids, BALLOT.pack, part.rank
        poll = self.facts.poll
        bad = set(unproven(poll.ballot_key, poll.id, guids, contents.proofs) if contents.proofs else ())
        for place in bad:
            part.invalids += 1
            line, number = contents.lines[place], contents.poll_numbers[place]
            self._refuse(part, line, guids[place * _GUID : (place + 1) * _GUID], number, _UNSIGNED)
            self._vote(part, number, -1)
        self.ballots_received.extend(
            [
                pack(guids[at : at + _GUID], rank, line, index, number)
                for at, line, number in zip(
                    range(0, len(guids), _GUID), contents.lines, contents.poll_numbers, strict=True
                )
                if not bad or at // _GUID not in bad
            ]
        )
        for number, votes in Counter(contents.poll_numbers).items():
            self._vote(part, number, votes)

    def ballots(self) -> Iterator[tuple[bytes, tuple[int, int], Origin]]:
        """Of each GUID the first ballot: the GUID; poll number and source; where it came in."""
        parts, valid, unpack_ballot = self.facts.parts, self.facts.names, BALLOT.unpack
        last = b""
        for record in self.ballots_received:
            guid, _, line, index, number = unpack_ballot(record)
            if guid != last:
                last = guid
                if number not in valid:
                    parts[index].invalids += 1
                    self._refuse(parts[index], line, guid, number, _INVALID)
                yield guid, (number, parts[index].source), (index, line)
            else:
                parts[index].duplicates += 1
                self._refuse(parts[index], line, guid, number, _DUPLICATE)
                self._vote(parts[index], number, -1)

    def tallies(self) -> Iterator[tuple[tuple[int, int, int], int, None]]:
        """Partition, place and poll number; the votes."""
        for key, group in groupby(map(TALLY.unpack, self.votes_of_parts), key=itemgetter(0, 1, 2)):
            votes = sum(one[3] for one in group)
            if votes:
                self.votes[key[2]] += votes
                yield key, votes, None

    def _vote(self, part: StoredPart, number: int, votes: int) -> None:
        if number in self.facts.names:
            self.votes_of_parts.add(TALLY.pack(part.partition, part.sequence, number, votes))

    def _refuse(self, part: StoredPart, line: int, guid: bytes, number: int, reason: int) -> None:
        self.refused_lines.add(REFUSED.pack(part.batch_id.encode(), line, part.part, guid, number, reason))


def count(snapshot: Snapshot, facts: Facts, findings: Findings) -> Recounted:
    """Read what the stations received, and take in what belongs to the election."""
    recounted = Recounted(facts)
    indexes = {part.key: index for index, part in enumerate(facts.parts) if _concerns(facts, part)}
    payloads = snapshot.payloads(sorted({batch_id for batch_id, _ in indexes}))
    for batch_id, its_payloads in groupby(payloads, key=itemgetter(0)):
        batch = facts.batches.get(batch_id)
        lines = _Lines(batch)
        digests: dict[int, bytes] = {}
        for _, number, payload in its_payloads:
            digests[number] = sha256(payload).digest()
            index = indexes.get((batch_id, number))
            if index is None:
                lines.is_whole = False
                continue
            part = facts.parts[index]
            try:
                contents = unpack(payload)
            except InvalidInput as error:
                lines.is_whole = False
                _add(findings, part, f"what the station received cannot be read any more: {error.message}")
                continue
            part.ballots = len(contents.poll_numbers)
            lines.take(part, contents, findings)
            if part.belongs_to == facts.poll.id:
                recounted.take(index, contents)
        lines.finish(findings)
        if batch is not None and sorted(digests) == list(range(batch.parts)):
            compare_payloads(facts, batch, [digests[number] for number in sorted(digests)], findings)
    return recounted


def _concerns(facts: Facts, part: StoredPart) -> bool:
    """Whether a part is the election's, is recorded as such, or was sent for it when it was not open."""
    batch = facts.batches.get(part.batch_id)
    named = batch.named if batch else None
    return facts.poll.id in (part.belongs_to, part.election_id, named)


class _Lines:
    """The lines of one batch, each of which has to be in one of its parts, once."""

    def __init__(self, batch: StoredBatch | None) -> None:
        self._batch = batch
        self._seen = bytearray(batch.lines if batch else 0)
        self._parts = 0
        self.is_whole = True

    def take(self, part: StoredPart, contents: PartContents, findings: Findings) -> None:
        self._parts += 1
        before = -1
        for line in contents.lines:
            if line <= before:
                self._wrong(findings, part, line, f"its line {line} does not come after line {before}")
            elif self._batch and line >= self._batch.lines:
                self._wrong(findings, part, line, f"it holds line {line}, and the file had {self._batch.lines} lines")
            elif self._batch and self._seen[line]:
                self._wrong(findings, part, line, f"it holds line {line}, which another part holds, too")
            elif self._batch:
                self._seen[line] = 1
            before = line

    def finish(self, findings: Findings) -> None:
        """Say which line is in no part, if all parts are there and could be read."""
        if self._batch is None or not self.is_whole or self._parts != self._batch.parts:
            return
        line = self._seen.find(0)
        if line >= 0:
            findings.add(
                "payload_changed",
                sentence=f"Batch {self._batch.id}: the file had {self._batch.lines} lines, of which "
                f"{self._seen.count(0)} are in none of its parts, the first of them line {line}.",
                batch_id=self._batch.id,
                line=line,
                expected=self._batch.lines,
                found=self._batch.lines - self._seen.count(0),
            )

    def _wrong(self, findings: Findings, part: StoredPart, line: int, what: str) -> None:
        self.is_whole = False
        _add(findings, part, f"what the station received was changed: {what}.", line)


def _add(findings: Findings, part: StoredPart, what: str, line: int | None = None) -> None:
    findings.add(
        "payload_changed",
        sentence=f"{part.name}: {what}",
        batch_id=part.batch_id,
        part=part.part,
        line=line,
    )
