"""Ballots are cut into parts by their GUIDs, the same way for ever."""

from collections.abc import Iterator
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voting_station_service import rules
from voting_station_service.rules import Ballots, Cut, read_ballots


def partition(guids: bytes, poll_numbers: list[int], partitions: int, max_part: int, piece: int = 7) -> list[Cut]:
    """Cut ballots that come in pieces of so many."""
    pieces = (
        Ballots(guids[16 * first : 16 * (first + piece)], poll_numbers[first : first + piece])
        for first in range(0, len(poll_numbers), piece)
    )
    return list(rules.partition(pieces, partitions, max_part))


def rebuilt(cuts: list[Cut]) -> dict[int, tuple[bytes, int]]:
    """The ballots of all parts by their line."""
    ballots: dict[int, tuple[bytes, int]] = {}
    for cut in cuts:
        for place, (number, line) in enumerate(zip(cut.poll_numbers, cut.lines, strict=True)):
            assert line not in ballots
            ballots[line] = (cut.guids[16 * place : 16 * place + 16], number)
    return ballots


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.binary(min_size=16, max_size=16), st.integers(1, 10**18 - 1)), max_size=60),
    st.integers(1, 9),
    st.integers(1, 20),
    st.integers(1, 70),
)
def test_partitioning_keeps_every_ballot_its_line_and_the_order(
    ballots: list[tuple[bytes, int]], partitions: int, max_part: int, piece: int
) -> None:
    guids = b"".join(guid for guid, _ in ballots)
    cuts = partition(guids, [number for _, number in ballots], partitions, max_part, piece)
    assert rebuilt(cuts) == dict(enumerate(ballots))
    for number in range(partitions):
        of_it = [cut for cut in cuts if cut.partition == number]
        lines = [line for cut in of_it for line in cut.lines]
        assert lines == [line for line, (guid, _) in enumerate(ballots) if crc32(guid) % partitions == number]
        # All parts but the last are full, and none is empty.
        assert [len(cut.lines) for cut in of_it[:-1]] == [max_part] * (len(of_it) - 1)
        assert all(0 < len(cut.lines) <= max_part for cut in of_it)
    assert all((cut.poll_numbers.typecode, cut.lines.typecode) == ("Q", "I") for cut in cuts)


def test_a_part_comes_as_soon_as_it_is_full() -> None:
    coming: list[int] = []

    def pieces() -> Iterator[Ballots]:
        for first in range(0, 1_000, 100):
            coming.append(first)
            yield Ballots(b"".join(UUID(int=first + line).bytes for line in range(100)), [1] * 100)

    cuts = rules.partition(pieces(), 4, 20)
    next(cuts)
    assert coming == [0]
    assert sum(len(cut.lines) for cut in cuts) == 980


def test_the_partition_of_a_guid_never_changes() -> None:
    guids = [
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ]
    content = "".join(f"{guid},1\n" for guid in guids).encode()
    found = {line: cut.partition for cut in rules.partition(read_ballots([content]), 16, 10) for line in cut.lines}
    # Stored parts were cut by these very numbers; a change here would let a duplicate meet another queue.
    assert [found[line] for line in range(4)] == [13, 10, 5, 10]


def test_no_ballots_give_no_parts() -> None:
    assert partition(b"", [], 1, 10) == partition(b"", [], 8, 10) == []


@pytest.mark.parametrize(("partitions", "max_part"), [(0, 1), (1, 0)])
def test_a_senseless_partitioning_is_a_programming_error(partitions: int, max_part: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        partition(bytes(32), [1, 2], partitions, max_part)
