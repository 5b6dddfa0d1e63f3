"""What results say, decided from numbers alone: without a clock and without a store, a module for each noun."""

from results_service.rules.result import (
    Ballots,
    Certainty,
    ListResult,
    Result,
    certainty_of,
    counted_until,
    fingerprint,
    result_of,
    waiting_for,
)
from results_service.rules.seats import (
    SHARE_DECIMALS,
    ListVotes,
    Name,
    Quotient,
    Seats,
    Threshold,
    Tie,
    rounded,
    share,
)

__all__ = [
    "SHARE_DECIMALS",
    "Ballots",
    "Certainty",
    "ListResult",
    "ListVotes",
    "Name",
    "Quotient",
    "Result",
    "Seats",
    "Threshold",
    "Tie",
    "certainty_of",
    "counted_until",
    "fingerprint",
    "result_of",
    "rounded",
    "share",
    "waiting_for",
]
