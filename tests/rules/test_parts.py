"""A packed part gives back what was packed, and says so when it was damaged."""

import hashlib
import struct
import zlib
from array import array
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import InvalidInput
from shared.queue.parts import PartContents, pack, unpack

GUIDS = bytes(range(48))
POLL_NUMBERS = [1, 300, 19]
LINES = [0, 5, 70_000]

ballots = st.lists(
    st.tuples(
        st.binary(min_size=16, max_size=16),
        st.one_of(st.integers(0, 30), st.integers(0, 2**64 - 1)),
        st.one_of(st.integers(0, 2**16), st.integers(0, 2**32 - 1)),
    ),
    max_size=40,
)


def parted(rows: list[tuple[bytes, int, int]]) -> PartContents:
    """The contents of a part of these ballots."""
    return PartContents(
        guids=b"".join(guid for guid, _, _ in rows),
        poll_numbers=array("Q", (number for _, number, _ in rows)),
        lines=array("I", (line for _, _, line in rows)),
    )


def packed(contents: PartContents) -> bytes:
    return pack(contents.guids, contents.poll_numbers, contents.lines)


def sealed(head: bytes, guids: bytes, numbers: bytes) -> bytes:
    """A packed part with a checksum that is right, whatever its fields are."""
    return head + hashlib.sha256(head + guids + numbers).digest()[:16] + guids + numbers


@settings(deadline=None)
@given(ballots)
def test_unpacking_gives_back_what_was_packed(rows: list[tuple[bytes, int, int]]) -> None:
    contents = parted(rows)
    result = unpack(packed(contents))
    assert result == contents
    assert (result.poll_numbers.typecode, result.lines.typecode) == ("Q", "I")


@settings(deadline=None)
@given(ballots, st.integers(1, 20))
def test_proofs_come_back_as_they_were_packed(rows: list[tuple[bytes, int, int]], units: int) -> None:
    contents = replace(parted(rows), proofs=bytes(index % 251 for index in range(32 * units * len(rows))))
    payload = pack(contents.guids, contents.poll_numbers, contents.lines, contents.proofs)
    assert unpack(payload) == contents
    # What came in files is packed as it always was.
    assert payload[4] == (3 if rows else 1)
    assert packed(contents)[4] == 1
    if rows:
        with pytest.raises(InvalidInput, match="damaged"):
            unpack(payload[:-1] + bytes([payload[-1] ^ 1]))
        # Each time with another salt, of which the contents know nothing.
        again = pack(contents.guids, contents.poll_numbers, contents.lines, contents.proofs)
        assert (again[-32:] != payload[-32:], again[32:-32]) == (True, payload[32:-32])
        with pytest.raises(ValueError, match="bytes of proofs"):
            pack(contents.guids, contents.poll_numbers, contents.lines, contents.proofs[:-1])


def test_plain_lists_are_packed_like_arrays() -> None:
    contents = PartContents(GUIDS, array("Q", POLL_NUMBERS), array("I", LINES))
    assert pack(GUIDS, POLL_NUMBERS, LINES) == packed(contents)
    assert unpack(pack(GUIDS, POLL_NUMBERS, LINES)) == contents


@pytest.mark.parametrize("edge", [0, 2**8 - 1, 2**8, 2**16 - 1, 2**16, 2**32 - 1, 2**32, 2**64 - 1])
def test_every_width_of_number_is_kept(edge: int) -> None:
    line = min(edge, 2**32 - 1)
    contents = PartContents(bytes(32), array("Q", [edge, 1]), array("I", [0, line]))
    assert unpack(packed(contents)) == contents


def test_a_part_costs_little_more_than_its_guids() -> None:
    count = 10_000
    payload = pack(bytes(16 * count), [1 + line % 19 for line in range(count)], range(0, 8 * count, 8))
    assert len(payload) < 18 * count


