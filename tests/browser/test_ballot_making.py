"""The script of the page of voters, and our own program: each takes what the other has made."""

import base64
import re
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cli.demo.suite import EmbeddedSuite
from shared.ballot_proofs import is_proven, write_key
from shared.blind_signatures import Blinded, PrivateKey, ballot_message, blind, finalize, new_prefix, prepare
from tests.browser.conftest import OpenWindow


def test_the_script_and_python_make_the_same_ballots(suite: EmbeddedSuite, open_window: OpenWindow) -> None:
    page = open_window().page()
    page.goto(f"{suite.addresses.station}/ballot")
    page.evaluate(
        """async () => {
          const from = document.querySelector("script[type=module]").src.replace("voting.js", "");
          window.making = await import(`${from}ballot-making.js`);
          window.proof = await import(`${from}ballot-proof.js`);
        }"""
    )
    for bits, election in ((2048, 7), (2304, 2**53 - 1)):
        signer, _ = PrivateKey.generate(bits)
        text = write_key(signer.public)
        # Made there, signed here, unblinded there, verified here.
        made = page.evaluate("async ([key, id]) => making.makeBallot(id, await proof.readKey(key))", [text, election])
        answered = base64.b64encode(signer.blind_sign(base64.b64decode(made["blinded"]))).decode()
        unblind = "async ([key, ballot, answered]) => making.unblind(await proof.readKey(key), ballot, answered)"
        signature = page.evaluate(unblind, [text, made, answered])
        proven = base64.b64decode(made["prefix"]) + base64.b64decode(signature)
        assert is_proven(signer.public, election, UUID(made["guid"]).bytes, proven)
        # With what was kept, here as well.
        prepared = prepare(ballot_message(election, UUID(made["guid"]).bytes), base64.b64decode(made["prefix"]))
        kept_here = Blinded(prepared, base64.b64decode(made["blinded"]), int(made["inverse"], 16))
        assert finalize(signer.public, kept_here, base64.b64decode(answered)) == base64.b64decode(signature)
        # Made and signed here, unblinded and verified there.
        guid, prefix = uuid4(), new_prefix()
        own = blind(signer.public, prepare(ballot_message(election, guid.bytes), prefix))
        ballot = {
            "election": election,
            "guid": str(guid),
            "prefix": base64.b64encode(prefix).decode(),
            "inverse": f"{own.inverse:x}",
        }
        blind_signature = signer.blind_sign(own.message)
        signature = page.evaluate(unblind, [text, ballot, base64.b64encode(blind_signature).decode()])
        assert base64.b64decode(signature) == finalize(signer.public, own, blind_signature)
        check = "async ([key, receipt]) => proof.isProven(await proof.readKey(key), receipt)"
        assert page.evaluate(check, [text, {**ballot, "signature": signature}]) is True
        assert page.evaluate(check, [text, {**ballot, "election": election - 1, "signature": signature}]) is False
        with pytest.raises(Exception, match=re.compile("no ballot key", re.IGNORECASE)):
            page.evaluate("(key) => proof.readKey(key)", _with_exponent_3())


def _with_exponent_3() -> str:
    public = rsa.RSAPublicNumbers(3, PrivateKey.generate()[0].public.modulus).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
