"""/api/regions and /api/constituencies: the parts of the country that polling centres lie in."""

from typing import Any

from apiflask import APIBlueprint
from pydantic import BaseModel, Field

from admin_service.actions import geography as actions
from admin_service.actions.geography import CONSTITUENCY, REGION
from admin_service.routes.fields import OF_A_CHANGE, READERS, Id, Name, Searched, Tagged, changes, database
from admin_service.store import geography as store
from admin_service.store.rows import one
from shared.auth import requires
from shared.schema.election import Constituency, Region
from shared.terms import Role
from shared.web.journal import journaled
from shared.web.requests import Page, PageQuery, Strict, check_match, etag, paginate

areas = APIBlueprint("areas", __name__, tag="Regions and constituencies", url_prefix="/api")


class RegionAnswer(BaseModel):
    """The largest part of the country that geography knows."""

    id: int
    name: str
    version: int = Field(description="Counts the changes; the ETag.")


class RegionPage(Page[RegionAnswer]):
    """One page of regions."""


class NewRegion(Strict):
    """What a region is made of."""

    name: Name


class RegionChange(Strict):
    """What is to be different; a field that is left out or null stays as it is."""

    name: Name | None = None


class AreaQuery(PageQuery):
    """Which regions."""

    name: Searched = ""


class ConstituencyAnswer(BaseModel):
    """A part of a region whose voters elect together."""

    id: int
    region_id: int
    name: str
    seats: int | None = Field(description="How many it elects; null where seats are given over the whole.")
    version: int = Field(description="Counts the changes; the ETag.")


class ConstituencyPage(Page[ConstituencyAnswer]):
    """One page of constituencies."""


Seats = Field(
    None, strict=True, ge=1, le=100_000, description="How many it elects; null: seats are given over the whole."
)


class NewConstituency(Strict):
    """What a constituency is made of."""

    region_id: Id
    name: Name
    seats: int | None = Seats


class ConstituencyChange(Strict):
    """What is to be different; a field that is left out stays as it is, and so does one that is null, except seats."""

    region_id: Id | None = None
    name: Name | None = None
    seats: int | None = Seats


class ConstituencyQuery(AreaQuery):
    """Which constituencies."""

    region_id: int | None = Field(None, ge=1, le=2**31 - 1, description="Only those of this region.")


@areas.get("/regions")
@requires(*READERS)
@areas.input(AreaQuery, location="query", arg_name="query")
@areas.output(RegionPage)
@areas.doc(summary="List or search regions")
def list_regions(query: AreaQuery) -> dict[str, Any]:
    with database().reading() as session:
        return paginate(session, store.regions(query.name), query, _region)


@areas.post("/regions")
@requires(Role.ADMINISTRATOR)
@journaled("region.created", "region")
@areas.input(NewRegion, arg_name="body")
@areas.output(RegionAnswer, status_code=201)
@areas.doc(summary="Make a region known", responses={409: "There is one of this name", 422: "A field is wrong"})
def create_region(body: NewRegion) -> Tagged[RegionAnswer]:
    made = actions.create(database(), REGION, body.model_dump())
    return _region(made), 201, {"Location": f"/api/regions/{made.id}", **etag(made.version)}


@areas.get("/regions/<int:region_id>")
@requires(*READERS)
@areas.output(RegionAnswer)
@areas.doc(summary="One region", responses={404: "No such region"})
def show_region(region_id: int) -> Tagged[RegionAnswer]:
    with database().reading() as session:
        found = one(session, Region, region_id)
        return _region(found), 200, etag(found.version)


@areas.patch("/regions/<int:region_id>")
@requires(Role.ADMINISTRATOR)
@journaled("region.changed", "region {region_id}")
@areas.input(RegionChange, arg_name="body")
@areas.output(RegionAnswer)
@areas.doc(summary="Change a region", description="Needs If-Match.", responses={404: "No such region", **OF_A_CHANGE})
def change_region(region_id: int, body: RegionChange) -> Tagged[RegionAnswer]:
    changed = actions.change(database(), REGION, region_id, check_match, changes(body))
    return _region(changed), 200, etag(changed.version)


@areas.delete("/regions/<int:region_id>")
@requires(Role.ADMINISTRATOR)
@journaled("region.deleted", "region {region_id}")
@areas.output({}, status_code=204)
@areas.doc(summary="Delete a region", responses={404: "No such region", 409: "It has constituencies"})
def delete_region(region_id: int) -> tuple[str, int]:
    actions.delete(database(), REGION, region_id)
    return "", 204


@areas.get("/constituencies")
@requires(*READERS)
@areas.input(ConstituencyQuery, location="query", arg_name="query")
@areas.output(ConstituencyPage)
@areas.doc(summary="List or search constituencies")
def list_constituencies(query: ConstituencyQuery) -> dict[str, Any]:
    with database().reading() as session:
        return paginate(session, store.constituencies(query.name, query.region_id), query, _constituency)


@areas.post("/constituencies")
@requires(Role.ADMINISTRATOR)
@journaled("constituency.created", "constituency")
@areas.input(NewConstituency, arg_name="body")
@areas.output(ConstituencyAnswer, status_code=201)
@areas.doc(summary="Make a constituency known", responses={409: "There is one of this name", 422: "A field is wrong"})
def create_constituency(body: NewConstituency) -> Tagged[ConstituencyAnswer]:
    made = actions.create(database(), CONSTITUENCY, body.model_dump())
    return _constituency(made), 201, {"Location": f"/api/constituencies/{made.id}", **etag(made.version)}


@areas.get("/constituencies/<int:constituency_id>")
@requires(*READERS)
@areas.output(ConstituencyAnswer)
@areas.doc(summary="One constituency", responses={404: "No such constituency"})
def show_constituency(constituency_id: int) -> Tagged[ConstituencyAnswer]:
    with database().reading() as session:
        found = one(session, Constituency, constituency_id)
        return _constituency(found), 200, etag(found.version)


@areas.patch("/constituencies/<int:constituency_id>")
@requires(Role.ADMINISTRATOR)
@journaled("constituency.changed", "constituency {constituency_id}")
@areas.input(ConstituencyChange, arg_name="body")
@areas.output(ConstituencyAnswer)
@areas.doc(
    summary="Change a constituency",
    description="Needs If-Match.",
    responses={404: "No such constituency", **OF_A_CHANGE},
)
def change_constituency(constituency_id: int, body: ConstituencyChange) -> Tagged[ConstituencyAnswer]:
    changed = actions.change(database(), CONSTITUENCY, constituency_id, check_match, changes(body, "seats"))
    return _constituency(changed), 200, etag(changed.version)


@areas.delete("/constituencies/<int:constituency_id>")
@requires(Role.ADMINISTRATOR)
@journaled("constituency.deleted", "constituency {constituency_id}")
@areas.output({}, status_code=204)
@areas.doc(summary="Delete a constituency", responses={404: "No such constituency", 409: "It has polling centres"})
def delete_constituency(constituency_id: int) -> tuple[str, int]:
    actions.delete(database(), CONSTITUENCY, constituency_id)
    return "", 204


def _region(region: Region) -> RegionAnswer:
    return RegionAnswer.model_validate(region, from_attributes=True)


def _constituency(constituency: Constituency) -> ConstituencyAnswer:
    return ConstituencyAnswer.model_validate(constituency, from_attributes=True)
