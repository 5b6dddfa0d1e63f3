"""What is done in one schedule, from its seed alone. Pure: the same seed gives the same plan on every machine."""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from shared.terms import Kind

ENGINES = ("mariadb", "postgresql", "sqlite", "mysql")

OFFICIALS = 6
UPLOADS_EACH = 6
# Seconds after the suite is up in which uploads begin; the elections' hours lie inside, the faults do too.
UPLOADING = (0.8, 6.6)
FAULTING = (0.9, 6.6)

STATIONS = ("station 1", "station 2")
DAEMONS = ("daemon 1", "daemon 2")
RESULTS, REDIS, DATABASE = "results", "Redis", "database"

Ballot = tuple[str, int]
"""A GUID in lower case with hyphens, and a poll number."""


class Fault(StrEnum):
    """What can be done to a part of the suite."""

    KILL = "kill"
    FREEZE = "freeze"
    CUT = "cut"
    SLOW = "slow"
    FULL = "Redis full"
    READ_ONLY = "read-only"
    NO_DISK = "disk full"


class Way(StrEnum):
    """By which route a file is handed in."""

    NAMED = "for an election by its number"
    ONLY = "for the only open election"
    CLASSIC = "by the classic route"


class Manner(StrEnum):
    """How a client behaves before it hands the file in as it should."""

    PLAIN = "plain"
    HANGS_UP = "hangs up half-way"
    GIVES_UP = "gives up waiting"


@dataclass(frozen=True)
class Hours:
    """An election, open from ``begins`` to ``ends``, in seconds after the suite is up."""

    kind: Kind
    jurisdiction: int
    begins: float
    ends: float
    poll_numbers: int


@dataclass(frozen=True)
class Upload:
    """A file that an official hands in. ``refused`` says that it has a bad line, at which it is refused whole."""

    number: int
    official: int
    at: float
    way: Way
    election: int
    ballots: tuple[Ballot, ...]
    content: bytes
    refused: bool
    key: str | None
    manner: Manner
    patience: float

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Stroke:
    """One fault: what is done to whom, when, and for how long.

    A target is a part of the suite, or for cuts and slowings a link: ``daemon 1–database``. ``after`` is the number of
    bytes that still pass a link before it is cut; ``delay`` is how long a slow link keeps each block.
    """

    at: float
    fault: Fault
    target: str
    seconds: float
    after: int = 0
    delay: float = 0.0


@dataclass(frozen=True)
class Plan:
    """A whole schedule."""

    seed: int
    engine: str
    elections: tuple[Hours, ...]
    uploads: tuple[Upload, ...]
    strokes: tuple[Stroke, ...]


def partitions(engine: str) -> int:
    """One for SQLite (docs/decisions/0008)."""
    return 1 if engine == "sqlite" else 4


def engine_of(seed: int) -> str:
    """Of 40 seeds in a row two or three are on PostgreSQL and as many on SQLite; the others are on MariaDB."""
    return {5: "postgresql", 11: "sqlite"}.get(seed % 16, "mariadb")


def links(engine: str) -> list[str]:
    """Every connection between two parts of the suite."""
    found = [link(one, REDIS) for one in (*STATIONS, *DAEMONS, RESULTS)]
    if engine != "sqlite":
        found += [link(one, DATABASE) for one in (*DAEMONS, RESULTS)]
    return found


def link(one: str, other: str) -> str:
    """The name of the connection between two parts."""
    return f"{one}–{other}"


def plan(seed: int, engine: str | None = None) -> Plan:
    """The schedule of a seed, on the engine that the seed chooses or on another one."""
    chosen = engine or engine_of(seed)
    elections = _elections(random.Random(f"elections {seed}"))
    uploads = _uploads(random.Random(f"uploads {seed}"), elections)
    strokes = _strokes(random.Random(f"faults {seed}"), chosen)
    return Plan(seed, chosen, elections, uploads, strokes)


def _elections(source: random.Random) -> tuple[Hours, ...]:
    """Two elections of the country, one after the other; in every third schedule one of a province beside them."""
    change = source.uniform(3.6, 5.2)
    found = [
        Hours(Kind.PARLIAMENTARY, 1, source.uniform(1.0, 1.6), change, source.randint(3, 6)),
        Hours(Kind.PRESIDENTIAL, 1, change + source.choice([0.0, 0.4]), source.uniform(7.4, 9.0), 3),
    ]
    if source.random() < 1 / 3:
        found.append(Hours(Kind.PARLIAMENTARY, 2, source.uniform(2.0, 3.5), source.uniform(5.0, 7.5), 4))
    return tuple(found)


def _uploads(source: random.Random, elections: Sequence[Hours]) -> tuple[Upload, ...]:
    moments = sorted(_moment(source, elections) for _ in range(OFFICIALS * UPLOADS_EACH))
    used: list[Ballot] = []
    uploads: list[Upload] = []
    for number, at in enumerate(moments):
        official = source.randrange(OFFICIALS)
        earlier = [one for one in uploads if one.official == official and one.key and not one.refused]
        if earlier and source.random() < 0.15:
            uploads.append(_again(source, number, at, source.choice(earlier[-2:]), used))
        else:
            uploads.append(_upload(source, number, official, at, elections, used))
        used += uploads[-1].ballots[: 400 if not uploads[-1].refused else 0]
    return tuple(uploads)


def _moment(source: random.Random, elections: Sequence[Hours]) -> float:
    """Some time in the run, often close to the beginning or the end of an election."""
    if source.random() < 0.3:
        hours = source.choice(elections)
        return source.choice([hours.begins, hours.ends]) + source.uniform(-0.12, 0.08)
    return source.uniform(*UPLOADING)


