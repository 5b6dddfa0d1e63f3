"""Every check of the fault machine can fail: good evidence is tampered with, and the check says so."""

import hashlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.faults import checks
from tests.faults.evidence import Evidence, Remains, StoredBatch, StoredLine, StoredPart
from tests.faults.officials import email
from tests.faults.plan import Ballot, Manner, Upload, Way
from tests.faults.record import Attempt, Glance, Mark
from tests.faults.recount import Poll
from tests.services.counting import guid

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLL = Poll(1, 1, NOON, NOON + timedelta(hours=1), frozenset({1, 2}))
ENDED = NOON + timedelta(hours=2)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def upload(number: int, *ballots: tuple[int, int], key: str | None = None, refused: bool = False) -> Upload:
    lines: tuple[Ballot, ...] = tuple((guid(one), choice) for one, choice in ballots)
    content = "".join(f"{one},{choice}\n" for one, choice in lines).encode() + (b"x\n" if refused else b"")
    return Upload(number, 0, 0.0, Way.NAMED, 0, lines, content, refused, key, Manner.PLAIN, 1.0)


def attempt(sent: Upload, number: int, status: int | None, **values: Any) -> Attempt:
    name = f"upload{sent.number}-{number}.csv"
    values = {"reached": True, "answered": 1.0, **values}
    return Attempt(sent, number, name, "station 1", 0.5, status=status, **values)


def receipt(sent: Upload, batch: str, minutes: float, repeated: bool = False) -> dict[str, Any]:
    return {
        "id": batch,
        "election_id": 1,
        "sha256": hashlib.sha256(sent.content).hexdigest(),
        "lines": len(sent.ballots),
        "received_at": at(minutes).isoformat(),
        "repeated": repeated,
    }


def batch(sent: Upload, name: str, batch_id: str, minutes: float) -> StoredBatch:
    return StoredBatch(batch_id, name, email(0), 1, sent.sha256, len(sent.ballots), 1, at(minutes))


def part(batch_id: str, place: int, minutes: float, *counts: int) -> StoredPart:
    return StoredPart(batch_id, 0, 0, place, 1, at(minutes), *counts)


def status(*counts: int) -> dict[str, Any]:
    names = ("received", "counted", "duplicate", "invalid", "outside")
    return {"status": "counted", **dict(zip(names, counts, strict=True))}


def result(state: str, first: int, second: int, *ballots: int) -> dict[str, Any]:
    names = ("received", "counted", "duplicate", "invalid", "outside")
    return {
        "state": state,
        "ballots": dict(zip(names, ballots, strict=True)),
        "lists": [{"poll_number": 1, "votes": first}, {"poll_number": 2, "votes": second}],
    }


def good() -> Evidence:
    """Three uploads: one answered at the second try, one with a conflict whose answer was lost, one refused."""
    first = upload(1, (1, 1), (2, 2), (3, 9), key="a")
    second = upload(2, (1, 2), (4, 2), key="b")
    bad = upload(3, (5, 1), refused=True)
    return Evidence(
        polls=[POLL],
        attempts=[
            attempt(first, 0, None, hung_up=True),
            attempt(first, 1, 202, body=receipt(first, "A", 1)),
            attempt(second, 0, None),
            attempt(second, 1, 202, body=receipt(second, "B", 2, repeated=True)),
            attempt(bad, 0, 422, body={"detail": "Incorrect number of values on line 1."}),
        ],
        marks=[Mark(1.0, 0, 1, at(1), 1), Mark(2.0, 0, 1, at(2), 2), Mark(3.0, 0, 2, ENDED, 2)],
        glances=[
            Glance(1.0, 1, result("open", 1, 1, 3, 2, 0, 1, 0)),
            Glance(2.0, 1, result("final", 1, 2, 5, 3, 1, 1, 0)),
            Glance(3.0, 1, result("final", 1, 2, 5, 3, 1, 1, 0)),
        ],
        batches=[batch(first, "upload1-1.csv", "A", 1), batch(second, "upload2-0.csv", "B", 2)],
        parts=[part("A", 1, 1, 3, 2, 0, 1, 0), part("B", 2, 2, 2, 1, 1, 0, 0)],
        refused=[StoredLine("A", 2, guid(3), "invalid_poll_number"), StoredLine("B", 0, guid(1), "duplicate")],
        ballots={(1, guid(1)): 1, (1, guid(2)): 2, (1, guid(3)): 9, (1, guid(4)): 2},
        tallies={1: {1: 1, 2: 2}},
        journal=["A", "B"],
        remains=Remains(0, [], ["A", "B"]),
        statuses={"A": status(3, 2, 0, 1, 0), "B": status(2, 1, 1, 0, 0)},
        results={1: result("final", 1, 2, 5, 3, 1, 1, 0)},
    )


