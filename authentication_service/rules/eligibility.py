"""Who may vote in an election: of age on its day, registered, and whom the election is for."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import StrEnum
from functools import cached_property
from typing import Final, Protocol

from authentication_service.rules.citizens import folded
from shared.errors import Conflict, InvalidInput
from shared.sentences import say
from shared.terms import CitizenStatus
from shared.terms import Restriction as Kind

VOTING_AGE: Final = 18
"""Law on the Election of Members of the Parliament of Serbia (2022), article 3: citizens of age, which is 18."""

MOST_VALUES: Final = 1000
_LONGEST = 256


class Reason(StrEnum):
    """Why somebody may not vote in an election."""

    NOT_OF_AGE = "not_of_age"
    DECEASED = "deceased"
    MOVED_AWAY = "moved_away"
    ANOTHER_REGION = "another_region"
    ANOTHER_FEDERAL_UNIT = "another_federal_unit"
    NOT_LISTED = "not_listed"
    # No property of the person: it is noted when a polling station gives a ballot paper.
    VOTED_ON_PAPER = "voted_on_paper"


class Registered(Protocol):
    """What is asked of an entry of the register."""

    @property
    def id(self) -> int: ...
    @property
    def born_on(self) -> date: ...
    @property
    def status(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def federal_unit(self) -> str: ...


@dataclass(frozen=True)
class Restriction:
    """Whom an election is for: by the ``kind``, regions or federal units (``values``), or ``citizens`` by number."""

    kind: Kind
    values: tuple[str, ...] = ()
    citizens: Collection[int] = ()

    def is_for(self, place: str) -> bool:
        """Whether a region or federal unit is one of the values, in whichever script or case it is written."""
        return folded(place) in self._keys

    @cached_property
    def _keys(self) -> frozenset[str]:
        # Made once, for a roll asks a million times.
        return frozenset(folded(value) for value in self.values)


def election_day(opens_at: datetime, zone: tzinfo) -> date:
    """The day on which an election opens, where it is held."""
    return opens_at.astimezone(zone).date()


def is_of_age(born_on: date, on: date) -> bool:
    """Whether somebody is 18 on a day: from the birthday on; for the 29 February in other years from the 1 March."""
    had_birthday = (on.month, on.day) >= (born_on.month, born_on.day)
    return on.year - born_on.year - (not had_birthday) >= VOTING_AGE


def why_not_eligible(citizen: Registered, restriction: Restriction, day: date) -> Reason | None:
    """Why a citizen may not vote in an election of that day; None: he may."""
    if citizen.status != CitizenStatus.REGISTERED:
        return Reason(citizen.status)
    if not is_of_age(citizen.born_on, day):
        return Reason.NOT_OF_AGE
    match restriction.kind:
        case Kind.REGION if not restriction.is_for(citizen.region):
            return Reason.ANOTHER_REGION
        case Kind.FEDERAL_UNIT if not restriction.is_for(citizen.federal_unit):
            return Reason.ANOTHER_FEDERAL_UNIT
        case Kind.CITIZENS if citizen.id not in restriction.citizens:
            return Reason.NOT_LISTED
    return None


def check_election(title: str, opens_at: datetime, closes_at: datetime, kind: Kind, values: Collection[str]) -> None:
    """Refuse an election of voters that could not be held, or that says for whom it is in two ways."""
    if not 1 <= len(title) <= _LONGEST or not title.isprintable():
        words = say("A title has 1 to {longest} characters that can be printed.", longest=_LONGEST)
        raise InvalidInput(words, field="title")
    if opens_at >= closes_at:
        raise InvalidInput("An election closes after it opens.", field="closes_at")
    has_values = kind in (Kind.REGION, Kind.FEDERAL_UNIT)
    if has_values and not values:
        raise InvalidInput("Name at least one region or federal unit that the election is for.", field="values")
    if not has_values and values:
        raise InvalidInput("Only an election for regions or federal units has such values.", field="values")
    if len(values) > MOST_VALUES or not all(1 <= len(value) <= _LONGEST and value.isprintable() for value in values):
        words = say(
            "At most {most:,} regions or federal units, each of 1 to {longest} characters that can be printed.",
            most=MOST_VALUES,
            longest=_LONGEST,
        )
        raise InvalidInput(words, field="values")


def refuse_if_opened(opens_at: datetime, now: datetime) -> None:
    """Refuse to change for whom an election is, or when, once people may have voted in it."""
    if opens_at <= now:
        raise Conflict("This election has opened, so neither its hours nor whom it is for can be changed any more.")
