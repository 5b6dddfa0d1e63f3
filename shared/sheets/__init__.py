"""Tally sheets: what stands on one, what is wrong with it, and where it stands. Pure; see docs/tally-sheets.md.

The voting station, the daemon and the administration judge by the same rules, and the results service reads by them.
"""

from shared.sheets.checks import GAP_TOLERANCE, SHARE_TO_EXPLAIN, Finding, check, settle_explanations
from shared.sheets.numbers import COUNTS, MOST, MOST_TOLD, Numbers
from shared.sheets.people import Person
from shared.sheets.reconciliation import Counted, Difference, Note, Reconciliation, reconcile
from shared.sheets.states import Event, Sheet, advance, differing, may_reopen, replay, require_entry
from shared.sheets.windows import TAKEN_AFTER_END, is_taken, require_taken, require_voted_at, taken_until

__all__ = [
    "COUNTS",
    "GAP_TOLERANCE",
    "MOST",
    "MOST_TOLD",
    "SHARE_TO_EXPLAIN",
    "TAKEN_AFTER_END",
    "Counted",
    "Difference",
    "Event",
    "Finding",
    "Note",
    "Numbers",
    "Person",
    "Reconciliation",
    "Sheet",
    "advance",
    "check",
    "differing",
    "is_taken",
    "may_reopen",
    "reconcile",
    "replay",
    "require_entry",
    "require_taken",
    "require_voted_at",
    "settle_explanations",
    "taken_until",
]
