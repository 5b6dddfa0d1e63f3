"""The ballots go into every database by its fastest way, and by the slower one where that is not allowed."""

import random
import struct
from array import array
from collections.abc import Iterator, Sequence

import pytest
import sqlalchemy as sa

from daemon.store import ballots
from daemon.store.bulk import NewBallots
from shared.database import Database
from shared.schema.election import Ballot
from tests.services.migrated import have_tables

ELECTION = 2**31 - 1
SOURCE = 255 * 2**40 + 2**40 - 1
# Every byte that a text form would have to escape, and those that a fixed width would have to leave at the end.
AWKWARD = [bytes([byte]) * 16 for byte in (0, 9, 10, 13, 26, 32, 34, 39, 44, 48, 92, 127, 128, 255)]
AWKWARD += [bytes(15) + bytes([byte]) for byte in (32, 0x5C, 0x27)] + [bytes([byte]) + bytes(15) for byte in (32, 92)]


@pytest.fixture(params=[True, False], ids=["bulk load allowed", "bulk load not allowed"])
def database(election_database_url: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A store, once reached as the daemon does and once by a client that may not send files."""
    have_tables(election_database_url, "election")
    database = Database(election_database_url, loads=request.param)
    yield database
    database.close()


def part(place: int, guids: Sequence[bytes], numbers: Sequence[int] | None = None) -> NewBallots:
    return NewBallots(place, b"".join(guids), array("Q", numbers or [place] * len(guids)))


def insert(database: Database, parts: Sequence[NewBallots], election: int = ELECTION) -> dict[bytes, int]:
    with database.writing() as session:
        return ballots.insert(session, election, parts)


def stored(database: Database, election: int = ELECTION) -> dict[bytes, tuple[int, int]]:
    """Poll number and source of every GUID of an election."""
    with database.reading() as session:
        rows = session.execute(
            sa.select(Ballot.guid, Ballot.poll_number, Ballot.source).where(Ballot.election_id == election)
        ).all()
    return {guid: (number, source) for guid, number, source in rows}


def test_new_ballots_are_stored_as_they_are_whatever_bytes_they_have(database: Database) -> None:
    random.Random(1).shuffle(AWKWARD)
    numbers = [(10**18 - 1) // (place + 1) for place in range(len(AWKWARD))]
    assert insert(database, [part(SOURCE, AWKWARD, numbers)]) == {}
    assert stored(database) == {guid: (number, SOURCE) for guid, number in zip(AWKWARD, numbers, strict=True)}


def test_more_ballots_than_a_statement_takes_are_all_stored(database: Database) -> None:
    source = random.Random(2)
    guids = [source.randbytes(16) for _ in range(25_000)]
    numbers = [source.randint(1, 300) for _ in guids]
    assert (
        insert(database, [part(7, guids[:12_000], numbers[:12_000]), part(8, guids[12_000:], numbers[12_000:])]) == {}
    )
    found = stored(database)
    assert {guid: number for guid, (number, _) in found.items()} == dict(zip(guids, numbers, strict=True))
    assert [found[guid][1] for guid in (*guids[:12_000:999], *guids[12_000::999])] == [7] * 13 + [8] * 14


@pytest.mark.parametrize("seed", range(5))
def test_of_several_ballots_with_one_guid_the_first_is_stored_and_told(database: Database, seed: int) -> None:
    source = random.Random(seed)
    guids = [source.randbytes(16) for _ in range(300)]
    expected: dict[bytes, tuple[int, int]] = {}
    place = 0
    for _ in range(4):
        parts = []
        for _ in range(3):
            place += 1
            chosen = source.choices(guids, k=source.choice([1, 20]))
            # A greater number may come first, so that no order of the numbers could stand for that of receipt.
            parts.append(part(place, chosen, [source.randint(1, 99) for _ in chosen]))
        repeated = set()
        for one in parts:
            for guid, number in zip(ballots.split(one.guids), one.poll_numbers, strict=True):
                if guid in expected:
                    repeated.add(guid)
                expected.setdefault(guid, (number, one.source))
        came_in = insert(database, parts)
        assert came_in == {guid: expected[guid][1] for guid in repeated}
    assert stored(database) == expected


def test_a_guid_that_comes_again_and_again_where_a_statement_ends_is_stored_once(database: Database) -> None:
    guids = [struct.pack(">QQ", 0, place) for place in range(20_000)]
    first = part(1, guids[:10_000])
    again = part(2, [guids[9_999]] * 3 + guids[10_000:] + [guids[9_999]])
    last = part(3, [guids[9_998], guids[19_999]])
    assert insert(database, [first, again, last]) == {guids[9_998]: 1, guids[9_999]: 1, guids[19_999]: 2}
    found = stored(database)
    assert [found[guid] for guid in guids] == [(1, 1)] * 10_000 + [(2, 2)] * 10_000


def test_the_same_guid_is_new_in_another_election(database: Database) -> None:
    assert insert(database, [part(1, AWKWARD)]) == {}
    assert insert(database, [part(2, AWKWARD)], ELECTION - 1) == {}
    assert insert(database, [part(3, AWKWARD)]) == dict.fromkeys(AWKWARD, 1)


def test_ballots_of_a_transaction_that_is_rolled_back_are_not_stored(database: Database) -> None:
    guids = [struct.pack(">QQ", 0, place) for place in range(100)]
    with database.writing() as session:
        ballots.insert(session, ELECTION, [part(1, guids)])
        session.rollback()
    assert stored(database) == {}
    assert insert(database, [part(2, guids)]) == {}
    assert len(stored(database)) == 100


def test_a_poll_number_that_no_column_holds_is_refused_and_nothing_stored(database: Database) -> None:
    for number in (2**63, 2**64 - 1):
        with pytest.raises(OverflowError, match="poll number"):
            insert(database, [part(1, AWKWARD, [1] * (len(AWKWARD) - 1) + [number])])
        assert stored(database) == {}
