"""The classic results, from rows as the daemon records them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
import time_machine

from shared.schema.election import CANCELLED, DRAFT, Part, RefusedLine
from shared.terms import Refusal
from tests.services.administration import Administration
from tests.services.casting import key_text
from tests.services.recorded import CLASSIC_RULES, EVENING, JMBG, NOON, Recorded

SECOND = timedelta(seconds=1)
FULL = {**CLASSIC_RULES, "threshold": "0", "seats": 1}


def results(admin: Administration, election: Any) -> Any:
    return admin.get(f"/getResults?id={election}")


def refused(admin: Administration, query: str) -> Any:
    return admin.get(f"/getResults{query}", 400)["message"]


def numbers(answer: Any) -> list[Any]:
    assert [line["pollNumber"] for line in answer["participants"]] == list(range(1, len(answer["participants"]) + 1))
    return [line["result"] for line in answer["participants"]]


def count(recorded: Recorded, votes: list[int], **election: Any) -> int:
    """A final election in which the lists have these votes, in parts of both partitions."""
    names = [f"List {number}" for number in range(1, len(votes) + 1)]
    made = recorded.election(names, **election)
    halves = {number: votes_of // 2 for number, votes_of in enumerate(votes, 1)}
    rests = {number: votes_of - votes_of // 2 for number, votes_of in enumerate(votes, 1)}
    recorded.part(made, {number: half for number, half in halves.items() if half})
    recorded.part(made, {number: rest for number, rest in rests.items() if rest}, partition=1)
    recorded.drained(EVENING, EVENING)
    return made


@pytest.mark.parametrize("query", ["", "?id=", "?ID=1", "?election=1"])
def test_a_missing_id_is_named_first(admin: Administration, query: str) -> None:
    assert refused(admin, query) == "Field id is missing."


@pytest.mark.parametrize(
    "sent", ["99", "0", "-1", "abc", "1.0", "1e0", "%201", "+1", "٣", "1_0", "9" * 12, "9" * 5000, "1;2", "null", "%00"]
)
def test_an_id_that_no_election_has_is_said_to_be_so(admin: Administration, recorded: Recorded, sent: str) -> None:
    count(recorded, [1, 1])
    assert refused(admin, f"?id={sent}") == "Election does not exist."


def test_drafts_and_cancelled_elections_do_not_exist_for_classic_clients(
    admin: Administration, recorded: Recorded
) -> None:
    for stage in (DRAFT, CANCELLED):
        made = count(recorded, [1, 1], stage=stage)
        assert refused(admin, f"?id={made}") == "Election does not exist."


@pytest.mark.parametrize(
    ("votes", "seats"),
    [
        ([20, 80, 100, 100, 200], [0, 42, 52, 52, 104]),
        ([473, 261, 159, 107], [119, 65, 40, 26]),
        ([1], [250]),
        ([5, 95], [12, 238]),
        ([4, 96], [0, 250]),
        ([0, 0, 0], [0, 0, 0]),
        ([1] * 21, [0] * 21),
        ([7, 0], [250, 0]),
    ],
)
def test_a_parliamentary_result_is_in_seats(
    admin: Administration, recorded: Recorded, votes: list[int], seats: list[int]
) -> None:
    found = numbers(results(admin, count(recorded, votes)))
    assert found == seats
    assert all(isinstance(number, int) for number in found)


@pytest.mark.parametrize(
    ("votes", "shares"),
    [
        ([1, 2], [0.33, 0.67]),
        ([1, 1, 1], [0.33, 0.33, 0.33]),
        ([1, 0], [1.0, 0.0]),
        ([0, 0], [0.0, 0.0]),
        ([1, 999], [0.0, 1.0]),
        ([29, 71], [0.29, 0.71]),
        ([57, 43], [0.57, 0.43]),
        ([1, 7], [0.12, 0.88]),
    ],
)
def test_a_presidential_result_is_in_shares_of_the_valid_votes_with_two_decimals(
    admin: Administration, recorded: Recorded, votes: list[int], shares: list[float]
) -> None:
    made = count(recorded, votes, individual=True)
    recorded.part(made, refused=[(9, Refusal.INVALID_POLL_NUMBER)] * 5)
    assert numbers(results(admin, made)) == shares
    text = admin.call("GET", f"/getResults?id={made}").get_data(as_text=True)
    assert all(f'"result":{share}' in text.replace(" ", "") for share in shares)


def test_participants_have_their_names_and_come_by_poll_number(admin: Administration, recorded: Recorded) -> None:
    made = recorded.election(["Ж", "Ą", "A"])
    recorded.part(made, {3: 10})
    recorded.drained(EVENING, EVENING)
    assert results(admin, made) == {
        "participants": [
            {"pollNumber": 1, "name": "Ж", "result": 0},
            {"pollNumber": 2, "name": "Ą", "result": 0},
            {"pollNumber": 3, "name": "A", "result": 250},
        ],
        "invalidVotes": [],
    }


def test_invalid_votes_name_official_guid_poll_number_and_reason(admin: Administration, recorded: Recorded) -> None:
    made = recorded.election()
    batch = recorded.part(
        made, {1: 3}, [(2, Refusal.DUPLICATE), (2**31, Refusal.INVALID_POLL_NUMBER)], jmbg="0202995704402"
    )
    later = recorded.part(made, {}, [(7, Refusal.INVALID_POLL_NUMBER)], received_at=NOON + SECOND, partition=1)
    recorded.drained(EVENING, EVENING)
    with recorded.database.reading() as session:
        guids = {
            (line.batch_id, line.line): str(UUID(bytes=line.guid)) for line in session.scalars(sa.select(RefusedLine))
        }
    assert results(admin, made)["invalidVotes"] == [
        {
            "electionOfficialJmbg": "0202995704402",
            "ballotGuid": guids[batch, 0],
            "pollNumber": 2,
            "reason": "Duplicate ballot.",
        },
        {
            "electionOfficialJmbg": "0202995704402",
            "ballotGuid": guids[batch, 1],
            "pollNumber": 2**31,
            "reason": "Invalid poll number.",
        },
        {
            "electionOfficialJmbg": JMBG,
            "ballotGuid": guids[later, 0],
            "pollNumber": 7,
            "reason": "Invalid poll number.",
        },
    ]
    for guid in guids.values():
        assert guid == guid.lower()
        assert [len(group) for group in guid.split("-")] == [8, 4, 4, 4, 12]


@pytest.mark.parametrize("choices_public", [False, True])
def test_how_invalid_votes_were_cast_is_held_back_where_voters_cast_ballots_themselves(
    admin: Administration, recorded: Recorded, choices_public: bool
) -> None:
    refused_lines = [(2, Refusal.DUPLICATE), (9, Refusal.INVALID_POLL_NUMBER)]
    told = []
    for key in (None, key_text()):
        made = recorded.election(ballot_key=key, choices_public=choices_public and key is not None)
        recorded.part(made, {1: 3}, refused_lines)
        recorded.drained(EVENING, EVENING)
        answer = results(admin, made)
        assert numbers(answer) == [250, 0]
        assert [vote["reason"] for vote in answer["invalidVotes"]] == ["Duplicate ballot.", "Invalid poll number."]
        told.append([vote["pollNumber"] for vote in answer["invalidVotes"]])
    assert told == [[2, 9], [None, None]]


def test_ballots_of_other_elections_and_from_outside_are_not_in_the_result(
    admin: Administration, recorded: Recorded
) -> None:
    made = recorded.election(individual=True)
    other = recorded.election(hours=(EVENING + SECOND, EVENING + timedelta(hours=1)), individual=True)
    recorded.part(made, {1: 1, 2: 3})
    recorded.part(other, {1: 50}, [(1, Refusal.DUPLICATE)])
    recorded.part(None, outside=4, named=made)
    recorded.drained(EVENING, EVENING)
    assert results(admin, made)["invalidVotes"] == []
    assert numbers(results(admin, made)) == [0.25, 0.75]


def test_a_result_is_ongoing_until_the_election_has_ended_and_everything_is_counted(
    admin: Administration, recorded: Recorded
) -> None:
    made = recorded.election()
    recorded.part(made, {1: 3})
    ongoing = "Election is ongoing."
    with time_machine.travel(NOON - SECOND, tick=False):
        assert refused(admin, f"?id={made}") == ongoing
    with time_machine.travel(NOON, tick=False):
        assert refused(admin, f"?id={made}") == ongoing
    with time_machine.travel(EVENING - SECOND, tick=False):
        recorded.drained(EVENING - SECOND, EVENING - SECOND)
        assert refused(admin, f"?id={made}") == ongoing
    with time_machine.travel(EVENING, tick=False):
        assert refused(admin, f"?id={made}") == ongoing
        recorded.drained(EVENING, EVENING - timedelta(microseconds=1))
        assert refused(admin, f"?id={made}") == ongoing
        recorded.drained(EVENING, None)
        assert refused(admin, f"?id={made}") == ongoing
        recorded.drained(EVENING, EVENING)
        assert numbers(results(admin, made)) == [250, 0]


def test_a_dead_letter_of_the_election_keeps_its_result_open_until_it_is_replayed(
    admin: Administration, recorded: Recorded
) -> None:
    made = count(recorded, [2, 1])
    before, after = NOON - SECOND, EVENING
    recorded.dead_letter(before)
    recorded.dead_letter(after)
    assert numbers(results(admin, made))
    batch = recorded.dead_letter(NOON)
    assert refused(admin, f"?id={made}") == "Election is ongoing."
    recorded.part(made, {2: 30}, batch_id=batch)
    assert numbers(results(admin, made)) == [15, 235]
    recorded.dead_letter(None)
    assert refused(admin, f"?id={made}") == "Election is ongoing."


def test_without_any_partition_nothing_is_final(admin: Administration, recorded: Recorded) -> None:
    made = recorded.election()
    with recorded.database.writing() as session:
        session.execute(sa.text("DELETE FROM partitions"))
    assert refused(admin, f"?id={made}") == "Election is ongoing."


def test_an_election_created_in_the_past_is_final_when_all_that_was_received_is_counted(
    admin: Administration, recorded: Recorded
) -> None:
    recorded.drained(datetime.now(UTC), datetime.now(UTC))
    parties = admin.participants()
    made = {"start": "2021-06-16T15:55:46", "end": "2021-06-16T16:00:00", "individual": False, "participants": parties}
    admin.post("/createElection", made)
    assert results(admin, 1) == {
        "participants": [
            {"pollNumber": 1, "name": "Participant 1", "result": 0},
            {"pollNumber": 2, "name": "Participant 2", "result": 0},
        ],
        "invalidVotes": [],
    }


def test_the_rules_of_an_election_decide_its_classic_result_too(admin: Administration, recorded: Recorded) -> None:
    strict = {**CLASSIC_RULES, "threshold_base": "ballots_cast"}
    made = count(recorded, [5, 95], rules=strict, exempt=[])
    assert numbers(results(admin, made)) == [12, 238]
    # One more ballot in the box, and 5 of 101 are under 5 %; a duplicate is not another ballot.
    recorded.part(made, refused=[(1, Refusal.DUPLICATE)])
    assert numbers(results(admin, made)) == [12, 238]
    recorded.part(made, refused=[(9, Refusal.INVALID_POLL_NUMBER)])
    assert numbers(results(admin, made)) == [0, 250]
    exempt = count(recorded, [4, 96], exempt=[1])
    assert numbers(results(admin, exempt))[0] > 0


def test_a_tie_that_waits_for_lots_is_ongoing_until_they_are_entered(admin: Administration, recorded: Recorded) -> None:
    made = count(recorded, [7, 7, 3], rules={**FULL, "tie_policy": "lots"})
    assert refused(admin, f"?id={made}") == "Election is ongoing."
    version = admin.get(f"/api/elections/{made}")["version"]
    admin.post(f"/api/elections/{made}/lots", {"poll_numbers": [2]}, match=version)
    assert numbers(results(admin, made)) == [0, 1, 0]


def test_results_cost_the_number_of_parts_and_not_of_ballots(admin: Administration, recorded: Recorded) -> None:
    made = count(recorded, [400_000_000, 600_000_000])
    with recorded.database.reading() as session:
        assert session.scalar(sa.select(sa.func.sum(Part.counted))) == 10**9
    assert numbers(results(admin, made)) == [100, 150]
