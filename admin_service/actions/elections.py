"""Elections: making, changing, publishing, closing, cancelling, and entering the lots of a tie.

Every action that makes or moves an election locks geography (``changing_geography``) and its jurisdiction first, so
that of two administrators who plan overlapping elections at the same instant the second one finds the first one's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from admin_service import store
from admin_service.actions.seats import Count, rules_of
from admin_service.rules import elections as rules
from admin_service.rules.elections import Period, Place
from admin_service.store.electorates import lock_geography, seats_of_constituencies
from shared import tallies
from shared.apportionment import Rules, lots_drawn_in, lots_drawn_over_whole
from shared.ballot_proofs import read_key, write_key
from shared.database import Database
from shared.errors import Conflict, InvalidInput, NotFound
from shared.journal.events import difference
from shared.journal.store import note
from shared.schema.election import CANCELLED, DRAFT, PUBLISHED, Election, Entry
from shared.sentences import say
from shared.terms import Kind, State


@dataclass(frozen=True)
class Plan:
    """An election as somebody wants it.

    ``individual`` None: what the kind says. ``rules``: the name of a rule pack, the rules themselves, or None for
    those of the kind. ``ballot_key``: by which the signatures of voters' ballots are checked, DER in base64, or empty.
    ``choices_public``: with such a key, whether everybody may read how each ballot was cast, once all are counted.
    """

    kind: Kind
    period: Period
    places: Sequence[Place]
    title: str = ""
    individual: bool | None = None
    jurisdiction_id: int = 1
    rules: str | Mapping[str, Any] | None = None
    ballot_key: str = ""
    choices_public: bool = False


@dataclass(frozen=True)
class Changes:
    """What is to be different in an election; None leaves a thing as it is."""

    title: str | None = None
    kind: Kind | None = None
    individual: bool | None = None
    jurisdiction_id: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    rules: str | Mapping[str, Any] | None = None
    places: Sequence[Place] | None = None
    ballot_key: str | None = None
    choices_public: bool | None = None


@dataclass(frozen=True)
class Shown:
    """An election and its state at the moment of the request."""

    election: Election
    state: State


def read(database: Database, election_id: int, now: datetime) -> Shown:
    """One election."""
    with database.reading() as session:
        election = store.election(session, election_id)
        shown = Shown(election, _state(session, election, now))
        # What is answered outlives the transaction, whose rollback would otherwise empty it.
        session.expunge_all()
        return shown


def published(database: Database) -> list[Election]:
    """Every election that is neither a draft nor cancelled, with its ballot."""
    with database.reading() as session:
        found = store.published_elections(session)
        session.expunge_all()
        return found


def refuse_overlap(database: Database, period: Period, jurisdiction_id: int = 1) -> None:
    """Raise Conflict when another election of the jurisdiction is in the way."""
    with database.reading() as session:
        _refuse_overlap(session, jurisdiction_id, period, None)


def create(database: Database, plan: Plan, now: datetime, *, draft: bool = False) -> Shown:
    """Make an election; unless it is a draft it is published at once.

    Poll numbers are 1, 2, … in the order of ``plan.places``. Raises, in this order, Conflict with the field ``start``
    where another election is in the way, and InvalidInput for the kind, the rules and the ballot.
    """
    with database.writing() as session:
        lock_geography(session)
        election = Election(stage=DRAFT if draft else PUBLISHED, created_at=now)
        _settle(session, election, plan)
        session.add(election)
        session.flush()
        _fill(session, election, plan.places)
        return _noted(session, election, "created", {}, now)


def change(
    database: Database, election_id: int, check: Callable[[int], None], changes: Changes, now: datetime
) -> Shown:
    """Change a draft or a scheduled election; Conflict once its ballot is frozen."""
    with database.writing() as session:
        lock_geography(session)
        election = store.election(session, election_id, lock=True)
        check(election.version)
        before = _facts(election)
        rules.check_may_change(_state(session, election, now), election.start, _latest(session, now))
        plan = _changed(election, changes)
        same_ballot = list(plan.places) == _places(election)
        _settle(session, election, plan)
        # A change of the ballot alone is a change of the election, too, and has to change its version.
        flag_modified(election, "title")
        if not same_ballot:
            store.delete_entries(session, election.id)
        session.flush()
        if not same_ballot:
            _fill(session, election, plan.places)
        return _noted(session, election, "changed", before, now)


def delete(database: Database, election_id: int, now: datetime, check: Callable[[int], None] | None = None) -> None:
    """Delete a draft; Conflict for everything else. ``check`` is asked where the caller says what it has read."""
    with database.writing() as session:
        election = store.election(session, election_id, lock=True)
        if check is not None:
            check(election.version)
        rules.check_may_delete(_state(session, election, now))
        session.delete(election)
        note(session, "election.deleted", f"election {election_id}", _facts(election))


def publish(database: Database, election_id: int, check: Callable[[int], None], now: datetime) -> Shown:
    """Make a draft an election that takes place: scheduled, or open if its time has come."""
    with database.writing() as session:
        lock_geography(session)
        election = store.election(session, election_id, lock=True)
        check(election.version)
        before = _facts(election)
        rules.check_may_publish(_state(session, election, now))
        election.stage = PUBLISHED
        _settle(session, election, _changed(election, Changes()))
        session.flush()
        return _noted(session, election, "published", before, now)


def close(database: Database, election_id: int, check: Callable[[int], None], now: datetime) -> Shown:
    """Let an open election end before its time, ``rules.NOTICE`` from now.

    Not at once: a ballot that the daemon has judged before this commit was received before it, too, and so lies
    before the new end. Had the end been in the past, one daemon could have counted a ballot that the next refuses,
    and a watermark could have passed the end before anybody knew of it.
    """
    with database.writing() as session:
        election = store.election(session, election_id, lock=True)
        check(election.version)
        before = _facts(election)
        rules.check_may_close(_state(session, election, now))
        election.end = rules.closing_end(_latest(session, now), election.end)
        flag_modified(election, "end")
        session.flush()
        return _noted(session, election, "closed", before, now)


def cancel(database: Database, election_id: int, check: Callable[[int], None], reason: str, now: datetime) -> Shown:
    """Cancel a published election that has no final result yet; its period is free for another one."""
    with database.writing() as session:
        election = store.election(session, election_id, lock=True)
        check(election.version)
        before = _facts(election)
        rules.check_may_cancel(_state(session, election, now))
        election.stage = CANCELLED
        election.cancelled_at = now
        election.cancelled_reason = reason
        session.flush()
        return _noted(session, election, "cancelled", before, now)


def draw(
    database: Database,
    election_id: int,
    check: Callable[[int], None],
    poll_numbers: Sequence[int],
    now: datetime,
    constituency_id: int | None = None,
) -> Shown:
    """Enter the lots that were drawn for the last seats of a tied, fully counted election, in the order drawn.

    Where each constituency elects for itself, ``constituency_id`` says in which one.
    """
    with database.writing() as session:
        election = store.election(session, election_id, lock=True)
        check(election.version)
        before = _facts(election)
        rules.check_may_draw(_state(session, election, now))
        by = rules_of(election)
        if by is None:
            raise Conflict("This election gives no seats, so there is nothing to draw lots for.")
        if by.is_by_constituency != (constituency_id is not None):
            raise InvalidInput(
                say("The seats of this election are given per constituency; say in which one.")
                if by.is_by_constituency
                else say("The seats of this election are given over the whole; name none."),
                field="constituency_id",
            )
        count = Count(session, election, by)
        if constituency_id is None:
            drawn = lots_drawn_over_whole(election.lots)
            rules.check_lots(lambda lots: count.whole(lots).tie, drawn, poll_numbers)
            election.lots = list(poll_numbers)
        else:
            in_each = lots_drawn_in(election.lots)
            settle = partial(count.of, constituency_id)
            rules.check_lots(
                lambda lots: settle(lots).tie, in_each.get(constituency_id, ()), poll_numbers, in_constituency=True
            )
            in_each[constituency_id] = poll_numbers
            election.lots = {str(number): list(lots) for number, lots in sorted(in_each.items())}
        session.flush()
        return _noted(session, election, "drawn", before, now)


def _state(session: Session, election: Election, now: datetime) -> State:
    return tallies.current(session, election, now).state


def _latest(session: Session, now: datetime) -> datetime:
    """A moment that nothing counted is later than: Redis's clock may be ahead of ours, or a lock kept us waiting."""
    return max(now, tallies.counted_until(session) or now)


