"""The public list of the ballots that were counted, as far as somebody has the GUID of one."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import current_app
from pydantic import Field

from results_service.actions import receipts as actions
from results_service.routes.seats import Shape
from shared.auth import public
from shared.terms import Refusal
from shared.web.logs import unlinked

receipts = APIBlueprint("receipts", __name__, url_prefix="/api/elections", tag="Receipts")


class ReceiptAnswer(Shape):
    """What became of a ballot."""

    election_id: int
    guid: UUID
    counted: bool
    reason: Refusal | None = Field(description="Why it is not counted; null when it is.")
    poll_number: int | None = Field(
        description="For whom it is, once the count is final and where the rules of the election say that everybody "
        "may know; else null."
    )
    repeated: bool = Field(
        description="Whether a ballot that counts was cast more than once. The choice that arrived first counts."
    )


@receipts.get("/<int:election_id>/receipts/<uuid:guid>")
@public
@unlinked
@receipts.output(ReceiptAnswer)
@receipts.doc(
    summary="Whether the ballot of a receipt was counted",
    description="For everybody who has the GUID. The request is logged without it.",
    responses={404: "No such election, or no such ballot in it (yet)", 503: "The election store cannot be reached"},
)
def look_up(election_id: int, guid: UUID) -> tuple[dict[str, Any], int, dict[str, str]]:
    found = actions.look_up(current_app.extensions["desk"], election_id, guid.bytes)
    answer = {"election_id": election_id, "guid": guid, **vars(found)}
    # Nobody on the way is to keep who asked for which ballot.
    return answer, 200, {"Cache-Control": "no-store"}
