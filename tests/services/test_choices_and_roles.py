"""How somebody voted is for nobody to find out who has a receipt and a role, but not the stores."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import pytest
import sqlalchemy as sa

from cli.recount.command import recounted
from daemon.relay import move
from shared.journal import store
from shared.queue.parts import pack
from shared.schema.election import Election, Part
from shared.terms import Role
from tests.services import administration
from tests.services.administration import Administration
from tests.services.casting import Signed, cast, enqueue, resealed, signed, voted
from tests.services.counting import Counting, guid
from tests.services.signed_in import SignedIn
from tests.services.station import Station, json_of
from tests.services.tokens import ServiceSettings, Token

READERS = (Role.ADMINISTRATOR, Role.AUDITOR)
# More than any election has here, and one of two digits more.
POLL_NUMBERS = range(1, 100)


@contextmanager
def administrated(suite: Counting, settings: ServiceSettings, token: Token) -> Iterator[Administration]:
    url = suite.database.engine.url.render_as_string(hide_password=False)
    with administration.running(url, settings, token, prepared=False) as admin:
        yield admin


def told(suite: Counting, station: Station, admin: Administration, token: Token, election: int) -> str:
    """All that the journal's routes, its page, its published end and the lists of batches say to these roles."""
    move(suite.database, suite.redis)
    with suite.database.reading() as session:
        newest, findings = store.check(session)
    assert findings == []
    answers = [str(newest)]
    for role in READERS:
        journal = admin.get("/api/journal?per_page=100", role=role)
        assert journal["total"] == len(journal["items"])
        batches = admin.get(f"/api/elections/{election}/batches?per_page=100", role=role)["items"]
        answers += [str(journal), str(batches)]
        answers += [str(status_of(station, batch["id"], role)) for batch in batches]
        answers.append(SignedIn.to(admin.app, token, role).see("/journal"))
    return "\n".join(answers)


def status_of(station: Station, batch: str, role: Role, email: str = "") -> dict[str, Any]:
    headers = station.token(role, email=email or f"{role}@example.org")
    return json_of(station.client.get(f"/api/batches/{batch}", headers=headers))


def singled_out(text: str, receipt: Signed, salt: bytes = b"") -> set[int]:
    """The poll numbers that somebody with a receipt finds by trying all; ``salt`` is what he knows of the part."""
    hashes = set(re.findall("[0-9a-f]{32,}", text.lower()))
    assert hashes
    found = set()
    for number in POLL_NUMBERS:
        payload = pack(receipt.guid.bytes, [number], [0], receipt.prefix + receipt.signature)
        for tried in (resealed(payload), resealed(payload, salt or bytes(32))):
            digest = sha256(tried)
            values = {digest.hexdigest(), sha256(digest.digest()).hexdigest(), tried[16:32].hex()}
            found |= {number} if values & hashes else set()
    return found


def names_the_ballot(text: str, receipt: Signed) -> bool:
    """Whether it leads from the receipt to the batch, and so to the moment of casting."""
    known = {receipt.guid.hex, str(receipt.guid), sha256(receipt.guid.bytes).hexdigest()}
    return any(one in text.lower() for one in known)


def test_whoever_has_a_receipt_and_the_whole_journal_cannot_single_out_the_choice(
    polls: tuple[Counting, Station], service_settings: ServiceSettings, token: Token
) -> None:
    suite, station = polls
    election = voted(suite)
    receipt = signed(election)
    assert cast(station, receipt, 3).status_code == 202
    suite.record_all()
    with administrated(suite, service_settings, token) as admin:
        text = told(suite, station, admin, token, election)
        assert "batch.accepted" in text
        assert singled_out(text, receipt) == set()
        assert not names_the_ballot(text, receipt)
        # The salt alone stands in the way, and whoever reads the store has it, with the choice beside it.
        with suite.database.reading() as session:
            payload = session.scalars(sa.select(Part.payload)).one()
        assert singled_out(text, receipt, payload[-32:]) == {3}
        # So it was before there was a salt. What was accepted then is counted, and recounted, as ever.
        earlier = signed(election)
        enqueue(suite, election, [(earlier, 2)], salted=False)
        suite.record_all()
        text = told(suite, station, admin, token, election)
        assert singled_out(text, earlier) == {2}
        assert names_the_ballot(text, earlier)
        assert singled_out(text, receipt) == set()
    assert suite.tally(election) == {2: 1, 3: 1}
    suite.note_that_nothing_waits()
    found = recounted(suite.database.engine.url.render_as_string(hide_password=False), election, 100)
    assert found["agrees"], found["findings"]
    assert found["ballots"]["counted"] == {"recounted": 2, "committed": 2}


@pytest.mark.parametrize("choices_public", [False, True])
def test_how_refused_ballots_were_cast_is_held_back_from_every_role_where_voters_cast_ballots(
    polls: tuple[Counting, Station], service_settings: ServiceSettings, token: Token, choices_public: bool
) -> None:
    suite, station = polls
    # The second tells the station of both.
    without_key, election = suite.election(), voted(suite)
    with suite.database.writing() as session:
        session.get_one(Election, election).choices_public = choices_public
    receipt = signed(election)
    assert [cast(station, receipt, 3).status_code for _ in range(2)] == [202, 202]
    of_voters = [key.decode().rpartition(":")[2] for key in suite.redis.scan_iter(match="urna:batch:*")]
    file = [(guid(1), 1), (guid(1), 2), (guid(2), 9)]
    of_officials = {made: suite.accept(file, election=made) for made in (election, without_key)}
    suite.record_all()

    def numbers(batch: str, role: Role, email: str = "") -> list[tuple[str, int | None]]:
        refused = status_of(station, batch, role, email)["refused"]
        return [(line["guid"], line["poll_number"]) for line in refused]

    for role in READERS:
        assert [line for batch in of_voters for line in numbers(batch, role)] == [(str(receipt.guid), None)]
        assert numbers(of_officials[election], role) == [(guid(1), None), (guid(2), None)]
        # As it always was in elections of officials alone.
        assert numbers(of_officials[without_key], role) == [(guid(1), 2), (guid(2), 9)]
    # Whoever has sent the file knows what is in it.
    for batch in of_officials.values():
        assert numbers(batch, Role.OFFICIAL, "official@example.org") == [(guid(1), 2), (guid(2), 9)]


@pytest.mark.parametrize("by_voters", [False, True])
def test_a_file_that_names_no_election_is_held_back_like_the_one_that_it_counts_in(
    polls: tuple[Counting, Station], by_voters: bool
) -> None:
    suite, station = polls
    # Of these, one is over when the file comes, and decides nothing.
    voted(suite, begins=-7200, ends=-3600)
    if by_voters:
        voted(suite)
    else:
        suite.election()
    batch = suite.accept([(guid(1), 1), (guid(1), 2)])
    suite.record_all()
    refused = status_of(station, batch, Role.AUDITOR)["refused"]
    assert [line["poll_number"] for line in refused] == [None if by_voters else 2]
