"""The shape in which answers say how votes became seats."""

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """An answer that is read from the attributes of what an action returns."""

    model_config = ConfigDict(from_attributes=True)


class NameAnswer(Shape):
    """A list by number and name."""

    poll_number: int
    name: str


class ThresholdAnswer(Shape):
    """What a list had to reach to take part, and who did not."""

    share: str
    base: str = Field(
        description="`valid_votes`, or `ballots_cast`: the valid and the invalid ballots, without duplicates."
    )
    base_ballots: int = Field(description="How many those are.")
    votes_needed: int = Field(description="The least number of votes that reaches it.")
    waived: bool = Field(description="Nobody reached it, and the rules then let all lists take part.")
    excluded: list[NameAnswer]


class TieAnswer(Shape):
    """A tie that waits for a lot."""

    lists: list[NameAnswer]
    seats_open: int


class AwardAnswer(Shape):
    """A seat and the quotient that won it."""

    seat: int
    poll_number: int
    divisor: int
    quotient: str = Field(description="Exact: a whole number or a fraction.", examples=["1736920/3"])
    tied_with: list[int] = Field(description="Lists with the very same quotient that got no seat for it.")


class NextQuotientAnswer(Shape):
    """The largest quotient of a list that won no seat."""

    poll_number: int
    divisor: int
    quotient: str


class SeatsAnswer(Shape):
    """How the votes became seats."""

    rules: dict[str, int | str | bool]
    seats: int = Field(description="How many there are to give.")
    awarded: int = Field(description="How many are given; fewer while a tie waits for a lot.")
    threshold: ThresholdAnswer | None = Field(
        description="null where seats are given per constituency and it does not hold here: over the whole, or in each."
    )
    tie: TieAnswer | None
    lots: list[int] = Field(description="Poll numbers drawn by lot that decided a tie, in the order drawn.")
    awards: list[AwardAnswer] = Field(description="In the order of award.")
    next_quotients: list[NextQuotientAnswer] = Field(description="The nearest to one more seat first.")


class ListSeatsAnswer(Shape):
    """A list in one constituency."""

    poll_number: int
    votes: int
    share: str = Field(description="With four decimals, of the valid votes of the constituency.")
    seats: int
    excluded: bool = Field(description="Kept out by the threshold.")


class ConstituencySeatsAnswer(SeatsAnswer):
    """How the votes of one constituency became its seats."""

    id: int
    name: str
    valid_votes: int
    lists: list[ListSeatsAnswer]


class WholeSeatsAnswer(SeatsAnswer):
    """How the votes became seats, over the whole or in each constituency."""

    constituencies: list[ConstituencySeatsAnswer] | None = Field(
        description="Where each constituency elects for itself, by name: the reasons stand there, and those of the "
        "whole are empty. null where seats are given over the whole."
    )
