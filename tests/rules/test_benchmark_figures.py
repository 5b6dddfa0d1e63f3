"""The arithmetic of the benchmark: its ballots, what has to become of them, and what its figures say."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authentication_service.rules import is_email, is_jmbg
from benchmarks import stations
from benchmarks.ballots import GUID_BYTES, Source, joined, right
from benchmarks.listeners import Stream
from benchmarks.people import person
from benchmarks.report import Measured, Report, Target, at, percentiles
from benchmarks.store import Seen
from benchmarks.turnout import Found, Tried, wrong
from benchmarks.watchers import lags
from cli.demo import facts
from tests.services.counting import reference
from voting_station_service.rules import read_ballots


def test_a_file_of_the_benchmark_says_what_its_ballots_are() -> None:
    ballots = Source(1).new(1000)
    (read,) = read_ballots([ballots.csv()])
    assert (read.guids, read.poll_numbers) == (ballots.guids, list(ballots.poll_numbers))


def test_two_runs_of_the_benchmark_count_the_same_ballots_and_two_scenarios_different_ones() -> None:
    assert Source(1).new(10) == Source(1).new(10)
    assert not set(Source(1).new(1000).guid_list()) & set(Source(2).new(1000).guid_list())


def test_a_piece_of_ballots_is_cut_at_whole_ballots_and_can_be_joined_again() -> None:
    ballots = Source(1).new(10)
    assert len(ballots[3:8]) == 5
    assert len(ballots[3:8].guids) == 5 * GUID_BYTES
    assert joined([ballots[:3], ballots[3:8], ballots[8:]]) == ballots


def test_ballots_without_errors_all_count() -> None:
    ballots = Source(1).new(500)
    outcome = right(ballots)
    assert (outcome.received, outcome.counted, outcome.duplicate, outcome.invalid) == (500, 500, 0, 0)
    assert outcome.votes == Counter(ballots.poll_numbers)


def test_the_outcome_of_ballots_with_errors_is_that_of_a_plain_count() -> None:
    source = Source(1)
    ballots, outcome = source.with_errors(source.new(500))
    lines = [(guid.hex(), number) for guid, number in zip(ballots.guid_list(), ballots.poll_numbers, strict=True)]
    assert outcome.votes == reference([lines], len(facts.LISTS))
    assert outcome.received == len(lines) == outcome.counted + outcome.duplicate + outcome.invalid
    assert outcome.duplicate == outcome.invalid == 1


def test_outcomes_add_up() -> None:
    source = Source(1)
    _, wrong = source.with_errors(source.new(5))
    both = right(source.new(7)) + wrong
    assert (both.received, both.counted, both.duplicate, both.invalid) == (14, 12, 1, 1)


def test_polling_stations_are_generated_in_number_and_size_as_in_2014(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stations, "DATA", tmp_path / "is-not-there.csv")
    generated = stations.read_stations()
    assert len(generated.votes) == facts.POLLING_STATIONS
    assert generated.ballots == facts.VALID_VOTES
    assert min(map(len, generated.votes)) >= 1
    assert generated.votes == stations.read_stations().votes
    assert generated.first(10).ballots == sum(map(len, generated.votes[:10]))


def test_a_percentile_is_the_least_value_that_the_share_does_not_exceed() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [at(values, share) for share in (0.5, 0.99, 1.0)] == [50.0, 99.0, 100.0]
    assert at([7.0], 0.5) == at([7.0], 0.99) == 7.0
    assert percentiles([0.003, 0.001, 0.002]) == pytest.approx({"p50 ms": 2.0, "p99 ms": 3.0, "max ms": 3.0})


@pytest.mark.parametrize(
    ("at_least", "value", "reached"),
    [(True, 0.7, True), (True, 0.69, False), (False, 0.7, True), (False, 0.71, False)],
)
def test_a_target_is_reached_at_its_limit_and_on_its_side_of_it(at_least: bool, value: float, reached: bool) -> None:
    assert Measured(Target("a figure", 0.7, "", at_least), value).reached is reached


def test_a_report_keeps_what_is_not_exact(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.check("night", [])
    assert not report.wrong
    report.check("large", ["counted: 1 instead of 2"])
    assert report.wrong == ["large: counted: 1 instead of 2"]
    assert not report.facts["large"]["every count is exact"]
    assert "WRONG  counted: 1 instead of 2" in capsys.readouterr().out


def test_a_lag_is_from_a_commit_until_everybody_knows_as_much() -> None:
    commits = [Seen(10.0, 100), Seen(11.0, 200), Seen(12.0, 300)]
    assert lags(commits, [(9.0, 0), (10.5, 100), (12.75, 300)]) == ([0.5, 1.75, 0.75], 0)


def test_a_commit_that_not_everybody_was_told_of_is_missed_and_not_left_out() -> None:
    assert lags([Seen(10.0, 100), Seen(11.0, 200)], [(10.25, 150)]) == ([0.25], 1)


def voted() -> Found:
    """Three voters, two of them for list 1; one has tried to vote twice."""
    votes = [{"poll_number": 1, "votes": 2}, {"poll_number": 2, "votes": 1}, {"poll_number": 3, "votes": 0}]
    return Found(
        chosen=Counter({1: 2, 2: 1}),
        signatures=3,
        result={
            "certainty": "final",
            "valid_votes": 3,
            "ballots": {"cast": 3, "counted": 3, "duplicate": 1},
            "lists": votes,
        },
        tried=Tried(another=[409], same=[True], cast=[202], guids=["a", "b", "c"]),
        receipts=[{"guid": "a", "counted": True, "reason": None}],
        unknown=404,
    )


def told(found: Found, **changed: object) -> Found:
    return replace(found, result={**found.result, **changed})


def test_nothing_is_wrong_when_every_vote_counts_once_as_it_was_chosen() -> None:
    assert wrong(voted()) == []
    # An answer that was lost is a reason for a ballot more that came twice.
    again = told(replace(voted(), sent_again=1), ballots={"cast": 3, "counted": 3, "duplicate": 2})
    assert wrong(again) == []
    # Of a ballot that a station refuses, because it remembers the first, there is no duplicate.
    one = voted()
    refused = replace(one, tried=replace(one.tried, cast=[409]))
    assert wrong(told(refused, ballots={"cast": 3, "counted": 3, "duplicate": 0})) == []
    assert wrong(refused) == ["duplicates in the result: 1 instead of 0 to 0"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: replace(one, signatures=2), "citizens with a signature: 2 instead of 3"),
        (lambda one: told(one, ballots={"cast": 2, "counted": 3, "duplicate": 1}), "turnout in the result: 2"),
        (lambda one: told(one, ballots={"cast": 3, "counted": 4, "duplicate": 1}), "counted in the result: 4"),
        (lambda one: told(one, valid_votes=2), "valid votes in the result: 2"),
        (lambda one: told(one, certainty="provisional"), "the result is: provisional instead of final"),
        (
            lambda one: told(one, lists=[{"poll_number": 1, "votes": 3}]),
            "votes by list: {1: 3} instead of {1: 2, 2: 1}",
        ),
        (lambda one: told(one, ballots={"cast": 3, "counted": 3, "duplicate": 0}), "duplicates in the result: 0"),
        (lambda one: told(one, ballots={"cast": 3, "counted": 3, "duplicate": 2}), "duplicates in the result: 2"),
        (lambda one: replace(one, tried=replace(one.tried, another=[200])), "second ballot: 200"),
        (lambda one: replace(one, tried=replace(one.tried, same=[False])), "another one came"),
        (lambda one: replace(one, tried=replace(one.tried, cast=[202, 500])), "for another list: 500"),
        (lambda one: replace(one, tried=replace(one.tried, guids=["a", "b", "a"])), "different GUIDs of ballots: 2"),
        (lambda one: replace(one, tried=replace(one.tried, another=[])), "nobody tried to vote twice"),
        (lambda one: replace(one, receipts=[]), "no receipt was looked up"),
        (lambda one: replace(one, receipts=[{"guid": "a", "counted": False, "reason": "duplicate"}]), "not counted"),
        (lambda one: replace(one, unknown=200), "a ballot that nobody cast: 200 instead of 404"),
    ],
)
def test_one_thing_that_is_wrong_with_a_turnout_is_named_by_itself(change: Callable[[Found], Found], said: str) -> None:
    (found,) = wrong(change(voted()))
    assert said in found


def test_the_people_of_the_benchmarks_could_be_citizens_with_accounts() -> None:
    people = [person(number) for number in (*range(3), 299, 300, 99_999, 999_999)]
    assert all(is_jmbg(one.national_id) and is_email(one.email) for one in people)
    for values in zip(*((one.national_id, one.email, one.session_id) for one in people), strict=True):
        assert len(set(values)) == len(people)
    assert person(7) == person(7)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
EVENTS = [b'{"ballots": 1}', b'{"ballots": 22}', b'{"ballots": 333}']


def chunked(texts: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(text), text) for text in texts)


@pytest.mark.parametrize("transfer", ["plain", "a chunk an event", "chunks inside of events"])
@given(cuts=st.sets(st.integers(1, 200)))
def test_events_are_read_whatever_the_pieces_are_in_which_they_come(transfer: str, cuts: set[int]) -> None:
    texts = [b"event: result\ndata: %b\n\n" % event for event in EVENTS]
    match transfer:
        case "plain":
            sent = HEAD + b"\r\n" + b": keep alive\n\n" + b"".join(texts)
        case "a chunk an event":
            sent = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked([b": keep alive\n\n", *texts])
        case _:
            whole = b"".join(texts)
            sent = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked([whole[:20], whole[20:21], whole[21:]])
    stream = Stream()
    places = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    assert [event for start, end in pairwise(places) for event in stream.events(sent[start:end])] == EVENTS
