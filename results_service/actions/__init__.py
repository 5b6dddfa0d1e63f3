"""What the public may do: look. Every answer is read in one snapshot and bears the name of the state it shows.

The result of an election is computed once for each state it is in, however many ask for it. Each question costs one
small query, which says whether that state has changed; the sums are kept, and only what was recorded since is added.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from results_service import store
from results_service.actions.answers import Answer, Details, Kept, Known, Listing, OnBallot, Summary, summary_of
from results_service.actions.ground import Ground, look_at_ground
from results_service.actions.outcomes import outcome_of, parts_of, rules_of
from results_service.memory import Crowd, Recent
from results_service.rules import Certainty, Result, fingerprint
from results_service.rules.certainty import Basis, SeatsCertainty, certainty_of_seats
from results_service.rules.declared import Declared, together
from results_service.rules.holding_back import HeldBack, held_back, refuse_votes
from results_service.rules.places import Facts, Tree, outstanding_in, reporting
from results_service.rules.result import Reporting
from results_service.rules.seats import Parts
from shared import station_sums, tallies
from shared.database import Database
from shared.electorate import Geography
from shared.errors import NotFound, Unavailable
from shared.schema.election import Election
from shared.sentences import say
from shared.station_history import History
from shared.terms import State

Clock = Callable[[], datetime]

# Part of every name of a state, so that a program with another form of answer is not taken for unchanged.
_FORM = 5

# Elections whose results a process keeps, some 300 kB each, and some megabytes where thousands of stations report.
_KEPT = 128

# Geographies that it keeps beside those of these elections; all that are not frozen share one.
_GROUNDS = 4
_STATIONS = 8

# Files for other programs, some megabytes each where thousands of stations report.
_DOCUMENTS = 12
# A page has up to a megabyte.
_PAGES = 32

# What is in these states will hardly change.
SETTLED = (State.FINAL, State.CANCELLED)

log = structlog.get_logger()


@dataclass(frozen=True)
class ElectionResult:
    """An election and its result so far."""

    election: Summary
    result: Result
    basis: Basis

    @cached_property
    def seats(self) -> SeatsCertainty:
        """What is certain of the seats; found out when somebody asks for the first time."""
        return certainty_of_seats(self.basis)

    def refuse_votes(self) -> None:
        """Raise Conflict where votes are held back."""
        refuse_votes(self.result.held_back)


@dataclass(frozen=True)
class Counted:
    """What is counted in an election, as far as ``look`` has seen; ``election`` belongs to no session any more.

    ``votes`` are those of each station, where each constituency elects for itself; None where nobody needs them.
    ``tells_votes`` is whether there is anything in it of how anybody voted.
    """

    look: store.Look
    election: Election
    sums: tallies.Sums
    ground: Ground
    reports: station_sums.Reports
    votes: station_sums.StationVotes | None
    tells_votes: bool = True

    @cached_property
    def facts(self) -> Facts:
        """What is known of each station."""
        return Facts(self.ground.geography.stations, self.reports.stations, self.ground.declared())

    @cached_property
    def reporting(self) -> Reporting:
        """How far the stations are."""
        return reporting(self.facts, self.ground.geography.stations)

    @cached_property
    def declared(self) -> Declared | None:
        """What the accepted tally sheets declare together."""
        return together(self.facts.declared.values()) if self.tells_votes else None

    @cached_property
    def outstanding_in(self) -> Mapping[int, int]:
        """The most ballots that may still come in each constituency; nothing where that is of no importance."""
        return outstanding_in(self.facts) if self.votes is not None else {}

    @cached_property
    def parts(self) -> Parts | None:
        """The constituencies, where each elects for itself."""
        return parts_of(self.election, self.ground, self.votes, self.reports)

    @cached_property
    def without_votes(self) -> "Counted":
        """The same with nothing in it of how anybody voted."""
        return replace(self, sums=replace(self.sums, votes={}), votes=None, tells_votes=False)

    def held_back(self, standing: tallies.Standing) -> HeldBack | None:
        """Why its votes are told to nobody, if they are not."""
        return held_back(self.election.ballot_key, standing.state, self.election.end)

    def standing(self, now: datetime) -> tallies.Standing:
        drained, dead_letter = self.look.drained, self.look.dead_letter
        return tallies.Standing(tallies.state_of(self.election, now, drained, dead_letter), drained, dead_letter)


@dataclass(frozen=True)
class Stations:
    """The stations of an election with what was counted there; ``tag`` names this state of them."""

    tag: str
    settled: bool
    counted: Counted
    standing: tallies.Standing
    sums: tallies.Sums
    reports: station_sums.Reports
    votes: station_sums.StationVotes
    as_of: datetime | None

    @property
    def election(self) -> Election:
        return self.counted.election

    @property
    def held_back(self) -> HeldBack | None:
        return self.counted.held_back(self.standing)

    @cached_property
    def facts(self) -> Facts:
        """What is known of each station."""
        ground = self.counted.ground
        return Facts(ground.geography.stations, self.reports.stations, ground.declared(self.as_of))

    def votes_of(self, station_ids: Sequence[int]) -> Mapping[int, int]:
        """The votes of some stations together, by poll number."""
        return self.votes.of(station_ids)


class Desk:
    """What the actions work with: the store, the clock, and what this process has kept of the elections."""

    def __init__(self, database: Database, now: Clock) -> None:
        self.database = database
        self.now = now
        self.counted: Recent[int, Counted] = Recent(_KEPT)
        self.results: Recent[int, Kept[ElectionResult]] = Recent(_KEPT)
        self.grounds: Recent[str, tuple[Geography, Tree]] = Recent(_GROUNDS)
        self.crowd: Crowd[int, Kept[ElectionResult]] = Crowd()
        # What was counted at the stations of a country takes four megabytes, as of a moment too.
        self.stations: Recent[int, Stations] = Recent(_STATIONS)
        self.past: Recent[tuple[int, datetime], Stations] = Recent(_STATIONS)
        self.documents: Recent[tuple[int, str], tuple[str, bytes]] = Recent(_DOCUMENTS)
        self.histories: Recent[int, History] = Recent(_STATIONS)
        # Pages of places, and records, as they were written.
        self.pages: Recent[str, bytes] = Recent(_PAGES)
        self.results_of_the_past: Recent[tuple[int, datetime], tuple[object, Kept[ElectionResult]]] = Recent(_KEPT)
        self.looks: Crowd[int, Stations] = Crowd()
        # To look at the past costs more than all else, so there is one look at a time.
        self.looking_back = threading.Lock()


def is_ready(database: Database) -> bool:
    """Whether the store answers and has the tables and columns of this program."""
    try:
        with database.reading() as session:
            store.touch_what_is_read(session)
    except (Unavailable, DBAPIError):
        return False
    return True


def list_elections(desk: Desk, limit: int, offset: int, known: Known) -> Answer[Listing[Summary]]:
    """The elections that are not drafts, those that begin last first."""
    with desk.database.reading() as session:
        total, elections = store.published_page(session, limit, offset)
        standings = tallies.standings(session, elections, desk.now())
        items = [summary_of(election, standings[election.id].state) for election in elections]
        tag = fingerprint(_FORM, total, items)
        return Answer(tag, False, None if known(tag) else Listing(items, total))


def read_election(desk: Desk, election_id: int, known: Known) -> Answer[Details]:
    """One election; NotFound for a draft too."""
    found = details_of(desk, election_id)
    return Answer(found.tag, found.settled, None if known(found.tag) else found.body)


def details_of(desk: Desk, election_id: int) -> Kept[Details]:
    """The same for whoever shows more than that, and knows nothing of it beforehand."""
    with desk.database.reading() as session:
        election = published_election(session, election_id)
        state = tallies.current(session, election, desk.now()).state
        participants = [(entry.participant_id, entry.participant.version) for entry in election.entries]
        tag = fingerprint(_FORM, election.id, election.version, participants, state)
        rules = rules_of(election)
        details = Details(
            election=summary_of(election, state),
            lists=tuple(
                OnBallot(entry.poll_number, entry.participant.name, entry.participant.individual, entry.exempt)
                for entry in election.entries
            ),
            rules=rules.to_dict() if rules else None,
            ballot_key=election.ballot_key,
        )
        return Kept(tag, state in SETTLED, details)


def read_result(desk: Desk, election_id: int) -> Kept[ElectionResult]:
    """The result of one election, as far as it is counted; NotFound for a draft too.

    A cancelled election keeps its votes for everybody to see, and has no seats.
    """
    return desk.crowd.ask(election_id, lambda: _look_at_result(desk, election_id))


def _look_at_result(desk: Desk, election_id: int) -> Kept[ElectionResult]:
    with desk.database.reading() as session:
        counted, standing = look_at_count(desk, session, election_id)
    return result_of_count(desk, counted, standing)


def result_of_count(desk: Desk, counted: Counted, standing: tallies.Standing) -> Kept[ElectionResult]:
    """The result of what is counted, which is computed once for each state that it is in."""
    election_id, tag = counted.election.id, tag_of(counted, standing)
    kept = desk.results.get(election_id)
    if kept is None or kept.tag != tag:
        kept = _result(counted, standing, tag)
        desk.results.keep(election_id, kept)
        log.debug("result computed", election=election_id, tag=tag)
    return kept


def look_at_count(desk: Desk, session: Session, election_id: int) -> tuple[Counted, tallies.Standing]:
    """What may be told of the count now, and how far the election is.

    While votes are held back there are none in it, so that nothing that is made of it has any: the tag of an answer,
    too, would give them away to who tries what makes the same one.
    """
    counted = _count(desk, session, election_id)
    standing = counted.standing(desk.now())
    return (counted.without_votes if counted.held_back(standing) else counted), standing


def _count(desk: Desk, session: Session, election_id: int) -> Counted:
    """What is counted now: what is kept, if nothing has changed, or else that and what was recorded since."""
    look = store.look(session, election_id)
    if look is None:
        raise _not_found(election_id)
    known = desk.counted.get(election_id)
    if known is not None and known.look == look and known.ground.is_fresh:
        return known
    places = _places(session, known.look, look) if known else {}
    election = known.election if known and known.look.ballot == look.ballot else None
    if known is not None and election is not None:
        sums = tallies.sums_since(session, election_id, known.sums, places)
        votes = known.votes and station_sums.votes_since(session, election_id, known.votes, places)
    else:
        # Its end may be another one now, on which the ballots outside depend, and its lists may be others.
        election, sums = published_election(session, election_id), tallies.sums(session, election_id)
        votes = None
        if _elects_by_constituency(election):
            votes = station_sums.votes(session, election_id, [entry.poll_number for entry in election.entries])
    if known is not None:
        reports = station_sums.reports_since(session, election_id, known.reports, places)
    else:
        reports = station_sums.reports(session, election_id)
    ground = known.ground if known else None
    if ground is None or not ground.is_fresh:
        ground = look_at_ground(session, election_id, ground, desk.grounds)
    # Read whole, and never changed from here on.
    session.expunge_all()
    counted = Counted(look, election, sums, ground, reports, votes)
    desk.counted.keep(election_id, counted)
    return counted


def _places(session: Session, before: store.Look, look: store.Look) -> Mapping[int, int]:
    # Partitions may have come and gone meanwhile, and what was recorded in those counts like everything else.
    return look.places if before.owners == look.owners else tallies.places(session)


def _elects_by_constituency(election: Election) -> bool:
    rules = rules_of(election)
    return rules is not None and rules.is_by_constituency


def _result(counted: Counted, standing: tallies.Standing, tag: str) -> Kept[ElectionResult]:
    outcome = outcome_of(
        counted.election,
        standing,
        counted.sums,
        counted.reporting,
        counted.declared,
        counted.outstanding_in,
        counted.reports,
        counted.parts,
    )
    settled = outcome.result.certainty is not Certainty.PROVISIONAL
    summary = summary_of(counted.election, standing.state)
    return Kept(tag, settled, ElectionResult(summary, outcome.result, outcome.basis))


def published_election(session: Session, election_id: int) -> Election:
    """One election; NotFound for a draft too."""
    election = store.published(session, election_id)
    if election is None:
        raise _not_found(election_id)
    return election


def _not_found(election_id: int) -> NotFound:
    # What no row can have comes as 0 and is not what was asked for.
    return NotFound(
        say("There is no election {number}.", number=str(election_id))
        if election_id
        else say("There is no such election.")
    )


def tag_of(counted: Counted, standing: tallies.Standing) -> str:
    """The name of all that a result depends on, the same in every process."""
    drained, end = standing.drained, counted.election.end
    # After the end, the moment does not matter any more.
    capped = None if drained is None or standing.state is State.SCHEDULED else min(drained, end)
    sums = counted.sums
    parts = counted.parts or Parts((), {}, {})
    return fingerprint(
        _FORM,
        counted.reporting,
        counted.declared,
        sorted(counted.outstanding_in.items()),
        counted.reports.last,
        [
            (part.id, parts.names[part.id], part.seats, part.ballots_cast, sorted(part.votes.items()))
            for part in parts.constituencies
        ],
        counted.election.id,
        counted.look.ballot,
        standing.state,
        standing.dead_letter,
        capped,
        sorted(sums.votes.items()),
        sums.counts,
        sums.outside,
    )
