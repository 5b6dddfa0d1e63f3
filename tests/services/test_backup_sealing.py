"""The sealed form of an archive: what was written is read back, and whatever else is there is found."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.backup.archive import ArchiveReader, ArchiveWriter, Columns
from cli.backup.columns import Kind, Malformed, decode, encode
from cli.backup.sealing import HEAD_BYTES, TAG_BYTES, Damaged, SealedReader, SealingWriter

CHUNK = 64
SEALED = CHUNK + TAG_BYTES
WORD = "six words that dice have chosen"


def seal(content: bytes, passphrase: str = WORD) -> bytes:
    """Content sealed in chunks of 64 bytes, with a scrypt that costs a test nothing."""
    file = io.BytesIO()
    writer = SealingWriter(file, passphrase, chunk_bytes=CHUNK, cost=2)
    # In pieces that fit no chunk.
    for start in range(0, len(content), 37):
        writer.write(content[start : start + 37])
    writer.close()
    assert writer.size == len(file.getvalue())
    return file.getvalue()


def unseal(sealed: bytes, length: int, passphrase: str = WORD) -> bytes:
    reader = SealedReader(io.BytesIO(sealed), passphrase)
    found = reader.read(length)
    reader.finish()
    return found


def content_of(length: int) -> bytes:
    return bytes(number * 7 % 251 for number in range(length))


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 3])
def test_what_was_sealed_is_read_back(length: int) -> None:
    content = content_of(length)
    sealed = seal(content)
    assert unseal(sealed, length) == content
    assert length < 16 or content[:16] not in sealed
    # The last chunk may be full, and an empty content has one as well.
    assert len(sealed) == HEAD_BYTES + length + TAG_BYTES * max(1, -(-length // CHUNK))


@pytest.fixture
def sealed() -> bytes:
    """Four chunks, the last of which is shorter; it is read back before anything is done to it."""
    made = seal(content_of(3 * CHUNK + 10))
    assert unseal(made, 3 * CHUNK + 10) == content_of(3 * CHUNK + 10)
    return made


def test_a_change_of_any_byte_is_found(sealed: bytes) -> None:
    for place in range(len(sealed)):
        for bit in (0, 7):
            changed = bytearray(sealed)
            changed[place] ^= 1 << bit
            with pytest.raises(Damaged):
                unseal(bytes(changed), 3 * CHUNK + 10)


def test_an_end_that_is_cut_off_anywhere_is_found(sealed: bytes) -> None:
    for length in range(len(sealed)):
        with pytest.raises(Damaged):
            unseal(sealed[:length], 3 * CHUNK + 10)
    # Also where somebody asks for no more than what is left.
    for chunks in (1, 2, 3):
        with pytest.raises(Damaged):
            unseal(sealed[: HEAD_BYTES + chunks * SEALED], chunks * CHUNK)


def chunks_of(sealed: bytes) -> list[bytes]:
    body = sealed[HEAD_BYTES:]
    return [body[start : start + SEALED] for start in range(0, len(body), SEALED)]


@pytest.mark.parametrize(
    "order",
    [(1, 0, 2, 3), (0, 2, 1, 3), (0, 1, 3, 2), (0, 0, 1, 2, 3), (0, 2, 3), (1, 2, 3), (0, 1, 2, 3, 3), (3,), ()],
)
def test_chunks_in_another_order_doubled_or_left_out_are_found(sealed: bytes, order: tuple[int, ...]) -> None:
    chunks = chunks_of(sealed)
    moved = sealed[:HEAD_BYTES] + b"".join(chunks[number] for number in order)
    for length in (3 * CHUNK + 10, 3 * CHUNK, 2 * CHUNK, 10, 0):
        with pytest.raises(Damaged):
            unseal(moved, length)


def test_a_chunk_of_another_archive_under_the_same_passphrase_is_found(sealed: bytes) -> None:
    other = seal(content_of(3 * CHUNK + 10))
    mixed = sealed[:HEAD_BYTES] + b"".join([*chunks_of(sealed)[:1], *chunks_of(other)[1:]])
    with pytest.raises(Damaged, match=f"byte {HEAD_BYTES + SEALED} "):
        unseal(mixed, 3 * CHUNK + 10)


def test_something_behind_the_end_is_found(sealed: bytes) -> None:
    for more in (b"x", bytes(SEALED), chunks_of(sealed)[-1]):
        with pytest.raises(Damaged):
            unseal(sealed + more, 3 * CHUNK + 10)
    with pytest.raises(Damaged, match="goes on after its end"):
        unseal(sealed, 3 * CHUNK)


def test_a_wrong_passphrase_is_told_from_damage(sealed: bytes) -> None:
    with pytest.raises(Damaged, match="The passphrase is wrong"):
        unseal(sealed, 3 * CHUNK + 10, "another passphrase")
    damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    with pytest.raises(Damaged, match="damaged or cut off at byte"):
        unseal(damaged, 3 * CHUNK + 10)
    with pytest.raises(Damaged, match="not an archive"):
        unseal(b"SQLite format 3" + bytes(100), 10)


def test_a_head_cannot_ask_for_more_memory_than_an_archive_needs(sealed: bytes) -> None:
    for place, value in ((8, 30), (9, 200), (10, 200), (14, 255)):
        greedy = bytearray(sealed)
        greedy[place] = value
        with pytest.raises(Damaged, match="parameters that no archive has"):
            unseal(bytes(greedy), 10)


VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    Kind.BOOLEAN: st.booleans(),
    Kind.MOMENT: st.integers(-(10**15), 10**17).map(
        lambda number: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=number)
    ),
    Kind.DATE: st.dates(),
    Kind.FLOAT: st.floats(allow_nan=False),
    Kind.TEXT: st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    Kind.BYTES: st.binary(max_size=20),
    Kind.JSON: st.dictionaries(st.text("abc", max_size=3), st.integers() | st.text("ž\\\n\"'", max_size=3), max_size=3),
}
some_kinds = st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=5)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(data=st.data(), kinds=some_kinds, count=st.integers(0, 8))
def test_any_rows_come_back_from_a_block_as_they_went_in(data: st.DataObject, kinds: list[Kind], count: int) -> None:
    row = st.tuples(*(st.none() | VALUES[kind] for kind in kinds))
    rows = data.draw(st.lists(row, min_size=count, max_size=count))
    block = encode(kinds, rows)
    assert decode(kinds, block) == rows
    for spoilt in (block + b"x", block[:-1]):
        with pytest.raises(Malformed):
            decode(kinds, spoilt)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.INTEGER, "5"),
        (Kind.INTEGER, 2**63),
        (Kind.BOOLEAN, 2),
        (Kind.TEXT, 5),
        (Kind.BYTES, "x"),
        (Kind.MOMENT, 1),
    ],
)
def test_a_value_that_its_column_does_not_take_is_refused_and_not_changed(kind: Kind, value: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError, AttributeError)):
        encode([kind], [(value,)])


COLUMNS = Columns(("number", "name"), (Kind.INTEGER, Kind.TEXT), rows_a_block=3)


def archive(rows: int) -> bytes:
    file = io.BytesIO()
    writer = ArchiveWriter(SealingWriter(file, WORD, chunk_bytes=CHUNK, cost=2), {"id": "1"})
    writer.table("election", "empty", COLUMNS, [])
    writer.table("election", "some", COLUMNS, ((number, f"name {number}") for number in range(rows)))
    writer.close({"ended": True})
    return file.getvalue()


@pytest.mark.parametrize("rows", [0, 1, 3, 10])
def test_an_archive_gives_back_its_tables_and_its_manifest(rows: int) -> None:
    reader = ArchiveReader(SealedReader(io.BytesIO(archive(rows)), WORD))
    found = {table.name: list(table.rows()) for table in reader.tables()}
    assert reader.head == {"id": "1"}
    assert found == {"empty": [], "some": [(number, f"name {number}") for number in range(rows)]}
    assert [(table["table"], table["rows"]) for table in reader.manifest["tables"]] == [("empty", 0), ("some", rows)]
    assert reader.manifest["ended"] is True
    # Whoever wants none of a table reads on.
    again = ArchiveReader(SealedReader(io.BytesIO(archive(rows)), WORD))
    assert [table.name for table in again.tables()] == ["empty", "some"]
    assert again.manifest == reader.manifest


def test_a_table_that_is_not_the_one_of_its_checksum_is_found() -> None:
    """Nobody without the passphrase can make such an archive; a fault of the program could."""
    file = io.BytesIO()
    writer = ArchiveWriter(SealingWriter(file, WORD, chunk_bytes=CHUNK, cost=2), {"id": "1"})
    summary = writer.table("election", "some", COLUMNS, [(1, "one")])
    writer.tables[0] = type(summary)(summary.store, summary.table, 2, summary.sha256)
    writer.close({})
    reader = ArchiveReader(SealedReader(io.BytesIO(file.getvalue()), WORD))
    with pytest.raises(Damaged, match="not those of its manifest"):
        list(reader.tables())
