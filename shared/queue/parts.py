"""The packed form of a part: what a station puts into Redis, and what the database keeps, unchanged.

A part is some thousands of ballots of one batch and one partition. Its packed form says by itself what it is,
so that a part that was stored years ago can be counted again. All numbers are little-endian. Version 1 is what came in
files; version 3 is ballots that voters have cast themselves, each with its proof (``shared.ballot_proofs``). Version 2
is those of stations before there was a salt; it is read and no longer written:

======  =====  ==========================================================================================
offset  bytes  content
======  =====  ==========================================================================================
0       4      ``URNA`` in ASCII
4       1      version of the form: 1, 2 or 3
5       1      bytes per poll number: 1, 2, 4 or 8, the fewest that hold the greatest one
6       1      bytes per line number: 1, 2 or 4, likewise
7       1      version 1: zero; versions 2 and 3: bytes per proof, in units of 32
8       4      number of ballots, n
12      4      bytes of the last field, z
16      16     the first 16 bytes of the SHA-256 of all that stands before this field and after it
32      16 n   the GUIDs, 16 bytes each, as they are (they are random, so they cannot be compressed)
...     z      zlib stream of the n poll numbers followed by the n line numbers, each array by planes:
               first the lowest byte of every number, then the second byte of every number, and so on
...     ...    versions 2 and 3: the n proofs, one after the other
...     32     version 3 only: the salt
======  =====  ==========================================================================================

The planes are there for the size: line numbers only grow, so all planes but the lowest hardly change from one
number to the next and nearly vanish when compressed. The checksum is against damage, not against forgery: who
can write to Redis or the database can compute it too.

The salt is random, so that the digest of a payload, which the journal has, tells nobody a choice. A voter's receipt has
everything else that a part of one ballot is made of but the poll number, and there are few of those to try.
"""

import hashlib
import secrets
import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from shared.ballot_proofs import UNIT_BYTES
from shared.errors import InvalidInput

_MAGIC = b"URNA"
_PLAIN, _PROVEN, _SALTED = 1, 2, 3
_SALT_BYTES = 32
_GUID_BYTES = 16
_MOST_UNITS = 255
_HEAD = struct.Struct("<4sBBBBII")
_CHECKSUM_BYTES = 16
_CONTENT = _HEAD.size + _CHECKSUM_BYTES
_TYPECODE = {1: "B", 2: "H", 4: "I", 8: "Q"}
_STORED = struct.Struct("<HH")
# Below, zlib takes longer than everything else that is done for a part, to make it shorter by a twentieth.
_WORTH_COMPRESSING = 2048


@dataclass(frozen=True)
class PartContents:
    """The ballots of a part: 16 bytes of GUID, a poll number and a line number (counted from 0) for each.

    ``poll_numbers`` has the typecode Q and ``lines`` the typecode I, whatever the packed form used. ``proofs`` holds as
    many bytes for each ballot as for every other, and is empty where nothing is to be proven.
    """

    guids: bytes
    poll_numbers: "array[int]"
    lines: "array[int]"
    proofs: bytes = b""


def pack(guids: bytes, poll_numbers: Sequence[int], lines: Sequence[int], proofs: bytes = b"") -> bytes:
    """Return the packed form of a part; all four say something about the same ballots, in the same order.

    ``guids`` holds 16 bytes a ballot, ``proofs`` as many as ``PartContents`` says. With proofs the part gets a salt, so
    it is packed differently each time. Raises ValueError when they do not fit each other, and OverflowError for a poll
    number outside 0 to 2**64 - 1 or a line number outside 0 to 2**32 - 1.
    """
    count = len(poll_numbers)
    if len(guids) != _GUID_BYTES * count or len(lines) != count:
        raise ValueError(
            f"A part of {count} poll numbers has {len(guids)} bytes of GUIDs and {len(lines)} line numbers."
        )
    units, rest = divmod(len(proofs), UNIT_BYTES * max(count, 1))
    if rest or units > _MOST_UNITS:
        raise ValueError(f"{count} ballots do not have {len(proofs)} bytes of proofs.")
    number_planes, line_planes = _planes(array("Q", poll_numbers)), _planes(array("I", lines))
    planes = b"".join((*number_planes, *line_planes))
    # The lowest level is enough: the planes are either all but constant or all but random.
    packed = stored(planes) if len(planes) < _WORTH_COMPRESSING else zlib.compress(planes, 1)
    version, salt = (_SALTED, secrets.token_bytes(_SALT_BYTES)) if units else (_PLAIN, b"")
    head = _HEAD.pack(_MAGIC, version, len(number_planes), len(line_planes), units, count, len(packed))
    return b"".join((head, _checksum(head, guids, packed, proofs, salt), guids, packed, proofs, salt))