def _shown(session: Session, election: Election, now: datetime) -> Shown:
    # The answer needs the names of the participants, which a ballot that was just written does not have yet.
    session.refresh(election, ["entries"])
    return Shown(election, _state(session, election, now))


def _noted(session: Session, election: Election, verb: str, before: Mapping[str, Any], now: datetime) -> Shown:
    """Leave what has changed in the journal, and show the election as it is now."""
    shown = _shown(session, election, now)
    note(session, f"election.{verb}", f"election {election.id}", difference(before, _facts(election)))
    return shown


def _facts(election: Election) -> dict[str, Any]:
    """All of an election that an administrator decides."""
    names = ("title", "kind", "individual", "jurisdiction_id", "start", "end", "stage", "cancelled_reason", "rules")
    key: dict[str, Any] = {}
    if election.ballot_key:
        key = {"ballot_key": read_key(election.ballot_key).fingerprint, "choices_public": election.choices_public}
    ballot = [{"participant_id": entry.participant_id, "exempt": entry.exempt} for entry in election.entries]
    return {**{name: getattr(election, name) for name in names}, "lots": election.lots, "entries": ballot, **key}


def _settle(session: Session, election: Election, plan: Plan) -> None:
    """Put all but the ballot of a plan into ``election``, after every check; the ballot is checked, too."""
    try:
        store.lock_jurisdiction(session, plan.jurisdiction_id)
    except NotFound as error:
        raise InvalidInput(error.message, field="jurisdiction_id") from error
    draft = election.stage == DRAFT
    if not draft:
        _refuse_overlap(session, plan.jurisdiction_id, plan.period, election.id)
    individuals = rules.are_individuals(plan.kind, plan.individual)
    settled_rules = rules.settle_rules(plan.kind, plan.rules)
    if not draft:
        _check_seats(session, settled_rules)
    rules.check_size(plan.places, complete=not draft)
    known = store.known_participants(session, [place.participant_id for place in plan.places])
    rules.check_places(plan.places, known, individuals)
    election.title = plan.title
    election.kind = plan.kind.value
    election.individual = individuals
    election.jurisdiction_id = plan.jurisdiction_id
    election.start = plan.period.start
    election.end = plan.period.end
    election.rules = settled_rules
    election.ballot_key = _settle_key(plan.ballot_key, settled_rules)
    if plan.choices_public and election.ballot_key is None:
        raise InvalidInput(
            "Only where voters cast ballots themselves can everybody read how each was cast: the election needs a "
            "ballot key.",
            field="choices_public",
        )
    election.choices_public = plan.choices_public


