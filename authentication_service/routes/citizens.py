"""The /api routes of the citizens' register: to import it, to look somebody up, to note what has changed."""

from collections.abc import Mapping
from datetime import date, datetime
from tempfile import TemporaryFile
from typing import Any, cast

from apiflask import APIBlueprint
from flask import request
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from authentication_service import signing
from authentication_service.actions import citizens as actions
from authentication_service.actions.citizen_import import MOST_TOLD, Import, Window, import_citizens
from authentication_service.rules.citizens import COLUMNS, LONGEST
from authentication_service.signing import parts
from shared.auth import identity, requires
from shared.csv_lines import Change
from shared.terms import CitizenStatus, Role
from shared.web.journal import journaled
from shared.web.requests import Page, PageQuery, Strict, check_match, etag

citizens = APIBlueprint("citizens", __name__, tag="Citizens' register", url_prefix="/api/citizens")

MOST_BYTES = 192 * 1024 * 1024
"""A million lines in Cyrillic letters; nginx lets a little more come, so that the refusal is ours."""

_PIECE = 1 << 20
_BODY: Mapping[str, Any] = {
    "required": True,
    "description": f"CSV in UTF-8 with a header; the columns are {', '.join(COLUMNS)}. The last one may be missing.",
    "content": {"text/csv": {"schema": {"type": "string"}}},
}


