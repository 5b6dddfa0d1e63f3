"""Blind signatures: the RFC's own vectors, what the library for RSA says of them, and whatever is not fit for use."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.blind_signatures import (
    PrivateKey,
    PublicKey,
    _blind,
    _encoded,
    ballot_message,
    blind,
    finalize,
    new_prefix,
    prepare,
    public_key,
)
from shared.errors import InvalidInput, SigningFault

VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("blind_signature_vectors.json").read_text())
DER, SPKI = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
GUID = bytes(range(16))
guids = st.binary(min_size=16, max_size=16)


def number(name: str) -> int:
    return int(VECTORS[name], 16)


def key_of_the_rfc() -> PrivateKey:
    p, q = number("p"), number("q")
    d = pow(65537, -1, (p - 1) * (q - 1))
    private = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(65537, number("n"))
    )
    return PrivateKey.read(
        private.private_key().private_bytes(DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return PrivateKey.generate()[0]


def der_of(private: Any) -> bytes:
    encoded: bytes = private.public_key().public_bytes(DER, SPKI)
    return encoded


@pytest.mark.parametrize("variant", VECTORS["variants"], ids=lambda variant: variant["name"])
def test_the_vectors_of_the_rfc_pass(variant: dict[str, str]) -> None:
    private = key_of_the_rfc()
    message = bytes.fromhex(VECTORS["message"])
    # The deterministic variant differs by this alone: it signs the message as it is.
    prepared = prepare(message, bytes.fromhex(variant["prefix"])) if variant["prefix"] else message
    factor = pow(number("inverse"), -1, number("n"))
    blinded = _blind(private.public, prepared, bytes.fromhex(VECTORS["salt"]), lambda _: factor)
    assert (blinded.message.hex(), blinded.inverse) == (variant["blinded"], number("inverse"))
    signed = private.blind_sign(blinded.message)
    assert signed.hex() == variant["blind_signature"]
    signature = finalize(private.public, blinded, signed)
    assert signature.hex() == variant["signature"]
    assert private.public.verify(prepared, signature)


@settings(deadline=None, max_examples=12)
@given(guid=guids, election=st.integers(1, 2**31 - 1))
def test_an_unblinded_signature_is_good_for_its_ballot_and_election_alone(
    key: PrivateKey, guid: bytes, election: int
) -> None:
    prefix = new_prefix()
    blinded = blind(key.public, prepare(ballot_message(election, guid), prefix))
    signature = finalize(key.public, blinded, key.blind_sign(blinded.message))
    assert key.public.verify(blinded.prepared, signature)
    other = bytes([guid[0] ^ 1, *guid[1:]])
    for wrong in (
        prepare(ballot_message(election, other), prefix),
        prepare(ballot_message(election + 1, guid), prefix),
        prepare(ballot_message(election, guid), bytes([prefix[0] ^ 1, *prefix[1:]])),
    ):
        assert not key.public.verify(wrong, signature)
    assert not key.public.verify(blinded.prepared, signature[:-1] + bytes([signature[-1] ^ 1]))


@settings(deadline=None, max_examples=12)
@given(message=st.binary(max_size=200), salt=st.binary(min_size=48, max_size=48), spare=st.integers(0, 7))
def test_the_encoding_is_the_one_of_the_library(key: PrivateKey, message: bytes, salt: bytes, spare: int) -> None:
    n = key.public.modulus
    encoded = int.from_bytes(_encoded(message, n.bit_length() - 1, salt), "big")
    # The private operation on it is a signature that the library made nothing of, and takes.
    assert key.public.verify(message, key._raised(encoded).to_bytes(key.public.size, "big"))
    # Whatever the number of bits, so that keys of all lengths have it right.
    assert int.from_bytes(_encoded(message, 2047 - spare, salt), "big").bit_length() <= 2047 - spare


@pytest.mark.parametrize("bits", [2304, 3072])
def test_a_key_of_another_length_signs_too(bits: int) -> None:
    private, der = PrivateKey.generate(bits)
    blinded = blind(private.public, prepare(ballot_message(1, GUID), new_prefix()))
    signature = finalize(private.public, blinded, PrivateKey.read(der).blind_sign(blinded.message))
    assert len(signature) == bits // 8
    loaded = serialization.load_der_public_key(private.public.der)
    assert isinstance(loaded, rsa.RSAPublicKey)
    loaded.verify(signature, blinded.prepared, padding.PSS(padding.MGF1(hashes.SHA384()), 48), hashes.SHA384())


def test_the_same_message_is_blinded_differently_each_time_and_signed_alike_each_time(key: PrivateKey) -> None:
    prepared = prepare(ballot_message(1, GUID), new_prefix())
    first, second = blind(key.public, prepared), blind(key.public, prepared)
    assert first.message != second.message
    assert key.blind_sign(first.message) == key.blind_sign(first.message)


def test_what_the_signer_sees_fits_every_ballot_equally(key: PrivateKey) -> None:
    prepared = [prepare(ballot_message(1, bytes([one] * 16)), new_prefix()) for one in range(3)]
    seen = blind(key.public, prepared[0])
    signed = key.blind_sign(seen.message)
    signatures = [finalize(key.public, b, key.blind_sign(b.message)) for b in (blind(key.public, p) for p in prepared)]
    # For each cast ballot there is a factor by which what was signed would have been its request: none is likelier.
    n = key.public.modulus
    for signature in signatures:
        opened = int.from_bytes(signature, "big")
        factor = int.from_bytes(signed, "big") * pow(opened, -1, n) % n
        assert pow(opened, 65537, n) * pow(factor, 65537, n) % n == int.from_bytes(seen.message, "big")


def test_a_fault_in_the_private_operation_gives_no_signature_away(key: PrivateKey) -> None:
    blinded = blind(key.public, prepare(ballot_message(1, GUID), new_prefix())).message
    assert key.blind_sign(blinded)
    for faulty in (replace(key, exponent_p=key.exponent_p + 2), replace(key, coefficient=key.coefficient ^ 1)):
        with pytest.raises(SigningFault, match="thrown away"):
            faulty.blind_sign(blinded)


def test_a_blinded_message_of_a_wrong_size_or_value_is_not_signed(key: PrivateKey) -> None:
    n, size = key.public.modulus, key.public.size
    good = blind(key.public, prepare(ballot_message(1, GUID), new_prefix())).message
    assert len(key.blind_sign(good)) == size
    for wrong in (b"", good[:-1], good + b"\0"):
        with pytest.raises(InvalidInput, match=f"it has {size}"):
            key.blind_sign(wrong)
    for value in (0, 1, n - 1, n, n + 2):
        with pytest.raises(InvalidInput, match="not one of the key"):
            key.blind_sign(value.to_bytes(size, "big"))


def test_what_is_no_signature_of_what_was_sent_is_not_finalized(key: PrivateKey) -> None:
    first, second = (blind(key.public, prepare(ballot_message(1, GUID), new_prefix())) for _ in range(2))
    signed = key.blind_sign(first.message)
    assert finalize(key.public, first, signed)
    with pytest.raises(InvalidInput, match="no signature of what was sent"):
        finalize(key.public, second, signed)
    with pytest.raises(InvalidInput, match="has 255 bytes"):
        finalize(key.public, first, signed[:-1])
    other = PrivateKey.generate()[0]
    with pytest.raises(InvalidInput, match="no signature of what was sent"):
        finalize(other.public, blind(other.public, first.prepared), signed)


def test_a_prefix_or_guid_of_a_wrong_size_is_refused() -> None:
    assert len(prepare(ballot_message(1, GUID), new_prefix())) == 72
    with pytest.raises(InvalidInput, match="prefix has 32 bytes, not 31"):
        prepare(b"", bytes(31))
    with pytest.raises(InvalidInput, match="GUID of a ballot has 16 bytes, not 15"):
        ballot_message(1, GUID[:-1])


def refused_keys() -> list[tuple[str, bytes, str]]:
    good = der_of(rsa.generate_private_key(65537, 2048))
    return [
        ("nothing", b"", "no public key"),
        ("text", b"-----BEGIN PUBLIC KEY-----", "no public key"),
        ("cut off", good[:-1], "no public key"),
        ("something behind it", good + b"\0", "no public key"),
        ("too short", der_of(rsa.generate_private_key(65537, 1024)), "has 1024 bits"),
        ("between the steps", der_of(rsa.generate_private_key(65537, 2056)), "has 2056 bits"),
        ("another exponent", der_of(rsa.generate_private_key(3, 2048)), "exponent 3"),
        ("another kind", der_of(ec.generate_private_key(ec.SECP256R1())), "another kind than RSA"),
    ]


@pytest.mark.parametrize(("der", "reason"), [pytest.param(der, said, id=name) for name, der, said in refused_keys()])
def test_a_key_that_is_not_fit_is_refused_with_the_reason(der: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        public_key(der)
    assert caught.value.field == "key"


def test_a_good_key_is_taken_and_has_the_fingerprint_of_its_bytes(key: PrivateKey) -> None:
    read: PublicKey = public_key(key.public.der)
    assert (read, read.size) == (key.public, 256)
    assert len(read.fingerprint) == 64
    assert "p=" not in repr(key)
