"""What an election may be and become: pure decisions about dates, states, ballots and lots."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

from shared.apportionment import CLASSIC, RULE_PACKS, Rules, Tie
from shared.errors import Conflict, InvalidInput
from shared.sentences import Sentence, say, say_number
from shared.terms import Kind, State

MOST_ENTRIES = 1000
"""No ballot paper has as many; the limit keeps one request from asking the database about half a million ids."""

FEWEST_ENTRIES = 2

# So many constituencies are named in a sentence.
_NAMED = 5

NOTICE = timedelta(seconds=5)
"""How long before its opening a ballot is frozen, and how long after the order to close an election still runs.

The stations know an election from a snapshot, the daemon from its last look into the store. A change that takes
effect at once would be judged by the old version here and by the new one there; within this time both learn of it.
"""

# Calendar dates and times of ISO 8601, all in the extended form (2021-06-16T15:55:46) or all in the basic one
# (20210616T155546). The standard library reads more than that: week dates, any separator, and 1555460100 as a time.
_OFFSET = r"(?:(?P<utc>Z)|(?P<sign>[+-])(?P<offset_hours>[0-9]{2})(?::?(?P<offset_minutes>[0-9]{2}))?)?"
_SECONDS = r"(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,6}))?"
_EXTENDED = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    rf"T(?P<hour>[0-9]{{2}}):(?P<minute>[0-9]{{2}})(?::{_SECONDS})?{_OFFSET}"
)
_BASIC = re.compile(
    r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    rf"T(?P<hour>[0-9]{{2}})(?P<minute>[0-9]{{2}})(?:{_SECONDS})?{_OFFSET}"
)

# ISO 8601 wants an agreement about years before the Gregorian calendar, and a day is left at the end of what a
# datetime holds, so that every moment can also be written in every time zone.
_FIRST_YEAR = 1583
_LAST_YEAR = 9998


@dataclass(frozen=True)
class Period:
    """When an election is open: from ``start``, inclusive, to ``end``, exclusive; both in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise InvalidInput("An election ends after it has started.", field="end")


@dataclass(frozen=True)
class Place:
    """A place on the ballot: who stands there. Poll numbers follow from the order of the places, from 1."""

    participant_id: int
    exempt: bool = False


def read_moment(text: object, zone: tzinfo, field: str) -> datetime:
    """The moment in UTC that an ISO 8601 date and time names; without an offset it is local time of ``zone``.

    Seconds may be left out, a fraction has up to six digits, the offset is ``Z``, ``+01``, ``+0100`` or ``+01:00``.
    A local time that the clocks skip in spring is refused; one that comes twice in autumn is the first of the two.
    Raises InvalidInput for ``field``.
    """
    found = (_EXTENDED.fullmatch(text) or _BASIC.fullmatch(text)) if isinstance(text, str) else None
    if found is None:
        raise InvalidInput(
            say(
                "The {field} is not a date and time of ISO 8601, such as 2026-04-12T07:00:00+02:00.",
                field=_MOMENTS.get(field, field),
            ),
            field=field,
        )
    try:
        local = datetime(
            year=int(found["year"]),
            month=int(found["month"]),
            day=int(found["day"]),
            hour=int(found["hour"]),
            minute=int(found["minute"]),
            second=int(found["second"] or 0),
            microsecond=int((found["fraction"] or "").ljust(6, "0")),
            tzinfo=_offset(found, zone),
        )
    except ValueError as error:
        words = say("The {field} is no date and time that exists.", field=_MOMENTS.get(field, field))
        raise InvalidInput(words, field=field) from error
    if not _FIRST_YEAR <= local.year <= _LAST_YEAR:
        years = {"first": str(_FIRST_YEAR), "last": str(_LAST_YEAR)}
        raise InvalidInput(say("Dates lie in the years {first} to {last}.", **years), field=field)
    moment = local.astimezone(UTC)
    if moment.astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise InvalidInput("The clocks skip this local time; send it with an offset.", field=field)
    return moment


