"""The key of an election, and its blind signatures: one for each voter, the same again, and no trace of the ballot."""

import base64
import csv
import io
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from authentication_service.actions.ballot_signatures import BallotKeys
from authentication_service.routes.ballot_signatures import EXTENSION
from shared.blind_signatures import (
    PREFIX_BYTES,
    Blinded,
    PrivateKey,
    PublicKey,
    ballot_message,
    blind,
    finalize,
    prepare,
    public_key,
)
from shared.schema.accounts import BallotSignature, Citizen, Journal, User, VoterElection
from tests.services.accounts import (
    ADMIN_EMAIL,
    ADMIN_PASSWORD,
    PASSWORD,
    Accounts,
    at_once,
    faulty_fields,
    headers_of,
    jmbg,
    problem,
    register,
)
from tests.services.test_account_pages import sign_in, submit

NUMBER = 5
SOON = datetime.now(UTC) + timedelta(days=1)


def make_election(accounts: Accounts, **changed: Any) -> PublicKey:
    """An election for voters, with its key, that opens tomorrow."""
    body = {"title": "A", "opens_at": SOON.isoformat(), "closes_at": (SOON + timedelta(hours=14)).isoformat()}
    path, headers = f"/api/voter-elections/{NUMBER}", {**accounts.logged_in(), "If-Match": "*"}
    assert accounts.client.put(path, json={**body, **changed}, headers=headers).status_code == 201
    made = accounts.client.post(f"{path}/key", headers=headers)
    assert made.status_code == 201, made.get_data(as_text=True)
    return public_key(base64.b64decode(made.get_json()["ballot_key"]))


def move(accounts: Accounts, opens: float, closes: float) -> None:
    """Let time pass: it opens and closes so many hours from now."""
    now = datetime.now(UTC)
    with accounts.database.writing() as session:
        session.execute(
            sa.update(VoterElection).values(
                opens_at=now + timedelta(hours=opens), closes_at=now + timedelta(hours=closes)
            )
        )


@pytest.fixture
def key(accounts: Accounts) -> PublicKey:
    """The key of an election that is open, in which voter 1 has an account."""
    made = make_election(accounts)
    move(accounts, -1, 1)
    register(accounts, 1, role="voter")
    return made


def new_ballot(key: PublicKey) -> Blinded:
    message = ballot_message(NUMBER, secrets.token_bytes(16))
    return blind(key, prepare(message, secrets.token_bytes(PREFIX_BYTES)))


def ask(accounts: Accounts, blinded: bytes, voter: int = 1) -> TestResponse:
    body = {"blinded": base64.b64encode(blinded).decode()}
    return accounts.post(f"/api/elections/{NUMBER}/signature", body, headers_of(accounts, voter))


def signed(answer: TestResponse) -> bytes:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return base64.b64decode(answer.get_json()["signature"])


def store_key(accounts: Accounts, sealed: bytes) -> None:
    with accounts.database.writing() as session:
        session.execute(sa.update(VoterElection).values(private_key_sealed=sealed))


def rows(accounts: Accounts) -> list[BallotSignature]:
    with accounts.database.reading() as session:
        found = list(session.scalars(sa.select(BallotSignature)))
        session.expunge_all()
        return found


def test_a_voter_gets_a_signature_that_anybody_can_check_and_the_same_request_the_same_one(
    accounts: Accounts, key: PublicKey
) -> None:
    ballot = new_ballot(key)
    before = len(accounts.journal())
    first = ask(accounts, ballot.message)
    signature = finalize(key, ballot, signed(first))
    assert key.verify(ballot.prepared, signature)
    assert signed(ask(accounts, ballot.message)) == signed(first)
    other = ask(accounts, new_ballot(key).message)
    assert problem(other, 409)["detail"].startswith("You have got your signature for this election")
    (row,) = rows(accounts)
    assert row.signed_on == datetime.now(UTC).date()
    # Who voted when stands nowhere: the journal has the log-ins, and what was refused.
    actions = [entry.action for entry in accounts.journal()[before:] if not entry.action.startswith("session.")]
    assert actions == ["ballot_signature.refused"]
    listed = accounts.client.get("/api/elections", headers=headers_of(accounts)).get_json()["items"]
    assert [(one["election_id"], one["may_vote"], one["signed"]) for one in listed] == [(NUMBER, True, True)]


