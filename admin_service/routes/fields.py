"""Types that the bodies of several nouns share, and who may read what the administration publishes."""

from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from shared.auth import identity
from shared.database import Database
from shared.sheets import Person
from shared.terms import Role
from shared.web.extensions import extension

# Whoever works on an election may know what stands in it; the auditor reads everything and changes nothing.
READERS = (Role.ADMINISTRATOR, Role.OFFICIAL, Role.AUDITOR)
# Who handed in what, and what is decided about it, is no matter of the officials.
SUPERVISORS = (Role.ADMINISTRATOR, Role.AUDITOR)

# JSON's true and "1" are no ids, though Python and pydantic would take them for such.
Id = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
# The same in an address.
Reference = Annotated[int | None, Field(ge=1, le=2**31 - 1)]
Flag = Annotated[bool, Field(strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=256)]
Line = Annotated[str, Field(max_length=256)]
# A null character stands in no name, and PostgreSQL would not even look for it.
Searched = Annotated[str, Field(max_length=256, pattern="^[^\0]*$", description="A part of it, in whatever case.")]
M = TypeVar("M")

# What a change of a place may be answered besides 404.
OF_A_CHANGE = {
    409: "There is one of this name",
    412: "Changed meanwhile",
    422: "A field is wrong",
    428: "If-Match is missing",
}

# An answer with its status and headers, among them the ETag.
Tagged = tuple[M, int, dict[str, str]]

Reason = Annotated[str, Field(max_length=1024)]


def acting() -> Person:
    """Who sends this request."""
    return Person(identity().email, identity().jmbg)


def database() -> Database:
    """The election store of the running service."""
    return extension("database", Database)


def zone() -> ZoneInfo:
    """Where the clocks are that dates without an offset are read by."""
    return extension("zone", ZoneInfo)


def changes(body: BaseModel, *nullable: str) -> dict[str, Any]:
    """The fields that a change names. What was left out or null stays as it is; ``nullable`` ones may become null."""
    named = body.model_dump(exclude_unset=True)
    return {name: value for name, value in named.items() if value is not None or name in nullable}
