"""What a voter's ballot proves itself by: the random bytes of its preparation, and the blind signature of its GUID.

The station takes it with the ballot, the packed form of a part keeps it, and the daemon and a recount look at it again:
whoever has the public key can say of each ballot whether it comes from somebody who was entitled to vote.
"""

import base64
import binascii
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.blind_signatures import GUID_BYTES, PREFIX_BYTES, PublicKey, ballot_message, prepare, public_key
from shared.errors import InvalidInput
from shared.sentences import say

# Proofs of all keys have a multiple of these.
UNIT_BYTES = 32
# Base64 of the longest key that is taken, with room to spare.
LONGEST_KEY = 1024
_MOST_DIGITS = 18
_MOMENT = "%Y-%m-%d %H:%M:%S.%f"
_DASHES = "-----"
_BEGIN, _END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
# What a file says of its key stands before it, where RFC 7468 (section 2) lets every reader of PEM leave it aside.
_ELECTION, _OPENS, _CLOSES = "Ballot key of election", "Opens at", "Closes at"


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


@dataclass(frozen=True)
class Hours:
    """When an election is open: from ``opens_at`` on, and at ``closes_at`` no more."""

    opens_at: datetime
    closes_at: datetime

    @classmethod
    def read(cls, opens_at: str, closes_at: str) -> "Hours":
        """From two moments by ISO 8601 with their offsets; raises ValueError for what is none."""
        found = cls(datetime.fromisoformat(opens_at), datetime.fromisoformat(closes_at))
        if None in (found.opens_at.tzinfo, found.closes_at.tzinfo):
            raise ValueError("A moment has no offset.")
        return found

    def __str__(self) -> str:
        opens, closes = (
            f"{moment.astimezone(UTC):{_MOMENT}}".rstrip("0").rstrip(".") for moment in vars(self).values()
        )
        return f"{opens} – {closes} UTC"


@dataclass(frozen=True)
class CarriedKey:
    """What somebody has brought as a ballot key: its base64, and of a file also whose it is, where it says so."""

    key: str
    election_id: int | None = None
    hours: Hours | None = None

    def check(self, election_id: int, hours: Hours) -> None:
        """Raise InvalidInput (``ballot_key``) for the key of another election, or of one that voters know otherwise."""
        if self.election_id not in (None, election_id):
            words = say(
                "This is the ballot key of election {other}, and not of election {election}.",
                other=str(self.election_id),
                election=str(election_id),
            )
            raise InvalidInput(words, field="ballot_key")
        if self.hours not in (None, hours):
            words = say(
                "Voters know other hours for this election ({theirs}) than it has here ({ours}). Make them the same, "
                "and fetch the file with the key again.",
                theirs=str(self.hours),
                ours=str(hours),
            )
            raise InvalidInput(words, field="ballot_key")


def carried_key(text: str) -> CarriedKey:
    """What is in a file or was pasted: base64 alone, or PEM around it, with or without the lines of ``key_file``.

    What cannot be read of those lines is left aside; what is no key is found when it is used.
    """
    before, mark, after = text.partition(f"{_DASHES}BEGIN ")
    if not mark:
        return CarriedKey("".join(text.split()))
    key = "".join(after.partition(_DASHES)[2].partition(_DASHES)[0].split())
    said = dict(line.strip().partition(": ")[::2] for line in before.splitlines())
    number, opens, closes = (said.get(name, "") for name in (_ELECTION, _OPENS, _CLOSES))
    try:
        hours = Hours.read(opens, closes)
    except ValueError:
        hours = None
    election_id = int(number) if number.isascii() and number.isdigit() and len(number) < _MOST_DIGITS else None
    return CarriedKey(key, election_id, hours)


def key_file(key: PublicKey, election_id: int, hours: Hours) -> str:
    """A key as a file to be carried: PEM, and before it of which election it is and when voters may vote in it."""
    said = {_ELECTION: election_id, _OPENS: hours.opens_at.isoformat(), _CLOSES: hours.closes_at.isoformat()}
    lines = [*(f"{name}: {value}" for name, value in said.items()), _BEGIN, *textwrap.wrap(write_key(key), 64), _END]
    return "\n".join([*lines, ""])


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
