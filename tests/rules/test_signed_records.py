"""Signed records: what is signed, what a signature proves, and how other programs check it."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import jwt
import pytest
from jwt.api_jws import PyJWS

from shared.errors import Misconfigured
from shared.signed_records import NotProven, Problem, RecordKeys, Signed, Signer, read_signing_key
from shared.token_keys import private_key
from tests.left_out import leave_out
from tests.services.tokens import Keys, new_keys

RECORD = '{"figures":{"lists":[{"name":"Лева","votes":40}]},"form":"urna-record/1"}'.encode()
OURS, OTHERS = new_keys(), new_keys()
SIGNER = Signer(private_key(OURS.private_pem, "a test"))
PUBLIC = RecordKeys.read(OURS.public_pem, "a test")


def signed_by(keys: Keys) -> Signed:
    return Signer(private_key(keys.private_pem, "a test")).sign(RECORD)


def with_figures(signed: Signed, content: bytes) -> Signed:
    return Signed(base64.urlsafe_b64encode(content).rstrip(b"=").decode(), signed.protected, signed.signature)


def test_a_record_comes_out_of_its_file_as_it_was_signed_and_is_signed_the_same_each_time() -> None:
    signed = SIGNER.sign(RECORD)
    assert Signed.of(signed.written()) == signed == SIGNER.sign(RECORD)
    assert (signed.content, PUBLIC.check(signed)) == (RECORD, SIGNER.name)
    assert PUBLIC.check_printed(RECORD, f" {signed.signature[:40]}\n{signed.signature[40:]} ") == SIGNER.name
    assert re.fullmatch(r"[A-Za-z0-9_-]{86}", signed.signature)


def test_a_library_of_others_checks_the_same_signature() -> None:
    signed = SIGNER.sign(RECORD)
    (described,) = PUBLIC.as_set()
    found = PyJWS().decode_complete(
        f"{signed.protected}.{signed.payload}.{signed.signature}", jwt.PyJWK(described), algorithms=["EdDSA"]
    )
    assert found["payload"] == RECORD
    assert found["header"] == {"alg": "EdDSA", "kid": described["kid"], "typ": "urna-record+json"}


def test_openssl_checks_the_same_signature(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        leave_out("openssl", "install it with: apt-get install openssl")
    signed = SIGNER.sign(RECORD)
    (tmp_path / "key.pem").write_text(OURS.public_pem)
    (tmp_path / "signature").write_bytes(base64.urlsafe_b64decode(signed.signature + "=="))
    verdicts = []
    for text in (f"{signed.protected}.{signed.payload}", f"{signed.protected}.{signed.payload[:-1]}"):
        (tmp_path / "text").write_text(text)
        command = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in text -sigfile signature"
        verdicts.append(subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=False).returncode)
    assert verdicts == [0, 1]


def test_changed_figures_another_signer_and_a_borrowed_name_are_told_apart() -> None:
    signed = SIGNER.sign(RECORD)
    changed = with_figures(signed, RECORD.replace(b"40", b"41"))
    borrowed = Signed(signed.payload, signed.protected, signed_by(OTHERS).signature)
    for bad, problem, words in (
        (changed, Problem.CHANGED, "was changed after it was signed"),
        (borrowed, Problem.CHANGED, "somebody without the key"),
        (Signed(signed.payload, signed.protected, signed.signature[:-2]), Problem.CHANGED, "Do not believe"),
        (signed_by(OTHERS), Problem.UNKNOWN_KEY, "none of those given"),
    ):
        with pytest.raises(NotProven, match=words) as refused:
            PUBLIC.check(bad)
        assert refused.value.problem is problem
    for content, signature in ((RECORD + b" ", signed.signature), (RECORD, signed_by(OTHERS).signature)):
        with pytest.raises(NotProven, match="not that of any given key") as refused:
            PUBLIC.check_printed(content, signature)
        assert refused.value.problem is Problem.CHANGED
    assert PUBLIC.check(signed) == PUBLIC.check_printed(RECORD, signed.signature)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "kid": SIGNER.name, "typ": "urna-record+json"},
        {"alg": "EdDSA", "kid": SIGNER.name, "typ": "JWT"},
        {"alg": "EdDSA", "kid": SIGNER.name, "typ": "urna-record+json", "crit": ["b64"], "b64": False},
        {"alg": "EdDSA", "typ": "urna-record+json"},
        ["EdDSA"],
    ],
)
def test_what_our_key_has_signed_under_another_header_is_no_record(header: object) -> None:
    protected = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    honest = SIGNER.sign(RECORD)
    text = f"{protected}.{honest.payload}".encode()
    signature = private_key(OURS.private_pem, "a test").sign(text)
    with pytest.raises(NotProven) as refused:
        PUBLIC.check(Signed(honest.payload, protected, base64.urlsafe_b64encode(signature).rstrip(b"=").decode()))
    assert refused.value.problem is Problem.NO_RECORD


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (RECORD, Problem.UNSIGNED),
        (b"{}", Problem.UNSIGNED),
        (b'{"payload":"e30","protected":"e30"}', Problem.NO_RECORD),
        (b'{"payload":"e30","protected":"e30","signature":"A A"}', Problem.NO_RECORD),
        (b'{"payload":"e30","protected":"e30","signature":7}', Problem.NO_RECORD),
        (b"%PDF-1.4", Problem.NO_RECORD),
        (b"\xff\xfe", Problem.NO_RECORD),
        (b"[" * 100_000, Problem.NO_RECORD),
    ],
)
def test_a_file_that_is_no_signed_record_is_told_what_it_is(text: bytes, problem: Problem) -> None:
    with pytest.raises(NotProven) as refused:
        Signed.of(text)
    assert refused.value.problem is problem


def test_keys_are_read_as_pem_or_as_a_set_and_their_names_are_computed() -> None:
    (described,) = PUBLIC.as_set()
    lying = {"keys": [{**described, "kid": "the authority"}]}
    assert list(RecordKeys.read(json.dumps(lying), "keys.json").by_name) == [SIGNER.name]
    both = RecordKeys.read(OTHERS.public_pem + OURS.public_pem, "keys.pem")
    assert list(both.by_name)[1] == SIGNER.name
    assert both.check(SIGNER.sign(RECORD)) == SIGNER.name
    for text in (
        OURS.private_pem,
        "",
        '{"keys": []}',
        '{"keys": 7}',
        json.dumps({"keys": [{**described, "crv": "X25519"}]}),
        json.dumps({"keys": [{**described, "x": "AAAA"}]}),
    ):
        with pytest.raises(Misconfigured, match=r"keys\.pem"):
            RecordKeys.read(text, "keys.pem")


def test_what_signs_has_to_be_among_what_is_made_known() -> None:
    signer, keys = read_signing_key(OURS.private_pem, None)
    assert signer is not None
    assert list(keys.by_name) == [signer.name]
    # An older key stays known after it was changed, and also where nothing is signed any more.
    signer, keys = read_signing_key(OURS.private_pem, OURS.public_pem + OTHERS.public_pem)
    assert keys.check(signed_by(OTHERS)) != SIGNER.name
    assert read_signing_key(None, OTHERS.public_pem)[0] is None
    assert read_signing_key(None, None) == (None, RecordKeys({}))
    with pytest.raises(Misconfigured, match="RECORD_PUBLIC_KEY lacks the public key of RECORD_SIGNING_KEY"):
        read_signing_key(OURS.private_pem, OTHERS.public_pem)
    for wrong in ("", OURS.public_pem, "no PEM"):
        with pytest.raises(Misconfigured, match="RECORD_SIGNING_KEY has to be the PEM"):
            read_signing_key(wrong, None)
    with pytest.raises(Misconfigured, match="RECORD_PUBLIC_KEY has to be one PEM block"):
        read_signing_key(OURS.private_pem, OURS.private_pem)
