"""Votes become seats or shares: pure, exact, and with the reasons in the answer.

Everything here is integers and fractions; nothing reads a clock, a file or a database, and no float takes part
in a comparison. ``docs/apportionment.md`` explains the rules and cites the statutes.
"""

from shared.apportionment.certainty import ListCertainty, SeatCertainty, seat_certainty
from shared.apportionment.constituencies import (
    ByConstituency,
    Constituency,
    apportion_constituencies,
    lots_drawn_in,
    lots_drawn_over_whole,
)
from shared.apportionment.last_seat import Gain, LastSeat, last_seat
from shared.apportionment.quotients import Award, NextQuotient
from shared.apportionment.rule_packs import CLASSIC, RULE_PACKS, SERBIA_2014, SERBIA_2020, SPAIN_CONGRESS
from shared.apportionment.rules import MAXIMUM_SEATS, Rules
from shared.apportionment.seats import Apportionment, Entry, Tie, apportion
from shared.apportionment.shares import share, shares

__all__ = [
    "CLASSIC",
    "MAXIMUM_SEATS",
    "RULE_PACKS",
    "SERBIA_2014",
    "SERBIA_2020",
    "SPAIN_CONGRESS",
    "Apportionment",
    "Award",
    "ByConstituency",
    "Constituency",
    "Entry",
    "Gain",
    "LastSeat",
    "ListCertainty",
    "NextQuotient",
    "Rules",
    "SeatCertainty",
    "Tie",
    "apportion",
    "apportion_constituencies",
    "last_seat",
    "lots_drawn_in",
    "lots_drawn_over_whole",
    "seat_certainty",
    "share",
    "shares",
]
