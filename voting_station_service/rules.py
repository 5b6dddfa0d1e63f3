"""What a station decides about an uploaded file of ballots: is it well-formed, and how is it cut into parts.

A file is CSV with two values a line, ``GUID,poll number``, and is refused whole at its first bad line. Nearly
all files are plain, that is, they are written as a program writes them; one regular expression then checks a
piece of about a mebibyte at once, and the values are taken out in bulk. A piece that is not plain is read
with the ``csv`` module, which knows quotes and which leads to the line and the reason of the refusal. Working
piece by piece keeps the cost in memory at the size of the result (24 bytes a ballot), whatever the size of
the file.

What is read, beyond the words of the classic contract:

- A UTF-8 byte order mark at the start is skipped. Lines end with LF, CRLF or a lone CR; the last line may
  lack its end. After the last line end there is no further line, but an empty line before it is a line
  without two values.
- Quotes mean what the ``csv`` module takes them to mean. A quote that is never closed is refused, because the
  file was then cut off. A quoted value with a line break in it is never a GUID or a poll number; the line
  that is named is the one on which the row starts, so a line's number is always the number of line ends
  before it.
- Blanks are spaces and tabs; they may surround a value.
- A poll number is ASCII digits that say a number above zero. Leading zeros are allowed; without them it has
  at most 18 digits, because any 18 digits fit a signed 64-bit column of a database and some 19 digits do not.
- A GUID is 32 hexadecimal digits in any case, as 8-4-4-4-12 or without any hyphen, and without braces.
- The bytes need not be text. All that is allowed is ASCII, so any other byte is simply a wrong character of
  its line. This is why the file is decoded as Latin-1, where every byte is one character: UTF-8 never hides a
  comma, a quote or a line end inside another character.
"""

import binascii
import codecs
import csv
import io
import re
from array import array
from dataclasses import dataclass
from itertools import islice
from mmap import mmap
from typing import NoReturn
from zlib import crc32

from shared.errors import InvalidInput

GUID_BYTES = 16

# Small enough for a piece and its values to stay in the processor's cache, large enough for the loop to cost
# nothing. Ballots are dealt out to partitions in blocks of a like size.
_PIECE_BYTES = 1 << 20
_BLOCK_BALLOTS = 1 << 15

# The csv module refuses a field of more than 131,072 characters (its default limit). Two such fields, every
# character a doubled quote, with their quotes, the comma and the line end, are shorter than this, so a longer
# row is known not to have two values without reading it to its end. A piece must be longer than such a row.
_LONGEST_ROW = 4 * 131_072 + 16

_HEX = "[0-9A-Fa-f]"
_GUID = f"{_HEX}{{8}}+(?:-{_HEX}{{4}}+-{_HEX}{{4}}+-{_HEX}{{4}}+-{_HEX}{{12}}+|{_HEX}{{24}}+)"
_POLL_NUMBER = "[1-9][0-9]{0,17}+"

# Possessive quantifiers forbid to go back, so a hostile file costs one pass. Blanks and leading zeros are
# bounded here because a plain line must be short enough never to fill a piece, and because int() refuses
# thousands of digits.
_FEW_BLANKS = "[ \\t]{0,64}+"
_PLAIN_GUID = f"{_FEW_BLANKS}{_GUID}{_FEW_BLANKS}"
_PLAIN_POLL_NUMBER = f"{_FEW_BLANKS}0{{0,64}}+{_POLL_NUMBER}{_FEW_BLANKS}"
_PLAIN = re.compile(f"(?:{_PLAIN_GUID},{_PLAIN_POLL_NUMBER}(?:\\n|\\r\\n?+|\\Z))++".encode("ascii"))

_GUID_VALUE = re.compile(f"[ \\t]*+{_GUID}[ \\t]*+")
_POLL_NUMBER_VALUE = re.compile(f"[ \\t]*+0*+({_POLL_NUMBER})[ \\t]*+")

_NUMBER_OF_VALUES = "Incorrect number of values"
_BAD_POLL_NUMBER = "Incorrect poll number"
_BAD_GUID = "Incorrect ballot GUID"


@dataclass(frozen=True)
class Ballots:
    """The ballots of one file, in its order.

    ``guids`` holds 16 bytes a ballot, ``poll_numbers`` one unsigned 64-bit number a ballot. The index of a
    ballot is the number of its line in the file, counted from 0.
    """

    guids: bytes
    poll_numbers: "array[int]"