class CitizenOut(BaseModel):
    """A citizen as the register has him."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    national_id: str = Field(
        description="Whole for an administrator who reads this one citizen, else all but the last four digits masked."
    )
    forename: str
    surname: str
    born_on: date
    birthplace: str
    address: str = Field(description="Of permanent residence.")
    region: str
    federal_unit: str
    status: CitizenStatus = Field(description="Only who is registered may vote.")
    has_account: bool = Field(description="Whether there is a voter's account of this citizen.")
    imported_at: datetime = Field(description="UTC.")
    updated_at: datetime | None = Field(description="When the entry was last changed, UTC.")


class CitizensQuery(PageQuery):
    """Which citizens."""

    search: str | None = Field(
        None,
        max_length=256,
        description="A whole national id, or the beginning of a surname, or a surname and the beginning of a forename; "
        "in any case and script, with or without accents.",
    )
    status: CitizenStatus | None = Field(None, description="Only citizens of this status.")

    @field_validator("search")
    @classmethod
    def _can_be_searched(cls, value: str | None) -> str | None:
        if value is not None and "\0" in value:
            raise ValueError("A search cannot hold the character NUL.")
        return value


class CitizensPage(Page[CitizenOut]):
    """One page of the register, in the order of the names."""


class CitizenIn(Strict):
    """What is to be other than it is."""

    forename: str | None = Field(None, max_length=LONGEST)
    surname: str | None = Field(None, max_length=LONGEST)
    address: str | None = Field(None, max_length=LONGEST)
    region: str | None = Field(None, max_length=LONGEST)
    federal_unit: str | None = Field(None, max_length=LONGEST)
    status: CitizenStatus | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "CitizenIn":
        if all(value is None for value in vars(self).values()):
            raise ValueError("Say what is to be other than it is.")
        return self


class ImportQuery(BaseModel):
    """What is to be done with the file."""

    model_config = ConfigDict(extra="forbid")

    preview: bool = Field(False, description="Say what would become of each line, and change nothing.")
    skip_wrong: bool = Field(False, description="Import the right lines although others are wrong.")


class ProblemAnswer(BaseModel):
    """What is wrong on a line."""

    line: int = Field(description="As an editor shows it; the header is line 1.")
    field: str
    message: str


class ChangedAnswer(BaseModel):
    """A citizen who is known, and the columns in which the line differs."""

    line: int
    forename: str
    surname: str
    columns: list[str]


class CitizenImportAnswer(BaseModel):
    """What became of the file, or with `preview` would become of it."""

    done: bool = Field(description="False after a preview: nothing was changed.")
    new: int
    changed: int
    same: int = Field(description="Lines that say what is known, and are passed over.")
    wrong: int
    ignored_columns: list[str] = Field(description="Columns of the file that mean nothing here.")
    changed_citizens: list[ChangedAnswer] = Field(description=f"The first {MOST_TOLD} of them, after a preview.")
    problems: list[ProblemAnswer] = Field(description=f"The first {MOST_TOLD}; each wrong line has at least one.")


@citizens.post("/import")
@requires(Role.ADMINISTRATOR)
@journaled("citizen.imported", "register")
@citizens.input(ImportQuery, location="query", arg_name="query")
@citizens.output(CitizenImportAnswer)
@citizens.doc(
    summary="Import citizens from a CSV file",
    description="All lines or none. Whoever is known by the national id is changed where the line says something else. "
    "A wrong line prevents it, unless `skip_wrong` leaves such lines aside.",
    responses={
        409: "Somebody else changed the register meanwhile",
        413: "The file is over the size limit",
        422: "A line is wrong",
    },
)
def import_from_file(query: ImportQuery) -> CitizenImportAnswer:
    request.max_content_length = MOST_BYTES
    with TemporaryFile() as file:
        while piece := request.stream.read(_PIECE):
            file.write(piece)
        made = import_citizens(
            parts().database,
            identity(),
            file,
            preview=query.preview,
            skip_wrong=query.skip_wrong,
            window=Window(frozenset({Change.CHANGED})),
            now=signing.now(),
        )
    return _answer(made)


@citizens.get("")
@requires(Role.ADMINISTRATOR, Role.AUDITOR)
@citizens.input(CitizensQuery, location="query")
@citizens.output(CitizensPage)
@citizens.doc(summary="List and search citizens", description="A search with a national id stands in no log.")
def list_citizens(query_data: CitizensQuery) -> dict[str, Any]:
    return actions.list_citizens(
        parts().database, identity(), query_data, search=query_data.search, status=query_data.status
    )


@citizens.get("/<int:citizen_id>")
@requires(Role.ADMINISTRATOR, Role.AUDITOR)
@citizens.output(CitizenOut)
@citizens.doc(summary="One citizen", responses={404: "No such citizen"})
def read_citizen(citizen_id: int) -> tuple[actions.Entry, int, dict[str, str]]:
    return _with_etag(actions.read_citizen(parts().database, identity(), citizen_id))


@citizens.patch("/<int:citizen_id>")
@requires(Role.ADMINISTRATOR)
@journaled("citizen.changed", "citizen {citizen_id}")
@citizens.input(CitizenIn)
@citizens.output(CitizenOut)
@citizens.doc(
    summary="Note that a citizen has died, moved or bears another name",
    responses={404: "No such citizen", 412: "Changed meanwhile", 428: "If-Match is missing"},
)
def change_citizen(citizen_id: int, json_data: CitizenIn) -> tuple[actions.Entry, int, dict[str, str]]:
    changes = {name: value for name, value in json_data.model_dump().items() if value is not None}
    return _with_etag(
        actions.change_citizen(
            parts().database,
            identity(),
            citizen_id,
            cast(actions.CitizenChanges, changes),
            matches=check_match,
            now=signing.now(),
        )
    )


def describe_body(spec: dict[str, Any]) -> None:
    """Put into the OpenAPI document what APIFlask cannot know: the bodies that are no JSON."""
    spec["paths"]["/api/citizens/import"]["post"]["requestBody"] = _BODY


def _answer(made: Import) -> CitizenImportAnswer:
    return CitizenImportAnswer(
        done=made.done,
        new=made.numbers[Change.NEW],
        changed=made.numbers[Change.CHANGED],
        same=made.numbers[Change.SAME],
        wrong=made.wrong,
        ignored_columns=list(made.ignored),
        changed_citizens=[
            ChangedAnswer(line=one.line, forename=one.forename, surname=one.surname, columns=list(one.columns))
            for one in made.lines
        ],
        problems=[ProblemAnswer(**vars(problem)) for problem in made.problems],
    )


def _with_etag(entry: actions.Entry) -> tuple[actions.Entry, int, dict[str, str]]:
    return entry, 200, etag(entry.version)