def test_two_devices_at_the_same_instant_get_one_signature_between_them(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    key = make_election(accounts)
    move(accounts, -1, 1)
    register(accounts, 1, role="voter")
    headers = headers_of(accounts)
    ballots = [new_ballot(key) for _ in range(2)]
    bodies = [{"blinded": base64.b64encode(one.message).decode()} for one in (*ballots, *ballots)]

    def send(body: dict[str, str]) -> TestResponse:
        return accounts.post(f"/api/elections/{NUMBER}/signature", body, headers)

    answers = at_once(*(lambda body=body: send(body) for body in bodies))
    won = [place % 2 for place, answer in enumerate(answers) if answer.status_code == 200]
    assert len(set(won)) == 1
    assert all(answer.status_code in (200, 409) for answer in answers)
    assert len(rows(accounts)) == 1
    again = send(bodies[won[0]])
    assert key.verify(ballots[won[0]].prepared, finalize(key, ballots[won[0]], signed(again)))
    assert send(bodies[1 - won[0]]).status_code == 409


@pytest.mark.parametrize(
    ("citizen", "election", "sentence"),
    [
        ({"status": "deceased"}, {}, "this person has died"),
        ({"status": "moved_away"}, {}, "you have moved away"),
        ({"born_on": (datetime.now(UTC) - timedelta(days=17 * 365)).date()}, {}, "not of age"),
        ({"region": "Severni"}, {"restriction": "region", "restriction_values": ["Нишавски"]}, "other regions"),
        ({"federal_unit": "X"}, {"restriction": "federal_unit", "restriction_values": ["Србија"]}, "federal units"),
        ({}, {"restriction": "citizens"}, "not on the list"),
    ],
)
def test_who_may_not_vote_gets_no_signature_and_is_told_why(
    accounts: Accounts, key: PublicKey, citizen: dict[str, Any], election: dict[str, Any], sentence: str
) -> None:
    register(accounts, 2, role="voter")
    assert ask(accounts, new_ballot(key).message, voter=2).status_code == 200
    with accounts.database.writing() as session:
        number = session.scalar(sa.select(User.citizen_id).where(User.email == "vera1@gmail.com"))
        if citizen:
            session.execute(sa.update(Citizen).where(Citizen.id == number).values(citizen))
        if election:
            session.execute(sa.update(VoterElection).values(election))
    refused = ask(accounts, new_ballot(key).message)
    said = problem(refused, 403)["detail"]
    # Why, whom to ask, and till when.
    assert [words for words in (sentence, "the electoral commission") if words not in said] == []
    assert ("before the election closes" in said) is (sentence != "not on the list")
    assert len(rows(accounts)) == 1
    (listed,) = accounts.client.get("/api/elections", headers=headers_of(accounts)).get_json()["items"]
    assert (listed["may_vote"], listed["signed"]) == (False, False)


def roll_of(accounts: Accounts) -> list[dict[str, str]]:
    answer = accounts.client.get(f"/api/voter-elections/{NUMBER}/roll.csv", headers=accounts.logged_in())
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))


def test_who_has_got_a_signature_is_marked_on_the_electoral_roll_and_nobody_else(
    accounts: Accounts, key: PublicKey
) -> None:
    register(accounts, 2, role="voter")
    before = roll_of(accounts)
    assert {one["signature_given"] for one in before} == {""}
    signed(ask(accounts, new_ballot(key).message, voter=2))
    # Whoever asks for what is refused is not marked.
    assert ask(accounts, b"", voter=1).status_code == 422
    after = roll_of(accounts)
    assert [one for one in after if one["signature_given"]] == [
        one | {"signature_given": "yes"} for one in before if jmbg(2).endswith(one["national_id"][-4:])
    ]
    assert [one | {"signature_given": ""} for one in after] == before


def note_paper(accounts: Accounts, voter: int, headers: dict[str, str] | None = None) -> TestResponse:
    path = f"/api/voter-elections/{NUMBER}/paper-voters/{citizen_of(accounts, voter)}"
    return accounts.client.put(path, headers=headers or accounts.logged_in())


def citizen_of(accounts: Accounts, voter: int) -> int:
    with accounts.database.reading() as session:
        return session.scalar(sa.select(User.citizen_id).where(User.email == f"vera{voter}@gmail.com")) or 0


