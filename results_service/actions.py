"""What the public may do: look. Every answer is read in one snapshot and bears the name of the state it shows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from results_service import store
from results_service.rules import Ballots, ListVotes, Result, fingerprint, result_of
from shared import tallies
from shared.apportionment import Rules
from shared.database import Database
from shared.errors import NotFound, Unavailable
from shared.schema.election import Election
from shared.terms import State

T = TypeVar("T")

# Whether the caller already has the answer of that name.
Known = Callable[[str], bool]

# Part of every name of a state, so that a program with another form of answer is not taken for unchanged.
_FORM = 1


@dataclass(frozen=True)
class Answer(Generic[T]):
    """``body`` is None when the caller already has the answer with this ``tag``; ``settled``: it will hardly change."""

    tag: str
    settled: bool
    body: T | None


@dataclass(frozen=True)
class Summary:
    """An election as everybody may see it."""

    id: int
    title: str
    kind: str
    individual: bool
    state: State
    start: datetime
    end: datetime
    cancelled_reason: str


@dataclass(frozen=True)
class OnBallot:
    """Who stands under a poll number."""

    poll_number: int
    name: str
    individual: bool
    exempt: bool


@dataclass(frozen=True)
class Details:
    """An election with who stands in it and by which rules votes become seats; no rules: it gives no seats."""

    election: Summary
    lists: tuple[OnBallot, ...]
    rules: dict[str, int | str | bool] | None


@dataclass(frozen=True)
class Listing(Generic[T]):
    """One page, and how many items there are in all."""

    items: list[T]
    total: int


@dataclass(frozen=True)
class ElectionResult:
    """An election and its result so far."""

    election: Summary
    result: Result


def is_ready(database: Database) -> bool:
    """Whether the store answers and has the tables and columns of this program."""
    try:
        with database.reading() as session:
            store.touch_every_table(session)
    except (Unavailable, DBAPIError):
        return False
    return True


def list_elections(
    database: Database, now: datetime, limit: int, offset: int, known: Known
) -> Answer[Listing[Summary]]:
    """The elections that are not drafts, those that begin last first."""
    with database.reading() as session:
        store.hold_still(session)
        total, elections = store.published_page(session, limit, offset)
        standings = tallies.standings(session, elections, now)
        items = [_summary(election, standings[election.id].state) for election in elections]
        tag = fingerprint(_FORM, total, items)
        return Answer(tag, False, None if known(tag) else Listing(items, total))


def read_election(database: Database, election_id: int, now: datetime, known: Known) -> Answer[Details]:
    """One election; NotFound for a draft too."""
    with database.reading() as session:
        store.hold_still(session)
        election = _published(session, election_id)
        state = tallies.current(session, election, now).state
        tag = fingerprint(_FORM, _version(election), state)
        if known(tag):
            return Answer(tag, _is_settled(state), None)
        rules = rules_of(election)
        details = Details(
            election=_summary(election, state),
            lists=tuple(
                OnBallot(entry.poll_number, entry.participant.name, entry.participant.individual, entry.exempt)
                for entry in election.entries
            ),
            rules=rules.to_dict() if rules else None,
        )
        return Answer(tag, _is_settled(state), details)


def read_result(database: Database, election_id: int, now: datetime, known: Known) -> Answer[ElectionResult]:
    """The result of one election, as far as it is counted; NotFound for a draft too.

    A cancelled election keeps its votes for everybody to see, and has no seats.
    """
    with database.reading() as session:
        store.hold_still(session)
        election = _published(session, election_id)
        standing = tallies.current(session, election, now)
        tag = _tag(session, election, standing)
        if known(tag):
            return Answer(tag, _is_settled(standing.state), None)
        votes = tallies.votes(session, election.id)
        counts = tallies.counts(session, election.id)
        result = result_of(
            state=standing.state,
            end=election.end,
            drained=standing.drained,
            dead_letter=standing.dead_letter,
            listed=[
                ListVotes(entry.poll_number, entry.participant.name, entry.exempt, votes[entry.poll_number])
                for entry in election.entries
            ],
            ballots=Ballots(
                counted=counts.counted,
                duplicate=counts.duplicate,
                invalid=counts.invalid,
                outside=tallies.outside(session, election.id),
            ),
            rules=rules_of(election),
            lots=election.lots,
        )
        body = ElectionResult(_summary(election, standing.state), result)
        return Answer(tag, _is_settled(standing.state), body)


def list_refused_ballots(
    database: Database, election_id: int, now: datetime, limit: int, offset: int, known: Known
) -> Answer[Listing[tallies.RefusedBallot]]:
    """The ballots of an election that are not counted, in the order of receipt."""
    with database.reading() as session:
        store.hold_still(session)
        election = _published(session, election_id)
        standing = tallies.current(session, election, now)
        tag = _tag(session, election, standing)
        if known(tag):
            return Answer(tag, _is_settled(standing.state), None)
        counts = tallies.counts(session, election.id)
        items = tallies.refused_ballots(session, election.id, limit, offset)
        return Answer(tag, _is_settled(standing.state), Listing(items, counts.duplicate + counts.invalid))


def rules_of(election: Election) -> Rules | None:
    """By which rules the votes of an election become seats; None when it gives none."""
    return Rules.from_dict(election.rules) if election.rules else None


def _published(session: Session, election_id: int) -> Election:
    election = store.published(session, election_id)
    if election is None:
        # What no row can have comes as 0 and is not what was asked for.
        raise NotFound(f"There is no election {election_id}." if election_id else "There is no such election.")
    return election


def _tag(session: Session, election: Election, standing: tallies.Standing) -> str:
    """The name of all that a result depends on, found without summing anything."""
    drained = standing.drained
    # After the end, the moment does not matter any more; the sequences still do, for what came too late.
    capped = None if drained is None or standing.state is State.SCHEDULED else min(drained, election.end)
    return fingerprint(
        _FORM, _version(election), standing.state, standing.dead_letter, capped, store.positions(session)
    )


def _version(election: Election) -> tuple[object, ...]:
    """What changes when an administrator changes the election, or the name of one who stands in it."""
    participants = [(entry.participant_id, entry.participant.version) for entry in election.entries]
    return (election.id, election.version, participants)


def _is_settled(state: State) -> bool:
    return state in (State.FINAL, State.CANCELLED)


def _summary(election: Election, state: State) -> Summary:
    return Summary(
        id=election.id,
        title=election.title,
        kind=election.kind,
        individual=election.individual,
        state=state,
        start=election.start,
        end=election.end,
        cancelled_reason=election.cancelled_reason,
    )