def _offset(found: "re.Match[str]", zone: tzinfo) -> tzinfo:
    """The offset that the text gives, else the zone; ValueError for one that no clock has."""
    if found["utc"]:
        return UTC
    if not found["sign"]:
        return zone
    hours, minutes = int(found["offset_hours"]), int(found["offset_minutes"] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError("An offset is less than a day.")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(offset if found["sign"] == "+" else -offset)


def write_local(moment: datetime, zone: tzinfo) -> str:
    """A moment as local time of ``zone`` without an offset, as the classic routes answer it."""
    return moment.astimezone(zone).replace(tzinfo=None).isoformat()


def are_individuals(kind: Kind, wished: bool | None) -> bool:
    """Whether individuals stand in an election of this kind; free to choose where the kind does not say, else parties.

    Raises InvalidInput when the wish contradicts the kind.
    """
    settled = {Kind.PARLIAMENTARY: False, Kind.PRESIDENTIAL: True}.get(kind)
    if settled is None:
        return bool(wished)
    if wished is not None and wished != settled:
        raise InvalidInput(
            say("In a presidential election only individuals stand.")
            if settled
            else say("In a parliamentary election only parties stand."),
            field="individual",
        )
    return settled


def settle_rules(kind: Kind, wished: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """The rules of an election in the form that is stored; empty when it gives no seats but shares of the votes.

    ``wished`` is the name of a rule pack, the rules themselves, or None for those of the kind: the classic ones for
    a parliamentary election, none for all others. Raises InvalidInput with a field below ``rules``.
    """
    if kind is Kind.PRESIDENTIAL:
        if wished:
            raise InvalidInput("A presidential election gives no seats and has no rules for them.", field="rules")
        return {}
    if wished is None:
        return CLASSIC.to_dict() if kind is Kind.PARLIAMENTARY else {}
    if isinstance(wished, str):
        pack = RULE_PACKS.get(wished)
        if pack is None:
            packs = ", ".join(RULE_PACKS)
            raise InvalidInput(say("There is no such rule pack; there are: {packs}.", packs=packs), field="rules")
        return pack.to_dict()
    if not wished and kind is not Kind.PARLIAMENTARY:
        return {}
    try:
        return Rules.from_dict(wished).to_dict()
    except InvalidInput as error:
        raise InvalidInput(error.message, field=f"rules.{error.field}") from error


def check_size(places: Sequence[Place], *, complete: bool) -> None:
    """Refuse too few and too many participants; a ballot that is not ``complete``, a draft's, may still grow."""
    if complete and len(places) < FEWEST_ENTRIES:
        words = say("At least {fewest} participants stand in an election.", fewest=FEWEST_ENTRIES)
        raise InvalidInput(words, field="entries")
    if len(places) > MOST_ENTRIES:
        raise InvalidInput(say("At most {most} participants stand in an election.", most=MOST_ENTRIES), field="entries")


def check_places(places: Sequence[Place], known: Mapping[int, bool], individuals: bool) -> None:
    """Refuse a ballot with unknown or repeated participants, or with one of the wrong sort.

    ``known`` says for each known participant whether it is an individual. Raises InvalidInput with a field below
    ``entries``.
    """
    seen: set[int] = set()
    for position, place in enumerate(places):
        field = f"entries.{position}.participant_id"
        if place.participant_id not in known:
            raise InvalidInput(say("There is no participant {number}.", number=str(place.participant_id)), field=field)
        if place.participant_id in seen:
            raise InvalidInput(say("Participant {number} comes twice.", number=str(place.participant_id)), field=field)
        if known[place.participant_id] != individuals:
            raise InvalidInput(
                say("Only individuals stand in this election.")
                if individuals
                else say("Only parties stand in this election."),
                field=field,
            )
        seen.add(place.participant_id)


def check_may_change(state: State, start: datetime, now: datetime) -> None:
    """Refuse to change an election that is not a draft and is open, about to open, or over."""
    if state is State.DRAFT:
        return
    if state is not State.SCHEDULED:
        raise Conflict(
            say("This election is {state}; what defines its ballot is frozen since it opened.", state=_spoken(state))
        )
    if start <= now + NOTICE:
        raise Conflict("This election opens in a moment; its ballot is frozen.")


def check_may_delete(state: State) -> None:
    """Refuse to delete what was ever published."""
    if state is not State.DRAFT:
        raise Conflict("Only a draft can be deleted; an election that was published can be cancelled.")


def check_may_publish(state: State) -> None:
    """Refuse to publish anything but a draft."""
    if state is not State.DRAFT:
        raise Conflict(say("Only a draft can be published; this election is {state}.", state=_spoken(state)))


def check_may_close(state: State) -> None:
    """Refuse to close anything but an open election."""
    if state is not State.OPEN:
        raise Conflict(say("Only an open election can be closed; this one is {state}.", state=_spoken(state)))


def check_may_cancel(state: State) -> None:
    """Refuse to cancel what is not public yet, or has a final result, or is cancelled."""
    if state is State.DRAFT:
        raise Conflict("A draft is deleted, not cancelled.")
    if state in (State.FINAL, State.CANCELLED):
        raise Conflict(say("This election is {state} already.", state=_spoken(state)))


def closing_end(now: datetime, end: datetime) -> datetime:
    """The end of an election that is ordered to close now: a full second, ``NOTICE`` away, never after its old end."""
    closes = now + NOTICE
    if closes.microsecond:
        closes = closes.replace(microsecond=0) + timedelta(seconds=1)
    return min(closes, end)


def check_may_draw(state: State) -> None:
    """Refuse lots before everything is counted."""
    if state is not State.FINAL:
        raise Conflict(
            say("Lots are drawn when everything is counted; this election is {state}.", state=_spoken(state))
        )


def check_seats(seats: Mapping[str, int | None], rules: Rules) -> None:
    """Refuse to publish an election whose constituencies, by name, do not elect as many as its rules say.

    Raises InvalidInput for ``rules.seats``, or for ``rules.apportioned`` where some elect none.
    """
    without = [name for name, elects in seats.items() if elects is None]
    if without or not seats:
        raise InvalidInput(
            say(
                "Each constituency elects for itself, but {names} have no seats; say how many first.",
                names=_some_of(without),
            )
            if seats
            else say("Each constituency elects for itself, but there is no constituency; say how many first."),
            field="rules.apportioned",
        )
    elected = sum(elects or 0 for elects in seats.values())
    if elected != rules.seats:
        raise InvalidInput(
            say(
                "The rules give {seats} seats, but the constituencies elect {elected} together.",
                seats=rules.seats,
                elected=elected,
            ),
            field="rules.seats",
        )


def check_lots(
    settle: Callable[[Sequence[int]], Tie | None],
    drawn: Sequence[int],
    poll_numbers: Sequence[int],
    *,
    in_constituency: bool = False,
) -> None:
    """Refuse lots that no tie asks for, or that do not settle it: one for each open seat, each of a tied list.

    ``settle`` says which tie is left with lots; ``drawn`` are those that were entered before. Lots of a tie that a late
    recount has undone count for nothing. Raises Conflict where there is nothing to draw, InvalidInput for
    ``poll_numbers``.
    """
    tie = settle(())
    if tie is None:
        raise Conflict(
            say("No seats are tied in this constituency.")
            if in_constituency
            else say("No seats are tied in this election.")
        )
    if drawn:
        with suppress(InvalidInput):
            if settle(drawn) is None:
                raise Conflict(
                    say("The lots of this constituency are drawn already.")
                    if in_constituency
                    else say("The lots of this election are drawn already.")
                )
    try:
        left = settle(poll_numbers)
    except InvalidInput as error:
        raise InvalidInput(error.message, field="poll_numbers") from error
    if left is not None or len(poll_numbers) != tie.seats_open:
        raise InvalidInput(
            say_number(
                "Exactly {number} of the tied lists are drawn, one for each open seat.",
                "Exactly {number} of the tied lists are drawn, one for each open seat.",
                tie.seats_open,
            ),
            field="poll_numbers",
        )


def _some_of(names: Sequence[str]) -> str:
    """The first names, in quotation marks, and how many more there are."""
    named = ", ".join(f"“{name}”" for name in names[:_NAMED])
    more = len(names) - _NAMED
    return say("{named} and {more} more", named=named, more=more) if more > 0 else named


def _spoken(state: State) -> Sentence:
    return _STATES[state]


_STATES = {
    State.DRAFT: say("a draft"),
    State.SCHEDULED: say("scheduled"),
    State.OPEN: say("open"),
    State.COUNTING: say("being counted"),
    State.FINAL: say("final"),
    State.CANCELLED: say("cancelled"),
}
_MOMENTS = {"start": say("start"), "end": say("end")}
