"""What the journal says of the uploads: whoever changes a payload and all that follows from it is found here.

The entry of an upload is written in the step in which it is accepted and names what its packed parts are by their
digests; `urna journal verify` says whether the journal itself was changed.
"""

from datetime import datetime
from hashlib import sha256

from cli.recount.findings import Findings
from cli.recount.reading import Acceptance, Facts, Snapshot, StoredBatch


def read_acceptances(snapshot: Snapshot, facts: Facts) -> None:
    """Keep what the journal says of the batches of the election, and of those that may be of it and are not there."""
    for one in snapshot.acceptances():
        may_be = one.named == facts.poll.id or (one.named is None and facts.poll.is_open(one.received_at))
        if may_be or one.batch_id in facts.batches:
            facts.accepted[one.batch_id] = one


def find_changed_batches(facts: Facts, findings: Findings) -> int:
    """Compare the batches with the journal; return how many of them it does not know of.

    They may be from the time before there was a journal, or so new that their entry is still in Redis.
    """
    known = {part.batch_id for part in facts.parts} | facts.batches.keys()
    for one in facts.accepted.values():
        batch = facts.batches.get(one.batch_id)
        if batch is not None:
            _compare(batch, one, findings)
        elif one.batch_id not in known and _is_recorded(one, facts):
            findings.add(
                "batch_missing",
                sentence=f"Batch {one.batch_id}: by the journal it was accepted at {one.received_at.isoformat()} with "
                f"{one.lines} lines, and nothing of it is in the store: it was removed.",
                batch_id=one.batch_id,
                expected=one.lines,
                found=0,
            )
    return len(facts.batches.keys() - facts.accepted.keys())


def compare_payloads(facts: Facts, batch: StoredBatch, digests: list[bytes], findings: Findings) -> None:
    """Compare the digests of all packed parts of a batch, in the order of their numbers, with the journal."""
    one = facts.accepted.get(batch.id)
    found = sha256(b"".join(digests)).hexdigest()
    if one is not None and found != one.payloads:
        findings.add(
            "payload_changed",
            sentence=f"Batch {batch.id}: the digest of what was received is {found}, and at its acceptance the journal "
            f"was told {one.payloads}: a payload was changed.",
            batch_id=batch.id,
            expected=one.payloads,
            found=found,
        )


def _compare(batch: StoredBatch, one: Acceptance, findings: Findings) -> None:
    for name, found in (
        ("SHA-256", (one.sha256, batch.sha256)),
        ("number of lines", (one.lines, batch.lines)),
        ("number of parts", (one.parts, batch.parts)),
        ("polling station", (one.station, batch.station)),
        ("moment of receipt", (_written(one.received_at), _written(batch.received_at))),
    ):
        if found[0] != found[1]:
            findings.add(
                "batch_changed",
                sentence=f"Batch {batch.id}: its {name} is {found[1]}, and the journal says {found[0]}.",
                batch_id=batch.id,
                expected=found[0],
                found=found[1],
            )


def _is_recorded(one: Acceptance, facts: Facts) -> bool:
    """Whether everything that was received with it must be in the store by now, but for dead letters."""
    is_drained = facts.drained is not None and one.received_at < facts.drained
    return is_drained and not any((one.batch_id, number) in facts.letters for number in range(one.parts))


def _written(moment: datetime) -> str:
    return moment.isoformat()
