"""Sealed bytes: encrypted and authenticated in chunks, so that whatever was changed, cut off or moved is found.

The head is in the clear::

    URNABAK\\x01   8 bytes: the name of the form and its version
    N            1 byte: scrypt's cost is 2**N
    r, p         1 byte each: scrypt's other two parameters
    chunk        4 bytes, little-endian: bytes of the plain text in every chunk but the last
    salt         16 bytes
    prefix       7 bytes
    code         32 bytes: HMAC-SHA256 of all before it

scrypt makes 64 bytes of the passphrase and the salt: the key of the chunks and the key of the code. Each chunk is
AES-256-GCM with the whole head as its additional data. Its nonce is the prefix, the number of the chunk (4 bytes,
big-endian, from 0) and one byte, 1 for the last chunk and 0 for all others; so a chunk in another place, a file that
ends early and one that goes on are all found. The salt is new in every file, and the key with it.
"""

import hashlib
import hmac
import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from cli.failure import Failure

MAGIC = b"URNABAK\x01"
CHUNK_BYTES = 256 * 1024
TAG_BYTES = 16

_FIELDS = struct.Struct("<8sBBBI16s7s")
_CODE_BYTES = 32
HEAD_BYTES = _FIELDS.size + _CODE_BYTES
# 128 MiB of memory and about half a second for each passphrase that somebody tries.
_COST, _BLOCK, _PARALLEL = 17, 8, 1
# The head is read before anything shows that we have written it; it may not make us take all the memory there is.
_GREATEST_COST, _GREATEST_CHUNK = 20, 16 * 1024 * 1024
_GREATEST_NUMBER = 2**32


class Damaged(Failure):
    """A file is not as it was written, or the passphrase is another; the message says which and where."""


@dataclass(frozen=True)
class _Keys:
    chunks: AESGCM
    code: bytes


def _derive(passphrase: str, salt: bytes, cost: int, block: int, parallel: int) -> _Keys:
    derived = Scrypt(salt=salt, length=64, n=1 << cost, r=block, p=parallel).derive(passphrase.encode())
    return _Keys(AESGCM(derived[:32]), derived[32:])


class SealingWriter:
    """Seals what is written into ``file``; ``close`` writes the last chunk, without which nothing can be read.

    ``sha256`` and ``size`` are those of the file as it is so far. A lower ``cost`` than the usual is for tests.
    """

    def __init__(self, file: BinaryIO, passphrase: str, *, chunk_bytes: int = CHUNK_BYTES, cost: int = _COST) -> None:
        salt, self._prefix = os.urandom(16), os.urandom(7)
        self._keys = _derive(passphrase, salt, cost, _BLOCK, _PARALLEL)
        fields = _FIELDS.pack(MAGIC, cost, _BLOCK, _PARALLEL, chunk_bytes, salt, self._prefix)
        self._head = fields + hmac.digest(self._keys.code, fields, "sha256")
        self._file = file
        self._chunk_bytes = chunk_bytes
        self._waiting = bytearray()
        self._number = 0
        self.sha256 = hashlib.sha256()
        self.size = 0
        self._put(self._head)

    def write(self, data: bytes) -> None:
        self._waiting += data
        # What fills a chunk stays until more comes, because only then it is known not to be the last one.
        while len(self._waiting) > self._chunk_bytes:
            self._seal(bytes(self._waiting[: self._chunk_bytes]), is_last=False)
            del self._waiting[: self._chunk_bytes]

    def close(self) -> None:
        self._seal(bytes(self._waiting), is_last=True)
        self._waiting.clear()

    def _seal(self, data: bytes, *, is_last: bool) -> None:
        if self._number >= _GREATEST_NUMBER:
            raise Failure("The archive would have more than 2**32 chunks; give them more bytes each.")
        self._put(self._keys.chunks.encrypt(_nonce(self._prefix, self._number, is_last), data, self._head))
        self._number += 1

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self.sha256.update(data)
        self.size += len(data)


class SealedReader:
    """Reads what ``SealingWriter`` wrote; raises ``Damaged`` for whatever is not exactly that.

    ``sha256`` and ``size`` are those of what was read of the file, at the end those of the whole file.
    """

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size = 0
        self._head = self._take(HEAD_BYTES)
        if self._head[: len(MAGIC) - 1] != MAGIC[:-1]:
            raise Damaged("This is not an archive of urna backup: it does not begin as one.")
        if len(self._head) < HEAD_BYTES:
            raise Damaged("The archive is cut off within its head.")
        magic, cost, block, parallel, chunk_bytes, salt, self._prefix = _FIELDS.unpack_from(self._head)
        self._chunk_bytes = int(chunk_bytes)
        if magic != MAGIC:
            raise Damaged(f"The archive has form {magic[-1]}; this program reads form {MAGIC[-1]}.")
        if not (1 <= cost <= _GREATEST_COST and block == _BLOCK and parallel == _PARALLEL) or not (
            1 <= self._chunk_bytes <= _GREATEST_CHUNK
        ):
            raise Damaged("The archive is damaged: its head has parameters that no archive has.")
        self._keys = _derive(passphrase, salt, cost, block, parallel)
        code: bytes = hmac.digest(self._keys.code, self._head[: _FIELDS.size], "sha256")
        if not hmac.compare_digest(code, self._head[_FIELDS.size :]):
            raise Damaged("The passphrase is wrong, or the archive is damaged at its very beginning.")
        self._number = 0
        self._ahead = self._take(self._sealed_bytes)
        self._plain = bytearray()
        self._ended = False

    def read(self, count: int) -> bytes:
        """Exactly so many bytes; raises ``Damaged`` when there are fewer."""
        while len(self._plain) < count:
            if self._ended:
                raise Damaged("The archive is damaged: its content ends early.")
            self._open()
        taken = bytes(self._plain[:count])
        del self._plain[:count]
        return taken

    def finish(self) -> None:
        """Raises ``Damaged`` when anything is left."""
        while not self._ended and not self._plain:
            self._open()
        if self._plain:
            raise Damaged("The archive is damaged: its content goes on after its end.")

    @property
    def _sealed_bytes(self) -> int:
        return self._chunk_bytes + TAG_BYTES

    def _open(self) -> None:
        sealed, self._ahead = self._ahead, self._take(self._sealed_bytes)
        is_last = not self._ahead
        try:
            plain = self._keys.chunks.decrypt(_nonce(self._prefix, self._number, is_last), sealed, self._head)
        except (InvalidTag, ValueError):
            where = HEAD_BYTES + self._number * self._sealed_bytes
            raise Damaged(
                f"The archive is damaged or cut off at byte {where} or within the {self._sealed_bytes} bytes after it."
            ) from None
        self._number += 1
        self._ended = is_last
        self._plain += plain

    def _take(self, count: int) -> bytes:
        data = self._file.read(count)
        self.sha256.update(data)
        self.size += len(data)
        return data


def _nonce(prefix: bytes, number: int, is_last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([is_last])
