"""Where a tally sheet stands: what follows from everything that was done with it, in order.

The picture is in docs/tally-sheets.md. Each function takes what was done so far and says what comes of one more act;
an act that cannot be done raises ``Conflict``, and one that this person may not do ``Forbidden``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.errors import Conflict, Forbidden, InvalidInput
from shared.sentences import say
from shared.sheets.numbers import COUNTS, Numbers
from shared.sheets.people import Person
from shared.sheets.windows import taken_until
from shared.terms import SheetAct, SheetState


@dataclass(frozen=True)
class Event:
    """Something that ``actor`` did with a sheet; ``number`` counts from 1.

    An entry has ``numbers`` and the ``explanations`` of their warnings by code. A resolution has the number of the
    entry that it has ``chosen``, or None when it discards both. A resolution and a reopening have a ``reason``.
    ``actor`` is an email address; who that was says ``actor_jmbg`` where it is known.
    """

    number: int
    act: SheetAct
    actor: str
    at: datetime
    numbers: Numbers | None = None
    explanations: Mapping[str, str] = field(default_factory=dict)
    chosen: int | None = None
    reason: str = ""
    actor_jmbg: str = ""

    @property
    def person(self) -> Person:
        """Who did it."""
        return Person(self.actor, self.actor_jmbg)


@dataclass(frozen=True)
class Sheet:
    """What the events of a sheet come to.

    ``first`` and ``second`` are the entries of the present round; ``standing`` is the one that is accepted, or waits to
    be. ``last`` is the number of the last event, 0 for none. ``reopened_at`` is when the present round was begun by
    opening the sheet again, None for the first round.
    """

    state: SheetState = SheetState.EMPTY
    first: Event | None = None
    second: Event | None = None
    standing: Event | None = None
    last: int = 0
    reopened_at: datetime | None = None

    @property
    def declared(self) -> Numbers | None:
        """The declared result, once it is accepted."""
        return self.standing.numbers if self.standing and self.state is SheetState.ACCEPTED else None

    @property
    def differing(self) -> tuple[str, ...]:
        """The fields in which the two entries of this round differ."""
        if self.first is None or self.second is None:
            return ()
        return differing(self.first, self.second)


def replay(events: Iterable[Event]) -> Sheet:
    """The sheet that these events come to, from the first to the last."""
    sheet = Sheet()
    for event in events:
        sheet = advance(sheet, event)
    return sheet


def advance(sheet: Sheet, event: Event) -> Sheet:
    """The sheet after one more event, whose number is the next one."""
    if event.number != sheet.last + 1:
        raise Conflict("Somebody else has changed this tally sheet meanwhile; look at it again.")
    after = _ACTS[event.act](sheet, event)
    return replace(after, last=event.number)


def differing(first: Event, second: Event) -> tuple[str, ...]:
    """The fields in which two entries differ, in the order of the paper; those of lists as ``votes.3``."""
    one, other = _numbers(first), _numbers(second)
    counts = [name for name in COUNTS if getattr(one, name) != getattr(other, name)]
    lists = sorted({*one.votes, *other.votes})
    return (*counts, *(f"votes.{number}" for number in lists if one.votes.get(number) != other.votes.get(number)))


def require_entry(state: SheetState, first: Person | None, actor: Person) -> None:
    """Refuse an entry by ``actor`` in this state; ``first`` made the first entry of the round, if there is one."""
    if state in _NOT_NOW:
        raise Conflict(_NOT_NOW[state])
    if first is not None and first.is_same(actor):
        raise Forbidden("You made the first entry of this tally sheet; the second is made by another official.")


def may_reopen(sheet: Sheet, moment: datetime) -> bool:
    """Whether a sheet can be opened again: something was entered, or nothing within the time of the last opening."""
    if sheet.state is SheetState.EMPTY:
        return False
    lapsed = sheet.reopened_at is not None and moment > taken_until(sheet.reopened_at)
    return sheet.state is not SheetState.REOPENED or lapsed


def _enter(sheet: Sheet, event: Event) -> Sheet:
    _numbers(event)
    require_entry(sheet.state, sheet.first.person if sheet.first else None, event.person)
    if sheet.first is None:
        return replace(sheet, state=SheetState.ENTERED_ONCE, first=event)
    both = replace(sheet, second=event)
    if differing(sheet.first, event):
        return replace(both, state=SheetState.DIFFERING)
    if sheet.first.explanations or event.explanations:
        return replace(both, state=SheetState.WAITING_FOR_REVIEW, standing=sheet.first)
    return replace(both, state=SheetState.ACCEPTED, standing=sheet.first)


def _resolve(sheet: Sheet, event: Event) -> Sheet:
    if sheet.state is not SheetState.DIFFERING:
        raise Conflict("The two entries of this tally sheet do not differ, so there is nothing to resolve.")
    _require_third(sheet, event)
    _require_reason(event)
    if event.chosen is None:
        return Sheet(SheetState.REOPENED, reopened_at=event.at)
    for entry in (sheet.first, sheet.second):
        if entry is not None and entry.number == event.chosen:
            return replace(sheet, state=SheetState.ACCEPTED, standing=entry)
    raise InvalidInput("Choose one of the two entries, by its number, or discard both.", field="chosen")


def _accept(sheet: Sheet, event: Event) -> Sheet:
    if sheet.state is not SheetState.WAITING_FOR_REVIEW:
        raise Conflict("This tally sheet does not wait for a review.")
    _require_third(sheet, event)
    return replace(sheet, state=SheetState.ACCEPTED)


def _reopen(sheet: Sheet, event: Event) -> Sheet:
    if not may_reopen(sheet, event.at):
        raise Conflict("Nothing has been entered that could be opened again.")
    _require_reason(event)
    return Sheet(SheetState.REOPENED, reopened_at=event.at)


_ACTS = {
    SheetAct.ENTRY: _enter,
    SheetAct.RESOLUTION: _resolve,
    SheetAct.ACCEPTANCE: _accept,
    SheetAct.REOPENING: _reopen,
}

_NOT_NOW = {
    SheetState.DIFFERING: say(
        "Two entries of this tally sheet differ; the administration has to say which one stands."
    ),
    SheetState.WAITING_FOR_REVIEW: say("This tally sheet was entered twice and waits for the administration's review."),
    SheetState.ACCEPTED: say("This tally sheet is accepted. To correct it, the administration has to open it again."),
}


def _numbers(event: Event) -> Numbers:
    if event.numbers is None:
        raise InvalidInput("An entry of a tally sheet has numbers.", field="numbers")
    return event.numbers


def _require_third(sheet: Sheet, event: Event) -> None:
    for entry in (sheet.first, sheet.second):
        if entry is not None and entry.person.is_same(event.person):
            raise Forbidden("Who has entered a tally sheet does not decide about it; a third person does.")


def _require_reason(event: Event) -> None:
    if not event.reason.strip():
        raise InvalidInput("Say why, for whoever reads the history later.", field="reason")