def test_good_evidence_has_nothing_wrong() -> None:
    assert checks.wrong(good()) == []


def lose_a_batch(evidence: Evidence) -> None:
    del evidence.batches[0]


def store_half_a_file(evidence: Evidence) -> None:
    evidence.batches[0].file_name = "upload1-0.csv"


def store_a_refused_file(evidence: Evidence) -> None:
    bad = evidence.attempts[4].upload
    evidence.batches.append(batch(bad, "upload3-0.csv", "C", 3))


def store_what_was_put_off(evidence: Evidence) -> None:
    evidence.attempts[2].status = 503
    evidence.attempts[2].body = {"detail": "Nothing was stored."}


def store_a_file_of_nobody(evidence: Evidence) -> None:
    evidence.batches[0].file_name = "nobodys.csv"


def store_a_batch_twice(evidence: Evidence) -> None:
    evidence.batches.append(replace(evidence.batches[1], id="C", file_name="upload2-1.csv"))


def store_another_content(evidence: Evidence) -> None:
    evidence.batches[1].sha256 = "0" * 64


def change_a_receipt(evidence: Evidence) -> None:
    evidence.batches[0].received_at = at(1.5)


def answer_with_a_failure(evidence: Evidence) -> None:
    evidence.attempts[2].status = 500


def give_another_receipt_for_the_key(evidence: Evidence) -> None:
    again = replace(evidence.attempts[1], number=2, file_name="upload1-2.csv")
    again.body = {**again.body, "received_at": at(9).isoformat(), "repeated": True}
    evidence.attempts = [*evidence.attempts, again]


def accept_another_file_under_the_key(evidence: Evidence) -> None:
    other = attempt(upload(9, (8, 1), key="a"), 0, 202, body=evidence.attempts[1].body)
    evidence.attempts = [*evidence.attempts, other]


def lose_a_part(evidence: Evidence) -> None:
    del evidence.parts[1]


def leave_a_part_without_its_batch(evidence: Evidence) -> None:
    evidence.parts.append(part("Z", 3, 3, 1, 1, 0, 0, 0))


def count_a_line_too_many(evidence: Evidence) -> None:
    evidence.parts[0].counted += 1


def count_the_duplicate(evidence: Evidence) -> None:
    evidence.parts[1].counted, evidence.parts[1].duplicate = 2, 0


def lose_a_refused_line(evidence: Evidence) -> None:
    del evidence.refused[0]


def give_another_reason(evidence: Evidence) -> None:
    evidence.refused[1].reason = "invalid_poll_number"


def let_the_station_say_something_else(evidence: Evidence) -> None:
    evidence.statuses["A"] = status(3, 3, 0, 0, 0)


def let_the_second_win(evidence: Evidence) -> None:
    evidence.ballots[1, guid(1)] = 2


def add_a_ballot(evidence: Evidence) -> None:
    evidence.ballots[1, guid(77)] = 1


def remove_a_ballot(evidence: Evidence) -> None:
    del evidence.ballots[1, guid(4)]


def change_a_tally(evidence: Evidence) -> None:
    evidence.tallies[1][2] += 1


def show_another_result(evidence: Evidence) -> None:
    evidence.results[1] = result("final", 2, 1, 5, 3, 1, 1, 0)
    evidence.glances = ()


def show_no_final_result(evidence: Evidence) -> None:
    evidence.results[1] = result("counting", 1, 2, 5, 3, 1, 1, 0)
    evidence.glances = ()


def leave_a_rest_in_the_count(evidence: Evidence) -> None:
    evidence.remains.waiting = 2


def leave_a_payload(evidence: Evidence) -> None:
    evidence.remains.work.append("urna:payload:A_0")


def leave_an_unknown_batch(evidence: Evidence) -> None:
    evidence.remains.batches.append("C")


