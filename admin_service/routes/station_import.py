"""POST /api/polling-stations/import: a file of polling stations, looked at or taken over."""

from collections.abc import Mapping
from typing import Any

from apiflask import APIBlueprint
from flask import request
from pydantic import BaseModel, ConfigDict, Field

from admin_service.actions.station_import import Import, import_stations
from admin_service.routes.fields import database
from admin_service.rules.station_files import COLUMNS
from shared.auth import requires
from shared.csv_lines import Change
from shared.terms import Role
from shared.web.journal import journaled

station_import = APIBlueprint(
    "station_import", __name__, tag="Import of polling stations", url_prefix="/api/polling-stations"
)

MOST_BYTES = 32 * 1024 * 1024
"""A line of 160 bytes for each of 200,000 stations; nginx lets a little more come, so that the refusal is ours."""

_MOST_TOLD = 1000

_BODY: Mapping[str, Any] = {
    "required": True,
    "description": f"CSV in UTF-8 with a header; the columns may be {', '.join(COLUMNS)}.",
    "content": {"text/csv": {"schema": {"type": "string"}}},
}


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
    """A station that is known, and the columns in which the line differs."""

    line: int
    code: str
    columns: list[str]


class ImportAnswer(BaseModel):
    """What became of the file, or with `preview` would become of it."""

    done: bool = Field(description="False after a preview: nothing was changed.")
    new: int
    changed: int
    same: int = Field(description="Lines that say what is known, and are passed over.")
    wrong: int
    ignored_columns: list[str] = Field(description="Columns of the file that mean nothing here.")
    changed_stations: list[ChangedAnswer] = Field(description=f"The first {_MOST_TOLD} of them.")
    problems: list[ProblemAnswer] = Field(description=f"The first {_MOST_TOLD}; each wrong line has at least one.")


@station_import.post("/import")
@requires(Role.ADMINISTRATOR)
@journaled("polling_station.imported", "polling_station")
@station_import.input(ImportQuery, location="query", arg_name="query")
@station_import.output(ImportAnswer)
@station_import.doc(
    summary="Import polling stations from a CSV file",
    description="All lines or none, with the centres, constituencies and regions that they name. A wrong line prevents "
    "it, unless `skip_wrong` leaves such lines aside.",
    responses={
        409: "Somebody else changed stations meanwhile",
        413: "The file is over the size limit",
        422: "A line is wrong",
    },
)
def import_from_file(query: ImportQuery) -> ImportAnswer:
    request.max_content_length = MOST_BYTES
    made = import_stations(database(), request.get_data(), preview=query.preview, skip_wrong=query.skip_wrong)
    return _answer(made)


def describe_body(spec: dict[str, Any]) -> None:
    """Put into the OpenAPI document what APIFlask cannot know: the body that is no JSON."""
    spec["paths"]["/api/polling-stations/import"]["post"]["requestBody"] = _BODY


def _answer(made: Import) -> ImportAnswer:
    changed = [one for one in made.planned if one.change is Change.CHANGED]
    return ImportAnswer(
        done=made.done,
        new=made.numbers[Change.NEW],
        changed=len(changed),
        same=made.numbers[Change.SAME],
        wrong=made.file.wrong,
        ignored_columns=list(made.file.ignored),
        changed_stations=[
            ChangedAnswer(line=one.line.line, code=one.line.code, columns=list(one.columns))
            for one in changed[:_MOST_TOLD]
        ],
        problems=[ProblemAnswer(**vars(problem)) for problem in made.file.problems[:_MOST_TOLD]],
    )
