"""/api/elections/{id}/electorate: who can vote where in an election."""

from datetime import datetime
from typing import Any

from apiflask import APIBlueprint
from pydantic import BaseModel, Field

from admin_service.actions import electorates as actions
from admin_service.routes.fields import READERS, database
from shared.auth import requires

electorates = APIBlueprint("electorates", __name__, tag="Electorates", url_prefix="/api/elections")


class SeatsOfConstituencies(BaseModel):
    """Whether the constituencies elect as many as the rules of the election say."""

    to_give: int = Field(description="By the rules.")
    elected: int = Field(description="By all constituencies together.")
    add_up: bool
    without_seats: list[str] = Field(description="Constituencies that elect none, by name.")


class ConstituencyTotals(BaseModel):
    """What belongs to a constituency."""

    id: int
    name: str
    region_id: int
    region: str
    seats: int | None
    stations: int
    active: int = Field(description="Stations at which people vote.")
    registered: int = Field(description="Voters on the electoral rolls of the active stations.")


class ElectorateAnswer(BaseModel):
    """Who can vote where, in numbers."""

    election_id: int
    frozen_since: datetime | None = Field(
        description="When its geography was copied; null as long as that of today is that of the election."
    )
    stations: int
    active: int = Field(description="Stations at which people vote.")
    registered: int = Field(description="Voters on the electoral rolls of the active stations.")
    seats: SeatsOfConstituencies | None = Field(description="null where seats are not given per constituency.")
    constituencies: list[ConstituencyTotals]


@electorates.get("/<int:election_id>/electorate")
@requires(*READERS)
@electorates.output(ElectorateAnswer)
@electorates.doc(
    summary="The electorate of an election in numbers",
    description="By the geography as it was at the opening, if the election has opened.",
    responses={404: "No such election"},
)
def show_electorate(election_id: int) -> dict[str, Any]:
    found = actions.totals(database(), election_id)
    to_give = found.seats_to_give
    return {
        "election_id": election_id,
        "frozen_since": found.frozen_at,
        "stations": len(found.geography.stations),
        "active": len(found.geography.active),
        "registered": found.geography.registered,
        "seats": None
        if to_give is None
        else {
            "to_give": to_give,
            "elected": found.seats,
            "add_up": found.seats == to_give and not found.without_seats,
            "without_seats": found.without_seats,
        },
        "constituencies": [
            {
                **{name: getattr(one.part, name) for name in ("id", "name", "region_id", "region", "seats")},
                "stations": one.stations,
                "active": one.active,
                "registered": one.registered,
            }
            for one in found.constituencies
        ],
    }
