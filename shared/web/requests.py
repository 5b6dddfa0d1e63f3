"""What many routes ask of a request in the same way: pages of a listing, and If-Match."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from flask import request
from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy.orm import Session

from shared.errors import ChangedMeanwhile, PreconditionMissing

M = TypeVar("M")


class Strict(BaseModel):
    """A request body: an unknown field is an error, not something to pass over in silence."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @field_validator("*", mode="after")
    @classmethod
    def _has_no_null_characters(cls, value: Any) -> Any:
        # PostgreSQL cannot store them, and nobody has them in a name.
        if isinstance(value, str) and "\0" in value:
            raise ValueError("A text cannot hold the null character.")
        return value


class PageQuery(BaseModel):
    """Which page of a listing; an unknown parameter is an error, or a misspelt filter would show everything."""

    model_config = ConfigDict(extra="forbid")

    page: int = Field(1, ge=1, le=1_000_000, description="From 1.")
    per_page: int = Field(50, ge=1, le=200, description="Items on a page.")


class Page(BaseModel, Generic[M]):
    """One page of a listing, and how many items there are in all."""

    items: list[M]
    page: int
    per_page: int
    total: int


def paginate(
    session: Session, statement: sa.Select[Any], query: PageQuery, shape: Callable[[Any], M]
) -> dict[str, Any]:
    """Run the ordered ``statement`` for one page; ``shape`` turns an entity into its answer."""
    total = session.scalar(sa.select(sa.func.count()).select_from(statement.order_by(None).subquery()))
    found = session.scalars(statement.limit(query.per_page).offset((query.page - 1) * query.per_page))
    return {
        "items": [shape(entity) for entity in found],
        "page": query.page,
        "per_page": query.per_page,
        "total": total or 0,
    }


def etag(version: int) -> dict[str, str]:
    """The header that names the state a thing is in."""
    return {"ETag": f'"{version}"'}


def need_match() -> None:
    """Refuse a change that does not say which state it is meant for."""
    if not request.headers.get("If-Match"):
        raise PreconditionMissing(
            "Send If-Match with the ETag that you read, so that nobody's change is overwritten unseen."
        )


def check_match(version: int) -> None:
    """Refuse a change unless ``If-Match`` names the state that the thing is in."""
    need_match()
    sent = request.if_match
    if not (sent.star_tag or sent.contains(str(version))):
        raise ChangedMeanwhile("Somebody has changed this meanwhile; read it again and repeat your change.")
