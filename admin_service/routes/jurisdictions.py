"""/api/jurisdictions: the areas of authority within which elections may not overlap."""

from typing import Any

from apiflask import APIBlueprint
from pydantic import BaseModel

from admin_service import store
from admin_service.actions import jurisdictions as actions
from admin_service.routes.fields import READERS, Name, Tagged, database
from shared.auth import requires
from shared.schema.election import Jurisdiction
from shared.terms import Role
from shared.web.journal import journaled
from shared.web.requests import Page, PageQuery, Strict, paginate

jurisdictions = APIBlueprint("jurisdictions", __name__, tag="Jurisdictions", url_prefix="/api/jurisdictions")


class JurisdictionAnswer(BaseModel):
    """An area of authority; number 1 is the whole country."""

    id: int
    name: str


class JurisdictionPage(Page[JurisdictionAnswer]):
    """One page of jurisdictions."""


class NewJurisdiction(Strict):
    """What a jurisdiction is made of."""

    name: Name


@jurisdictions.get("")
@requires(*READERS)
@jurisdictions.input(PageQuery, location="query", arg_name="query")
@jurisdictions.output(JurisdictionPage)
@jurisdictions.doc(summary="List jurisdictions")
def list_jurisdictions(query: PageQuery) -> dict[str, Any]:
    with database().reading() as session:
        return paginate(session, store.jurisdictions(), query, _answer)


@jurisdictions.post("")
@requires(Role.ADMINISTRATOR)
@journaled("jurisdiction.created", "jurisdiction")
@jurisdictions.input(NewJurisdiction, arg_name="body")
@jurisdictions.output(JurisdictionAnswer, status_code=201)
@jurisdictions.doc(
    summary="Make a jurisdiction known", responses={409: "There is one of this name", 422: "A field is wrong"}
)
def create_jurisdiction(body: NewJurisdiction) -> Tagged[JurisdictionAnswer]:
    made = actions.create(database(), body.name)
    return _answer(made), 201, {"Location": f"/api/jurisdictions/{made.id}"}


@jurisdictions.get("/<int:jurisdiction_id>")
@requires(*READERS)
@jurisdictions.output(JurisdictionAnswer)
@jurisdictions.doc(summary="One jurisdiction", responses={404: "No such jurisdiction"})
def show_jurisdiction(jurisdiction_id: int) -> JurisdictionAnswer:
    with database().reading() as session:
        return _answer(store.jurisdiction(session, jurisdiction_id))


def _answer(jurisdiction: Jurisdiction) -> JurisdictionAnswer:
    return JurisdictionAnswer.model_validate(jurisdiction, from_attributes=True)