def _settle_key(text: str, settled: Mapping[str, Any]) -> str | None:
    """A ballot key in the form that is stored; InvalidInput for one that is not fit, or where it could not be used."""
    if not text:
        return None
    if settled and Rules.from_dict(settled).is_by_constituency:
        raise InvalidInput(
            "Each constituency elects for itself, and a voter's own ballot is of no polling station, so this election "
            "cannot have a ballot key.",
            field="ballot_key",
        )
    return write_key(read_key(text))


def _check_seats(session: Session, settled: Mapping[str, Any]) -> None:
    by = Rules.from_dict(settled) if settled else None
    if by is not None and by.is_by_constituency:
        rules.check_seats(seats_of_constituencies(session), by)


def _refuse_overlap(session: Session, jurisdiction_id: int, period: Period, without: int | None) -> None:
    other = store.overlapping(session, jurisdiction_id, period, without)
    if other is not None:
        number = str(other.id)
        name = say("{number} “{title}”", number=number, title=other.title) if other.title else number
        raise Conflict(
            say(
                "Election {election} is in the way: within one jurisdiction elections neither overlap nor touch.",
                election=name,
            ),
            field="start",
        )


def _fill(session: Session, election: Election, places: Sequence[Place]) -> None:
    session.add_all(
        Entry(election_id=election.id, poll_number=number, participant_id=place.participant_id, exempt=place.exempt)
        for number, place in enumerate(places, 1)
    )
    session.flush()


def _places(election: Election) -> list[Place]:
    return [Place(entry.participant_id, entry.exempt) for entry in election.entries]


def _changed(election: Election, changes: Changes) -> Plan:
    """What an election is to be once changed; a new kind brings its own rules and sort of participants."""
    kind = changes.kind or Kind(election.kind)
    same_kind = kind == election.kind
    individual = changes.individual
    if individual is None and same_kind:
        individual = election.individual
    return Plan(
        kind=kind,
        period=Period(changes.start or election.start, changes.end or election.end),
        places=_places(election) if changes.places is None else changes.places,
        title=election.title if changes.title is None else changes.title,
        individual=individual,
        jurisdiction_id=changes.jurisdiction_id or election.jurisdiction_id,
        rules=election.rules if changes.rules is None and same_kind else changes.rules,
        ballot_key=(election.ballot_key or "") if changes.ballot_key is None else changes.ballot_key,
        choices_public=election.choices_public if changes.choices_public is None else changes.choices_public,
    )
