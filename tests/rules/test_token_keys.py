"""The names of keys, and which key a token is checked with."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from shared.errors import Misconfigured
from shared.token_keys import TokenKeys, signing_name, thumbprint
from tests.services.tokens import new_keys

# The key and its thumbprint in RFC 8037, appendices A.2 and A.3.
RFC_KEY = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
RFC_NAME = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_key_has_the_name_that_the_rfc_gives_it() -> None:
    assert thumbprint(Ed25519PublicKey.from_public_bytes(RFC_KEY)) == RFC_NAME


def test_a_key_is_found_by_its_name_and_by_no_other() -> None:
    newest, oldest = new_keys(), new_keys()
    keys = TokenKeys.of(newest.public_pem + "\n" + oldest.public_pem)
    for pair in (newest, oldest):
        name = signing_name(pair.private_pem, keys)
        found = keys.find(name)
        assert found is not None
        assert thumbprint(found) == name
        for other in ("", "0", name.upper(), name[:-1], RFC_NAME):
            assert keys.find(other) is None


def test_without_a_name_the_oldest_key_is_taken() -> None:
    newest, oldest = new_keys(), new_keys()
    keys = TokenKeys.of(newest.public_pem + oldest.public_pem)
    assert keys.find(None) is keys.find(signing_name(oldest.private_pem, keys))


def test_lines_may_end_as_in_windows_and_a_key_may_stand_twice() -> None:
    pair = new_keys()
    text = pair.public_pem.replace("\n", "\r\n")
    assert len(TokenKeys.of(text + text).by_name) == 1


def test_what_is_no_list_of_public_keys_is_refused_without_being_shown() -> None:
    pair = new_keys()
    for text in (
        "",
        "hush",
        pair.private_pem,
        pair.public_pem + "hush",
        pair.public_pem + pair.private_pem,
        pair.public_pem.replace("-----END", "----END"),
        pair.public_pem.splitlines()[1],
        _public_pem(ec.generate_private_key(ec.SECP256R1()).public_key()),
        _public_pem(ed448.Ed448PrivateKey.generate().public_key()),
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    ):
        with pytest.raises(Misconfigured, match="JWT_PUBLIC_KEY h") as refused:
            TokenKeys.of(text)
        assert "hush" not in str(refused.value)


def test_a_private_key_whose_tokens_nobody_could_check_is_refused() -> None:
    pair, other = new_keys(), new_keys()
    keys = TokenKeys.of(pair.public_pem)
    assert signing_name(pair.private_pem, keys) in keys.by_name
    with pytest.raises(Misconfigured, match="lacks the public key of JWT_PRIVATE_KEY"):
        signing_name(other.private_pem, keys)
    for text in ("", "hush", pair.public_pem, _private_pem(ec.generate_private_key(ec.SECP256R1()))):
        with pytest.raises(Misconfigured, match="has to be the PEM of an Ed25519 private key"):
            signing_name(text, keys)


def _public_pem(key: ec.EllipticCurvePublicKey | ed448.Ed448PublicKey) -> str:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
