"""What a station decides about an uploaded file of ballots: is it well-formed, and how is it cut into parts.

A file is CSV with two values a line, ``GUID,poll number``, and is refused whole at its first bad line. Nearly
all files are plain, that is, they are written as a program writes them; a whole piece of such a file is checked
and its values are taken out in bulk, without a step in Python for each line. A piece that is not plain is read
with the ``csv`` module, which knows quotes and which leads to the line and the reason of the refusal. Pieces are
cut into parts as they come, so that no more than a piece and the parts that are not full yet are in memory,
whatever the size of the file.

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
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter
from struct import Struct
from typing import Any, NoReturn
from zlib import crc32

from shared.errors import Forbidden, InvalidInput
from shared.sentences import say, say_number

GUID_BYTES = 16

# The csv module refuses a field of more than 131,072 characters (its default limit). Two such fields, every
# character a doubled quote, with their quotes, the comma and the line end, are shorter than this, so a longer
# row is known not to have two values without reading it to its end.
_LONGEST_ROW = 4 * 131_072 + 16

_HEX = "[0-9A-Fa-f]"
_GUID = f"{_HEX}{{8}}+(?:-{_HEX}{{4}}+-{_HEX}{{4}}+-{_HEX}{{4}}+-{_HEX}{{12}}+|{_HEX}{{24}}+)"
# Possessive quantifiers forbid to go back, so a hostile value costs one pass.
_GUID_VALUE = re.compile(f"[ \\t]*+{_GUID}[ \\t]*+")
_POLL_NUMBER_VALUE = re.compile("[ \\t]*+0*+([1-9][0-9]{0,17}+)[ \\t]*+")
# Blanks and zeros are bounded here because a plain value has to be shorter than what the csv module takes.
_PLAIN_POLL_NUMBER = re.compile(rb"[ \t]{0,64}+0{0,64}+([1-9][0-9]{0,17}+)[ \t]{0,64}+")

_ALL_BUT_SEPARATORS = bytes(set(range(256)) - set(b",\n"))
# The lengths of a GUID with and without hyphens, and the places of those.
_LONG_GUID, _SHORT_GUID = 36, 32
_HYPHENS = (8, 13, 18, 23)

_NUMBER_OF_VALUES = say("Incorrect number of values")
_BAD_POLL_NUMBER = say("Incorrect poll number")
_BAD_GUID = say("Incorrect ballot GUID")

# To take GUIDs out of a row of them by dozens is five times as fast as one by one.
_MANY_GUIDS, _ONE_GUID = Struct("16s" * 64), Struct("16s")


@dataclass(frozen=True)
class Ballots:
    """Some ballots of one file, in its order: 16 bytes of GUID and a poll number for each."""

    guids: bytes
    poll_numbers: list[int]


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


def settle_station(named: int | None, own: Collection[int]) -> int | None:
    """The polling station that an upload is for: the named one of the official's ``own``, or the only one there is.

    Who belongs to none hands in for none. Raises Forbidden for somebody else's station, and InvalidInput (field
    ``station``) where it has to be named.
    """
    if named is not None:
        if named not in own:
            words = say("You do not belong to polling station {number}; nothing was stored.", number=str(named))
            raise Forbidden(words)
        return named
    if len(own) > 1:
        raise InvalidInput(
            say_number(
                "You belong to {number} polling stations; say with ?station= (urna upload --station) which one.",
                "You belong to {number} polling stations; say with ?station= (urna upload --station) which one.",
                len(own),
            ),
            field="station",
        )
    return next(iter(own), None)


def read_ballots(blocks: Iterable[bytes]) -> Iterator[Ballots]:
    """Read one uploaded file, which comes in blocks of any size but none; give its ballots by and by.

    A file without a line gives no ballots, and the caller decides what that means. Raises InvalidInput (field
    ``file``) for the first bad line, with the first of the classic contract's checks that the line fails: number
    of values, poll number, ballot GUID. What was given before then counts for nothing.
    """
    coming = iter(blocks)
    content = b""
    while len(content) < len(codecs.BOM_UTF8) and (block := next(coming, b"")):
        content += block
    content = content.removeprefix(codecs.BOM_UTF8)
    lines = 0
    ended = False
    while not ended:
        block = next(coming, b"")
        ended = not block
        content += block
        end = len(content) if ended else _end_of_lines(content)
        if end:
            piece, content = content[:end], content[end:]
            ballots = _plain(piece) or _by_csv(piece, lines, chain([content], coming))
            lines += len(ballots.poll_numbers)
            yield ballots
        elif len(content) > _LONGEST_ROW:
            _refuse(str(content, "latin-1"), 0, lines, coming)


def partition(ballots: Iterable[Ballots], partitions: int, max_part: int) -> Iterator[Cut]:
    """Cut the ballots of a file into parts of at most ``max_part`` ballots, each of one partition of ``partitions``.

    The partition of a ballot is ``zlib.crc32(the 16 bytes of its GUID) % partitions``. This is part of the stored
    contract and must never change: the same GUID has to meet its duplicates in the same queue, today and when the
    stored parts are counted again. A part comes when it is full or the file has ended. The parts of a partition, and
    the ballots of a part, keep the order of the file. An empty partition has no part.
    """
    if partitions < 1 or max_part < 1:
        raise ValueError("There is at least one partition, and a part holds at least one ballot.")
    piles = [_Pile(number) for number in range(partitions)]
    first = 0
    for some in ballots:
        _deal(some, first, piles)
        first += len(some.poll_numbers)
        for pile in piles:
            while len(pile.lines) >= max_part:
                yield pile.cut(max_part)
    for pile in piles:
        if pile.lines:
            yield pile.cut(max_part)


def _end_of_lines(content: bytes) -> int:
    """Return where the last whole line ends, 0 if there is none.

    A CR that is the last byte may be the first half of a CRLF, so that its line is not known to be whole.
    """
    return max(content.rfind(b"\n"), content.rfind(b"\r", 0, len(content) - 1)) + 1


def _plain(piece: bytes) -> Ballots | None:
    """Take the ballots out of whole lines; None if one is not written as a program writes them, or is bad.

    Plain are values without quotes and without blanks around the GUIDs, and GUIDs that all have hyphens or all none.
    """
    if b"\r" in piece:
        piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not piece.endswith(b"\n"):
        piece += b"\n"
    separators = piece.translate(None, _ALL_BUT_SEPARATORS)
    count = len(separators) // 2
    if separators != b",\n" * count:
        return None
    # After the last line end split() gives one empty value more.
    values = piece.replace(b"\n", b",").split(b",")
    lengths = set(map(len, values[:-1:2]))
    digits = b"".join(values[:-1:2])
    if lengths == {_LONG_GUID} and all(digits[place::_LONG_GUID] == b"-" * count for place in _HYPHENS):
        digits = digits.translate(None, b"-")
    elif lengths != {_SHORT_GUID}:
        return None
    try:
        guids = binascii.unhexlify(digits)
    except binascii.Error:
        return None
    if len(guids) != GUID_BYTES * count:
        return None
    # A file names few lists many times, so each number is read once.
    numbers: dict[bytes, int] = {}
    for text in set(values[1::2]):
        number = _PLAIN_POLL_NUMBER.fullmatch(text)
        if number is None:
            return None
        numbers[text] = int(number[1])
    return Ballots(guids, list(map(numbers.__getitem__, values[1::2])))


def _by_csv(piece: bytes, lines: int, following: Iterable[bytes]) -> Ballots:
    """Take the ballots out of any lines with the csv module, or refuse the file at its first bad row.

    ``lines`` is how many stand before them in the file, ``following`` what comes after them.
    """
    text = str(piece, "latin-1")
    hexadecimal: list[str] = []
    numbers: list[int] = []
    try:
        for row in csv.reader(io.StringIO(text, newline="")):
            if (
                len(row) != 2
                or not (number := _POLL_NUMBER_VALUE.fullmatch(row[1]))
                or not _GUID_VALUE.fullmatch(row[0])
            ):
                _refuse(text, len(numbers), lines, following)
            hexadecimal.append(row[0])
            numbers.append(int(number[1]))
    except csv.Error:
        _refuse(text, len(numbers), lines, following)
    if text.count('"') % 2:
        # Every good row has its quotes in pairs, so the end of the file has left one open in the last row.
        _refuse(text, len(numbers) - 1, lines, following)
    # bytes.fromhex() skips blanks by itself.
    return Ballots(bytes.fromhex("".join(hexadecimal).replace("-", "")), numbers)


def _refuse(text: str, good_rows: int, lines: int, following: Iterable[bytes]) -> NoReturn:
    """Raise InvalidInput for the bad row after ``good_rows`` good ones in a piece with ``lines`` lines before it.

    A good row is one line of the file, so rows and lines before the bad row are the same. The bad row may go
    on beyond the piece, by a quoted line break, so it is read once more with what follows, but never further
    than a row with two values can go.
    """
    rest = text[sum(map(len, islice(io.StringIO(text, newline=""), good_rows))) :]
    for block in following:
        if len(rest) > _LONGEST_ROW:
            break
        rest += str(block, "latin-1")
    source = io.StringIO(rest[: _LONGEST_ROW + 1], newline="")
    try:
        row = next(csv.reader(source))
        problem = _NUMBER_OF_VALUES if source.tell() > _LONGEST_ROW else _problem(row)
    except csv.Error:
        problem = _NUMBER_OF_VALUES
    raise InvalidInput(say("{problem} on line {line}.", problem=problem, line=lines + good_rows), field="file")


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


def is_plain(lines: bytes) -> bool:
    """Whether whole lines are good, and written as a program writes them; others may be good, too."""
    return _plain(lines) is not None


def problem_of(row: Sequence[str]) -> str | None:
    """The first check that a row fails by itself; None for one that is good by itself."""
    is_good = len(row) == 2 and has_poll_number(row[1]) and has_guid(row[0])
    return None if is_good else _problem(list(row))


def has_poll_number(value: str) -> bool:
    """Whether this value is read as a poll number."""
    return bool(_POLL_NUMBER_VALUE.fullmatch(value))


def has_guid(value: str) -> bool:
    """Whether this value is read as the GUID of a ballot."""
    return bool(_GUID_VALUE.fullmatch(value))


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


def _deal(ballots: Ballots, first: int, piles: list[_Pile]) -> None:
    """Deal ballots out to the piles, in order; ``first`` is the line of the first."""
    lines = range(first, first + len(ballots.poll_numbers))
    if len(piles) == 1:
        piles[0].guids += ballots.guids
        piles[0].poll_numbers.extend(ballots.poll_numbers)
        piles[0].lines.extend(lines)
        return
    guids = _guids(ballots.guids)
    places: list[list[int]] = [[] for _ in piles]
    add_to = [its_places.append for its_places in places]
    partitions = len(piles)
    for place, checksum in enumerate(map(crc32, guids)):
        add_to[checksum % partitions](place)
    for pile, its_places in zip(piles, places, strict=True):
        if its_places:
            pick = _picker(its_places)
            pile.guids += b"".join(pick(guids))
            pile.poll_numbers.extend(pick(ballots.poll_numbers))
            pile.lines.extend(pick(lines))


def _guids(joined: bytes) -> list[bytes]:
    """The GUIDs that stand one after the other."""
    whole = len(joined) - len(joined) % _MANY_GUIDS.size
    many, rest = _MANY_GUIDS.iter_unpack(joined[:whole]), _ONE_GUID.iter_unpack(joined[whole:])
    return list(chain.from_iterable(chain(many, rest)))


def _picker(places: list[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """A function that takes the values at these places out of a sequence."""
    if len(places) > 1:
        return itemgetter(*places)
    # Of one place alone it would give the value, not a tuple.
    return lambda values: (values[places[0]],)
