"""Voters' own ballots: cast without a log-in, counted once, refused with a reason, and joined to nobody."""

import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from cli.recount.command import recounted
from daemon.actions import publish_elections
from daemon.relay import move
from results_service.app import create_app as create_results
from shared.config import ResultsSettings, StationSettings
from shared.errors import Conflict, NotFound, Unavailable, UrnaError
from shared.queue import keys
from shared.schema.election import Ballot, Batch, Election, Journal, Part, RefusedLine
from shared.terms import Refusal
from tests.services.accounts import at_once
from tests.services.casting import PARTITIONS, announce, cast, enqueue, key_text, new_key, polling, signed, voted
from tests.services.counting import Counting, counting, new_lines
from tests.services.station import COMING, OPEN, OVER, Station, contents, json_of, known, running
from tests.services.tokens import ServiceSettings, Token
from voting_station_service.actions.box import Box
from voting_station_service.actions.casting import Cast, commit


@pytest.fixture
def voting(station: Station) -> Station:
    """A station that knows an open election with a key, one that is over and one to come."""
    announce(station, known(OPEN, -1, 1), known(OVER, -3, -2), known(COMING, 2, 3))
    return station


def looked_up(suite: Counting, settings: ServiceSettings, election: int, guid: Any) -> tuple[int, dict[str, Any]]:
    """What the results service says to whoever has a receipt."""
    url = suite.database.engine.url.render_as_string(hide_password=False)
    app = create_results(settings(ResultsSettings, election_database_url=url, redis_url=suite.redis_url))
    try:
        answer = app.test_client().get(f"/api/elections/{election}/receipts/{guid}")
        return answer.status_code, json_of(answer)
    finally:
        app.extensions["database"].close()


def sums(suite: Counting) -> tuple[int, ...]:
    columns = (Part.received, Part.counted, Part.duplicate, Part.invalid, Part.outside)
    with suite.database.reading() as session:
        return tuple(int(one or 0) for one in session.execute(sa.select(*map(sa.func.sum, columns))).one())


def test_a_ballot_is_cast_without_a_log_in_counted_once_and_found_by_its_receipt(
    polls: tuple[Counting, Station], service_settings: ServiceSettings
) -> None:
    suite, station = polls
    election = voted(suite)
    paper = json_of(station.client.get(f"/api/elections/{election}/ballot-paper"))
    assert (paper["open"], paper["ballot_key"]) == (True, key_text())
    assert paper["entries"] == [{"poll_number": number, "name": f"List {number - 1}"} for number in (1, 2, 3)]
    ballot = signed(election)
    answer = cast(station, ballot, 2)
    assert (answer.status_code, json_of(answer)) == (202, {"election_id": election, "guid": str(ballot.guid)})
    assert looked_up(suite, service_settings, election, ballot.guid)[0] == 404
    suite.record_all()
    assert suite.tally(election) == {2: 1}
    found = looked_up(suite, service_settings, election, ballot.guid)
    told = {"election_id": election, "guid": str(ballot.guid), "counted": True, "reason": None}
    assert found == (200, {**told, "poll_number": None, "repeated": False})
    # A polling station's file is taken in the same election.
    suite.accept(new_lines(5), election=election)
    suite.record_all()
    assert sums(suite) == (6, 6, 0, 0, 0)


def test_the_ballot_paper_says_before_anybody_votes_whether_choices_are_published(
    polls: tuple[Counting, Station],
) -> None:
    suite, station = polls
    election = voted(suite)
    for publishes in (False, True):
        with suite.database.writing() as session:
            session.get_one(Election, election).choices_public = publishes
        publish_elections(suite.database, suite.redis, datetime.now(UTC), timedelta(days=30))
        assert json_of(station.client.get(f"/api/elections/{election}/ballot-paper"))["choices_public"] is publishes
        # A station of an earlier version can read what says nothing new to it.
        assert (b"choices_public" in (station.redis.get(keys.ELECTIONS) or b"")) is publishes