def test_who_votes_on_paper_gets_no_signature_and_who_has_got_one_no_ballot_paper(
    accounts: Accounts, key: PublicKey
) -> None:
    register(accounts, 2, role="voter")
    page = sign_in(accounts, ADMIN_EMAIL, ADMIN_PASSWORD)
    first, second = (f"/citizens/{citizen_of(accounts, voter)}" for voter in (1, 2))
    assert "Votes on paper: A" in page.get(first).text
    # On the page of the citizen, and again by the route, which changes nothing.
    assert submit(page, f"{first}/paper/{NUMBER}", first).status_code == 303
    assert note_paper(accounts, 1).get_json() == {"election_id": NUMBER, "citizen_id": citizen_of(accounts, 1)}
    assert "votes on paper" in page.get(first).text
    refused = problem(ask(accounts, new_ballot(key).message), 403)["detail"]
    assert refused.startswith("It is noted that you have voted on paper")
    (listed,) = accounts.client.get("/api/elections", headers=headers_of(accounts)).get_json()["items"]
    assert (listed["may_vote"], listed["reason"], listed["signed"]) == (False, "voted_on_paper", False)
    # The other way round.
    assert ask(accounts, new_ballot(key).message, voter=2).status_code == 200
    assert "Give out no ballot paper" in problem(note_paper(accounts, 2), 409)["detail"]
    wrong = submit(page, f"{second}/paper/{NUMBER}", second)
    assert (wrong.status_code, "Give out no ballot paper" in wrong.text) == (409, True)
    assert "has got the signature: no ballot paper" in page.get(second).text
    # Who may not vote gets neither.
    register(accounts, 3, role="voter")
    with accounts.database.writing() as session:
        number = citizen_of(accounts, 3)
        session.execute(sa.update(Citizen).where(Citizen.id == number).values(status="moved_away"))
    assert "may not vote" in problem(note_paper(accounts, 3), 409)["detail"]
    assert problem(
        accounts.client.put(f"/api/voter-elections/{NUMBER}/paper-voters/0", headers=accounts.logged_in()), 404
    )
    noted = [entry for entry in accounts.journal() if entry.action == "voter_election.voted_on_paper"]
    assert [entry.outcome for entry in noted] == ["done", "refused", "refused", "refused", "refused"]
    marks = {one["national_id"][-4:]: (one["signature_given"], one["voted_on_paper"]) for one in roll_of(accounts)}
    assert (marks[jmbg(1)[-4:]], marks[jmbg(2)[-4:]]) == (("", "yes"), ("yes", ""))
    move(accounts, -2, -1)
    assert accounts.client.get(f"/api/voter-elections/{NUMBER}/signatures").get_json()["given"] == 1


def test_at_the_same_instant_somebody_gets_a_signature_or_a_ballot_paper_and_never_both(
    accounts_anywhere: Accounts,
) -> None:
    accounts = accounts_anywhere
    key = make_election(accounts)
    move(accounts, -1, 1)
    administrator = accounts.logged_in()
    for voter in (1, 2, 3):
        register(accounts, voter, role="voter")
        headers, blinded = headers_of(accounts, voter), new_ballot(key).message
        body = {"blinded": base64.b64encode(blinded).decode()}
        path = f"/api/elections/{NUMBER}/signature"
        answers = at_once(
            partial(accounts.post, path, body, headers), partial(note_paper, accounts, voter, administrator)
        )
        assert sorted(answer.status_code for answer in answers) in ([200, 403], [200, 409])
    assert len(rows(accounts)) == 3


def test_how_many_signatures_were_given_is_told_to_everybody_when_no_other_is_given_any_more(
    accounts: Accounts, key: PublicKey
) -> None:
    path, page = f"/api/voter-elections/{NUMBER}/signatures", sign_in(accounts, ADMIN_EMAIL, ADMIN_PASSWORD)
    assert ask(accounts, new_ballot(key).message).status_code == 200
    for closes in (1, -1 / 60):
        move(accounts, -2, closes)
        assert "when the election has ended" in problem(accounts.client.get(path), 409)["detail"]
        assert "signature was given" not in page.get(f"/voters/{NUMBER}").text
    move(accounts, -2, -1)
    told = accounts.client.get(path)
    assert (told.get_json(), told.status_code) == ({"election_id": NUMBER, "given": 1}, 200)
    assert told.headers["Cache-Control"] == "public, max-age=600"
    assert "1 signature was given." in page.get(f"/voters/{NUMBER}").text
    assert problem(accounts.client.get("/api/voter-elections/77/signatures"), 404)


def test_nothing_is_signed_before_the_election_opens_and_after_it_has_closed(
    accounts: Accounts, key: PublicKey
) -> None:
    ballot = new_ballot(key).message
    for hours, sentence in (((1, 2), "has not begun yet"), ((-2, -1), "has ended")):
        move(accounts, *hours)
        assert sentence in problem(ask(accounts, ballot), 409)["detail"]
    assert rows(accounts) == []
    move(accounts, -1, 1)
    assert ask(accounts, ballot).status_code == 200


def test_what_is_no_blinded_message_is_refused_and_does_not_use_the_signature_up(
    accounts: Accounts, key: PublicKey
) -> None:
    for wrong in (b"", bytes(255), b"\0" * 256, b"\xff" * 256, bytes(257)):
        assert faulty_fields(ask(accounts, wrong)) == ["blinded"]
    wrong_letters = accounts.post(f"/api/elections/{NUMBER}/signature", {"blinded": "!"}, headers_of(accounts))
    assert faulty_fields(wrong_letters) == ["blinded"]
    assert rows(accounts) == []
    assert ask(accounts, new_ballot(key).message).status_code == 200


