"""The Ed25519 keys that tokens are signed and checked with, and how a token says which of them it needs.

A key is changed while people stay logged in, so for a while tokens of two keys are good. Each token names its key in
its header (``kid``), by the thumbprint of the public key (RFC 7638), which both sides compute for themselves.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from shared.errors import Misconfigured

_BLOCK = re.compile(r"-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----")


@dataclass(frozen=True)
class TokenKeys:
    """The public keys that a service takes tokens of, by the name that a token gives them, the newest first."""

    by_name: dict[str, Ed25519PublicKey] = field(repr=False)

    @classmethod
    def of(cls, text: str) -> "TokenKeys":
        """The keys in ``text``, PEM blocks one after the other; raises ``Misconfigured`` for anything else."""
        return cls(public_keys(text, "JWT_PUBLIC_KEY"))

    def find(self, name: str | None) -> Ed25519PublicKey | None:
        """The key of this name, or None; without a name the oldest.

        Tokens had no name before this version, when there was one key. It stays the last as long as a token of it can
        be good, because new keys are put in front.
        """
        if name is None:
            return next(reversed(self.by_name.values()))
        return self.by_name.get(name)


def signing_name(private_pem: str, keys: TokenKeys) -> str:
    """The name that tokens of this private key bear.

    Raises ``Misconfigured`` when it is no Ed25519 key, or when nobody could check its tokens with ``keys``.
    """
    name = thumbprint(private_key(private_pem, "JWT_PRIVATE_KEY").public_key())
    if name not in keys.by_name:
        raise Misconfigured("JWT_PUBLIC_KEY lacks the public key of JWT_PRIVATE_KEY: no token could be checked.")
    return name


def public_keys(text: str, setting: str) -> dict[str, Ed25519PublicKey]:
    """The keys in ``text``, PEM blocks one after the other, by their thumbprints.

    Raises ``Misconfigured``, which names the setting or file that the text comes from, for anything else.
    """
    blocks = _BLOCK.findall(text)
    if not blocks or _BLOCK.sub("", text).strip():
        raise Misconfigured(f"{setting} has to be one PEM block of a public key, or several, and nothing else.")
    keys = [_public(block, setting) for block in blocks]
    return {thumbprint(key): key for key in keys}


def private_key(pem: str, setting: str) -> Ed25519PrivateKey:
    """The private key in a PEM block; raises ``Misconfigured``, which names the setting, for anything else."""
    try:
        private = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise Misconfigured(f"{setting} has to be the PEM of an Ed25519 private key.")
    return private


def thumbprint(key: Ed25519PublicKey) -> str:
    """RFC 7638's thumbprint of the key as RFC 8037 writes it, which is 43 characters of base64url."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    # The members that are needed, by their names' order, without a blank: section 3 of RFC 7638.
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": base64url(raw)}, separators=(",", ":"))
    return base64url(hashlib.sha256(members.encode("ascii")).digest())


def _public(block: str, setting: str) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(block.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise Misconfigured(f"{setting} holds a block that is no Ed25519 public key.")
    return key


def base64url(content: bytes) -> str:
    """The content as RFC 7515 writes it, without signs at the end that only fill it up."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
