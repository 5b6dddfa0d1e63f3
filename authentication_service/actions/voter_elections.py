"""The elections of voters: whom each is for, and its electoral roll."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, BinaryIO

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from authentication_service.actions.accounts import Matches, require_administrator, write
from authentication_service.actions.journal import check_reader
from authentication_service.rules import citizens as citizen_rules
from authentication_service.rules import eligibility, is_jmbg
from authentication_service.store import ballot_signatures, citizens, national_ids
from authentication_service.store import elections as store
from shared.auth import Identity
from shared.csv_lines import opened, read, refuse_missing
from shared.database import Database
from shared.errors import Conflict, InvalidInput, NotFound
from shared.journal.store import note
from shared.schema.accounts import VoterElection
from shared.sentences import say
from shared.terms import Restriction
from shared.web.requests import PageQuery, paginate

_AT_ONCE = 5000
_PERSON = ("surname", "forename", "born_on", "address", "region", "federal_unit")
# By whether somebody has had the ballot on paper; None: has had none.
_MARKS: Mapping[bool | None, tuple[str, str]] = {None: ("", ""), False: ("yes", ""), True: ("", "yes")}
ROLL_COLUMNS = ("number", "national_id", *_PERSON, "signature_given", "voted_on_paper")


@dataclass(frozen=True)
class Election:
    """An election as voters need it. ``listed`` is how many citizens are on its own list, ``has_key`` whether ballots
    can be signed for it."""

    election_id: int
    title: str
    opens_at: datetime
    closes_at: datetime
    restriction: Restriction
    values: list[str]
    listed: int
    has_key: bool
    version: int


@dataclass(frozen=True)
class Settings:
    """What an administrator says of one."""

    title: str
    opens_at: datetime
    closes_at: datetime
    restriction: Restriction
    values: Sequence[str] = ()


def list_elections(database: Database, actor: Identity, page: PageQuery) -> dict[str, Any]:
    """One page of them, those that open last first."""
    with database.reading() as session:
        check_reader(session, actor)
        return paginate(session, store.elections(), page, lambda row: _shape(session, row))


def read_election(database: Database, actor: Identity, election_id: int) -> Election:
    """The one of this number in the election store."""
    with database.reading() as session:
        check_reader(session, actor)
        return _shape(session, _numbered(session, election_id))


def put_election(
    database: Database, actor: Identity, election_id: int, said: Settings, *, matches: Matches, now: datetime
) -> tuple[Election, bool]:
    """Make an election of voters, or change the one that there is before it opens; True when it was made.

    ``matches`` is asked only for one that there is.
    """
    if not election_id:
        raise InvalidInput("The number of an election is one from 1.", field="election_id")
    values = [" ".join(value.split()) for value in said.values]
    eligibility.check_election(said.title, said.opens_at, said.closes_at, said.restriction, values)

    def put(session: Session) -> tuple[Election, bool]:
        require_administrator(session, actor)
        row = store.election(session, election_id, lock=True)
        is_new = row is None
        if row is None:
            row = VoterElection(election_id=election_id, created_at=now)
            session.add(row)
        else:
            matches(row.version)
            eligibility.refuse_if_opened(row.opens_at, now)
        row.title, row.opens_at, row.closes_at = said.title, said.opens_at, said.closes_at
        row.restriction, row.restriction_values = said.restriction.value, values
        if said.restriction is not Restriction.CITIZENS:
            store.list_nobody(session, election_id)
        told = {"restriction": said.restriction.value, "values": values, "made": is_new}
        note(session, "voter_election.changed", subject(election_id), told)
        session.flush()
        return _shape(session, row), is_new

    return write(database, put)


def put_citizens(
    database: Database, actor: Identity, election_id: int, file: BinaryIO, *, matches: Matches, now: datetime
) -> Election:
    """Let an election be for the citizens whose national ids a CSV file lists, in the place of those before.

    Raises InvalidInput (field ``file``) that names the first line that is wrong; nothing is changed then.
    """

    def put(session: Session) -> Election:
        require_administrator(session, actor)
        row = _numbered(session, election_id, lock=True)
        matches(row.version)
        eligibility.refuse_if_opened(row.opens_at, now)
        if row.restriction != Restriction.CITIZENS:
            raise Conflict("This election is not for a list of citizens; give it that restriction first.")
        store.list_nobody(session, election_id)
        seen: dict[int, int] = {}
        ids = national_ids(session)
        for lines in _in_chunks(_national_ids(file)):
            keyed = {ids.key_of(national_id): line for line, national_id in lines}
            numbers = citizens.numbers(session, keyed)
            for national_id_line, national_id in lines:
                number = numbers.get(ids.key_of(national_id))
                if number is None:
                    words = say("Line {line}: no citizen has this national id.", line=national_id_line)
                    raise InvalidInput(words, field="file")
                if number in seen:
                    words = say(
                        "Line {line}: this national id stands in line {before} already.",
                        line=national_id_line,
                        before=seen[number],
                    )
                    raise InvalidInput(words, field="file")
                seen[number] = national_id_line
            store.list_citizens(session, election_id, list(numbers.values()))
        # The list stands in a table of its own; the election's version has to count its change all the same.
        flag_modified(row, "restriction")
        note(session, "voter_election.citizens_listed", subject(election_id), {"citizens": len(seen)})
        session.flush()
        return _shape(session, row)

    return write(database, put)


def electoral_roll(
    database: Database, actor: Identity, election_id: int, zone: tzinfo
) -> tuple[Election, Iterator[str]]:
    """An election, and its electoral roll as CSV, some thousands of citizens at a time, with masked national ids.

    On the roll stands who may vote by the register as it is now, and marked as such who has got the signature with
    which one casts a ballot oneself, or is noted to have voted on paper: a polling station refuses both.
    """
    with database.reading() as session:
        check_reader(session, actor)
        row = _numbered(session, election_id)
        found = _shape(session, row)
        restriction = restriction_of(session, row)
    return found, _roll(database, restriction, found, zone)


def restriction_of(session: Session, row: VoterElection) -> eligibility.Restriction:
    """Whom an election is for, as the rules ask it, with its whole list of citizens."""
    kind = Restriction(row.restriction)
    listed = store.listed(session, row.election_id) if kind is Restriction.CITIZENS else frozenset()
    return eligibility.Restriction(kind, tuple(row.restriction_values), listed)


def subject(election_id: int) -> str:
    """How the journal names an election of voters."""
    return f"voter_election {election_id}"


def _roll(database: Database, restriction: eligibility.Restriction, election: Election, zone: tzinfo) -> Iterator[str]:
    day = eligibility.election_day(election.opens_at, zone)
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(ROLL_COLUMNS)
    number = 0
    with database.reading() as session:
        ids = national_ids(session)
        for some in citizens.everybody(session):
            entitled = [one for one in some if eligibility.why_not_eligible(one, restriction, day) is None]
            had = ballot_signatures.had_by(session, election.election_id, [one.id for one in entitled])
            for one in entitled:
                number += 1
                national_id = citizen_rules.masked(ids.open(one.jmbg_sealed, one.jmbg_key))
                told = [getattr(one, name) for name in _PERSON]
                rows.writerow((number, national_id, *told, *_MARKS[had.get(one.id)]))
            yield _taken(written)
    yield _taken(written)


def _taken(written: io.StringIO) -> str:
    text = written.getvalue()
    written.seek(0)
    written.truncate()
    return text


def _national_ids(file: BinaryIO) -> Iterator[tuple[int, str]]:
    file.seek(0)
    text = opened(file)
    try:
        header, rows = read(text)
        refuse_missing(header, [name for name in ("national_id",) if name not in header])
        place = header.index("national_id")
        for number, row in rows:
            national_id = row[place].strip() if len(row) == len(header) else ""
            if not is_jmbg(national_id):
                raise InvalidInput(say("Line {line}: this is no national id (JMBG).", line=number), field="file")
            yield number, national_id
    finally:
        text.detach()


def _in_chunks(lines: Iterator[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    while chunk := [line for _, line in zip(range(_AT_ONCE), lines, strict=False)]:
        yield chunk


def _shape(session: Session, row: VoterElection) -> Election:
    return Election(
        election_id=row.election_id,
        title=row.title,
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        restriction=Restriction(row.restriction),
        values=list(row.restriction_values),
        listed=store.number_listed(session, row.election_id),
        has_key=row.public_key is not None,
        version=row.version,
    )


def _numbered(session: Session, election_id: int, *, lock: bool = False) -> VoterElection:
    row = store.election(session, election_id, lock=lock)
    if row is None:
        raise NotFound("Voters know no election of this number; make it known first.")
    return row
