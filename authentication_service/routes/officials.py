"""POST /api/officials/import: a file of officials and their polling stations, looked at or taken over."""

from collections.abc import Mapping
from typing import Any

from apiflask import APIBlueprint
from flask import request
from pydantic import BaseModel, ConfigDict, Field

from authentication_service import letters, signing
from authentication_service.actions.official_import import import_officials
from authentication_service.rules.officials import COLUMNS, NEEDED, Planned
from authentication_service.signing import parts
from shared.auth import identity, requires
from shared.csv_lines import Change
from shared.terms import Role
from shared.web.journal import journaled

officials = APIBlueprint("officials", __name__, tag="Import of officials", url_prefix="/api/officials")

MOST_BYTES = 900 * 1024
"""Some forty bytes for each of the most lines."""

_MOST_TOLD = 1000
_BODY: Mapping[str, Any] = {
    "required": True,
    "description": f"CSV in UTF-8 with a header; the columns are {', '.join(COLUMNS)}, of which {' and '.join(NEEDED)} "
    "are needed. A line joins one account, by the email, username or phone number that it signs in with, with one "
    "polling station, by its number.",
    "content": {"text/csv": {"schema": {"type": "string"}}},
}


class ImportQuery(BaseModel):
    """What is to be done with the file."""

    model_config = ConfigDict(extra="forbid")

    preview: bool = Field(False, description="Say what would become of each official, and change nothing.")


class ProblemAnswer(BaseModel):
    """What is wrong on a line."""

    line: int = Field(description="As an editor shows it; the header is line 1.")
    field: str
    message: str


class ChangedAnswer(BaseModel):
    """An official who is new or gets other stations."""

    line: int = Field(description="The first that names the account.")
    account: str = Field(description="As it is written there.")
    is_new: bool = Field(description="Whether the account is made.")
    granted: list[int] = Field(description="Polling stations that the official does not belong to yet.")
    taken: list[int] = Field(description="Those of today that the file does not name, and that are taken away.")


class OfficialImportAnswer(BaseModel):
    """What became of the file, or with `preview` would become of it."""

    done: bool = Field(description="False after a preview: nothing was changed.")
    new: int = Field(description="Officials for whom an account is made.")
    changed: int = Field(description="Officials who get other polling stations.")
    same: int = Field(description="Officials who belong to just these already.")
    wrong: int = Field(description="Lines that are wrong.")
    ignored_columns: list[str] = Field(description="Columns of the file that mean nothing here.")
    changed_officials: list[ChangedAnswer] = Field(description=f"The first {_MOST_TOLD} of them.")
    problems: list[ProblemAnswer] = Field(description=f"The first {_MOST_TOLD}; each wrong line has at least one.")


@officials.post("/import")
@requires(Role.ADMINISTRATOR)
@journaled("account.stations_changed", "accounts")
@officials.input(ImportQuery, location="query", arg_name="query")
@officials.output(OfficialImportAnswer)
@officials.doc(
    summary="Import officials and their polling stations from a CSV file",
    description="All lines or none. The lines of an account together say all its polling stations; accounts that the "
    "file does not name stay as they are. An address that nobody has gets an account and a mail with a link to choose "
    "a password, where the installation sends mails and the line says forename, surname and national id.",
    responses={413: "The file is over the size limit", 422: "A line is wrong"},
)
def import_from_file(query: ImportQuery) -> OfficialImportAnswer:
    request.max_content_length = MOST_BYTES
    made = import_officials(
        parts().database,
        parts().passwords,
        identity(),
        request.get_data(),
        invitations=letters.invitations(),
        preview=query.preview,
        now=signing.now(),
    )
    changed = [one for one in made.planned if one.change is not Change.SAME][:_MOST_TOLD]
    return OfficialImportAnswer(
        done=made.done,
        **{change.value: made.numbers[change] for change in Change},
        wrong=made.file.wrong,
        ignored_columns=list(made.file.ignored),
        changed_officials=[_changed(one) for one in changed],
        problems=[ProblemAnswer(**vars(problem)) for problem in made.file.problems[:_MOST_TOLD]],
    )


def describe_body(spec: dict[str, Any]) -> None:
    """Put into the OpenAPI document what APIFlask cannot know: the body that is no JSON."""
    spec["paths"]["/api/officials/import"]["post"]["requestBody"] = _BODY


def _changed(one: Planned) -> ChangedAnswer:
    return ChangedAnswer(
        line=one.line,
        account=one.account,
        is_new=one.change is Change.NEW,
        granted=list(one.granted),
        taken=list(one.taken),
    )
