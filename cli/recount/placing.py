"""Which parts belong to the election, in which order they were received, and which are not there."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from cli.recount.findings import Findings
from cli.recount.reading import Facts, Poll, Snapshot, StoredPart
from cli.recount.receipts import read_acceptances
from shared.schema.election import Batch

# Whose elections ballots that name none belong to, where several are open.
_WHOLE_COUNTRY = 1
# A part is judged a little after the moment that stands in its row; around a cancellation either may be right.
_AROUND_A_CANCELLATION = timedelta(seconds=60)
_NEVER = datetime.min.replace(tzinfo=UTC)


def gather(snapshot: Snapshot, facts: Facts, findings: Findings) -> int:
    """Fill in the batches and parts of the election; return how many parts were received and may still wait."""
    poll = facts.poll
    concerned = sa.or_(
        Batch.election_id == poll.id,
        sa.and_(Batch.election_id.is_(None), Batch.received_at >= poll.start, Batch.received_at < poll.end),
    )
    facts.batches = {batch.id: batch for batch in snapshot.batches(concerned)}
    facts.parts = list(_of_election(facts, _without_gaps(facts, snapshot.parts(), findings)))
    others = sorted({part.batch_id for part in facts.parts} - facts.batches.keys())
    facts.batches |= {batch.id: batch for batch in snapshot.batches_of(others)}
    read_acceptances(snapshot, facts)
    for part in facts.parts:
        part.belongs_to = _election_of(facts, part)
        _compare_with_batch(facts, part, findings)
    _rank(facts, findings)
    _find_dead_letters(facts, findings)
    return _find_missing(facts, findings)


def _without_gaps(facts: Facts, parts: Iterable[StoredPart], findings: Findings) -> Iterator[StoredPart]:
    """Pass the parts of the store through, and find the places in their partitions where none stands.

    Places are given out by one, for ever; whatever election the missing ones were of cannot be known.
    """
    reached = dict.fromkeys(facts.partitions, 0)
    for part in parts:
        _find_gap(part.partition, reached.get(part.partition, 0), part.sequence, findings)
        reached[part.partition] = part.sequence
        yield part
    for partition, row in facts.partitions.items():
        if reached[partition] > row.sequence:
            findings.add(
                "part_added",
                sentence=f"Partition {partition} has a part at place {reached[partition]}, though the last that was "
                f"recorded in it has place {row.sequence}: a part was added.",
                expected=row.sequence,
                found=reached[partition],
            )
        _find_gap(partition, reached[partition], row.sequence + 1, findings)


def _find_gap(partition: int, before: int, after: int, findings: Findings) -> None:
    if after - before <= 1:
        return
    places = f"place {before + 1}" if after - before == 2 else f"the places {before + 1} to {after - 1}"
    findings.add(
        "part_missing",
        sentence=f"No part stands at {places} of partition {partition}, where one was recorded: its row was removed.",
        expected=after - before - 1,
        found=0,
    )


def _of_election(facts: Facts, parts: Iterable[StoredPart]) -> Iterator[StoredPart]:
    """The parts that are recorded for the election, or whose batch may be of it."""
    for part in parts:
        # Without its batch, which is recorded with part 0, a part outside may be of any election.
        may_be = part.election_id is None and facts.poll.is_open(part.received_at)
        if part.election_id == facts.poll.id or part.batch_id in facts.batches or may_be:
            yield part


def _election_of(facts: Facts, part: StoredPart) -> int | None:
    """The election that a part belongs to by its moment of receipt and what its batch names.

    Where more than one answer is right, it is the one that was given.
    """
    were_open = [poll for poll in facts.polls if poll.is_open(part.received_at)]
    certain = [
        poll
        for poll in were_open
        if poll.cancelled_at is None or part.recorded_at < poll.cancelled_at - _AROUND_A_CANCELLATION
    ]
    possible = [
        poll
        for poll in were_open
        if poll.cancelled_at is None or part.recorded_at < poll.cancelled_at + _AROUND_A_CANCELLATION
    ]
    batch = facts.batches.get(part.batch_id)
    if batch is None:
        # Without the row of the batch nobody knows which election it named.
        answers = [*(poll.id for poll in possible), _choose(certain, None)]
    else:
        answers = [_choose(certain, batch.named), _choose(possible, batch.named)]
    return part.election_id if part.election_id in answers else answers[0]


def _choose(were_open: Sequence[Poll], named: int | None) -> int | None:
    if named is not None:
        return named if any(poll.id == named for poll in were_open) else None
    if len(were_open) == 1:
        return were_open[0].id
    return next((poll.id for poll in were_open if poll.jurisdiction_id == _WHOLE_COUNTRY), None)


def _compare_with_batch(facts: Facts, part: StoredPart, findings: Findings) -> None:
    """Compare what the row of a part says with the row of its batch and with the hours of the elections."""

    def add(kind: str, sentence: str, expected: object, found: object) -> None:
        findings.add(kind, sentence=sentence, batch_id=part.batch_id, part=part.part, expected=expected, found=found)

    if part.election_id != part.belongs_to:
        add(
            "part_changed",
            f"{part.name}: it is recorded for {_called(part.election_id)}, and by its moment of receipt, "
            f"{part.received_at.isoformat()}, it belongs to {_called(part.belongs_to)}.",
            part.belongs_to,
            part.election_id,
        )
    batch = facts.batches.get(part.batch_id)
    if batch is None:
        return
    if part.received_at != batch.received_at:
        add(
            "part_changed",
            f"{part.name}: its moment of receipt is {part.received_at.isoformat()}, and that of its "
            f"batch is {batch.received_at.isoformat()}.",
            batch.received_at.isoformat(),
            part.received_at.isoformat(),
        )
    if not 0 <= part.part < batch.parts:
        add("part_added", f"{part.name}: the batch has {batch.parts} parts only.", batch.parts, part.part)


def _called(election_id: int | None) -> str:
    return "no election" if election_id is None else f"election {election_id}"


def _rank(facts: Facts, findings: Findings) -> None:
    """Say in which order the parts were judged: by the moment of receipt, and replayed dead letters when they came.

    Parts of one batch have one rank, within which the line decides.
    """
    latest: dict[int, datetime] = defaultdict(lambda: _NEVER)
    replayed: dict[int, datetime] = defaultdict(lambda: _NEVER)
    moments: list[tuple[datetime, int]] = []
    for part in facts.parts:
        if part.key in facts.letters:
            replayed[part.partition] = max(
                replayed[part.partition], latest[part.partition], part.received_at, part.recorded_at
            )
        elif part.received_at < latest[part.partition]:
            findings.add(
                "part_changed",
                sentence=f"{part.name}: it stands at place {part.sequence} of partition {part.partition}, "
                f"behind a part that was received later than {part.received_at.isoformat()}.",
                batch_id=part.batch_id,
                part=part.part,
                expected=latest[part.partition].isoformat(),
                found=part.received_at.isoformat(),
            )
            moments.append((part.received_at, 0))
            continue
        else:
            latest[part.partition] = part.received_at
        if part.key in facts.letters or part.received_at <= replayed[part.partition]:
            # What came together with a replayed part was judged in the order of the places.
            moments.append((replayed[part.partition], part.sequence))
        else:
            moments.append((part.received_at, 0))
    ranks = {moment: rank for rank, moment in enumerate(sorted(set(moments)))}
    for part, moment in zip(facts.parts, moments, strict=True):
        part.rank = ranks[moment]


def _find_dead_letters(facts: Facts, findings: Findings) -> None:
    for letter in facts.letters.values():
        if letter.received_at is not None:
            concerned = facts.poll.is_open(letter.received_at)
        else:
            concerned = letter.not_before is None or letter.not_before < facts.poll.end
        if concerned and not letter.settled:
            findings.add(
                "dead_letter_unsettled",
                sentence=f"Batch {letter.batch_id}, part {letter.part}: it is a dead letter, and its ballots are not "
                f"counted ({letter.reason}). Replay it with `urna queue replay`, or dismiss what was never accepted.",
                batch_id=letter.batch_id,
                part=letter.part,
            )


def _find_missing(facts: Facts, findings: Findings) -> int:
    """Find the parts of known batches, and the batches of known parts, that are not there; count those that may wait.

    Before the watermark of the slowest partition everything received is recorded or a dead letter.
    """
    numbers: dict[str, set[int]] = defaultdict(set)
    received = {batch.id: batch.received_at for batch in facts.batches.values()}
    for part in facts.parts:
        numbers[part.batch_id].add(part.part)
        received.setdefault(part.batch_id, part.received_at)
    waiting = 0
    for batch_id, moment in received.items():
        batch = facts.batches.get(batch_id)
        # With its part 0 a batch is recorded itself.
        absent = {0} if batch is None else set(range(batch.parts))
        is_drained = facts.drained is not None and moment < facts.drained
        if batch is None and 0 in numbers[batch_id]:
            findings.add(
                "batch_missing",
                sentence=f"Batch {batch_id}: its part 0 is there and the row of the batch itself was removed.",
                batch_id=batch_id,
            )
        for number in sorted(absent - numbers[batch_id]):
            if (batch_id, number) in facts.letters:
                continue
            if batch is None and is_drained:
                _add_missing(findings, batch_id, 0, "and neither is the row of the batch itself")
            elif batch is not None and is_drained:
                _add_missing(findings, batch_id, number, f"though the batch has {batch.parts} parts")
            elif number == 0 and batch is not None:
                _add_missing(findings, batch_id, 0, "though the row of the batch, recorded with it, is")
            else:
                waiting += 1
    return waiting


def _add_missing(findings: Findings, batch_id: str, part: int, why: str) -> None:
    findings.add(
        "part_missing",
        sentence=f"Batch {batch_id}, part {part}: it is not there, {why}; its row was removed.",
        batch_id=batch_id,
        part=part,
    )
