"""An operator who has all that the suite has written, and tries to find whose ballot is whose.

Everything is a record: a row of a table, a key of Redis, a line of a log, each at its place in its source. What stands
in the records of one owner alone (an address, the id of a session or of a request, a digest) leads to further records.
The moments, numbers and places of what belongs to each voter are then held against those of each ballot.
"""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from shared.database import Database
from tests.services.station import contents

# Of fewer bytes something may be on two sides by accident.
_LEAST_BYTES = 8
_MOST_CARRIERS = 20
# Integers that are the numbers of somebody or something, by the names of their columns.
_NUMBERS = {"user_id", "citizen_id", "batch_id", "source"}
_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
# Moments as Redis has them, which are held against each other as moments and not as marks.
_MICROSECONDS = re.compile(r"[0-9]{16}")
_KEYS = {"accounts.users": "user_id", "accounts.citizens": "citizen_id"}
_CHAIN = {"previous", "hash"}

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Record:
    """Something written: where, at which place of its source, and its values by their names."""

    source: str
    place: int
    values: Mapping[str, Any]
    marks: frozenset[Hashable] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "marks", frozenset(_marks(self.source, self.values)))


def rows_of(store: str, database: Database) -> Iterator[Record]:
    """Each row of each table of a store, in the order in which the store has them."""
    metadata = sa.MetaData()
    metadata.reflect(database.engine)
    with database.engine.connect() as connection:
        for table in metadata.sorted_tables:
            for place, row in enumerate(connection.execute(sa.select(table))):
                values = dict(row._mapping)
                if table.name == "parts":
                    values["source"] = values["partition"] * 2**40 + values["sequence"]
                yield Record(f"{store}.{table.name}", place, values)


def keys_of(redis: Any) -> Iterator[Record]:
    """Each key of Redis with what it holds, and each entry of a list or a stream by itself."""
    for place, (key, value) in enumerate(contents(redis).items()):
        yield Record("redis", place, {"key": key, "value": value})


def lines_of(source: str, lines: Iterable[str]) -> Iterator[Record]:
    """The lines of a log that are JSON."""
    for place, line in enumerate(lines):
        yield Record(source, place, json.loads(line))


