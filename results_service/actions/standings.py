"""What is known of every polling station of an election, now or as of a moment that has passed.

Only one look at a time at an election is under way in a process, and one into the past, whoever asks for which place or
moment. What was at a moment is computed from the parts that had been received by then, and kept; once everything
received before it is counted and no part is laid aside, it cannot change any more.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from results_service import actions
from results_service.actions import Counted, Desk, ElectionResult, Stations
from results_service.actions.answers import Kept, summary_of
from results_service.actions.outcomes import outcome_of, parts_of
from results_service.rules import fingerprint
from results_service.rules.declared import together
from results_service.rules.holding_back import refuse_moment, refuse_votes
from results_service.rules.places import outstanding_in, reporting
from shared import tallies
from shared.errors import InvalidInput
from shared.station_history import History, history, history_since
from shared.station_sums import StationVotes
from shared.tallies import Standing

_FORM = 2


def look_at_stations(desk: Desk, election_id: int, as_of: datetime | None) -> Stations:
    """What is counted at each station, or had been received by ``as_of``, inclusive.

    NotFound for a draft too; InvalidInput (``as_of``) for a moment that has not come yet, or whose votes are told
    nobody; Conflict while votes are held back.
    """
    stations = _ask(desk, election_id, as_of)
    refuse_votes(stations.held_back)
    return stations


def look_at_turnout(desk: Desk, election_id: int) -> Stations:
    """The same of now, without the votes while these are held back."""
    return _ask(desk, election_id, None)


def _ask(desk: Desk, election_id: int, as_of: datetime | None) -> Stations:
    if as_of is not None and as_of > desk.now():
        raise InvalidInput("This moment has not come yet.", field="as_of")
    if as_of is None:
        return desk.looks.ask(election_id, lambda: _look(desk, election_id, None))
    with desk.looking_back:
        return _look(desk, election_id, as_of)


def read_result_as_of(desk: Desk, election_id: int, as_of: datetime) -> Kept[ElectionResult]:
    """The result as it was at a moment: of what had been received by then. It is provisional, whatever came later."""
    with desk.database.reading() as session:
        counted, standing = actions.look_at_count(desk, session, election_id)
    _refuse(counted, standing, as_of)
    state = (counted.look.ballot, counted.ground.tag, standing.state, _is_settled(standing, as_of))
    known = desk.results_of_the_past.get((election_id, as_of))
    if known is not None and known[0] == state and known[1].settled:
        return known[1]
    stations = look_at_stations(desk, election_id, as_of)
    if known is not None and known[1].tag == stations.tag:
        return known[1]
    counted, election, standing = stations.counted, stations.election, stations.standing
    votes = stations.votes if counted.votes is not None else None
    outcome = outcome_of(
        election,
        standing,
        stations.sums,
        reporting(stations.facts, stations.facts.stations),
        together(stations.facts.declared.values()),
        outstanding_in(stations.facts) if votes is not None else {},
        stations.reports,
        parts_of(election, counted.ground, votes, stations.reports),
        as_of,
    )
    summary = summary_of(election, standing.state)
    kept = Kept(stations.tag, stations.settled, ElectionResult(summary, outcome.result, outcome.basis))
    desk.results_of_the_past.keep((election_id, as_of), (state, kept))
    return kept


def _look(desk: Desk, election_id: int, as_of: datetime | None) -> Stations:
    with desk.database.reading() as session:
        counted, standing = actions.look_at_count(desk, session, election_id)
        if as_of is not None:
            _refuse(counted, standing, as_of)
            return _past(desk, session, counted, standing, as_of)
        return _present(desk, session, counted, standing)


def _refuse(counted: Counted, standing: Standing, as_of: datetime) -> None:
    refuse_moment(counted.election.ballot_key, counted.election.end, as_of)
    refuse_votes(counted.held_back(standing))


def _present(desk: Desk, session: Session, counted: Counted, standing: Standing) -> Stations:
    tag = actions.tag_of(counted, standing)
    known = desk.stations.get(counted.election.id)
    if known is not None and known.tag == tag and _knows_the_same(known.counted, counted):
        return known
    everything = _history(desk, session, counted).at()
    reports, votes = everything.reports, everything.votes
    if counted.held_back(standing):
        votes = StationVotes(votes.places, votes.poll_numbers, {})
    settled = standing.state in actions.SETTLED
    found = Stations(tag, settled, counted, standing, counted.sums, reports, votes, None)
    desk.stations.keep(counted.election.id, found)
    return found


def _knows_the_same(before: Counted, now: Counted) -> bool:
    """Whether every station is as it was: the tag of a result holds of places, sheets and reports their sums alone."""
    return before.reports is now.reports and before.ground.tag == now.ground.tag


def _past(desk: Desk, session: Session, counted: Counted, standing: Standing, as_of: datetime) -> Stations:
    election_id = counted.election.id
    settled = _is_settled(standing, as_of)
    known = desk.past.get((election_id, as_of))
    if known is not None and _is_as_it_was(known, counted, settled):
        return known
    found = _history(desk, session, counted).at(as_of)
    reports, votes, count = found.reports, found.votes, found.count
    sums = tallies.Sums(
        places=reports.places,
        votes={number: total for number, total in found.everybody.items() if total},
        counts=tallies.Counts(
            count.counted + count.duplicate + count.invalid, count.counted, count.duplicate, count.invalid
        ),
        outside=tallies.outside(session, election_id, as_of),
    )
    tag = fingerprint(
        *(_FORM, election_id, counted.look.ballot, counted.ground.tag, standing.state, as_of),
        None if settled else (standing.drained, standing.dead_letter),
        sorted(sums.votes.items()),
        sums.counts,
        sums.outside,
        sorted(reports.stations.items()),
        sorted((number, bytes(row)) for number, row in votes.stations.items()),
    )
    past = Stations(tag, settled, counted, standing, sums, reports, votes, as_of)
    desk.past.keep((election_id, as_of), past)
    return past


def _history(desk: Desk, session: Session, counted: Counted) -> History:
    election_id, numbers = counted.election.id, _poll_numbers(counted)
    kept = desk.histories.get(election_id)
    if kept is None or kept.poll_numbers != numbers:
        kept = history(session, election_id, numbers)
    else:
        kept = history_since(session, election_id, kept, tallies.places(session))
    desk.histories.keep(election_id, kept)
    return kept


def _is_settled(standing: Standing, as_of: datetime) -> bool:
    """Whether everything that had been received by then is counted, and nothing of it can come any more."""
    return standing.drained is not None and standing.drained > as_of and not standing.dead_letter


def _is_as_it_was(known: Stations, counted: Counted, settled: bool) -> bool:
    """Whether what was found of a moment before still holds."""
    same = (known.counted.look.ballot, known.counted.ground.tag) == (counted.look.ballot, counted.ground.tag)
    return same and ((known.settled and settled) or known.counted.look == counted.look)


def _poll_numbers(counted: Counted) -> tuple[int, ...]:
    return tuple(sorted(entry.poll_number for entry in counted.election.entries))