@dataclass(frozen=True)
class Cut:
    """Ballots of one file that share a partition, in the order of the file; what becomes one part of a batch.

    ``guids`` holds 16 bytes a ballot, ``poll_numbers`` (typecode Q) and ``lines`` (typecode I) one number a
    ballot; a line is the number of the ballot's line in the file, counted from 0.
    """

    partition: int
    guids: bytes
    poll_numbers: "array[int]"
    lines: "array[int]"


def read_ballots(content: bytes | mmap) -> Ballots:
    """Read one uploaded file; a file without a line gives no ballots, and the caller decides what that means.

    ``content`` may be a memory map, so that a large upload need not be copied into memory. Raises
    InvalidInput (field ``file``) for the first bad line, with the first of the classic contract's checks that
    the line fails: number of values, poll number, ballot GUID.
    """
    guids = io.BytesIO()
    poll_numbers = array("Q")
    size = len(content)
    start = len(codecs.BOM_UTF8) if content[: len(codecs.BOM_UTF8)] == codecs.BOM_UTF8 else 0
    while start < size:
        end = _end_of_piece(content, start, size)
        if _PLAIN.fullmatch(content, start, end):
            _take_plain(content[start:end], guids, poll_numbers)
        else:
            _take_csv(content, start, end, guids, poll_numbers)
        start = end
    return Ballots(guids.getvalue(), poll_numbers)


def partition(guids: bytes, poll_numbers: "array[int]", partitions: int, max_part: int) -> list[Cut]:
    """Cut ballots into parts of at most ``max_part`` ballots, each of one partition of ``partitions``.

    ``guids`` has 16 bytes a ballot. The partition of a ballot is ``zlib.crc32(its 16 bytes) % partitions``.
    This is part of the stored contract and must never change: the same GUID has to meet its duplicates in the
    same queue, today and when the stored parts are counted again. Parts come by partition and then in the
    order of the file, and the ballots of a part keep the order of the file. An empty partition has no part.
    """
    count = len(poll_numbers)
    if len(guids) != GUID_BYTES * count:
        raise ValueError(f"{count} poll numbers need {GUID_BYTES * count} bytes of GUIDs, not {len(guids)}.")
    if partitions < 1 or max_part < 1:
        raise ValueError("There is at least one partition, and a part holds at least one ballot.")
    if partitions == 1:
        return [
            Cut(
                partition=0,
                guids=guids[GUID_BYTES * first : GUID_BYTES * (first + max_part)],
                poll_numbers=poll_numbers[first : first + max_part],
                lines=array("I", range(first, min(first + max_part, count))),
            )
            for first in range(0, count, max_part)
        ]

    piles = [_Pile(number) for number in range(partitions)]
    cuts: list[list[Cut]] = [[] for _ in piles]
    # The ballots are dealt out by blocks, and full parts leave the piles after each, because a Python object
    # for each GUID of a whole file, or a second copy of all ballots, would cost more memory than the file.
    for first in range(0, count, _BLOCK_BALLOTS):
        _deal(guids, poll_numbers, first, piles)
        for pile, its_cuts in zip(piles, cuts, strict=True):
            while len(pile.lines) >= max_part:
                its_cuts.append(pile.cut(max_part))
    for pile, its_cuts in zip(piles, cuts, strict=True):
        if pile.lines:
            its_cuts.append(pile.cut(max_part))
    return [cut for its_cuts in cuts for cut in its_cuts]


def _end_of_piece(content: bytes | mmap, start: int, size: int) -> int:
    """Return where the piece that starts at ``start`` ends: at the last line end within reach.

    The last piece ends with the file. A line that is longer than a piece gives a piece without a line end. It
    is never plain, and as CSV it is always refused, so that nothing is ever taken from a line that was cut.
    """
    limit = start + _PIECE_BYTES
    if limit >= size:
        return size
    end = max(content.rfind(b"\n", start, limit), content.rfind(b"\r", start, limit)) + 1
    if end == 0:
        return limit
    # A CRLF that straddles the limit is one line end.
    return end + 1 if content[end - 1 : end + 1] == b"\r\n" else end


def _take_plain(piece: bytes, guids: io.BytesIO, poll_numbers: "array[int]") -> None:
    """Take the ballots out of a piece that the expression for plain lines has accepted."""
    if b"\r" in piece:
        piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not piece.endswith(b"\n"):
        piece += b"\n"
    values = piece.translate(None, b"- \t").replace(b"\n", b",").split(b",")
    # After the last line end split() gives one empty value more.
    guids.write(binascii.unhexlify(b"".join(values[0:-1:2])))
    texts = values[1::2]
    # A file names few lists many times, so each number is read once.
    numbers = {text: int(text) for text in set(texts)}
    poll_numbers.extend(map(numbers.__getitem__, texts))


