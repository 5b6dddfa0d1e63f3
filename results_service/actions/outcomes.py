"""From what is counted to a result: the rules of an election put to its sums."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from results_service.actions.ground import Ground
from results_service.rules import Ballots, ListVotes, Result, result_of
from results_service.rules.certainty import Basis
from results_service.rules.declared import Declared
from results_service.rules.holding_back import held_back
from results_service.rules.result import Reporting, without_votes
from results_service.rules.seats import Parts
from shared import station_sums, tallies
from shared.apportionment import Rules, lots_drawn_in, lots_drawn_over_whole
from shared.schema.election import Election
from shared.terms import State


@dataclass(frozen=True)
class Outcome:
    """A result, and that from which the certainty of its seats follows."""

    result: Result
    basis: Basis


def outcome_of(
    election: Election,
    standing: tallies.Standing,
    sums: tallies.Sums,
    stations: Reporting,
    declared: Declared | None,
    outstanding_in: Mapping[int, int],
    reports: station_sums.Reports,
    parts: Parts | None,
    as_of: datetime | None = None,
) -> Outcome:
    """The result of an election that is counted so far, or that was at ``as_of``.

    ``declared`` is what its accepted tally sheets declare together. ``outstanding_in`` are the ballots that may still
    come in each constituency, where each elects for itself. While votes are held back, nothing of them is in it.
    """
    ballots = Ballots(
        counted=sums.counts.counted,
        duplicate=sums.counts.duplicate,
        invalid=sums.counts.invalid,
        outside=sums.outside,
    )
    state, end, drained, dead_letter = standing.state, election.end, standing.drained, standing.dead_letter
    held = held_back(election.ballot_key, state, end)
    if held is not None:
        told = without_votes(held, state, end, drained, dead_letter, ballots, stations, reports.last)
        return Outcome(told, Basis(state, (), 0, None, (), None, None, {}))
    listed = tuple(
        ListVotes(entry.poll_number, entry.participant.name, entry.exempt, sums.votes.get(entry.poll_number, 0))
        for entry in election.entries
    )
    rules, lots = rules_of(election), lots_drawn_over_whole(election.lots)
    result = result_of(
        state=state,
        end=end,
        drained=drained,
        dead_letter=dead_letter,
        listed=listed,
        ballots=ballots,
        rules=rules,
        lots=lots,
        parts=parts,
        stations=stations,
        declared=declared,
        last_change=reports.last,
        as_of=as_of,
    )
    # Not before everything received by the end is counted: till then ballots come, or are waiting, or are laid aside.
    is_over = state is State.FINAL and as_of is None
    outstanding: int | None = stations.outstanding
    if is_over:
        outstanding = 0
    elif not stations.total:
        outstanding = None
    return Outcome(
        result,
        Basis(
            state=state,
            listed=listed,
            ballots_cast=sum(one.votes for one in listed) + ballots.invalid,
            rules=rules,
            lots=lots,
            parts=parts,
            outstanding=outstanding,
            outstanding_in={} if is_over else outstanding_in,
        ),
    )


def rules_of(election: Election) -> Rules | None:
    """By which rules the votes of an election become seats; None when it gives none."""
    return Rules.from_dict(election.rules) if election.rules else None


def parts_of(
    election: Election, ground: Ground, votes: station_sums.StationVotes | None, reports: station_sums.Reports
) -> Parts | None:
    """The constituencies, where each elects for itself."""
    if votes is None:
        return None
    names = {part.id: part.name for part in ground.geography.constituencies.values()}
    found = station_sums.by_constituency(ground.geography, votes, reports)
    found.sort(key=lambda part: (names[part.id].casefold(), part.id))
    return Parts(found, names, lots_drawn_in(election.lots))
