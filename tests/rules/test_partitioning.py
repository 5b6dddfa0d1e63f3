"""Ballots are cut into parts by their GUIDs, the same way for ever."""

from array import array
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voting_station_service import rules
from voting_station_service.rules import Cut, partition, read_ballots


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
)
def test_partitioning_keeps_every_ballot_its_line_and_the_order(
    ballots: list[tuple[bytes, int]], partitions: int, max_part: int
) -> None:
    guids = b"".join(guid for guid, _ in ballots)
    cuts = partition(guids, array("Q", (number for _, number in ballots)), partitions, max_part)
    assert rebuilt(cuts) == dict(enumerate(ballots))
    for number in range(partitions):
        of_it = [cut for cut in cuts if cut.partition == number]
        lines = [line for cut in of_it for line in cut.lines]
        assert lines == [line for line, (guid, _) in enumerate(ballots) if crc32(guid) % partitions == number]
        # All parts but the last are full, and none is empty.
        assert [len(cut.lines) for cut in of_it[:-1]] == [max_part] * (len(of_it) - 1)
        assert all(0 < len(cut.lines) <= max_part for cut in of_it)
    assert [cut.partition for cut in cuts] == sorted(cut.partition for cut in cuts)
    assert all((cut.poll_numbers.typecode, cut.lines.typecode) == ("Q", "I") for cut in cuts)


def test_many_ballots_are_parted_across_the_blocks_in_which_they_are_dealt() -> None:
    count = 2 * rules._BLOCK_BALLOTS + 17
    guids = b"".join(UUID(int=line * 2**61 + line).bytes for line in range(count))
    numbers = array("Q", (1 + line % 7 for line in range(count)))
    for partitions in (1, 8):
        cuts = partition(guids, numbers, partitions, 10_000)
        assert rebuilt(cuts) == {line: (guids[16 * line : 16 * line + 16], 1 + line % 7) for line in range(count)}
        assert all(list(cut.lines) == sorted(cut.lines) and len(cut.lines) <= 10_000 for cut in cuts)


def test_the_partition_of_a_guid_never_changes() -> None:
    guids = [
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ]
    content = "".join(f"{guid},1\n" for guid in guids).encode()
    ballots = read_ballots(content)
    found = {
        line: cut.partition for cut in partition(ballots.guids, ballots.poll_numbers, 16, 10) for line in cut.lines
    }
    # Stored parts were cut by these very numbers; a change here would let a duplicate meet another queue.
    assert [found[line] for line in range(4)] == [13, 10, 5, 10]


def test_no_ballots_give_no_parts() -> None:
    assert partition(b"", array("Q"), 1, 10) == partition(b"", array("Q"), 8, 10) == []


@pytest.mark.parametrize(("partitions", "max_part", "missing"), [(0, 1, 0), (1, 0, 0), (2, 5, 1)])
def test_a_senseless_partitioning_is_a_programming_error(partitions: int, max_part: int, missing: int) -> None:
    with pytest.raises(ValueError, match=r"at least one|need"):
        partition(bytes(32 - missing), array("Q", [1, 2]), partitions, max_part)