def _take_csv(content: bytes | mmap, start: int, end: int, guids: io.BytesIO, poll_numbers: "array[int]") -> None:
    """Take the ballots out of any piece with the csv module, or refuse the file at its first bad row."""
    text = str(content[start:end], "latin-1")
    hexadecimal: list[str] = []
    numbers: list[int] = []
    try:
        for row in csv.reader(io.StringIO(text, newline="")):
            if (
                len(row) != 2
                or not (number := _POLL_NUMBER_VALUE.fullmatch(row[1]))
                or not _GUID_VALUE.fullmatch(row[0])
            ):
                _refuse(content, start, text, len(numbers), len(poll_numbers))
            hexadecimal.append(row[0])
            numbers.append(int(number[1]))
    except csv.Error:
        _refuse(content, start, text, len(numbers), len(poll_numbers))
    if text.count('"') % 2:
        # Every good row has its quotes in pairs, so the end of the file has left one open in the last row.
        _refuse(content, start, text, len(numbers) - 1, len(poll_numbers))
    # bytes.fromhex() skips blanks by itself.
    guids.write(bytes.fromhex("".join(hexadecimal).replace("-", "")))
    poll_numbers.extend(numbers)


def _refuse(content: bytes | mmap, start: int, text: str, good_rows: int, lines_before: int) -> NoReturn:
    """Raise InvalidInput for the bad row after ``good_rows`` good ones in the piece that starts at ``start``.

    A good row is one line of the file, so rows and lines before the bad row are the same. The bad row may go
    on beyond the piece, by a quoted line break, so it is read once more from the whole file, but never
    further than a row with two values can go.
    """
    offset = start + sum(map(len, islice(io.StringIO(text, newline=""), good_rows)))
    source = io.StringIO(str(content[offset : offset + _LONGEST_ROW + 1], "latin-1"), newline="")
    try:
        row = next(csv.reader(source))
        problem = _NUMBER_OF_VALUES if source.tell() > _LONGEST_ROW else _problem(row)
    except csv.Error:
        problem = _NUMBER_OF_VALUES
    raise InvalidInput(f"{problem} on line {lines_before + good_rows}.", field="file")


def _problem(row: list[str]) -> str:
    """Return the first check that a bad row fails, in the order of the classic contract."""
    if len(row) != 2:
        return _NUMBER_OF_VALUES
    if not _POLL_NUMBER_VALUE.fullmatch(row[1]):
        return _BAD_POLL_NUMBER
    if not _GUID_VALUE.fullmatch(row[0]):
        return _BAD_GUID
    # Two good values in a bad row: the file's last quote is open, so nobody knows where the value would end.
    return _NUMBER_OF_VALUES


class _Pile:
    """The ballots of one partition that are not yet in a part."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.guids = bytearray()
        self.poll_numbers = array("Q")
        self.lines = array("I")

    def cut(self, max_part: int) -> Cut:
        """Take the first ballots off, at most ``max_part``."""
        cut = Cut(
            partition=self.partition,
            guids=bytes(self.guids[: GUID_BYTES * max_part]),
            poll_numbers=self.poll_numbers[:max_part],
            lines=self.lines[:max_part],
        )
        del self.guids[: GUID_BYTES * max_part], self.poll_numbers[:max_part], self.lines[:max_part]
        return cut


def _deal(guids: bytes, poll_numbers: "array[int]", first: int, piles: list[_Pile]) -> None:
    """Deal the block of ballots that starts with number ``first`` out to the piles, in order."""
    block = guids[GUID_BYTES * first : GUID_BYTES * (first + _BLOCK_BALLOTS)]
    numbers = poll_numbers[first : first + _BLOCK_BALLOTS]
    ballots = [block[at : at + GUID_BYTES] for at in range(0, len(block), GUID_BYTES)]
    places: list[list[int]] = [[] for _ in piles]
    add_to = [its_places.append for its_places in places]
    partitions = len(piles)
    for place, checksum in enumerate(map(crc32, ballots)):
        add_to[checksum % partitions](place)
    for pile, its_places in zip(piles, places, strict=True):
        pile.guids += b"".join(map(ballots.__getitem__, its_places))
        pile.poll_numbers.extend(map(numbers.__getitem__, its_places))
        pile.lines.extend(map(first.__add__, its_places))