@pytest.mark.parametrize(
    ("election", "changed", "status", "sentence"),
    [
        (OVER, {}, 409, "has ended"),
        (COMING, {}, 409, "has not begun yet"),
        (99, {}, 404, "No published election"),
        (OPEN, {"poll_number": 4}, 422, "no list with the poll number 4"),
        (OPEN, {"poll_number": 0}, 422, "poll_number"),
        (OPEN, {"guid": str(uuid4())}, 422, "not one of this election for this GUID"),
        (OPEN, {"guid": "no-guid"}, 422, "guid"),
        (OPEN, {"prefix": "A" * 42 + "w="}, 422, "not one of this election for this GUID"),
        (OPEN, {"prefix": "AAAA"}, 422, "prefix has 32 bytes, not 3"),
        (OPEN, {"prefix": "!"}, 422, "prefix is not written in base64"),
        (OPEN, {"signature": "AAAA"}, 422, "signature has 3 bytes, and those of this election have 256"),
        (OPEN, {"signature": "A" * 342 + "=="}, 422, "has 256 bytes|not one of this election for this GUID"),
        (OPEN, {"signature": "A" * 1025}, 422, "signature"),
        (OPEN, {"voter": "Vera"}, 422, "voter"),
    ],
)
def test_a_ballot_that_cannot_be_cast_is_refused_in_words_and_nothing_is_stored(
    voting: Station, election: int, changed: dict[str, Any], status: int, sentence: str
) -> None:
    ballot = signed(election)
    before = contents(voting.redis)
    answer = cast(voting, ballot, **changed)
    said = answer.get_data(as_text=True)
    assert answer.status_code == status, said
    assert any(one in said for one in sentence.split("|")), said
    assert contents(voting.redis) == before
    # The same ballot without the fault is taken, where it can be.
    assert cast(voting, signed(OPEN)).status_code == 202


def test_no_voters_ballot_is_taken_where_each_constituency_elects_for_itself(station: Station) -> None:
    announce(station, replace(known(OPEN, -1, 1), by_constituency=True))
    answer = cast(station, signed(OPEN))
    assert (answer.status_code, "is of no polling station" in json_of(answer)["detail"]) == (409, True)


def test_a_signature_for_another_election_or_of_another_key_is_worth_nothing(voting: Station) -> None:
    ballot = signed(COMING)
    answer = cast(voting, replace(ballot, election=OPEN))
    assert (answer.status_code, "not one of this election" in json_of(answer)["detail"]) == (422, True)
    foreign = signed(OPEN, key=new_key(2))
    assert cast(voting, foreign).status_code == 422
    assert cast(voting, signed(OPEN, guid=foreign.guid)).status_code == 202


def test_an_election_without_a_key_takes_no_ballot_of_a_voter(station: Station) -> None:
    answer = cast(station, signed(OPEN))
    assert (answer.status_code, "has no ballot key" in json_of(answer)["detail"]) == (409, True)
    announce(station, known(OPEN, -1, 1))
    assert cast(station, signed(OPEN)).status_code == 202


def test_a_ballot_that_comes_again_counts_once_whatever_it_says(
    polls: tuple[Counting, Station], service_settings: ServiceSettings
) -> None:
    suite, station = polls
    election = voted(suite)
    ballot = signed(election)
    receipt = (202, {"election_id": election, "guid": str(ballot.guid)})
    answers = [cast(station, ballot, poll_number) for poll_number in (1, 1, 3)]
    suite.record_all()
    answers.append(cast(station, ballot, 2))
    assert [(answer.status_code, json_of(answer)) for answer in answers] == [receipt] * 4
    suite.record_all()
    assert suite.tally(election) == {1: 1}
    assert sums(suite) == (4, 1, 3, 0, 0)
    found = looked_up(suite, service_settings, election, ballot.guid)[1]
    assert (found["counted"], found["repeated"]) == (True, True)


def test_a_ballot_that_is_sent_without_end_is_held_up(
    redis_url: str, service_settings: ServiceSettings, token: Token
) -> None:
    with running(redis_url, service_settings, token, ballot_repetitions_per_minute=3) as station:
        announce(station, known(OPEN, -1, 1))
        ballot = signed(OPEN)
        assert [cast(station, ballot).status_code for _ in range(4)] == [202] * 3 + [409]
        assert cast(station, signed(OPEN)).status_code == 202