@pytest.mark.parametrize("damage", ["in memory", "of what is sealed", "to another key", "to no key"])
def test_a_damaged_key_signs_nothing_and_the_voter_is_told_to_ask_again(
    accounts: Accounts, key: PublicKey, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    register(accounts, 2, role="voter")
    keys = accounts.app.extensions[EXTENSION]
    assert isinstance(keys, BallotKeys)
    finalize(key, other := new_ballot(key), signed(ask(accounts, other.message, voter=2)))
    (opened,) = keys._opened.items()
    sealed, private = opened
    if damage == "in memory":
        # A bit that has turned over since the key was read and checked.
        keys._opened[sealed] = replace(private, exponent_p=private.exponent_p ^ 2)
    else:
        stored = {
            "of what is sealed": sealed[:-1] + bytes([sealed[-1] ^ 1]),
            "to another key": keys.close(NUMBER, PrivateKey.generate()[1]),
            "to no key": keys.close(NUMBER, b"no key"),
        }[damage]
        store_key(accounts, stored)
    ballot = new_ballot(key)
    capsys.readouterr()
    answer = ask(accounts, ballot.message)
    assert "ask again" in problem(answer, 503)["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    assert len(rows(accounts)) == 1
    assert "SigningFault" in capsys.readouterr().err
    # Nothing was used up: with the key as it was the very same request is signed.
    keys._opened.clear()
    store_key(accounts, sealed)
    assert key.verify(ballot.prepared, finalize(key, ballot, signed(ask(accounts, ballot.message))))
    assert len(rows(accounts)) == 2


def test_who_registers_again_after_the_account_was_deleted_gets_no_second_signature(
    accounts: Accounts, key: PublicKey
) -> None:
    ballot = new_ballot(key)
    first = signed(ask(accounts, ballot.message))
    number = accounts.user_id("vera1@gmail.com")
    deleted = accounts.client.delete(f"/api/users/{number}", headers=accounts.logged_in())
    assert deleted.status_code == 204, deleted.get_data(as_text=True)
    # The same citizen, with another address.
    register(accounts, 1, role="voter", email="vera.again@gmail.com")
    headers = accounts.logged_in("vera.again@gmail.com", PASSWORD)

    def again(blinded: bytes) -> TestResponse:
        body = {"blinded": base64.b64encode(blinded).decode()}
        return accounts.post(f"/api/elections/{NUMBER}/signature", body, headers)

    assert "You have got your signature" in problem(again(new_ballot(key).message), 409)["detail"]
    (listed,) = accounts.client.get("/api/elections", headers=headers).get_json()["items"]
    assert (listed["may_vote"], listed["signed"]) == (True, True)
    # Of the ballot that was signed, the signature is given again, and it stays one.
    assert signed(again(ballot.message)) == first
    assert len(rows(accounts)) == 1


def test_only_a_voters_account_with_its_entry_in_the_register_gets_a_signature(
    accounts: Accounts, key: PublicKey
) -> None:
    register(accounts, 3, role="official")
    assert problem(ask(accounts, new_ballot(key).message, voter=3), 403)
    assert problem(accounts.post("/api/elections/6/signature", {"blinded": "AA=="}, headers_of(accounts)), 404)
    voter = headers_of(accounts)
    with accounts.database.writing() as session:
        session.execute(sa.update(User).where(User.email == "vera1@gmail.com").values(citizen_id=None))
    body = {"blinded": base64.b64encode(new_ballot(key).message).decode()}
    refused = accounts.post(f"/api/elections/{NUMBER}/signature", body, voter)
    assert "no entry in the citizens' register" in problem(refused, 403)["detail"]


def test_a_key_is_made_once_before_the_election_opens_and_its_private_half_is_sealed(accounts: Accounts) -> None:
    key = make_election(accounts)
    path, headers = f"/api/voter-elections/{NUMBER}", {**accounts.logged_in(), "If-Match": "*"}
    assert accounts.client.get(f"{path}/key").get_json()["fingerprint"] == key.fingerprint
    assert problem(accounts.client.post(f"{path}/key", headers=accounts.logged_in()), 428)
    assert "has its ballot key already" in problem(accounts.client.post(f"{path}/key", headers=headers), 409)["detail"]
    with accounts.database.writing() as session:
        sealed = session.scalar(sa.select(VoterElection.private_key_sealed)) or b""
        told = "".join(str(vars(entry)) for entry in session.scalars(sa.select(Journal)))
        # What only the private half has stands in no row in the plain.
        assert b"\x02\x03\x01\x00\x01" not in sealed
        assert key.fingerprint in told
        session.execute(sa.update(VoterElection).values(public_key=None, private_key_sealed=None))
    assert problem(accounts.client.get(f"{path}/key"), 404)
    move(accounts, -1, 1)
    assert "has opened" in problem(accounts.client.post(f"{path}/key", headers=headers), 409)["detail"]
    assert jmbg(1) not in told