def bury_a_part(evidence: Evidence) -> None:
    evidence.dead_letters.append("part 0 of A: It is damaged.")


def let_a_watermark_run_ahead(evidence: Evidence) -> None:
    evidence.marks = [Mark(1.0, 0, 1, at(2), 1), *evidence.marks[1:]]


def let_a_watermark_go_back(evidence: Evidence) -> None:
    evidence.marks = [*evidence.marks, Mark(4.0, 0, 2, at(3), 2)]


def change_a_final_result(evidence: Evidence) -> None:
    evidence.glances = [Glance(1.5, 1, result("final", 1, 1, 3, 2, 0, 1, 0)), *evidence.glances]


def let_a_count_shrink(evidence: Evidence) -> None:
    evidence.glances = [Glance(0.5, 1, result("open", 2, 2, 4, 4, 0, 0, 0)), *evidence.glances]


def show_a_sum_that_does_not_add_up(evidence: Evidence) -> None:
    evidence.glances = [Glance(0.5, 1, result("open", 1, 1, 3, 1, 0, 1, 0)), *evidence.glances]


def leave_a_batch_out_of_the_journal(evidence: Evidence) -> None:
    del evidence.journal[0]


def tell_the_journal_twice(evidence: Evidence) -> None:
    evidence.journal.append("B")


def tell_the_journal_in_another_order(evidence: Evidence) -> None:
    evidence.journal.reverse()


def break_the_chain_of_the_journal(evidence: Evidence) -> None:
    evidence.chain.append("Entry 3 is missing.")


TAMPERINGS: dict[Callable[[Evidence], None], str] = {
    lose_a_batch: "every_answer_fits_the_store",
    store_half_a_file: "every_answer_fits_the_store",
    store_a_refused_file: "every_answer_fits_the_store",
    store_what_was_put_off: "every_answer_fits_the_store",
    change_a_receipt: "every_answer_fits_the_store",
    answer_with_a_failure: "every_answer_fits_the_store",
    store_a_file_of_nobody: "every_batch_was_sent",
    store_a_batch_twice: "every_batch_was_sent",
    store_another_content: "every_batch_was_sent",
    give_another_receipt_for_the_key: "a_key_has_one_receipt",
    accept_another_file_under_the_key: "a_key_has_one_receipt",
    lose_a_part: "every_line_is_accounted_for",
    leave_a_part_without_its_batch: "every_line_is_accounted_for",
    count_a_line_too_many: "every_line_is_accounted_for",
    count_the_duplicate: "every_line_is_accounted_for",
    lose_a_refused_line: "every_line_is_accounted_for",
    give_another_reason: "every_line_is_accounted_for",
    let_the_station_say_something_else: "every_line_is_accounted_for",
    let_the_second_win: "the_first_received_won",
    add_a_ballot: "the_first_received_won",
    remove_a_ballot: "the_first_received_won",
    change_a_tally: "the_result_is_the_recount",
    show_another_result: "the_result_is_the_recount",
    show_no_final_result: "the_result_is_the_recount",
    leave_a_rest_in_the_count: "nothing_waits",
    leave_a_payload: "nothing_waits",
    leave_an_unknown_batch: "nothing_waits",
    bury_a_part: "nothing_waits",
    leave_a_batch_out_of_the_journal: "the_journal_tells_of_every_batch",
    tell_the_journal_twice: "the_journal_tells_of_every_batch",
    tell_the_journal_in_another_order: "the_journal_tells_of_every_batch",
    break_the_chain_of_the_journal: "the_journal_tells_of_every_batch",
    let_a_watermark_run_ahead: "no_watermark_ran_ahead",
    let_a_watermark_go_back: "no_watermark_ran_ahead",
    change_a_final_result: "a_final_result_never_changed",
    let_a_count_shrink: "a_final_result_never_changed",
    show_a_sum_that_does_not_add_up: "a_final_result_never_changed",
}


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_a_tampering_is_found_by_its_check(tamper: Callable[[Evidence], None]) -> None:
    evidence = deepcopy(good())
    tamper(evidence)
    check = getattr(checks, TAMPERINGS[tamper])
    assert list(check(evidence))
    assert checks.wrong(evidence)


def test_every_check_is_tampered_with() -> None:
    assert {check.__name__ for check in checks.CHECKS} == set(TAMPERINGS.values())
