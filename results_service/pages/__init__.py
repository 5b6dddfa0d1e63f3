"""The results as pages for everybody: readable on a phone, without JavaScript, and without anything from elsewhere.

With JavaScript the page of an election that is not final follows the stream of its result.
"""

from results_service.pages import candidates, corrections, elections, moments, places, protocol, receipts, seats
from results_service.pages.ground import blueprint

__all__ = ["blueprint", "candidates", "corrections", "elections", "moments", "places", "protocol", "receipts", "seats"]
