"""What must hold after a run, whatever was done to the suite in it. Pure: each check looks at the evidence alone.

Each gives a sentence for everything that is wrong; ``tests/faults/test_checks.py`` tampers with good evidence for each.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from shared.terms import Progress, State
from tests.faults.evidence import Evidence, StoredBatch
from tests.faults.officials import email
from tests.faults.plan import Way
from tests.faults.record import Attempt
from tests.faults.recount import Accepted, Recount, recount

# Epoch, watermark and place of the last part.
_Reached = tuple[int, datetime | None, int]

_COUNTS = ("received", "counted", "duplicate", "invalid", "outside")


def wrong(evidence: Evidence) -> list[str]:
    """Everything that is wrong."""
    return [found for check in CHECKS for found in check(evidence)]


def every_answer_fits_the_store(evidence: Evidence) -> Iterator[str]:
    """An accepted file is there as its receipt says; a refused one, or one sent half, left no trace."""
    by_name = _by_name(evidence)
    by_id = {batch.id: batch for batch in evidence.batches}
    for attempt in evidence.attempts:
        name = attempt.file_name
        if attempt.status is not None and attempt.status not in (200, 202, 404, 409, 422, 400, 429, 503):
            yield f"{name} was answered with {attempt.status}."
        if attempt.hung_up or attempt.says_nothing_was_stored:
            if name in by_name:
                yield f"{name} was {'sent half' if attempt.hung_up else f'refused ({attempt.status})'} and is stored."
        elif attempt.status == 202:
            yield from _receipt(attempt, by_id.get(attempt.body["id"]))
        elif attempt.status == 200 and not any(one.file_name in by_name for one in _siblings(evidence, attempt)):
            yield f"{name} was accepted and is not in the store."


def _receipt(attempt: Attempt, batch: StoredBatch | None) -> Iterator[str]:
    name, receipt = attempt.file_name, attempt.body
    if batch is None:
        yield f"{name} has the receipt {receipt['id']} and is not in the store."
        return
    stored = (batch.sha256, batch.lines, batch.received_at, batch.election)
    said = (receipt["sha256"], receipt["lines"], _moment(receipt["received_at"]), receipt["election_id"])
    if stored != said:
        yield f"{name} is stored as {stored}, and its receipt says {said}."
    if not receipt["repeated"] and batch.file_name != name:
        yield f"{name} has the receipt of {batch.file_name}."


def every_batch_was_sent(evidence: Evidence) -> Iterator[str]:
    """What is stored is what somebody sent, whole, once for each key; what nobody sent is not there."""
    sent = {attempt.file_name: attempt for attempt in evidence.attempts}
    keys: dict[tuple[int, str], list[StoredBatch]] = defaultdict(list)
    names: dict[str, int] = defaultdict(int)
    for batch in evidence.batches:
        names[batch.file_name] += 1
        attempt = sent.get(batch.file_name)
        if attempt is None:
            yield f"Nobody sent the stored {batch.file_name}."
            continue
        upload = attempt.upload
        if upload.refused:
            yield f"{batch.file_name} has a bad line and is stored."
        stored = (batch.sha256, batch.lines, batch.official)
        if stored != (upload.sha256, len(upload.ballots), email(upload.official)):
            yield f"{batch.file_name} is stored as {stored}, which is not what was sent."
        if upload.key is not None:
            keys[upload.official, upload.key].append(batch)
    for name, times in names.items():
        if times > 1:
            yield f"{name} is stored {times} times."
    for (_, key), batches in keys.items():
        if len(batches) > 1:
            yield f"The key {key} has {len(batches)} batches: {', '.join(one.file_name for one in batches)}."


def a_key_has_one_receipt(evidence: Evidence) -> Iterator[str]:
    """The same file under the same key gets the same receipt; another file under it is refused."""
    receipts: dict[tuple[int, str], list[Attempt]] = defaultdict(list)
    for attempt in evidence.attempts:
        if attempt.upload.key is not None and attempt.accepted:
            receipts[attempt.upload.official, attempt.upload.key].append(attempt)
    for (_, key), attempts in receipts.items():
        if len({attempt.upload.sha256 for attempt in attempts}) > 1:
            yield f"The key {key} was accepted with several files."
        ids = [(one.body["id"], one.body["received_at"]) for one in attempts if one.status == 202]
        if len(set(ids)) > 1:
            yield f"The key {key} has several receipts: {ids}."


def every_line_is_accounted_for(evidence: Evidence) -> Iterator[str]:
    """The parts of each batch have all of its lines, judged as the recount judges them, and the station says so."""
    expected = _recount(evidence)
    sums: dict[str, list[int]] = defaultdict(lambda: [0] * len(_COUNTS))
    numbers: dict[str, set[int]] = defaultdict(set)
    for part in evidence.parts:
        if part.received != part.counted + part.duplicate + part.invalid + part.outside:
            yield f"Part {part.part} of {part.batch} does not add up."
        numbers[part.batch].add(part.part)
        for place, name in enumerate(_COUNTS):
            sums[part.batch][place] += getattr(part, name)
    for stray in sums.keys() - {batch.id for batch in evidence.batches}:
        yield f"There are parts of the batch {stray}, which is not there."
    refused: dict[str, dict[int, tuple[str, str]]] = defaultdict(dict)
    for line in evidence.refused:
        refused[line.batch][line.line] = (line.guid, line.reason)
    for batch in evidence.batches:
        if batch.id not in expected.batches:
            continue
        count = expected.batches[batch.id]
        wanted = [getattr(count, name) for name in _COUNTS]
        if numbers[batch.id] != set(range(batch.parts)):
            yield f"{batch.file_name} has the parts {sorted(numbers[batch.id])} of {batch.parts}."
        if sums[batch.id] != wanted:
            yield f"{batch.file_name} came to {sums[batch.id]} and has {wanted} ({', '.join(_COUNTS)})."
        ballots = _sent(evidence, batch).upload.ballots
        lines = {line: (ballots[line][0], reason.value) for line, reason in count.refused.items()}
        if refused[batch.id] != lines:
            differing = sorted(set(refused[batch.id].items()) ^ set(lines.items()))[:4]
            yield f"{batch.file_name} has other refused lines than the recount: {differing}."
        status = evidence.statuses.get(batch.id)
        shown = [status and status.get(name) for name in ("status", *_COUNTS)]
        if shown != [Progress.COUNTED.value, *wanted]:
            yield f"The station says of {batch.file_name}: {shown}, and it has {wanted}."


def the_first_received_won(evidence: Evidence) -> Iterator[str]:
    """The stored ballots are those that came first with their GUIDs, and no others."""
    expected = _recount(evidence)
    wanted = {(poll, guid): number for poll, one in expected.elections.items() for guid, number in one.first.items()}
    for poll, guid in sorted(wanted.keys() | evidence.ballots.keys()):
        stored, first = evidence.ballots.get((poll, guid)), wanted.get((poll, guid))
        if stored != first:
            yield f"The ballot {guid} of election {poll} is stored for {stored}; the first received is for {first}."


def the_result_is_the_recount(evidence: Evidence) -> Iterator[str]:
    """Tallies, and what the results service tells everybody, are what the accepted files come to."""
    expected = _recount(evidence)
    for poll in evidence.polls:
        count = expected.elections[poll.id]
        if evidence.tallies.get(poll.id, {}) != dict(count.votes):
            yield f"Election {poll.id} has the tallies {evidence.tallies.get(poll.id)}; recounted: {dict(count.votes)}."
        result = evidence.results.get(poll.id)
        if result is None:
            yield f"Election {poll.id} has no result."
            continue
        if result["state"] != State.FINAL:
            yield f"Election {poll.id} is {result['state']} in the end."
        votes = {row["poll_number"]: row["votes"] for row in result["lists"]}
        if votes != {number: count.votes[number] for number in poll.poll_numbers}:
            yield f"The result of election {poll.id} is {votes}; recounted: {dict(count.votes)}."
        ballots = [result["ballots"][name] for name in _COUNTS]
        wanted = [count.counted, count.duplicate, count.invalid, count.outside]
        if ballots != [sum(wanted), *wanted]:
            yield f"The result of election {poll.id} has {ballots} ballots; recounted: {wanted}."


def nothing_waits(evidence: Evidence) -> Iterator[str]:
    """Redis holds no work any more, and knows exactly the batches that are recorded; nothing is a dead letter."""
    if evidence.remains.waiting:
        yield f"{evidence.remains.waiting} ballots wait by Redis's count, and nothing waits."
    if evidence.remains.work:
        yield f"Redis still holds {evidence.remains.work[:5]}."
    if set(evidence.remains.batches) != {batch.id for batch in evidence.batches}:
        differing = set(evidence.remains.batches) ^ {batch.id for batch in evidence.batches}
        yield f"Redis and the store do not know the same batches: {sorted(differing)[:5]}."
    for letter in evidence.dead_letters:
        yield f"There is a dead letter, {letter}"


def no_watermark_ran_ahead(evidence: Evidence) -> Iterator[str]:
    """What was received before a watermark was recorded when the watermark was seen; and none ever goes back."""
    last: dict[int, _Reached] = {}
    parts = defaultdict(list)
    for part in evidence.parts:
        parts[part.partition].append(part)
    for mark in evidence.marks:
        before = last.get(mark.partition)
        last[mark.partition] = (mark.epoch, mark.watermark, mark.sequence)
        if before == last[mark.partition]:
            continue
        if before is not None and (
            mark.epoch < before[0]
            or mark.sequence < before[2]
            or (before[1] and (mark.watermark or before[1]) < before[1])
        ):
            yield f"Partition {mark.partition} went back from {before} to {last[mark.partition]}."
        for part in parts[mark.partition]:
            if mark.watermark is not None and part.received_at <= mark.watermark and part.place > mark.sequence:
                yield (
                    f"Partition {mark.partition} had the watermark {mark.watermark} at {mark.seen:.3f} s, and part "
                    f"{part.part} of {part.batch}, received at {part.received_at}, was recorded later."
                )


def a_final_result_never_changed(evidence: Evidence) -> Iterator[str]:
    """A result that was shown as final is the one in the end; and what is counted only grows."""
    for poll in evidence.polls:
        glances = [glance for glance in evidence.glances if glance.election == poll.id]
        final: dict[str, Any] | None = None
        counted = 0
        for glance in glances:
            shown = {name: glance.result[name] for name in ("state", "ballots", "lists")}
            if final is not None and shown != final:
                yield f"Election {poll.id} was final and then changed at {glance.seen:.3f} s: {final}, then {shown}."
            if glance.result["state"] == State.FINAL:
                final = shown
            ballots = glance.result["ballots"]
            if ballots["received"] != sum(ballots[name] for name in _COUNTS[1:]):
                yield f"The result of election {poll.id} at {glance.seen:.3f} s does not add up: {ballots}."
            if ballots["received"] < counted:
                yield f"Election {poll.id} had {counted} ballots and then {ballots['received']} at {glance.seen:.3f} s."
            counted = ballots["received"]
        ending = evidence.results.get(poll.id)
        if final is not None and ending is not None and any(ending[name] != final[name] for name in final):
            yield f"Election {poll.id} was final with {final} and has ended as {ending}."


def the_journal_tells_of_every_batch(evidence: Evidence) -> Iterator[str]:
    """It has one entry for each accepted file, in the order of the receipts, and its hashes are whole."""
    yield from (f"The journal: {finding}" for finding in evidence.chain)
    received = [batch.id for batch in sorted(evidence.batches, key=lambda batch: batch.received_at)]
    if evidence.journal != received:
        differing = sorted(set(evidence.journal) ^ set(received))[:5]
        yield (
            f"The journal has {len(evidence.journal)} accepted files and the store {len(received)}; "
            + (f"they differ in {differing}." if differing else "the order or the number of the entries is wrong.")
        )


CHECKS: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    every_answer_fits_the_store,
    every_batch_was_sent,
    a_key_has_one_receipt,
    every_line_is_accounted_for,
    the_first_received_won,
    the_result_is_the_recount,
    nothing_waits,
    no_watermark_ran_ahead,
    a_final_result_never_changed,
    the_journal_tells_of_every_batch,
)


def _recount(evidence: Evidence) -> Recount:
    """The accepted files, counted by the times of their receipts.

    The sender of a file whose answer was lost, or that came by the classic route, has no receipt; its time is that of
    the store.
    """
    receipts = {
        one.body["id"]: (_moment(one.body["received_at"]), one.body["election_id"])
        for one in evidence.attempts
        if one.status == 202
    }
    sent = {attempt.file_name: attempt for attempt in evidence.attempts}
    files = []
    for batch in evidence.batches:
        if batch.file_name not in sent:
            continue
        upload = sent[batch.file_name].upload
        received_at, election = receipts.get(batch.id, (batch.received_at, batch.election))
        files.append(Accepted(batch.id, received_at, None if upload.way is Way.CLASSIC else election, upload.ballots))
    return recount(evidence.polls, files)


def _went_back(before: _Reached, after: _Reached) -> bool:
    return (
        after[0] < before[0]
        or after[2] < before[2]
        or (before[1] is not None and (after[1] is None or after[1] < before[1]))
    )


def _by_name(evidence: Evidence) -> dict[str, StoredBatch]:
    return {batch.file_name: batch for batch in evidence.batches}


def _sent(evidence: Evidence, batch: StoredBatch) -> Attempt:
    return next(attempt for attempt in evidence.attempts if attempt.file_name == batch.file_name)


def _siblings(evidence: Evidence, attempt: Attempt) -> list[Attempt]:
    """All sendings that one receipt is for: those with the same key, or else this one."""
    upload = attempt.upload
    if upload.key is None:
        return [attempt]
    return [one for one in evidence.attempts if (one.upload.official, one.upload.key) == (upload.official, upload.key)]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
