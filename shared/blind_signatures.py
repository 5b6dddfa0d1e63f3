"""Blind signatures of RFC 9474, in the variant RSABSSA-SHA384-PSS-Randomized: who signs cannot read what is signed.

A voter's program makes ``ballot_message``, prepares it with 32 random bytes and blinds it; whoever holds the election's
private key signs what it cannot read; the program unblinds that, and has a signature which anybody can verify with the
public key and which nobody can join to the request. Pure but for the random numbers, which come from ``secrets``.

What is signed has a fixed layout, all numbers big-endian:

======  =====  ==========================================================================
offset  bytes  content
======  =====  ==========================================================================
0       32     random, made by the voter's program (the randomised preparation of the RFC)
32      16     ``Urna ballot v1`` in ASCII and two zero bytes: good for nothing else
48      8      the number of the election: a signature is worth nothing in another one
56      16     the GUID of the ballot
======  =====  ==========================================================================

The signature says nothing of the choice, so that the voter can still make it when the signature is there.
"""

import hashlib
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from shared.errors import InvalidInput, SigningFault

PREFIX_BYTES = 32
GUID_BYTES = 16
EXPONENT = 65537
FEWEST_BITS = 2048
MOST_BITS = 4096
# A signature takes a whole number of these, as the packed form of ballots has it.
STEP_BITS = 256

_LABEL = b"Urna ballot v1\0\0"
_ELECTION_BYTES = 8
_HASH = hashlib.sha384
_HASH_BYTES = SALT_BYTES = 48
_TRAILER = b"\xbc"
_PADDING = padding.PSS(padding.MGF1(hashes.SHA384()), SALT_BYTES)


