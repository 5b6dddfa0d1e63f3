"""The signature of a record: a JSON Web Signature (RFC 7515) by Ed25519 (RFC 8037) over the very bytes of the record.

The results service signs with a key of its own, and whoever has its public key checks without asking anybody. The file
is the flattened JSON serialisation: the record itself, the header that names the key, and the signature, each in
base64url. Ed25519 makes the same signature of the same bytes each time.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.errors import Misconfigured, UrnaError
from shared.token_keys import base64url, private_key, public_keys, thumbprint

ALGORITHM = "EdDSA"
# In the header, so that whatever else this key might ever sign is taken for no record.
TYPE = "urna-record+json"

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


class Problem(StrEnum):
    """Why a record is not proven."""

    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    CHANGED = "changed"
    NO_RECORD = "no_record"


class NotProven(UrnaError):
    """A record that nobody has to believe; ``problem`` says why, and the message what to do."""

    def __init__(self, problem: Problem, message: str) -> None:
        super().__init__(message)
        self.problem = problem


@dataclass(frozen=True)
class Signed:
    """A record and its signature; all three as they stand in the file, in base64url."""

    payload: str
    protected: str
    signature: str

    @property
    def content(self) -> bytes:
        """The bytes of the record."""
        return _bytes_of(self.payload)

    def written(self) -> bytes:
        """The file: flattened JSON serialisation, section 7.2.2 of RFC 7515."""
        return json.dumps(vars(self), separators=(",", ":")).encode("ascii")

    @classmethod
    def of(cls, text: bytes) -> "Signed":
        """What stands in a file; raises ``NotProven`` for one that bears no signature, and for anything else."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise NotProven(Problem.NO_RECORD, "This is no record: the file holds no JSON object.")
        members = [found.get(name) for name in ("payload", "protected", "signature")]
        if not any(members):
            raise NotProven(
                Problem.UNSIGNED,
                "This file bears no signature. Fetch the signed record, or give the signature that is printed on the "
                "page.",
            )
        if not all(isinstance(member, str) and _BASE64URL.fullmatch(member) for member in members):
            raise NotProven(
                Problem.NO_RECORD, "This is no signed record: payload, protected and signature have to be base64url."
            )
        return cls(*map(str, members))


class Signer:
    """Signs records with a private key; ``name`` is that of the key, by which others know it."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key()
        self.name = thumbprint(self.public_key)

    def sign(self, content: bytes) -> Signed:
        """The record with its signature."""
        payload, protected = base64url(content), _header(self.name)
        return Signed(payload, protected, base64url(self._key.sign(_signed_bytes(protected, payload))))


@dataclass(frozen=True)
class RecordKeys:
    """The public keys that records may be signed with, by their names (RFC 7638), the newest first."""

    by_name: Mapping[str, Ed25519PublicKey] = field(repr=False)

    @classmethod
    def read(cls, text: str, source: str) -> "RecordKeys":
        """The keys of a file: PEM blocks, or a key set (RFC 7517) as ``/api/record-keys`` gives it.

        Raises ``Misconfigured``, which names the ``source``, for anything else. The name of a key is computed, and not
        believed.
        """
        if not text.lstrip().startswith("{"):
            return cls(public_keys(text, source))
        try:
            given = json.loads(text)["keys"]
            keys = [Ed25519PublicKey.from_public_bytes(_key_bytes(one)) for one in given]
        except (ValueError, KeyError, TypeError, RecursionError):
            keys = []
        if not keys:
            raise Misconfigured(f"{source} has to be a key set with Ed25519 public keys (kty OKP, crv Ed25519, x).")
        return cls({thumbprint(key): key for key in keys})

    def as_set(self) -> list[dict[str, str]]:
        """The keys as the members of a key set, by RFC 7517 and RFC 8037."""
        return [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "x": base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw)),
                "kid": name,
                "use": "sig",
                "alg": ALGORITHM,
            }
            for name, key in self.by_name.items()
        ]

    def check(self, signed: Signed) -> str:
        """The name of the key that has signed these very bytes; raises ``NotProven``."""
        try:
            header = json.loads(_bytes_of(signed.protected))
        except (ValueError, RecursionError):
            header = None
        name = header.get("kid") if isinstance(header, dict) else None
        # No other header than the one that is written: what a reader does not understand he must not pass over.
        if not isinstance(name, str) or header != _members(name):
            raise NotProven(Problem.NO_RECORD, "This is no signed record: its header is not that of one.")
        key = self.by_name.get(name)
        if key is None:
            raise NotProven(
                Problem.UNKNOWN_KEY,
                f"The record says that it is signed with the key {name}, which is none of those given: "
                f"{', '.join(self.by_name)}. Ask the election authority whether that key is one of its own.",
            )
        if not _is_signed(key, signed):
            raise NotProven(
                Problem.CHANGED,
                f"The signature is not that of the key {name} for this record: the record was changed after it was "
                "signed, or somebody without the key has signed it. Do not believe its figures.",
            )
        return name

    def check_printed(self, content: bytes, signature: str) -> str:
        """The same for a record and the signature that is printed on its page, which does not name its key."""
        signature = "".join(signature.split())
        if not _BASE64URL.fullmatch(signature):
            raise NotProven(Problem.NO_RECORD, "This is no signature: it has to be 86 letters, digits, - and _.")
        for name, key in self.by_name.items():
            if _is_signed(key, Signed(base64url(content), _header(name), signature)):
                return name
        raise NotProven(
            Problem.CHANGED,
            f"The signature is not that of any given key ({', '.join(self.by_name)}) for this record: the record is "
            "another one than the page is of or was changed, the signature was copied wrongly, or another key has "
            "signed it.",
        )


def read_signing_key(pem: str | None, public: str | None) -> tuple[Signer | None, RecordKeys]:
    """What signs, if anything does, and the keys to be published.

    Raises ``Misconfigured`` when a key is none, or when nobody could check what would be signed.
    """
    signer = None if pem is None else Signer(private_key(pem, "RECORD_SIGNING_KEY"))
    if public is not None:
        keys = RecordKeys(public_keys(public, "RECORD_PUBLIC_KEY"))
    else:
        keys = RecordKeys({} if signer is None else {signer.name: signer.public_key})
    if signer is not None and signer.name not in keys.by_name:
        raise Misconfigured("RECORD_PUBLIC_KEY lacks the public key of RECORD_SIGNING_KEY: no record could be checked.")
    return signer, keys


def _members(name: str) -> dict[str, str]:
    return {"alg": ALGORITHM, "kid": name, "typ": TYPE}


def _header(name: str) -> str:
    return base64url(json.dumps(_members(name), separators=(",", ":")).encode("ascii"))


def _signed_bytes(protected: str, payload: str) -> bytes:
    return f"{protected}.{payload}".encode("ascii")


def _is_signed(key: Ed25519PublicKey, signed: Signed) -> bool:
    try:
        key.verify(_bytes_of(signed.signature), _signed_bytes(signed.protected, signed.payload))
    except (InvalidSignature, ValueError):
        return False
    return True


def _bytes_of(text: str) -> bytes:
    """What base64url stands for; ValueError where it is none, or where it could be written otherwise, too."""
    try:
        found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("This is no base64url.") from error
    if base64url(found) != text:
        raise ValueError("This is base64url that is written in an unusual way.")
    return found


def _key_bytes(member: Any) -> bytes:
    if (member["kty"], member["crv"]) != ("OKP", "Ed25519") or "d" in member:
        raise ValueError("This is no Ed25519 public key.")
    return _bytes_of(str(member["x"]))
