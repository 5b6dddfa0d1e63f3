"""Comparing what has to be in the store with what is there, row by row, and saying each difference in a sentence."""

import struct
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

from cli.recount.counting import REASONS, REFUSED, Origin, Recounted
from cli.recount.findings import Finding, Findings, written
from cli.recount.reading import Facts, Snapshot, StoredPart
from cli.recount.sorting import Sorter


def differences(expected: Iterator[Any], committed: Iterator[Any]) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Go through two sorted streams at once; give key, expected value, committed value and origin where they differ.

    ``expected`` gives key, value and origin, ``committed`` key and value; where one of them lacks a key, its value is
    None.
    """
    there = next(committed, None)
    for key, value, origin in expected:
        while there is not None and there[0] < key:
            yield there[0], None, there[1], None
            there = next(committed, None)
        if there is None or there[0] != key:
            yield key, value, None, origin
            continue
        if there[1] != value:
            yield key, value, there[1], origin
        there = next(committed, None)
    while there is not None:
        yield there[0], None, there[1], None
        there = next(committed, None)


class Comparison:
    """Compares one election; the order of the steps is that in which the recount gets to know what it needs."""

    def __init__(self, snapshot: Snapshot, facts: Facts, recounted: Recounted, findings: Findings) -> None:
        self._snapshot = snapshot
        self._facts = facts
        self._recounted = recounted
        self._findings = findings
        # The parts whose ballots nobody can compare, because they are not there or cannot be read: by their source.
        self._by_source = {part.source: part for part in facts.parts}
        self._by_key = {part.key: part for part in facts.parts}
        self.votes: Counter[int] = Counter()

    def run(self) -> None:
        self._compare_ballots()
        self._compare_refused_lines()
        self._compare_tallies()
        self._compare_counts()

    def _compare_ballots(self) -> None:
        unknown: Counter[int] = Counter()
        committed = self._snapshot.ballots(self._facts.poll.id)
        for guid, expected, found, origin in differences(self._recounted.ballots(), committed):
            if found is not None and self._is_unknown(self._by_source.get(found[1])):
                unknown[found[1]] += 1
            elif expected is None:
                self._findings.add("ballot_added", partial(self._added, guid, *found))
            elif found is None:
                self._findings.add("ballot_removed", partial(self._removed, guid, expected, origin))
            else:
                self._findings.add("ballot_changed", partial(self._changed, guid, expected, found, origin))
        for source, ballots in sorted(unknown.items()):
            self._add_unknown("ballot_added", self._by_source.get(source), source, ballots, "ballots")

    @staticmethod
    def _is_unknown(part: StoredPart | None) -> bool:
        return part is None or part.ballots is None

    def _added(self, guid: bytes, number: int, source: int) -> Finding:
        part = self._by_source[source]
        return Finding(
            "ballot_added",
            f"{part.name}: ballot {written(guid)} with poll number {number} is stored as if it had come in this part, "
            "and it did not: it was added.",
            batch_id=part.batch_id,
            part=part.part,
            guid=written(guid),
            found={"poll_number": number, "source": source},
        )

    def _removed(self, guid: bytes, expected: tuple[int, int], origin: Origin) -> Finding:
        part, line = self._facts.parts[origin[0]], origin[1]
        return Finding(
            "ballot_removed",
            f"{part.name}, line {line}: ballot {written(guid)} with poll number {expected[0]} was received, and it is "
            "not stored: it was removed.",
            batch_id=part.batch_id,
            part=part.part,
            line=line,
            guid=written(guid),
            expected={"poll_number": expected[0], "source": expected[1]},
        )

    def _changed(self, guid: bytes, expected: tuple[int, int], found: tuple[int, int], origin: Origin) -> Finding:
        part, line = self._facts.parts[origin[0]], origin[1]
        wrong = []
        if expected[0] != found[0]:
            wrong.append(f"is stored with poll number {found[0]}, and was received with {expected[0]}")
        if expected[1] != found[1]:
            wrong.append(f"is stored as if it had come first in {self._by_source[found[1]].name}")
        return Finding(
            "ballot_changed",
            f"{part.name}, line {line}: ballot {written(guid)} {' and '.join(wrong)}.",
            batch_id=part.batch_id,
            part=part.part,
            line=line,
            guid=written(guid),
            expected={"poll_number": expected[0], "source": expected[1]},
            found={"poll_number": found[0], "source": found[1]},
        )

    def _compare_refused_lines(self) -> None:
        unknown: Counter[tuple[str, int]] = Counter()
        committed = Sorter(REFUSED.size)
        for batch_id, line, part, guid, number, reason in self._snapshot.refused_lines(self._facts.poll.id):
            if self._is_unknown(self._by_key.get((batch_id, part))):
                unknown[batch_id, part] += 1
                continue
            try:
                place = REASONS.index(reason)
                committed.add(REFUSED.pack(batch_id.encode(), line, part, guid, number, place))
            except (ValueError, struct.error):
                # No part can hold such a line.
                self._refused("refused_line_added", batch_id, line, None, (part, guid, number, reason))
        expected = ((*one, None) for one in map(_refused_line, self._recounted.refused_lines))
        for (batch_id, line), right, found, _ in differences(expected, map(_refused_line, committed)):
            action = "added" if right is None else "removed" if found is None else "changed"
            self._refused(f"refused_line_{action}", batch_id, line, right, found)
        committed.close()
        for (batch_id, number), lines in sorted(unknown.items()):
            part = self._by_key.get((batch_id, number))
            self._add_unknown("refused_line_added", part, f"{batch_id}, part {number}", lines, "refused lines")

    def _refused(
        self, kind: str, batch_id: str, line: int, right: tuple[Any, ...] | None, found: tuple[Any, ...] | None
    ) -> None:
        def described(one: tuple[Any, ...]) -> str:
            return f"ballot {written(one[1])} with poll number {one[2]} as {str(one[3]).replace('_', ' ')}"

        part, guid = (right or found or (None, b""))[:2]
        if right is None:
            what = f"{described(found or ())} stands among the refused lines, where it does not belong: it was added"
        elif found is None:
            what = f"{described(right)} is missing among the refused lines: it was removed"
        else:
            what = f"the refused line is {described(found)} in part {found[0]}, and it has to be {described(right)}"
        self._findings.add(
            kind,
            sentence=f"Batch {batch_id}, part {part}, line {line}: {what}.",
            batch_id=batch_id,
            part=part,
            line=line,
            guid=written(guid),
            expected=_facts_of_refused(right),
            found=_facts_of_refused(found),
        )

    def _compare_tallies(self) -> None:
        unknown: Counter[int] = Counter()
        found: Any
        for key, expected, found, _ in differences(self._recounted.tallies(), self._committed_tallies()):
            source = key[0] * 2**40 + key[1]
            part = self._by_source.get(source)
            if part is None or part.ballots is None:
                unknown[source] += found or 0
                continue
            action = "added" if expected is None else "removed" if found is None else "changed"
            self._findings.add(
                f"tally_{action}",
                sentence=f"{part.name}: poll number {key[2]} has {expected or 0} of its ballots, and the tally says "
                f"{'nothing of it' if found is None else found}: the tally was {action}.",
                batch_id=part.batch_id,
                part=part.part,
                expected={"poll_number": key[2], "votes": expected or 0},
                found=None if found is None else {"poll_number": key[2], "votes": found},
            )
        for source, votes in sorted(unknown.items()):
            self._add_unknown("tally_added", self._by_source.get(source), source, votes, "votes in tallies")

    def _committed_tallies(self) -> Iterator[tuple[tuple[int, int, int], int]]:
        for key, votes in self._snapshot.tallies(self._facts.poll.id):
            self.votes[key[2]] += votes
            yield key, votes

    def _compare_counts(self) -> None:
        for part in self._facts.parts:
            concerned = (part.belongs_to, part.election_id)
            if part.ballots is None or (part.belongs_to is not None and self._facts.poll.id not in concerned):
                continue
            right = expected_counts(part, self._facts)
            found = {name: getattr(part, name) for name in right}
            wrong = [f"{found[name]} {name}, and not {right[name]}" for name in right if right[name] != found[name]]
            if wrong:
                self._findings.add(
                    "part_counts_changed",
                    sentence=f"{part.name}: its row says {'; '.join(wrong)}.",
                    batch_id=part.batch_id,
                    part=part.part,
                    expected=right,
                    found=found,
                )

    def _add_unknown(self, kind: str, part: StoredPart | None, place: int | str, number: int, what: str) -> None:
        """What is stored of a part that is not there or cannot be read is one finding, and not one for each ballot."""
        if isinstance(place, int):
            place = f"partition {place // 2**40}, place {place % 2**40}"
        name = part.name if part else f"Of the part at {place}"
        why = "what the station received cannot be read" if part else "there is no such part of this election"
        self._findings.add(
            kind,
            sentence=f"{name}: {number} {what} are stored that cannot be compared, because {why}.",
            batch_id=part.batch_id if part else None,
            part=part.part if part else None,
            expected=None,
            found=number,
        )


def expected_counts(part: StoredPart, facts: Facts) -> dict[str, int]:
    """What has to stand in the row of a part that could be read."""
    received = part.ballots or 0
    if part.belongs_to != facts.poll.id:
        return {"received": received, "counted": 0, "duplicate": 0, "invalid": 0, "outside": received}
    return {
        "received": received,
        "counted": received - part.duplicates - part.invalids,
        "duplicate": part.duplicates,
        "invalid": part.invalids,
        "outside": 0,
    }


def _refused_line(record: bytes) -> tuple[tuple[str, int], tuple[int, bytes, int, str]]:
    batch_id, line, part, guid, number, reason = REFUSED.unpack(record)
    return (batch_id.rstrip(b"\0").decode(), line), (part, guid, number, REASONS[reason].value)


def _facts_of_refused(one: tuple[Any, ...] | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return dict(zip(("part", "guid", "poll_number", "reason"), (one[0], written(one[1]), *one[2:]), strict=True))
