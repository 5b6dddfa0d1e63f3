"""What a voter's ballot proves itself by: the random bytes of its preparation, and the blind signature of its GUID.

The station takes it with the ballot, the packed form of a part keeps it, and the daemon and a recount look at it again:
whoever has the public key can say of each ballot whether it comes from somebody who was entitled to vote.
"""

import base64
import binascii
import textwrap
from collections.abc import Sequence

from shared.blind_signatures import GUID_BYTES, PREFIX_BYTES, PublicKey, ballot_message, prepare, public_key
from shared.errors import InvalidInput

# Proofs of all keys have a multiple of these.
UNIT_BYTES = 32
# Base64 of the longest key that is taken, with room to spare.
LONGEST_KEY = 1024


def read_key(text: str) -> PublicKey:
    """An election's ballot key from the base64 of its DER; raises InvalidInput when it is not fit for use."""
    try:
        der = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("The ballot key is not written in base64.", field="ballot_key") from error
    try:
        return public_key(der)
    except InvalidInput as error:
        raise InvalidInput(error.message, field="ballot_key") from error


def write_key(key: PublicKey) -> str:
    return base64.b64encode(key.der).decode()


def key_in(text: str) -> str:
    """The base64 in what somebody has pasted or kept in a file: base64 alone, or PEM around it."""
    return "".join(word for line in text.splitlines() if not line.startswith("-----") for word in line.split())


def key_file(key: PublicKey) -> str:
    """A key as a file to be carried: PEM."""
    lines = textwrap.wrap(write_key(key), 64)
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


def is_proven(key: PublicKey, election_id: int, guid: bytes, proof: bytes) -> bool:
    """Whether the proof, random bytes and then the signature, is one for this ballot in this election."""
    prefix, signature = proof[:PREFIX_BYTES], proof[PREFIX_BYTES:]
    return len(prefix) == PREFIX_BYTES and key.verify(prepare(ballot_message(election_id, guid), prefix), signature)


def unproven(key_text: str | None, election_id: int, guids: bytes, proofs: bytes) -> Sequence[int]:
    """The places of those ballots whose proof is not good, from 0; all of them where the election has no key.

    ``guids`` holds 16 bytes a ballot, ``proofs`` the same number for each of as many.
    """
    count = len(guids) // GUID_BYTES
    if key_text is None:
        return range(count)
    key, width = read_key(key_text), len(proofs) // max(count, 1)
    return [
        place
        for place in range(count)
        if not is_proven(
            key,
            election_id,
            guids[place * GUID_BYTES : (place + 1) * GUID_BYTES],
            proofs[place * width : (place + 1) * width],
        )
    ]
