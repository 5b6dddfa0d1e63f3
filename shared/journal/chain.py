"""How entries are joined: each bears the hash of the one before, so that nothing can be changed or taken out unseen.

The hash of an entry is SHA-256, in lower-case hexadecimal, over its fields in the order of ``Link``, all but the hash
itself. Each field is written as a netstring: its length in bytes in decimal digits, a colon, its bytes in UTF-8, a
comma. The sequence is written in decimal digits, the moment as ``2026-11-21T15:27:50.000123Z`` with six digits of the
second. Before the first entry stands a hash of 64 zeros. docs/journal.md says the same for who checks it by hand.

Nothing here knows a database, a clock or a file.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

NOTHING = "0" * 64


@dataclass(frozen=True)
class Link:
    """An entry of the journal as it is kept; the order of the fields is that in which they are hashed."""

    previous: str
    sequence: int
    id: str
    moment: datetime
    actor: str
    action: str
    subject: str
    address: str
    outcome: str
    reason: str
    request_id: str
    details: str
    hash: str = ""


_HASHED = [name for name in Link.__dataclass_fields__ if name != "hash"]


@dataclass(frozen=True)
class Anchor:
    """A place in the chain: the number and the hash of an entry. The one before the first entry is (0, 64 zeros)."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"


BEGINNING = Anchor(0, NOTHING)


@dataclass(frozen=True)
class Finding:
    """Something in a journal that is not as it was written; ``sequence`` is where."""

    sequence: int
    message: str


def canonical(link: Link) -> bytes:
    """What is hashed of an entry."""
    # Not by dataclasses.astuple, which copies deeply what cannot change, and takes longer than all the rest.
    return b"".join(_netstring(_text(getattr(link, name))) for name in _HASHED)


def hash_of(link: Link) -> str:
    """The hash that an entry has to bear."""
    return hashlib.sha256(canonical(link)).hexdigest()


def check(links: Iterable[Link], head: Anchor, expected: Iterable[Anchor] = ()) -> Iterator[Finding]:
    """What is wrong with a journal's entries, given in the order of their sequence, up to ``head``, the newest one.

    ``expected`` are places that were written down earlier; each has to be in the chain still.
    """
    awaited = {anchor.sequence: anchor.hash for anchor in expected}
    last = BEGINNING
    yield from _differs(awaited, last)
    for link in links:
        if link.sequence > head.sequence:
            yield Finding(link.sequence, f"The head of the journal is entry {head.sequence}, and here is one after it.")
        if link.sequence <= last.sequence:
            yield Finding(link.sequence, "No entry was ever given this number.")
            continue
        if link.sequence != last.sequence + 1:
            yield Finding(last.sequence + 1, _missing(last.sequence + 1, link.sequence - 1))
        elif link.previous != last.hash:
            yield Finding(link.sequence, f"It does not follow entry {last.sequence} as that is now.")
        if hash_of(link) != link.hash:
            yield Finding(link.sequence, "It was changed: its hash is not that of its fields.")
        last = Anchor(link.sequence, link.hash)
        yield from _differs(awaited, last)
    if last.sequence < head.sequence:
        yield Finding(last.sequence + 1, _missing(last.sequence + 1, head.sequence))
    elif last.sequence == head.sequence and last.hash != head.hash:
        yield Finding(head.sequence, "The head of the journal has another hash than this entry, which is the newest.")
    for sequence in sorted(awaited):
        yield Finding(sequence, "This entry was written down earlier and is not in the journal any more.")


def _differs(awaited: dict[int, str], place: Anchor) -> Iterator[Finding]:
    expected = awaited.pop(place.sequence, place.hash)
    if expected != place.hash:
        yield Finding(place.sequence, f"It had the hash {expected} when it was written down, and has {place.hash} now.")


def _missing(first: int, last: int) -> str:
    return "It is missing." if first == last else f"It and all up to entry {last} are missing."


def _netstring(text: str) -> bytes:
    encoded = text.encode()
    return b"%d:%b," % (len(encoded), encoded)


def _text(value: str | int | datetime) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return str(value)