def unpack(payload: bytes) -> PartContents:
    """Return the contents of a packed part; raises InvalidInput when it is not one or was damaged."""
    if payload[: len(_MAGIC)] != _MAGIC:
        raise InvalidInput("This is not a packed part of a batch: it does not start with URNA.")
    if len(payload) < _CONTENT:
        raise InvalidInput(f"The packed part is cut off: it has {len(payload)} bytes, its head alone {_CONTENT}.")
    _, version, poll_number_bytes, line_bytes, units, count, packed_bytes = _HEAD.unpack_from(payload)
    if version not in (_PLAIN, _PROVEN, _SALTED):
        raise InvalidInput(f"The packed part has version {version}; this program reads the versions 1 to 3.")
    if (version != _PLAIN) != bool(units):
        raise InvalidInput("The packed part is malformed: its proofs are not as its version has them.")
    proofs_bytes = UNIT_BYTES * units * count
    length = _CONTENT + _GUID_BYTES * count + packed_bytes + proofs_bytes + _SALT_BYTES * (version == _SALTED)
    if len(payload) != length:
        raise InvalidInput(
            f"The packed part has a wrong length: {len(payload)} bytes where its head announces {length}."
        )
    after_guids = _CONTENT + _GUID_BYTES * count
    guids, packed = payload[_CONTENT:after_guids], payload[after_guids : after_guids + packed_bytes]
    after_numbers = after_guids + packed_bytes
    if _checksum(payload[: _HEAD.size], payload[_CONTENT:]) != payload[_HEAD.size : _CONTENT]:
        raise InvalidInput("The packed part is damaged: its checksum does not match its content.")
    planes = _decompressed(packed, count * (poll_number_bytes + line_bytes))
    if planes is None or poll_number_bytes not in _TYPECODE or line_bytes not in (1, 2, 4):
        raise InvalidInput("The packed part is malformed: its numbers are not as its head announces.")
    return PartContents(
        guids=guids,
        poll_numbers=array("Q", _numbers(planes[: count * poll_number_bytes], poll_number_bytes)),
        lines=array("I", _numbers(planes[count * poll_number_bytes :], line_bytes)),
        proofs=payload[after_numbers : after_numbers + proofs_bytes],
    )


def _checksum(head: bytes, *contents: bytes) -> bytes:
    digest = hashlib.sha256(head)
    for content in contents:
        digest.update(content)
    return digest.digest()[:_CHECKSUM_BYTES]


def _planes(numbers: "array[int]") -> list[bytes]:
    """Numbers as planes of bytes, the lowest first: the fewest, of 1, 2, 4 and 8, that hold the greatest."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    little_endian = numbers.tobytes()
    planes = [little_endian[plane :: numbers.itemsize] for plane in range(numbers.itemsize)]
    nothing = bytes(len(numbers))
    while len(planes) > 1 and all(plane == nothing for plane in planes[len(planes) // 2 :]):
        del planes[len(planes) // 2 :]
    return planes


def _numbers(planes: bytes, width: int) -> "array[int]":
    """The opposite of ``_planes``, with the typecode of that width."""
    count = len(planes) // width
    little_endian = bytearray(len(planes))
    for plane in range(width):
        little_endian[plane::width] = planes[plane * count : (plane + 1) * count]
    numbers = array(_TYPECODE[width], bytes(little_endian))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def stored(data: bytes) -> bytes:
    """A zlib stream (RFC 1950) of at most 65,535 bytes that holds them as they are, in one stored block.

    zlib needs longer than that to begin with anything, and Python lets other threads in whenever it calls zlib.
    """
    return b"\x78\x01\x01%b%b%b" % (
        _STORED.pack(len(data), len(data) ^ 0xFFFF),
        data,
        zlib.adler32(data).to_bytes(4, "big"),
    )


def _decompressed(packed: bytes, length: int) -> bytes | None:
    """Decompress a stream of exactly ``length`` bytes; None if it is any other, and never make more."""
    stream = zlib.decompressobj()
    try:
        # One byte more than expected shows a stream that goes on; a limit of zero would mean no limit.
        content = stream.decompress(packed, length + 1)
    except zlib.error:
        return None
    return content if len(content) == length and stream.eof and not stream.unused_data else None
