"""Where each tally sheet stands, as the voting stations know it: copies that the daemon keeps in Redis."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis

from shared.queue import keys
from shared.queue.connection import ALSO_WHEN_FULL, as_bytes, translated
from shared.sheets import Person
from shared.terms import SheetState

# A daemon that was frozen may hold an older state than the one that is there; a sheet never goes back.
_WRITE = (
    ALSO_WHEN_FULL
    + """
for place = 1, #KEYS do
    local last = tonumber(redis.call('HGET', KEYS[place], 'last') or '0') or 0
    local sheet = ARGV[2 * place + 1]
    if ARGV[1] == 'whole' or last <= tonumber(ARGV[2 * place]) then
        redis.call('HSET', KEYS[place], 'last', ARGV[2 * place], 'sheet', sheet)
    end
end
"""
)
_AT_ONCE = 500


@dataclass(frozen=True)
class SheetCopy:
    """What a voting station has to know of a sheet, and no number of anybody's.

    ``round`` is the number of the event after which the present round began, 0 for the first. ``entered_by`` are the
    officials of its entries, in order, and ``jmbgs`` their national ids, empty where they are not known. ``findings``
    are the codes that those had to explain. ``reopened_at`` is that of the sheet.
    """

    state: SheetState = SheetState.EMPTY
    since: datetime | None = None
    last: int = 0
    round: int = 0
    entered_by: Sequence[str] = ()
    differing: Sequence[str] = ()
    findings: Sequence[str] = ()
    jmbgs: Sequence[str] = ()
    reopened_at: datetime | None = None

    @property
    def first(self) -> Person | None:
        """Who made the first entry of the round."""
        if not self.entered_by:
            return None
        return Person(self.entered_by[0], self.jmbgs[0] if self.jmbgs else "")


def read(fields: Mapping[bytes, bytes]) -> SheetCopy:
    """The copy in the fields of its key; of a sheet that nobody has entered there is none."""
    text = fields.get(b"sheet")
    if text is None:
        return SheetCopy()
    said = json.loads(text)
    return SheetCopy(
        SheetState(said["state"]),
        keys.from_microseconds(said["since"]),
        int(fields[b"last"]),
        said["round"],
        tuple(said["entered_by"]),
        tuple(said["differing"]),
        tuple(said["findings"]),
        # A daemon of an earlier version tells neither.
        tuple(said.get("jmbgs", ())),
        keys.from_microseconds(said["reopened_at"]) if said.get("reopened_at") else None,
    )


def read_many(redis: Redis, sheets: Sequence[tuple[int, int]]) -> list[SheetCopy]:
    """The copies of several sheets, named by election and polling station."""
    with translated():
        pipe: Any = redis.pipeline(transaction=False)
        for sheet in sheets:
            pipe.hgetall(keys.sheet(*sheet))
        return [read(fields) for fields in pipe.execute()]


def write(redis: Redis, copies: Mapping[tuple[int, int], SheetCopy], *, whole: bool = False) -> None:
    """Write copies by election and polling station; ``whole``: also over those that say to be newer."""
    rest = list(copies.items())
    while rest:
        some, rest = rest[:_AT_ONCE], rest[_AT_ONCE:]
        names = [keys.sheet(*sheet) for sheet, _ in some]
        words = [word for _, copy in some for word in (str(copy.last), _json(copy))]
        with translated():
            redis.eval(_WRITE, len(names), *names, "whole" if whole else "", *words)


def known(redis: Redis) -> dict[int, str]:
    """Of which state of the store the copies of each election's sheets are."""
    with translated():
        found = redis.hgetall(keys.SHEET_COPIES)
    return {int(election): as_bytes(text).decode() for election, text in found.items()}


def know(redis: Redis, election_id: int, fingerprint: str) -> None:
    """Note that the copies of an election's sheets are of this state of the store."""
    with translated():
        redis.eval(
            ALSO_WHEN_FULL + "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])",
            *(1, keys.SHEET_COPIES, str(election_id), fingerprint),
        )


def _json(copy: SheetCopy) -> str:
    said = {
        "state": copy.state.value,
        "since": keys.to_microseconds(copy.since) if copy.since else 0,
        "round": copy.round,
        "entered_by": list(copy.entered_by),
        "differing": list(copy.differing),
        "findings": list(copy.findings),
        "jmbgs": list(copy.jmbgs),
        "reopened_at": keys.to_microseconds(copy.reopened_at) if copy.reopened_at else None,
    }
    return json.dumps(said, separators=(",", ":"))
