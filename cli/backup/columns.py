"""Rows as bytes, column by column: the same bytes for the same rows, from whichever database they come.

A block is the number of rows (4 bytes), then each column: one byte that says whether a value is NULL, if so a byte for
each row (1: NULL), then the values. Whole numbers, moments (microseconds since 1970), dates (days, the 1 January of the
year 1 is 1) and truth values are 8 bytes each, other numbers doubles of 8 bytes; texts (UTF-8), bytes and JSON (keys in
order, no blanks) are their lengths of 4 bytes each and then all of them. Everything is little-endian. In the place of a
NULL stands 0 or nothing.
"""

import json
import struct
import sys
from array import array
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Any

import sqlalchemy as sa

from shared.database import Blob, Guid, UtcDateTime

Row = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_COUNT = struct.Struct("<I")


class Kind(StrEnum):
    """What a column holds."""

    INTEGER = "integer"
    BOOLEAN = "boolean"
    MOMENT = "moment"
    DATE = "date"
    FLOAT = "float"
    TEXT = "text"
    BYTES = "bytes"
    JSON = "json"


class Malformed(ValueError):
    """Bytes that are no block of these columns."""


def kind_of(column: sa.Column[Any]) -> Kind:
    """The kind of a column of a store."""
    kinds: list[tuple[type[Any], Kind]] = [
        (UtcDateTime, Kind.MOMENT),
        (Guid, Kind.BYTES),
        (Blob, Kind.BYTES),
        (sa.LargeBinary, Kind.BYTES),
        (sa.Date, Kind.DATE),
        (sa.JSON, Kind.JSON),
        (sa.Boolean, Kind.BOOLEAN),
        (sa.Integer, Kind.INTEGER),
        (sa.Double, Kind.FLOAT),
        (sa.String, Kind.TEXT),
    ]
    for type_, kind in kinds:
        if isinstance(column.type, type_):
            return kind
    raise TypeError(f"{column} has a type that no archive knows.")


def encode(kinds: Sequence[Kind], rows: Sequence[Row]) -> bytes:
    """A block of rows; raises TypeError, ValueError or OverflowError for a value that its column does not take."""
    pieces = [_COUNT.pack(len(rows))]
    for kind, column in zip(kinds, zip(*rows, strict=True), strict=True) if rows else ():
        nulls = None in column
        pieces.append(bytes([nulls]))
        if nulls:
            pieces.append(bytes([value is None for value in column]))
            written, nothing = _WRITTEN[kind], _NOTHING[kind]
            values = [nothing if value is None else written(value) for value in column]
        else:
            values = list(map(_WRITTEN[kind], column))
        if kind in _TYPECODES:
            pieces.append(_bytes_of(array(_TYPECODES[kind], values)))
        else:
            pieces += [_bytes_of(array("I", map(len, values))), *values]
    return b"".join(pieces)


def decode(kinds: Sequence[Kind], block: bytes) -> list[Row]:
    """The rows of a block; raises ``Malformed``."""
    try:
        return _decode(kinds, memoryview(block))
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise Malformed(str(error)) from error


def _decode(kinds: Sequence[Kind], block: memoryview) -> list[Row]:
    (count,) = _COUNT.unpack_from(block)
    place = _COUNT.size

    def take(length: int) -> memoryview:
        nonlocal place
        taken = block[place : place + length]
        if len(taken) != length:
            raise Malformed("A block of rows ends early.")
        place += length
        return taken

    columns: list[Sequence[Any]] = []
    for kind in kinds if count else ():
        nulls = take(count) if take(1)[0] else None
        if kind in _TYPECODES:
            raw: Sequence[Any] = _array_of(_TYPECODES[kind], take(8 * count))
        else:
            lengths = _array_of("I", take(4 * count))
            together = take(sum(lengths))
            ends = accumulate(lengths, initial=0)
            raw = [together[start:end] for start, end in pairwise(ends)]
        read = _READ[kind]
        if nulls is None:
            columns.append([read(value) for value in raw])
        else:
            columns.append([None if null else read(value) for null, value in zip(nulls, raw, strict=True)])
    if place != len(block):
        raise Malformed("A block of rows goes on after its end.")
    return list(zip(*columns, strict=True)) if count else []


def _bytes_of(numbers: "array[Any]") -> bytes:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


def _array_of(typecode: str, data: memoryview) -> "array[Any]":
    numbers: array[Any] = array(typecode, bytes(data))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _moment(value: datetime) -> int:
    return (value - _EPOCH) // _MICROSECOND


def canonical_json(value: Any) -> str:
    """The same text for the same value, whatever a database makes of its order and blanks."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        raise TypeError(f"{value[:20]!r} stands where bytes belong.")
    return bytes(value)


def _truth(value: Any) -> int:
    if value not in (0, 1):
        raise ValueError(f"{value!r} stands where a truth value belongs.")
    return int(value)


_TYPECODES = {Kind.INTEGER: "q", Kind.BOOLEAN: "q", Kind.MOMENT: "q", Kind.DATE: "q", Kind.FLOAT: "d"}
_NOTHING: dict[Kind, Any] = {**dict.fromkeys(Kind, b""), **dict.fromkeys(_TYPECODES, 0)}
_WRITTEN: dict[Kind, Callable[[Any], Any]] = {
    # The array refuses what is no number.
    Kind.INTEGER: lambda value: value,
    Kind.BOOLEAN: _truth,
    Kind.MOMENT: _moment,
    Kind.DATE: date.toordinal,
    Kind.FLOAT: float,
    Kind.TEXT: lambda value: value.encode(),
    Kind.BYTES: _bytes,
    Kind.JSON: lambda value: canonical_json(value).encode(),
}
_READ: dict[Kind, Callable[[Any], Any]] = {
    Kind.INTEGER: lambda value: value,
    Kind.BOOLEAN: bool,
    Kind.MOMENT: lambda value: _EPOCH + timedelta(microseconds=value),
    Kind.DATE: date.fromordinal,
    Kind.FLOAT: lambda value: value,
    Kind.TEXT: lambda value: str(value, "utf-8"),
    Kind.BYTES: bytes,
    Kind.JSON: lambda value: json.loads(bytes(value)),
}
