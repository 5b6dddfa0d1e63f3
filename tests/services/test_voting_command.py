"""A voter at a terminal, before services that talk HTTP: from the ballot to the receipt; and what an operator sees."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from cli.app import main
from cli.durable import replace
from cli.elections import local_time
from cli.failure import NOT_ALLOWED, REFUSED, SUCCESS, UNAVAILABLE, USAGE
from daemon import actions
from shared.schema.accounts import BallotSignature, VoterElection
from shared.schema.election import Election
from tests.services import accounts as accounts_service
from tests.services.accounts import PASSWORD, register
from tests.services.casting import Signed, cast, key_text
from tests.services.voting import NOBODY, Voting


def test_a_file_that_is_no_ballot_is_named_and_left_as_it_is(voting: Voting) -> None:
    assert voting.vote(2, "--sign-only")[0] == SUCCESS
    kept = voting.kept()
    unfinished = {name: kept[name] for name in ("election", "ballot_key", "guid", "prefix")}
    wrong: object
    for wrong in ([], {"guid": 1}, unfinished, {**kept, "signature": "!"}, {**kept, "election": "one"}):
        voting.file().write_text(json.dumps(wrong))
        status, said = voting.vote(2)
        assert (status, "is no ballot of `urna vote`" in str(said)) == (USAGE, True), wrong
        assert json.loads(voting.file().read_text()) == wrong
    voting.file().write_text(json.dumps(kept))
    assert voting.vote(2)[0] == SUCCESS


def test_a_voter_votes_at_a_terminal_and_finds_the_ballot_counted(voting: Voting) -> None:
    status, said = voting.run("elections")
    assert (status, [one["may_vote"] for one in said["items"]]) == (SUCCESS, [True])
    status, said = voting.vote(2)
    assert (status, said["cast"]) == (SUCCESS, True), said
    assert voting.file().stat().st_mode & 0o777 == 0o600
    # A receipt says neither how somebody voted nor what was asked of the signer.
    assert set(voting.kept()) == {"election", "ballot_key", "guid", "prefix", "signature"}
    assert voting.run("verify", str(voting.file()))[0] == REFUSED
    voting.suite.record_all()
    status, said = voting.run("verify", str(voting.file()))
    assert (status, said["counted"]) == (SUCCESS, True)
    assert voting.suite.tally(voting.election) == {2: 1}
    status, said = voting.vote(2)
    assert (status, "was cast already" in said["error"]) == (REFUSED, True)


def test_everybody_can_hold_the_signatures_that_were_given_against_the_ballots(voting: Voting) -> None:
    assert voting.vote(2)[0] == SUCCESS
    voting.suite.record_all()
    where = [f"--{name}-url={voting.addresses[name]}" for name in ("authentication", "results")]

    def compare() -> tuple[int, dict[str, Any]]:
        voting.capsys.readouterr()
        status = main(["--json", "voters", "signatures", str(voting.election), *where])
        said = voting.capsys.readouterr()
        return status, json.loads(said.out or said.err.splitlines()[-1])

    status, said = compare()
    assert (status, "when the election has ended" in said["error"]) == (REFUSED, True)
    with voting.accounts.database.writing() as session:
        session.execute(sa.update(VoterElection).values(closes_at=datetime.now(UTC) - timedelta(minutes=10)))
    status, said = compare()
    assert (status, said["given"], said["of_no_station"]) == (SUCCESS, 1, 1)
    # Who has the private key can sign for nobody; then there are more ballots than voters who got a signature.
    with voting.accounts.database.writing() as session:
        session.execute(sa.delete(BallotSignature))
    status, said = compare()
    assert (status, said["given"], said["exceeded"]) == (REFUSED, 0, True)


def test_a_choice_that_does_not_exist_is_refused_before_anything_is_asked_for(voting: Voting) -> None:
    status, said = voting.vote(9, authentication=NOBODY)
    assert (status, "no list with the poll number 9" in said["error"]) == (USAGE, True)
    assert not voting.file().exists()
    assert voting.vote(3)[0] == SUCCESS


def test_a_ballot_that_is_signed_is_cast_without_a_word_to_the_authentication_service(voting: Voting) -> None:
    assert voting.vote(2, "--sign-only", authentication=NOBODY)[0] == UNAVAILABLE
    status, said = voting.vote(2, "--sign-only")
    assert (status, said["cast"]) == (SUCCESS, False)
    with voting.suite.database.reading() as session:
        assert datetime.fromisoformat(said["until"]) == session.get_one(Election, voting.election).end
    kept = voting.kept()
    # Another's signature is found by the key that is kept, before anything is sent.
    voting.file().write_text(json.dumps({**kept, "guid": str(UUID(int=7))}))
    status, said = voting.vote(2, authentication=NOBODY)
    assert (status, "its signature is not one of this ballot" in said["error"]) == (REFUSED, True)
    voting.file().write_text(json.dumps(kept))
    status, said = voting.vote(2, authentication=NOBODY)
    assert (status, said["cast"], said["repeated"]) == (SUCCESS, True, False)
    voting.suite.record_all()
    assert voting.suite.tally(voting.election) == {2: 1}


def test_who_has_a_ballot_signed_is_told_to_cast_it_later_and_may_cast_it_at_once(voting: Voting) -> None:
    later = "among those of others and from another network"
    options = ["--email", "vera1@gmail.com", "--password", PASSWORD]
    for name, url in voting.addresses.items():
        options += [f"--{name}-url", url]
    words = ["vote", str(voting.election), "2", "--file", str(voting.file()), *options]
    voting.capsys.readouterr()
    assert main([*words, "--sign-only"]) == SUCCESS
    said = voting.capsys.readouterr().out
    assert later in said
    paper = voting.station.client.get(f"/api/elections/{voting.election}/ballot-paper").get_json()
    assert f"until {local_time(paper['end'])}" in said
    # At once without having been asked to wait is what who gets the signature and casts by one call is told before.
    register(voting.accounts, 2, role="voter")
    assert voting.vote(2, voter=2)[0] == SUCCESS
    assert later in voting.aside
    assert main(words) == SUCCESS
    assert later not in "".join(voting.capsys.readouterr())


@pytest.mark.parametrize("is_recorded", [True, False])
@pytest.mark.parametrize("was_lost", [True, False])
def test_of_a_ballot_that_was_cast_before_it_is_said_that_the_first_choice_counts(
    voting: Voting, is_recorded: bool, was_lost: bool
) -> None:
    assert voting.vote(1, "--sign-only")[0] == SUCCESS
    kept = voting.kept()
    # Somebody who has the file casts it; or it was cast from here, and the answer was lost.
    assert voting.vote(1)[0] == SUCCESS
    voting.file().write_text(json.dumps({**kept, **({"sent": True} if was_lost else {})}))
    if is_recorded:
        voting.suite.record_all()
    status, said = voting.vote(3)
    assert (status, said["cast"], said["repeated"]) == (SUCCESS if was_lost else REFUSED, True, True)
    # The receipt is a receipt all the same.
    assert set(voting.kept()) == {"election", "ballot_key", "guid", "prefix", "signature"}
    voting.suite.record_all()
    assert voting.suite.tally(voting.election) == {1: 1}
    status, said = voting.run("verify", str(voting.file()))
    assert (status, said["counted"], said["repeated"]) == (SUCCESS, True, False)


def test_a_vote_goes_on_where_the_connection_was_lost(voting: Voting) -> None:
    with voting.accounts.database.writing() as session:
        before = session.scalar(sa.select(sa.func.count()).select_from(BallotSignature))
    assert before == 0
    # The ballot is made, and the signer is away.
    key = voting.accounts.client.get(f"/api/voter-elections/{voting.election}/key")
    assert key.status_code == 200
    assert voting.vote(1, "--sign-only")[1]["cast"] is False
    made = voting.kept()
    # The answer of the signer was lost: the same question gets the same signature.
    answered = made.pop("signature")
    voting.file().write_text(json.dumps(made))
    assert voting.vote(1, "--sign-only")[0] == SUCCESS
    assert voting.kept()["signature"] == answered
    # The station is away.
    assert voting.vote(1, station=NOBODY)[0] == UNAVAILABLE
    assert voting.vote(1)[0] == SUCCESS
    assert voting.kept()["guid"] == made["guid"]
    voting.suite.record_all()
    assert voting.suite.tally(voting.election) == {1: 1}


@pytest.mark.parametrize("who_says_so", ["everybody", "the results alone", "nobody"])
def test_who_votes_is_told_before_that_the_choice_will_be_published(voting: Voting, who_says_so: str) -> None:
    publishes = who_says_so != "nobody"
    with voting.suite.database.writing() as session:
        session.get_one(Election, voting.election).choices_public = publishes
    if who_says_so == "everybody":
        actions.publish_elections(voting.suite.database, voting.suite.redis, datetime.now(UTC), timedelta(days=30))
    warning = "Whoever sees your receipt can then see how you voted."
    status, said = voting.vote(1, "--sign-only")
    assert (status, said["cast"], said["choices_public"]) == (SUCCESS, False, publishes)
    assert (warning in voting.aside) is publishes
    status, said = voting.vote(1)
    assert (status, said["cast"], said["choices_public"]) == (SUCCESS, True, publishes)
    assert (warning in voting.aside) is publishes


def test_a_ballot_that_others_may_read_is_not_used(voting: Voting) -> None:
    assert voting.vote(1, "--sign-only")[0] == SUCCESS
    voting.file().chmod(0o644)
    status, said = voting.vote(1)
    assert (status, "Others may read" in said["error"]) == (NOT_ALLOWED, True)
    voting.file().chmod(0o600)
    assert voting.vote(1)[0] == SUCCESS


def test_a_key_that_is_not_everybodys_is_found_before_anything_is_sent(voting: Voting) -> None:
    with voting.suite.database.writing() as session:
        row = session.get_one(Election, voting.election)
        own, row.ballot_key = row.ballot_key, key_text()
        row.version += 1
    status, said = voting.vote(1)
    assert (status, "different ballot keys" in said["error"]) == (NOT_ALLOWED, True)
    assert not voting.file().exists()
    with voting.suite.database.writing() as session:
        row = session.get_one(Election, voting.election)
        row.ballot_key = own
        row.version += 1
    assert voting.vote(1)[0] == SUCCESS


def test_nobody_votes_twice_in_six_ways(voting: Voting) -> None:
    assert voting.vote(1)[0] == SUCCESS
    ballot = voting.receipt()
    # 1. Another ballot for the same account.
    voting.file().rename(voting.directory / "first.json")
    status, said = voting.vote(2)
    assert (status, "have got your signature" in said["error"]) == (REFUSED, True)
    # 2. A second account of the same citizen.
    body = {**accounts_service.person(1, email="second@gmail.com"), "role": "voter"}
    answer = voting.accounts.post("/api/register", body)
    assert (answer.status_code, answer.get_json()["detail"]) == (409, "JMBG already exists.")
    # 3. The same ballot again, and 4. with another choice.
    for number in (1, 3):
        answer = cast(voting.station, ballot, number)
        assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (409, "guid")
        assert "the first choice counts" in answer.get_json()["detail"]
    # 5. Another GUID with the same signature.
    other = Signed(ballot.election, UUID(int=7), ballot.prefix, ballot.signature)
    answer = cast(voting.station, other)
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "signature")
    # 6. In another election, with the signature of this one.
    second = voting.suite.election()
    with voting.suite.database.writing() as session:
        session.get_one(Election, second).ballot_key = session.get_one(Election, voting.election).ballot_key
    actions.publish_elections(voting.suite.database, voting.suite.redis, datetime.now(UTC), timedelta(days=30))
    moved = Signed(second, ballot.guid, ballot.prefix, ballot.signature)
    answer = cast(voting.station, moved)
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "signature")
    voting.suite.record_all()
    assert voting.suite.tally(voting.election) == {1: 1}
    assert voting.suite.tally(second) == {}


def test_a_kept_ballot_survives_a_power_cut_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, seen = tmp_path / "ballot.json", []
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        seen.append((Path(os.readlink(f"/proc/self/fd/{descriptor}")), file.read_text() if file.exists() else None))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    replace(file, "first")
    replace(file, "second")
    # The content before it gets its name, and the name before anybody is told that the ballot is kept.
    (scratch, before), (folder, after), (other, first), (again, second) = seen
    assert [folder, again, scratch.parent, other.parent] == [tmp_path] * 4
    assert [before, after, first, second] == [None, "first", "first", "second"]
    assert list(tmp_path.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o600