def _upload(
    source: random.Random, number: int, official: int, at: float, elections: Sequence[Hours], used: Sequence[Ballot]
) -> Upload:
    # Mostly for an election that is open then or nearly, so that there is something to count.
    near = [place for place, hours in enumerate(elections) if hours.begins - 0.2 <= at < hours.ends + 0.2]
    election = source.choice(near) if near and source.random() < 0.95 else source.randrange(len(elections))
    way = source.choices([Way.NAMED, Way.ONLY, Way.CLASSIC], [6, 2, 3])[0]
    refused = source.random() < 0.08
    ballots = _ballots(source, elections[election].poll_numbers, [] if refused else used)
    manner = source.choices([Manner.PLAIN, Manner.HANGS_UP, Manner.GIVES_UP], [7, 1, 2])[0]
    key = f"{UUID(int=source.getrandbits(128))}" if manner is Manner.GIVES_UP or source.random() < 0.7 else None
    content = _written(source, ballots, refused)
    patience = source.uniform(0.002, 0.2)
    return Upload(number, official, at, way, election, ballots, content, refused, key, manner, patience)


def _again(source: random.Random, number: int, at: float, earlier: Upload, used: Sequence[Ballot]) -> Upload:
    """The same key once more, with the same file or another one."""
    ballots, content = earlier.ballots, earlier.content
    if source.random() < 0.5:
        ballots = _ballots(source, 3, used)
        content = _written(source, ballots, refused=False)
    return Upload(
        number,
        earlier.official,
        at,
        earlier.way,
        earlier.election,
        ballots,
        content,
        False,
        earlier.key,
        Manner.PLAIN,
        earlier.patience,
    )


def _ballots(source: random.Random, poll_numbers: int, used: Sequence[Ballot]) -> tuple[Ballot, ...]:
    """New ballots, with duplicates of others and of themselves, conflicting ones, and numbers that nobody has."""
    size = source.choices([source.randint(1, 40), source.randint(100, 500), source.randint(1000, 2500)], [6, 4, 1])[0]
    found: list[Ballot] = []
    for _ in range(size):
        number = source.randint(1, poll_numbers)
        chance = source.random()
        if used and chance < 0.12:
            guid, number = source.choice(used)
        elif found and chance < 0.15:
            guid, number = source.choice(found)
        else:
            guid = str(UUID(int=source.getrandbits(128)))
        if chance < 0.06:
            # The same GUID, as likely as not with another choice.
            number = source.randint(1, poll_numbers)
        if source.random() < 0.03:
            number = source.choice([poll_numbers + 1, 4711, 10**17])
        found.append((guid, number))
    return tuple(found)


def _written(source: random.Random, ballots: Sequence[Ballot], refused: bool) -> bytes:
    """The file, in one of the forms that a program may write it in; a file to be refused has one bad line."""
    end = source.choice(["\n", "\n", "\r\n"])
    forms: list[Callable[[str], str]] = [str, str, str.upper, lambda guid: guid.replace("-", "")]
    form = source.choice(forms)
    lines = [f"{form(guid)},{number}" for guid, number in ballots]
    if refused:
        bad = source.choice(["not-a-guid,1", f"{ballots[0][0]},0", ballots[0][0], f"{ballots[0][0]},1,1", ""])
        # An empty last line would be none.
        lines.insert(source.randrange(len(lines)), bad)
    return (end.join(lines) + end).encode()


def _strokes(source: random.Random, engine: str) -> tuple[Stroke, ...]:
    kinds = {
        Fault.KILL: 6,
        Fault.FREEZE: 5,
        Fault.CUT: 5,
        Fault.SLOW: 3,
        Fault.FULL: 1.5,
        Fault.READ_ONLY: 1.5,
        Fault.NO_DISK: 1.5,
    }
    if engine == "sqlite":
        # A file that is open for writing cannot be taken back.
        del kinds[Fault.READ_ONLY]
    found = []
    for _ in range(source.randint(6, 9)):
        fault = source.choices(list(kinds), list(kinds.values()))[0]
        found.append(_stroke(source, fault, engine))
    return tuple(sorted(found, key=lambda stroke: stroke.at))


def _stroke(source: random.Random, fault: Fault, engine: str) -> Stroke:
    at = source.uniform(*FAULTING)
    parts = [*STATIONS, *DAEMONS, *DAEMONS, REDIS, RESULTS]
    # SQLite has no process; what freezes it is somebody who holds its lock.
    if engine != "sqlite" or fault is Fault.FREEZE:
        parts.append(DATABASE)
    match fault:
        case Fault.KILL:
            return Stroke(at, fault, source.choice(parts), source.uniform(0.0, 1.2))
        case Fault.FREEZE:
            # A third of them for longer than the lease, so that the work is taken over.
            seconds = source.choice([source.uniform(0.2, 0.8), source.uniform(0.5, 1.5), source.uniform(2.2, 4.0)])
            return Stroke(at, fault, source.choice(parts), seconds)
        case Fault.CUT:
            seconds = source.choice([0.0, source.uniform(0.1, 2.5)])
            after = source.choice([0, source.randint(1, 400), source.randint(400, 40_000)])
            return Stroke(at, fault, source.choice(links(engine)), seconds, after=after)
        case Fault.SLOW:
            delay = source.choice([0.01, 0.05, 0.3, 5.0])
            return Stroke(at, fault, source.choice(links(engine)), source.uniform(0.5, 2.5), delay=delay)
        case Fault.FULL:
            return Stroke(at, fault, REDIS, source.uniform(0.5, 2.0))
        case _:
            return Stroke(at, fault, DATABASE, source.uniform(0.5, 2.5))