def _marks(source: str, values: Any, name: str = "") -> Iterator[Hashable]:
    """What a record could be recognized by."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            # Each entry of a journal names the hash of the one before, whoever's that is: its place says as much.
            if source.endswith(".journal") and key in _CHAIN:
                continue
            if name == "" and key == "id" and source in _KEYS:
                yield (_KEYS[source], value)
            yield from _marks(source, value, str(key))
            if isinstance(key, bytes):
                yield from _marks(source, key)
    elif isinstance(values, (list, tuple, set)):
        for value in values:
            yield from _marks(source, value, name)
    elif isinstance(values, (bytes, str)):
        yield from _of_text(values)
    elif isinstance(values, int) and name in _NUMBERS:
        yield (name, values)


def _of_text(text: bytes | str) -> Iterator[Hashable]:
    """The words of a text that have a digit or are an address; GUIDs and bytes in one spelling, and no moments."""
    if isinstance(text, bytes):
        digits = text.hex()
        try:
            text = text.decode()
        except UnicodeDecodeError:
            yield digits
            return
    kind, _, number = text.partition(" ")
    if kind == "account" and number.isdigit():
        yield ("user_id", int(number))
    for word in re.findall(r"[\w@.+:-]+", text):
        if moment_of(word) is None:
            # A name of a key is made of names.
            for part in {word, *re.split("[:+]", word)}:
                if len(part) >= _LEAST_BYTES and re.search("[0-9@]", part) and not _MICROSECONDS.fullmatch(part):
                    yield part.replace("-", "") if _GUID.fullmatch(part) else part


def moment_of(value: Any) -> float | None:
    """A moment in seconds, if it is one."""
    if isinstance(value, str) and len(value) > len("2026-01-01T"):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() if isinstance(value, date) else None


def owned(records: Sequence[Record], known: Sequence[Hashable]) -> tuple[list[list[Record]], list[set[Hashable]]]:
    """The records of each owner, and what they are recognized by, beginning with one mark of each."""
    marks: dict[Hashable, int] = {mark: owner for owner, mark in enumerate(known)}
    carriers = Counter(mark for record in records for mark in record.marks)
    while True:
        owner_of = [{marks[mark] for mark in record.marks if mark in marks} for record in records]
        owners_of: dict[Hashable, set[int]] = defaultdict(set)
        for record, owners in zip(records, owner_of, strict=True):
            for mark in record.marks:
                owners_of[mark] |= owners
        # What many records have, nobody's among them, is a word of the suite and no mark.
        single = {mark: next(iter(owners)) for mark, owners in owners_of.items() if len(owners) == 1}
        grown = {mark: owner for mark, owner in single.items() if carriers[mark] <= _MOST_CARRIERS} | marks
        if len(grown) == len(marks):
            break
        marks = grown
    records_of: list[list[Record]] = [[] for _ in known]
    marks_of: list[set[Hashable]] = [set() for _ in known]
    for record, owners in zip(records, owner_of, strict=True):
        if len(owners) == 1:
            records_of[next(iter(owners))].append(record)
    for mark, owner in marks.items():
        marks_of[owner].add(mark)
    return records_of, marks_of


def vectors(records_of: Sequence[Sequence[Record]]) -> dict[str, Vector]:
    """Each number by which all owners can be put into an order: first and last place, moment and number."""
    found: list[dict[str, list[float]]] = []
    for records in records_of:
        numbers: dict[str, list[float]] = defaultdict(list)
        for record in records:
            numbers[f"{record.source} place"].append(record.place)
            for name, value in record.values.items():
                moment = moment_of(value)
                if moment is not None:
                    numbers[f"{record.source} {name} moment"].append(moment)
                elif isinstance(value, (int, float)):
                    numbers[f"{record.source} {name}"].append(float(value))
                elif isinstance(value, bytes) and len(value) >= _LEAST_BYTES:
                    numbers[f"{record.source} {name}"].append(float(int.from_bytes(value[:16].ljust(16, b"\0"), "big")))
        found.append(numbers)
    everybody = set.intersection(*(set(numbers) for numbers in found))
    made = {
        f"{name} {which.__name__}": tuple(which(numbers[name]) for numbers in found)
        for name in sorted(everybody)
        for which in (min, max)
    }
    return {name: vector for name, vector in made.items() if len(set(vector)) > 1}


def guesses(of_voters: Mapping[str, Vector], of_ballots: Mapping[str, Vector]) -> dict[tuple[int, ...], str]:
    """Which ballot each voter has, by each way to compare one order or moment with another; and the way."""
    found: dict[tuple[int, ...], str] = {}
    for voter, left in of_voters.items():
        for ballot, right in of_ballots.items():
            for way, guess in _matched(left, right, times="moment" in voter and "moment" in ballot):
                found.setdefault(guess, f"{voter} / {ballot}: {way}")
    return found


def _matched(left: Vector, right: Vector, *, times: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    people, ballots = (sorted(range(len(one)), key=one.__getitem__) for one in (left, right))
    for way, order in (("rank", ballots), ("rank from the end", ballots[::-1])):
        partner = dict(zip(people, order, strict=True))
        yield way, tuple(partner[person] for person in range(len(left)))
    if not times:
        return
    # Everybody may have waited equally long.
    for way, wait in (("nearest", 0.0), ("nearest after the same wait", min(right) - min(left))):
        yield way, tuple(min(ballots, key=lambda one: abs(right[one] - moment - wait)) for moment in left)
    yield "next after", tuple(min(ballots, key=lambda one: (right[one] < moment, right[one])) for moment in left)


def bound(tries: int, alarms: float) -> int:
    """From how many right answers on the best of so many guesses is no chance: a false alarm is rarer than ``alarms``.

    Where the ballots are dealt to the voters at random, a guess that knows nothing of it has k voters right with a
    probability of at most 1/k!: of the sets of k voters there are n!/(k! (n - k)!), and each is right as a whole with
    (n - k)!/n!, or never where two of them were given the same ballot. For the best of several guesses they add up.
    """
    return next(right for right in range(1, 100) if tries / math.factorial(right) < alarms)