def test_of_a_ballot_that_is_sent_again_it_is_said_that_it_was_cast_before_and_nothing_is_stored(
    redis_url: str, service_settings: ServiceSettings, token: Token
) -> None:
    # As it is set where nobody sets it.
    often = StationSettings.model_fields["ballot_repetitions_per_minute"].default
    with running(redis_url, service_settings, token, ballot_repetitions_per_minute=often) as station:
        announce(station, known(OPEN, -1, 1))
        ballot = signed(OPEN)
        assert cast(station, ballot, 1).status_code == 202
        before = contents(station.redis)
        said = [cast(station, ballot, number) for number in (1, 3)]
        assert [one.status_code for one in said] == [409, 409]
        (same, other) = [json_of(one) for one in said]
        # Neither the answer nor what is stored depends on the choice.
        assert same == other
        assert same["errors"] == [{"field": "guid", "message": "This ballot was cast before; the first choice counts."}]
        assert contents(station.redis) == before
        # Whoever has the GUID and no signature of it is not told.
        assert cast(station, replace(ballot, signature=bytes(256))).status_code == 422
        assert cast(station, signed(OPEN)).status_code == 202
        # Sent at one instant, at most one is told nothing.
        again = signed(OPEN)
        assert [one.status_code for one in at_once(*[lambda: cast(station, again)] * 4)].count(202) == 1


def test_a_ballot_that_could_not_be_stored_is_never_said_to_be_cast_already(
    redis_url: str, service_settings: ServiceSettings, token: Token
) -> None:
    with running(redis_url, service_settings, token, ballot_repetitions_per_minute=2) as station:
        announce(station, known(OPEN, -1, 1))
        ballot = signed(OPEN)
        station.redis.set(keys.QUEUED_BALLOTS, 10**12)
        assert [cast(station, ballot).status_code for _ in range(5)] == [503] * 5
        station.redis.delete(keys.QUEUED_BALLOTS)
        assert [cast(station, ballot).status_code for _ in range(3)] == [202, 202, 409]


def test_a_ballot_whose_moment_of_receipt_is_after_the_end_is_not_said_to_be_cast(
    polls: tuple[Counting, Station],
) -> None:
    suite, station = polls
    election = voted(suite, ends=30)
    assert cast(station, signed(election)).status_code == 202
    # The last receipt was given by a clock that was ahead, so the next one comes after it.
    suite.redis.set(keys.CLOCK, keys.to_microseconds(datetime.now(UTC) + timedelta(seconds=45)))
    answer = cast(station, signed(election))
    assert (answer.status_code, "does not count" in json_of(answer)["detail"]) == (409, True)
    suite.record_all()
    assert sums(suite) == (2, 1, 0, 0, 1)


def test_the_ballots_of_a_moment_do_not_share_each_others_fate(voting: Station) -> None:
    def made(election: int, size: int = 256) -> Cast:
        return Cast(election, uuid4().bytes, 1, bytes(32), bytes(size))

    outcomes = commit(
        voting.app.extensions["station"], [made(OPEN), made(OVER), made(OPEN, 384), made(99), made(COMING), made(OPEN)]
    )
    assert [type(one) for one in outcomes] == [NoneType, Conflict, NoneType, NotFound, Conflict, NoneType]
    lines = sorted(
        int(voting.redis.hget(batch, "lines") or 0) for batch in voting.redis.scan_iter(match=keys.batch("*"))
    )
    assert lines == [1, 2]


def test_the_public_list_of_refused_ballots_does_not_say_how_a_repeated_one_was_cast(
    polls: tuple[Counting, Station], service_settings: ServiceSettings
) -> None:
    suite, station = polls
    election, without_key = voted(suite), suite.election(jurisdiction=1, begins=7200, ends=7300)
    ballot = signed(election)
    assert [cast(station, ballot, 3).status_code for _ in range(2)] == [202, 202]
    suite.record_all()
    url = suite.database.engine.url.render_as_string(hide_password=False)
    app = create_results(service_settings(ResultsSettings, election_database_url=url, redis_url=suite.redis_url))
    listed = json_of(app.test_client().get(f"/api/elections/{election}/refused-ballots"))
    assert listed["items"] == [{"guid": str(ballot.guid), "poll_number": None, "reason": "duplicate"}]
    assert json_of(app.test_client().get(f"/api/elections/{election}"))["ballot_key"] == key_text()
    assert json_of(app.test_client().get(f"/api/elections/{without_key}"))["ballot_key"] is None
    app.extensions["database"].close()


