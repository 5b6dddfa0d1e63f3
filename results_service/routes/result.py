"""The shapes of a result: an election, its ballots, lists and polling stations, and what tally sheets declare."""

from datetime import datetime

from pydantic import Field

from results_service.routes.seats import Shape, WholeSeatsAnswer
from results_service.rules import Certainty
from shared.terms import Kind, State


class ElectionSummary(Shape):
    """An election."""

    id: int
    title: str
    kind: Kind
    individual: bool = Field(description="Individuals stand in it, not parties.")
    state: State
    start: datetime = Field(description="The first moment at which it is open.")
    end: datetime = Field(description="The first moment at which it is open no more.")
    cancelled_reason: str


class HeldBackAnswer(Shape):
    """That no votes are told: voters cast ballots themselves, and the count is not final."""

    why: str = Field(description="As a sentence.")
    until: datetime | None = Field(description="No votes are told before it; null: they never will be.")


class BallotsAnswer(Shape):
    """What became of the ballots that the stations accepted."""

    received: int = Field(description="The sum of the next four.")
    counted: int
    duplicate: int = Field(description="Refused, because a ballot with that GUID was received before.")
    invalid: int = Field(description="Refused, because nobody has that poll number.")
    outside: int = Field(
        description="Sent for this election by name before its end, when it was not open, and so none of "
        "its ballots. What is sent after the end stands in its batch alone, for a final result does not change."
    )
    cast: int = Field(description="Ballots in the box: counted and invalid ones.")


class ListAnswer(Shape):
    """A line of the result."""

    poll_number: int
    name: str
    exempt: bool
    votes: int
    share: str = Field(description="With four decimals, of what `share_of` names.", examples=["0.4835"])
    seats: int | None = Field(description="null where no seats are given.")
    excluded: bool = Field(description="Kept out by the threshold.")


class ReportingAnswer(Shape):
    """How far the polling stations are."""

    total: int = Field(description="At which people vote; all figures are 0 where no polling station is known.")
    counted: int = Field(
        description="That have reported: with ballots in the box, or with an accepted sheet that says nobody voted."
    )
    sheets: int = Field(description="Whose tally sheet is accepted.")
    registered: int = Field(description="Voters on the electoral rolls of all of them.")
    registered_counted: int = Field(description="Those of the counted ones.")
    cast: int = Field(description="Ballots in the box at the counted ones: counted and invalid ones.")
    turnout: str | None = Field(
        description="`cast` as a share of `registered_counted`, with four decimals; null while that is 0.",
        examples=["0.5309"],
    )


class DeclaredAnswer(Shape):
    """What accepted tally sheets declare, summed up; no part of the result."""

    sheets: int = Field(description="How many sheets those are.")
    voted: int = Field(description="Voters who voted, by the marks on the roll.")
    in_box: int = Field(description="Ballots in the box by these sheets: valid, invalid and blank ones.")
    invalid: int
    invalid_share: str | None = Field(
        description="`invalid` as a share of `in_box`, with four decimals; null while that is 0.", examples=["0.0312"]
    )
    blank: int = Field(description="Ballots without any mark, which are none of the invalid ones.")
    blank_share: str | None = Field(description="`blank` as a share of `in_box`, in the same way.")


class ResultAnswer(ElectionSummary):
    """The result of an election, why it is so, and how certain."""

    certainty: Certainty
    waits_for: list[str] = Field(description="What has to happen before the result is final.")
    counted_until: datetime | None = Field(description="Every ballot received before this moment is counted.")
    valid_votes: int
    share_of: str = Field(description="Of what the shares are shares.")
    ballots: BallotsAnswer
    held_back: HeldBackAnswer | None = Field(description="null where votes are told.")
    lists: list[ListAnswer] = Field(description="None while votes are held back.")
    apportionment: WholeSeatsAnswer | None = Field(description="null where no seats are given, or votes held back.")
    as_of: datetime | None = Field(description="The moment that was asked for; null: now.")
    last_change: datetime | None = Field(description="When the newest ballots that are recorded were received.")
    registered: int = Field(description="Voters on the electoral rolls of all stations.")
    turnout: str | None = Field(description="Ballots in the box, as a share of what `turnout_of` names.")
    turnout_of: str = Field(description="`registered_counted`: the registered voters of the counted stations.")
    stations: ReportingAnswer
    unattributed: int = Field(description="Ballots in the box that are of no polling station.")
    declared: DeclaredAnswer | None = Field(
        description="By the `sheets` that are accepted so far, of the `stations.total` polling stations. null where "
        "none is, or votes are held back."
    )