@dataclass(frozen=True)
class PublicKey:
    """An election's public key. ``size`` is the length in bytes of messages, blinded ones and signatures."""

    der: bytes
    _key: rsa.RSAPublicKey = field(repr=False, compare=False)
    _n: int = field(repr=False, compare=False)

    @property
    def size(self) -> int:
        return self._key.key_size // 8

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the key in hexadecimal, by which people compare keys."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def modulus(self) -> int:
        return self._n

    def verify(self, prepared: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is one of this key for the prepared message."""
        if len(signature) != self.size:
            return False
        try:
            self._key.verify(signature, prepared, _PADDING, hashes.SHA384())
        except InvalidSignature:
            return False
        return True


@lru_cache(maxsize=64)
def public_key(der: bytes) -> PublicKey:
    """Read a DER SubjectPublicKeyInfo; raises InvalidInput, with what to do, for every key that is not fit for this."""
    try:
        key = serialization.load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidInput("The ballot key is no public key in DER (SubjectPublicKeyInfo).", field="key") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise InvalidInput("The ballot key is of another kind than RSA; make an RSA key.", field="key")
    numbers = key.public_numbers()
    _check(numbers)
    canonical = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if canonical != der:
        # One key has one fingerprint.
        raise InvalidInput("The ballot key is not written in DER as it should be; export it anew.", field="key")
    return PublicKey(der, key, numbers.n)


def _check(numbers: rsa.RSAPublicNumbers) -> None:
    bits = numbers.n.bit_length()
    if numbers.e != EXPONENT:
        raise InvalidInput(f"The ballot key has the exponent {numbers.e}; it has to be {EXPONENT}.", field="key")
    if not FEWEST_BITS <= bits <= MOST_BITS or bits % STEP_BITS:
        raise InvalidInput(
            f"The ballot key has {bits} bits; it has to have {FEWEST_BITS} to {MOST_BITS}, in steps of {STEP_BITS}.",
            field="key",
        )
    if numbers.n % 2 == 0:
        raise InvalidInput("The ballot key is none of RSA: its modulus is even.", field="key")


def ballot_message(election_id: int, guid: bytes) -> bytes:
    """What a ballot's signature is about, before it is prepared: 40 bytes."""
    if len(guid) != GUID_BYTES:
        raise InvalidInput(f"The GUID of a ballot has {GUID_BYTES} bytes, not {len(guid)}.", field="guid")
    return _LABEL + election_id.to_bytes(_ELECTION_BYTES, "big") + guid


def prepare(message: bytes, prefix: bytes) -> bytes:
    """The prepared message: ``prefix``, 32 bytes that ``new_prefix`` made for this message alone, and the message."""
    if len(prefix) != PREFIX_BYTES:
        raise InvalidInput(f"The prefix has {PREFIX_BYTES} bytes, not {len(prefix)}.", field="prefix")
    return prefix + message


def new_prefix() -> bytes:
    return secrets.token_bytes(PREFIX_BYTES)


@dataclass(frozen=True)
class Blinded:
    """A message that is blinded, and what its maker needs to unblind the signature; ``inverse`` is a secret."""

    prepared: bytes
    message: bytes
    inverse: int = field(repr=False)


def blind(key: PublicKey, prepared: bytes) -> Blinded:
    """Blind a prepared message; each call gives another one, and none tells anything of the message."""
    return _blind(key, prepared, secrets.token_bytes(SALT_BYTES), lambda n: 1 + secrets.randbelow(n - 1))


def _blind(key: PublicKey, prepared: bytes, salt: bytes, draw: Callable[[int], int]) -> Blinded:
    n = key.modulus
    encoded = int.from_bytes(_encoded(prepared, n.bit_length() - 1, salt), "big")
    # Whoever finds either has found a factor of the key.
    if math.gcd(encoded, n) != 1:
        raise InvalidInput("The message cannot be blinded with this key; the key is not one of RSA.", field="key")
    factor = draw(n)
    try:
        inverse = pow(factor, -1, n)
    except ValueError as error:
        raise InvalidInput("The key is not one of RSA.", field="key") from error
    return Blinded(prepared, (encoded * pow(factor, EXPONENT, n) % n).to_bytes(key.size, "big"), inverse)


def finalize(key: PublicKey, blinded: Blinded, blind_signature: bytes) -> bytes:
    """The signature of the prepared message; raises InvalidInput when the signer did not sign what was sent."""
    if len(blind_signature) != key.size:
        raise InvalidInput(
            f"The blind signature has {len(blind_signature)} bytes, and those of this key have {key.size}.",
            field="signature",
        )
    number = int.from_bytes(blind_signature, "big") * blinded.inverse % key.modulus
    signature = number.to_bytes(key.size, "big")
    if not key.verify(blinded.prepared, signature):
        raise InvalidInput("What came back is no signature of what was sent; ask again.", field="signature")
    return signature


@dataclass(frozen=True)
class PrivateKey:
    """An election's private key, as the signer has it: the numbers of the Chinese remainder theorem."""

    public: PublicKey
    p: int = field(repr=False)
    q: int = field(repr=False)
    exponent_p: int = field(repr=False)
    exponent_q: int = field(repr=False)
    coefficient: int = field(repr=False)

    @classmethod
    def generate(cls, bits: int = FEWEST_BITS) -> "tuple[Self, bytes]":
        """A new key, and its PKCS #8 DER, which is to be sealed at once."""
        key = rsa.generate_private_key(EXPONENT, bits)
        der = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return cls.read(der), der

    @classmethod
    def read(cls, der: bytes) -> Self:
        """Read PKCS #8 DER; the library checks that the numbers fit each other."""
        try:
            key = serialization.load_der_private_key(der, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise InvalidInput("The private ballot key cannot be read.", field="key") from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise InvalidInput("The private ballot key is of another kind than RSA.", field="key")
        numbers = key.private_numbers()
        public = public_key(
            key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        return cls(public, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)

    def blind_sign(self, blinded: bytes) -> bytes:
        """Sign a blinded message, unread. Raises InvalidInput for one of a wrong size, ``SigningFault`` for a fault.

        The number that is raised to the secret power is multiplied by a random one first, so that neither the time nor
        anything else that is measured here depends on what somebody sent.
        """
        n = self.public.modulus
        if len(blinded) != self.public.size:
            raise InvalidInput(
                f"The blinded message has {len(blinded)} bytes; with the key of this election it has "
                f"{self.public.size}.",
                field="blinded",
            )
        number = int.from_bytes(blinded, "big")
        # Of 0, 1 and n - 1 anybody knows the signature; no blinding gives one of them.
        if not 1 < number < n - 1:
            raise InvalidInput("The blinded message is not one of the key of this election.", field="blinded")
        factor = 1 + secrets.randbelow(n - 1)
        signed = self._raised(number * pow(factor, EXPONENT, n) % n) * pow(factor, -1, n) % n
        if pow(signed, EXPONENT, n) != number:
            raise SigningFault("The signature was computed wrongly, and was thrown away; ask again.")
        return signed.to_bytes(self.public.size, "big")

    def _raised(self, number: int) -> int:
        """``number`` to the secret power."""
        by_p, by_q = pow(number, self.exponent_p, self.p), pow(number, self.exponent_q, self.q)
        return by_q + self.q * (self.coefficient * (by_p - by_q) % self.p)


def _encoded(message: bytes, bits: int, salt: bytes) -> bytes:
    """EMSA-PSS-ENCODE (RFC 8017, 9.1.1) with SHA-384, so that the result has at most ``bits`` bits."""
    length = (bits + 7) // 8
    digest = _HASH(bytes(8) + _HASH(message).digest() + salt).digest()
    block = bytes(length - len(salt) - _HASH_BYTES - 2) + b"\x01" + salt
    mask = _mask(digest, len(block))
    masked = bytearray(one ^ other for one, other in zip(block, mask, strict=True))
    masked[0] &= 0xFF >> (8 * length - bits)
    return bytes(masked) + digest + _TRAILER


def _mask(seed: bytes, length: int) -> bytes:
    """MGF1 (RFC 8017, B.2.1) with SHA-384."""
    blocks = range(-(-length // _HASH_BYTES))
    return b"".join(_HASH(seed + counter.to_bytes(4, "big")).digest() for counter in blocks)[:length]
