"""A file of the citizens' register taken over as a whole, or only looked at.

The file is read twice, a line at a time: once for what is wrong in itself, and once to hold it against the store.
Neither it nor the register is ever in the memory.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import BinaryIO, TextIO

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from authentication_service.actions.accounts import require_administrator
from authentication_service.rules import citizens as rules
from authentication_service.rules.citizens import CitizenLine
from authentication_service.store import citizens as store
from authentication_service.store import national_ids
from authentication_service.store.citizen_rows import NewCitizen
from shared.auth import Identity
from shared.csv_lines import Change, Problem, opened, read, refuse_wrong
from shared.database import Database
from shared.errors import ChangedMeanwhile, Conflict, InvalidInput
from shared.journal.store import note
from shared.sealing import NationalIds
from shared.sentences import say
from shared.terms import CitizenStatus

MOST_TOLD = 1000
"""Of a file in which everything is wrong nobody looks at more."""

_AT_ONCE = 5000


@dataclass(frozen=True)
class Window:
    """Which of the right lines are to be told: the first of these changes."""

    changes: frozenset[Change] = frozenset(Change)
    most: int = MOST_TOLD


@dataclass(frozen=True)
class Told:
    """What becomes of a line, without the national id in it."""

    line: int
    forename: str
    surname: str
    change: Change
    columns: Sequence[str]


@dataclass
class Import:
    """What became of a file, or would become of it."""

    sha256: str
    ignored: Sequence[str]
    wrong: int
    problems: Sequence[Problem]
    passed_over: bytearray = field(repr=False)
    """A byte for each line, which is not 0 where the line is wrong."""
    numbers: Counter[Change] = field(default_factory=Counter)
    lines: list[Told] = field(default_factory=list)
    plan_digest: str = ""
    done: bool = False


def import_citizens(
    database: Database,
    actor: Identity,
    file: BinaryIO,
    *,
    preview: bool,
    skip_wrong: bool = False,
    planned: str | None = None,
    expected: str | None = None,
    window: Window | None = None,
    now: datetime,
) -> Import:
    """Take the citizens of a file into the register; all or nothing.

    A ``preview`` changes nothing. Wrong lines prevent an import unless ``skip_wrong`` leaves them aside. ``expected``
    and ``planned`` are the ``sha256`` and the ``plan_digest`` that somebody has looked at: ChangedMeanwhile when the
    file is another one or would come to something else by now. Raises InvalidInput (field ``file``), and Conflict when
    somebody else brought the same citizens meanwhile.
    """
    with database.reading() as session:
        require_administrator(session, actor)
    made = _examine(file)
    if expected is not None and expected != made.sha256:
        raise ChangedMeanwhile("This is not the file that you have looked at. Here is what would become of this one.")
    if not preview and not skip_wrong:
        refuse_wrong(made.problems, made.wrong)
    if preview:
        with database.reading() as session:
            _Plan(session, made, window or Window()).go_through(file)
        return made
    try:
        with database.writing() as session:
            require_administrator(session, actor)
            _Writer(session, made, now).go_through(file)
            if planned is not None and planned != made.plan_digest:
                raise ChangedMeanwhile(
                    "Somebody has changed the register since you looked at this file. Nothing was imported; look at it "
                    "again."
                )
            numbers = {change.value: made.numbers[change] for change in Change}
            details = {**numbers, "wrong": made.wrong, "sha256": made.sha256}
            note(session, "citizen.imported", "register", details)
            session.flush()
    except IntegrityError as error:
        raise Conflict("Somebody else changed the register meanwhile; nothing was imported. Try again.") from error
    made.done = True
    return made


def _examine(file: BinaryIO) -> Import:
    """What can be said about a file without the store."""
    digest = _digest(file)
    seen, passed_over = rules.Seen(), bytearray(2)
    problems: list[Problem] = []
    with _text(file) as text:
        header, rows = read(text)
        ignored = rules.check_header(header)
        reader = rules.Reader(header)
        for number, row in rows:
            if number > rules.MOST_LINES:
                words = say("The file has more than {most:,} lines; cut it into several.", most=rules.MOST_LINES)
                raise InvalidInput(words, field="file")
            found = reader.read(number, row)
            if isinstance(found, CitizenLine):
                seen.add(found.national_id, number)
            else:
                _pass_over(passed_over, number)
                problems += found if len(problems) < MOST_TOLD else ()
    duplicates = seen.duplicates()
    for line in duplicates:
        _pass_over(passed_over, line)
    for line, first in sorted(duplicates.items())[:MOST_TOLD]:
        words = say("The national id of this line stands in line {line} already.", line=first)
        problems.append(Problem(line, "national_id", words))
    problems = sorted(problems, key=lambda problem: problem.line)[:MOST_TOLD]
    return Import(digest, ignored, sum(passed_over), problems, passed_over)


def _pass_over(lines: bytearray, line: int) -> None:
    lines.extend(bytes(max(0, line + 1 - len(lines))))
    lines[line] = 1


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    digest = sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()


@contextmanager
def _text(file: BinaryIO) -> Iterator[TextIO]:
    """A file as text for a while; it stays open afterwards."""
    file.seek(0)
    text = opened(file)
    try:
        yield text
    finally:
        text.detach()


class _Plan:
    """Holds the right lines of a file against the store."""

    locks = False

    def __init__(self, session: Session, made: Import, window: Window) -> None:
        self._session = session
        self._made = made
        self._window = window
        self._ids: NationalIds = national_ids(session)
        self._digest = sha256(f"{made.wrong}".encode())

    def go_through(self, file: BinaryIO) -> None:
        """Look at every right line, some thousands at a time."""
        is_empty = store.is_empty(self._session)
        for lines in rules.in_chunks(_right_lines(file, self._made.passed_over), _AT_ONCE):
            keys = [self._ids.key_of(line.national_id) for line in lines]
            known = {} if is_empty else store.known(self._session, keys, lock=self.locks)
            new: list[tuple[bytes, CitizenLine]] = []
            changed: list[tuple[store.Known, CitizenLine]] = []
            told: list[str] = []
            for key, line in zip(keys, lines, strict=True):
                before = known.get(key)
                if before is None:
                    new.append((key, line))
                    told.append(f"{line.line} new")
                    self._show(line, Change.NEW, ())
                elif columns := rules.differing(line, before.texts, before.born_on, before.status):
                    changed.append((before, line))
                    told.append(f"{line.line} changed {' '.join(columns)}")
                    self._show(line, Change.CHANGED, columns)
                else:
                    told.append(f"{line.line} same")
                    self._show(line, Change.SAME, ())
            self._digest.update("\n".join([*told, ""]).encode())
            numbers = {Change.NEW: len(new), Change.CHANGED: len(changed)}
            self._made.numbers.update({**numbers, Change.SAME: len(lines) - len(new) - len(changed)})
            self.bring(new, changed)
        self._made.plan_digest = self._digest.hexdigest()

    def bring(
        self, new: Sequence[tuple[bytes, CitizenLine]], changed: Sequence[tuple[store.Known, CitizenLine]]
    ) -> None:
        """A preview brings nothing."""

    def _show(self, line: CitizenLine, change: Change, columns: Sequence[str]) -> None:
        if len(self._made.lines) < self._window.most and change in self._window.changes:
            self._made.lines.append(Told(line.line, line.texts[0], line.texts[1], change, columns))


class _Writer(_Plan):
    """Holds them against the store and takes over what is not known yet."""

    locks = True

    def __init__(self, session: Session, made: Import, now: datetime) -> None:
        super().__init__(session, made, Window(most=0))
        self._now = now

    def bring(
        self, new: Sequence[tuple[bytes, CitizenLine]], changed: Sequence[tuple[store.Known, CitizenLine]]
    ) -> None:
        store.add(self._session, [self._new(key, line) for key, line in new], self._now)
        store.change(
            self._session,
            [
                {
                    **dict(zip(rules.TEXTS, line.texts, strict=True)),
                    "name_key": _name_key(line),
                    "born_on": line.born_on,
                    "status": line.status or before.status,
                    "updated_at": self._now,
                    "number": before.id,
                }
                for before, line in changed
            ],
        )

    def _new(self, key: bytes, line: CitizenLine) -> NewCitizen:
        sealed = self._ids.sealed(line.national_id, key)
        texts = (*line.texts, _name_key(line))
        return NewCitizen(key, sealed, texts, line.born_on, line.status or CitizenStatus.REGISTERED.value)


def _name_key(line: CitizenLine) -> str:
    return rules.name_key(line.texts[0], line.texts[1])


def _right_lines(file: BinaryIO, passed_over: bytearray) -> Iterator[CitizenLine]:
    """The lines of a file that was examined, of which those that are right are not checked once more."""
    last = len(passed_over) - 1
    with _text(file) as text:
        header, rows = read(text)
        again = rules.Reader(header).again
        for number, row in rows:
            if number > last or not passed_over[number]:
                yield again(number, row)