def test_the_daemon_looks_at_each_signature_again_and_a_bad_one_takes_up_no_guid(
    election_database_url: str, redis_url: str, service_settings: ServiceSettings, token: Token
) -> None:
    with polling(election_database_url, redis_url, service_settings, token) as (suite, station):
        election = voted(suite)
        good = [signed(election) for _ in range(3)]
        stolen = replace(signed(election), guid=good[2].guid)
        batch = enqueue(suite, election, [(good[0], 1), (stolen, 3), (good[1], 2), (good[1], 2), (good[0], 9)])
        nothing = enqueue(suite, election, [(signed(election, key=new_key(2)), 1)])
        suite.record_all()
        assert cast(station, good[2], 1).status_code == 202
        suite.record_all()
        assert suite.tally(election) == {1: 2, 2: 1}
        assert sums(suite) == (7, 3, 2, 2, 0)
        refused = [(line.line, line.reason) for line in suite.status(batch).refused]
        assert refused == [(1, Refusal.INVALID_SIGNATURE), (3, Refusal.DUPLICATE), (4, Refusal.DUPLICATE)]
        assert [line.reason for line in suite.status(nothing).refused] == [Refusal.INVALID_SIGNATURE]
        assert looked_up(suite, service_settings, election, good[2].guid)[1]["counted"] is True
        # Everybody who has the store and the journal comes to the same.
        move(suite.database, suite.redis)
        suite.note_that_nothing_waits()
        url = suite.database.engine.url.render_as_string(hide_password=False)
        found = recounted(url, election, 100)
        assert found["agrees"], found["findings"]
        assert found["ballots"]["invalid"] == {"recounted": 2, "committed": 2}


def test_a_recount_finds_a_ballot_whose_signature_was_not_looked_at(polls: tuple[Counting, Station]) -> None:
    suite, station = polls
    election = voted(suite)
    assert cast(station, signed(election), 1).status_code == 202
    enqueue(suite, election, [(signed(election, key=new_key(2)), 3)])
    suite.record_all()
    move(suite.database, suite.redis)
    suite.note_that_nothing_waits()
    url = suite.database.engine.url.render_as_string(hide_password=False)
    assert recounted(url, election, 100)["agrees"]
    with suite.database.writing() as session:
        session.execute(sa.delete(RefusedLine))
    found = recounted(url, election, 100)
    assert not found["agrees"]
    assert "refused_line_removed" in {one["kind"] for one in found["findings"]}


def test_ballots_that_come_together_are_written_together_and_each_is_counted(polls: tuple[Counting, Station]) -> None:
    suite, station = polls
    election = voted(suite)
    ballots = [signed(election) for _ in range(24)]
    with ThreadPoolExecutor(len(ballots)) as threads:
        answers = list(threads.map(lambda ballot: cast(station, ballot).status_code, ballots))
    assert answers == [202] * len(ballots)
    suite.record_all()
    assert suite.tally(election) == {1: len(ballots)}
    with suite.database.reading() as session:
        uploads = session.scalar(sa.select(sa.func.count()).select_from(Batch))
        assert set(session.scalars(sa.select(Ballot.guid))) == {ballot.guid.bytes for ballot in ballots}
    assert uploads is not None
    assert uploads < len(ballots)