@pytest.mark.parametrize("count", [1, 100, 500, 511, 512, 513, 600, 5_000])
def test_a_part_of_any_length_is_packed_and_unpacked(count: int) -> None:
    contents = PartContents(
        bytes(range(256)) * (count // 16) + bytes(16 * (count % 16)),
        array("Q", (1 + line % 19 for line in range(count))),
        array("I", range(0, 70_000 * count, 70_000)),
    )
    payload = packed(contents)
    assert unpack(payload) == contents
    assert len(payload) < 32 + 16 * count + 5 * count + 20


def test_the_stored_form_of_version_1_never_changes() -> None:
    numbers = bytes([1, 44, 19, 0, 1, 0]) + bytes([0, 5, 112, 0, 0, 17, 0, 0, 1, 0, 0, 0])
    stream = zlib.compress(numbers, 9)
    head = b"URNA" + bytes([1, 2, 4, 0]) + struct.pack("<II", 3, len(stream))
    assert unpack(sealed(head, GUIDS, stream)) == PartContents(GUIDS, array("Q", POLL_NUMBERS), array("I", LINES))
    payload = pack(GUIDS, POLL_NUMBERS, LINES)
    assert payload[:12] == head[:12]
    assert payload[32:80] == GUIDS
    assert zlib.decompress(payload[80:]) == numbers


def test_what_stations_packed_before_there_was_a_salt_is_read_for_ever() -> None:
    proofs, salt = bytes(range(192)), bytes(32)
    numbers = zlib.compress(bytes([1, 44, 19, 0, 1, 0]) + bytes([0, 5, 112, 0, 0, 17, 0, 0, 1, 0, 0, 0]), 9)
    contents = PartContents(GUIDS, array("Q", POLL_NUMBERS), array("I", LINES), proofs)
    for version, rest in ((2, proofs), (3, proofs + salt)):
        head = b"URNA" + bytes([version, 2, 4, 2]) + struct.pack("<II", 3, len(numbers))
        assert unpack(sealed(head, GUIDS, numbers + rest)) == contents
        # Neither passes for the other.
        swapped = head[:4] + bytes([5 - version]) + head[5:]
        with pytest.raises(InvalidInput, match="wrong length"):
            unpack(sealed(swapped, GUIDS, numbers + rest))


@pytest.mark.parametrize("proofs", [b"", bytes(96)], ids=["of a file", "of voters"])
def test_every_flipped_byte_is_noticed(proofs: bytes) -> None:
    payload = pack(GUIDS, POLL_NUMBERS, LINES, proofs)
    for at in range(len(payload)):
        for flip in (1, 128, 255):
            damaged = bytearray(payload)
            damaged[at] ^= flip
            with pytest.raises(InvalidInput):
                unpack(bytes(damaged))


@settings(deadline=None)
@given(ballots, st.data())
def test_any_changed_byte_of_any_part_is_noticed(rows: list[tuple[bytes, int, int]], data: st.DataObject) -> None:
    damaged = bytearray(packed(parted(rows)))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidInput):
        unpack(bytes(damaged))


@settings(deadline=None)
@given(ballots)
def test_every_cut_off_or_lengthened_part_is_noticed(rows: list[tuple[bytes, int, int]]) -> None:
    payload = packed(parted(rows))
    for length in range(len(payload)):
        with pytest.raises(InvalidInput):
            unpack(payload[:length])
    with pytest.raises(InvalidInput, match="wrong length"):
        unpack(payload + b"\x00")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_part_are_refused(payload: bytes) -> None:
    with pytest.raises(InvalidInput):
        unpack(payload)


def test_the_refusal_says_what_is_wrong() -> None:
    payload = pack(GUIDS, POLL_NUMBERS, LINES)
    damaged = payload[:40] + bytes([payload[40] ^ 1]) + payload[41:]
    for wrong, sentence in [
        (b"", "does not start with URNA"),
        (b"PK" + payload[2:], "does not start with URNA"),
        (payload[:31], "is cut off: it has 31 bytes, its head alone 32"),
        (payload[:4] + b"\x04" + payload[5:], "has version 4; this program reads the versions 1 to 3"),
        (payload[:4] + b"\x02" + payload[5:], "its proofs are not as its version has them"),
        (payload[:4] + b"\x03" + payload[5:], "its proofs are not as its version has them"),
        (payload[:7] + b"\x09" + payload[8:], "its proofs are not as its version has them"),
        (payload[:-1], "has a wrong length"),
        (damaged, "is damaged: its checksum does not match"),
    ]:
        with pytest.raises(InvalidInput, match=sentence):
            unpack(wrong)


@pytest.mark.parametrize(
    ("widths", "count", "numbers"),
    [
        ((1, 1), 1, b"no stream"),
        ((1, 1), 1, zlib.compress(bytes(1))),
        ((1, 1), 1, zlib.compress(bytes(3))),
        ((1, 1), 1, zlib.compress(bytes(100_000_000), 9)),
        ((1, 1), 1, zlib.compress(bytes(2)) + b"more"),
        ((1, 1), 1, zlib.compress(bytes(2))[:-1]),
        ((3, 1), 1, zlib.compress(bytes(4))),
        ((1, 8), 1, zlib.compress(bytes(9))),
        ((0, 0), 1, zlib.compress(b"")),
        ((1, 1), 0, b""),
    ],
)
def test_a_part_with_a_right_checksum_and_senseless_fields_is_refused(
    widths: tuple[int, int], count: int, numbers: bytes
) -> None:
    head = b"URNA" + bytes([1, *widths, 0]) + struct.pack("<II", count, len(numbers))
    with pytest.raises(InvalidInput, match="malformed"):
        unpack(sealed(head, bytes(16 * count), numbers))


@pytest.mark.parametrize(
    ("guids", "poll_numbers", "lines"), [(bytes(15), [1], [0]), (bytes(16), [1], []), (bytes(32), [1], [0])]
)
def test_contents_of_different_lengths_are_a_programming_error(
    guids: bytes, poll_numbers: list[int], lines: list[int]
) -> None:
    with pytest.raises(ValueError, match="A part of 1 poll numbers has"):
        pack(guids, poll_numbers, lines)
