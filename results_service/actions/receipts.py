"""Looking a receipt up: anybody who has the GUID of a ballot may ask whether it was counted."""

from dataclasses import dataclass

from results_service.actions import Desk, published_election
from results_service.actions.choices import are_told
from results_service.store import receipts
from results_service.store.choices import choice
from shared.errors import NotFound
from shared.terms import Refusal


@dataclass(frozen=True)
class Found:
    """What became of a ballot; ``reason``: why it is not counted; ``poll_number``: for whom it is, if that is told.

    ``repeated``: it came again after the first time, which alone counts.
    """

    counted: bool
    reason: Refusal | None
    poll_number: int | None = None
    repeated: bool = False


def look_up(desk: Desk, election_id: int, guid: bytes) -> Found:
    """What became of the ballot of this GUID; NotFound while none is recorded."""
    with desk.database.reading(still=True) as session:
        election = published_election(session, election_id)
        is_recorded = receipts.is_recorded(session, election_id, guid)
        # A bad signature takes no GUID up: the ballot that has it may be another one, which counts.
        reason = receipts.refusal(session, election_id, guid)
        is_counted = is_recorded and reason is not Refusal.INVALID_POLL_NUMBER
        is_told = is_counted and are_told(session, election, desk.now())
        poll_number = choice(session, election_id, guid) if is_told else None
        is_repeated = is_counted and receipts.came_again(session, election_id, guid)
    if is_counted:
        return Found(True, None, poll_number, is_repeated)
    if reason is None:
        raise NotFound(
            "No ballot with this GUID is recorded in this election. One that was cast a moment ago is in a few seconds."
        )
    return Found(False, reason)