def test_whoever_waits_at_the_box_is_told_what_became_of_the_own_ballot_whatever_happens() -> None:
    begun, goes_on, seen = threading.Event(), threading.Event(), list[Sequence[int]]()

    def commit(some: Sequence[int]) -> list[UrnaError | None]:
        seen.append(list(some))
        begun.set()
        goes_on.wait(30)
        if 7 in some:
            raise RuntimeError("Nobody has thought of this one.")
        return [full if one % 2 else None for one in some]

    full, box = Unavailable("Full."), Box(commit)
    full.__cause__ = OSError("No space is left.")

    def put(number: int) -> str:
        try:
            box.put(number)
        except (UrnaError, RuntimeError) as error:
            return f"{error} {error.__cause__ or ''}".rstrip()
        return "in"

    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(put, 0)
        assert begun.wait(30)
        others = [threads.submit(put, number) for number in (1, 2, 3, 4)]
        deadline = time.monotonic() + 30
        while len(box._waiting) < 4 and time.monotonic() < deadline:
            time.sleep(0.001)
        goes_on.set()
        assert first.result(30) == "in"
        assert [one.result(30) for one in others] == ["Full. No space is left.", "in"] * 2
        assert (seen[0], sorted(seen[1])) == ([0], [1, 2, 3, 4])
        assert put(7) == "Nobody has thought of this one."
        assert put(8) == "in"


def test_nothing_is_cast_while_redis_is_away_and_everybody_is_told(
    service_settings: ServiceSettings, token: Token
) -> None:
    with running("redis://127.0.0.1:1/0", service_settings, token, prepared=False) as station:
        answer = cast(station, signed(OPEN))
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)


def test_nothing_that_is_written_of_a_cast_ballot_leads_to_who_cast_it(
    sqlite_url: str,
    redis_url: str,
    service_settings: ServiceSettings,
    token: Token,
    capsys: pytest.CaptureFixture[str],
) -> None:
    address, request_id = "203.0.113.77", "same-id-in-both-steps"
    sent = {"X-Request-ID": request_id, **token("voter", email="vera@example.org")}
    with (
        counting(sqlite_url, redis_url, partitions=PARTITIONS) as suite,
        running(redis_url, service_settings, token, prepared=False, log_level="info") as station,
    ):
        election = voted(suite)
        ballot = signed(election)
        client, where = station.client, {"REMOTE_ADDR": address}
        # What is logged otherwise, so that this could fail.
        client.get("/api/elections", headers=sent, environ_overrides=where)
        before = capsys.readouterr().err
        assert request_id in before
        answer = client.post(
            f"/api/elections/{election}/ballots", json=ballot.body(2), headers=sent, environ_overrides=where
        )
        assert answer.status_code == 202
        assert "X-Request-ID" not in answer.headers
        assert "Set-Cookie" not in answer.headers
        refused = client.post(
            f"/api/elections/{election}/ballots", json=ballot.body(9), headers=sent, environ_overrides=where
        )
        assert refused.status_code == 422
        written = capsys.readouterr().err
        lines = [json.loads(line) for line in written.splitlines()]
        assert [(line["event"], line["path"], line["status"]) for line in lines] == [
            ("request", "/api/elections/<int:election_id>/ballots", status) for status in (202, 422)
        ]
        (batch,) = suite.redis.scan_iter(match=keys.batch("*"))
        told = suite.redis.hgetall(batch)
        assert (told[b"official_email"], told[b"official_jmbg"], told[b"request_id"]) == (b"", b"", b"")
        everything = repr(contents(suite.redis))
        suite.record_all()
        move(suite.database, suite.redis)
        with suite.database.reading() as session:
            entries = list(session.scalars(sa.select(Journal).where(Journal.action == "batch.accepted")))
            assert [(one.actor, one.address, one.request_id) for one in entries] == [("voters", "", "")]
            everything += "".join(str(vars(one)) for one in session.scalars(sa.select(Journal)))
            everything += "".join(str(vars(one)) for one in session.scalars(sa.select(Batch)))
        for mark in (address, request_id, "vera@example.org"):
            assert mark not in written
            assert mark not in everything
        # Nor does the log say which ballot it was, or how it was cast.
        assert str(ballot.guid) not in written
        assert ballot.guid.hex not in written


def test_a_ballot_that_arrives_when_the_election_has_ended_is_outside(polls: tuple[Counting, Station]) -> None:
    suite, _ = polls
    election = voted(suite, begins=-7200, ends=-3600)
    enqueue(suite, election, [(signed(election), 1)])
    suite.record_all()
    assert sums(suite) == (1, 0, 0, 0, 1)
