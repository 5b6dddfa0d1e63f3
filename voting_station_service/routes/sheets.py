"""The station's /api routes of tally sheets: the official's polling stations, entries, checks and photographs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from shared.auth import identity, requires
from shared.errors import InvalidInput
from shared.queue.sheets import Own, Receipt
from shared.sheets import MOST, photographs
from shared.terms import Role, Severity, SheetState
from shared.web.journal import journaled
from voting_station_service.actions import MAX_IDEMPOTENCY_KEY, ONE_FILE, limiting
from voting_station_service.actions import sheets as actions
from voting_station_service.routes import station
from voting_station_service.uploads import MULTIPART_OVERHEAD

sheets = APIBlueprint("sheets", __name__, tag="Tally sheets", url_prefix="/api/elections/<int:election_id>/stations")

# The body of a photograph: a little more than the largest, so that what is too large is refused in our own words.
_MOST_BYTES = photographs.MOST_BYTES + 1024 * 1024 - MULTIPART_OVERHEAD

_Count = Annotated[Any, WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MOST})]
_Votes = Annotated[
    Any,
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "integer", "minimum": 0, "maximum": MOST}}),
]
_Explanations = Annotated[Any, WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}})]


def _missing() -> None:
    """What is not there is no value, and none that the document could name."""


class SheetInput(BaseModel):
    """What stands on the sheet. It is checked as a whole, so that its refusals are about sheets."""

    model_config = ConfigDict(extra="allow")

    registered: _Count = Field(default_factory=_missing, description="Voters on the electoral roll.")
    voted: _Count = Field(default_factory=_missing, description="Voters who voted, by the marks on the roll.")
    received: _Count = Field(
        default_factory=_missing, description="Ballots given to the station before the polls opened."
    )
    unused: _Count = Field(default_factory=_missing, description="Of those, left over.")
    in_box: _Count = Field(default_factory=_missing, description="Ballots found in the box.")
    invalid: _Count = Field(
        default_factory=_missing, description="Of those: without a choice that can be told, the blank ones left out."
    )
    blank: _Count = Field(default_factory=_missing, description="Of those: without any mark.")
    votes: _Votes = Field(
        default_factory=_missing, description="Of those: valid votes by poll number, every list among them."
    )
    explanations: _Explanations = Field(
        default_factory=_missing, description="Why it is so, by the code of each warning."
    )


class FindingAnswer(BaseModel):
    """Something about the numbers: an error has to be mended, a warning explained."""

    code: str
    severity: Severity
    fields: list[str]
    message: str


class FindingsAnswer(BaseModel):
    """All that was found about the numbers, errors first."""

    findings: list[FindingAnswer]


class LinksAnswer(BaseModel):
    """Where to go from here."""

    sheet: str
    photographs: str


class EntryReceiptAnswer(BaseModel):
    """The proof that an entry was accepted; ask for the sheet to see what became of it."""

    id: str
    received_at: datetime
    repeated: bool = Field(description="Whether it had been accepted before under the same Idempotency-Key.")
    findings: list[FindingAnswer]
    links: LinksAnswer


class PhotographReceiptAnswer(BaseModel):
    """The proof that a photograph was accepted."""

    id: str
    received_at: datetime
    repeated: bool = Field(description="Whether it had been accepted before under the same Idempotency-Key.")
    name: str
    media_type: str = Field(description="By its content.")
    sha256: str
    size: int = Field(description="Bytes.")
    links: LinksAnswer


class OwnEntryAnswer(BaseModel):
    """An entry of the reader's own, in the present round."""

    id: str
    received_at: datetime
    state: Literal["waiting", "recorded", "refused"]
    reason: str = Field(description="Why it was refused.")
    numbers: dict[str, Any]
    explanations: dict[str, str]


class OwnPhotographAnswer(BaseModel):
    """A photograph of the reader's own."""

    id: str
    received_at: datetime
    state: Literal["waiting", "recorded", "refused"]
    reason: str = Field(description="Why it was refused.")
    name: str
    media_type: str
    sha256: str
    size: int = Field(description="Bytes.")


class SheetAnswer(BaseModel):
    """Where a sheet stands. Of what somebody else has entered it shows where it differs, and no number."""

    election_id: int
    station_id: int
    state: SheetState
    since: datetime | None
    may_enter: Literal["first", "second", "nothing"] = Field(description="What the reader may enter now.")
    why: str = Field(description="Why nothing.")
    differing: list[str] = Field(description="The fields in which the two entries differ.")
    findings: list[str] = Field(description="Codes of the warnings that were explained.")
    entries: list[OwnEntryAnswer]
    photographs: list[OwnPhotographAnswer]


class PlaceAnswer(BaseModel):
    """A polling station of the reader's, with its sheet; name and roll are null until a daemon has told them."""

    id: int
    code: str | None
    municipality: str | None
    registered: int | None = Field(description="Voters on its electoral roll.")
    status: str | None = Field(description="active or disabled; null when it is not known here.")
    state: SheetState
    since: datetime | None
    links: LinksAnswer


class PlacesAnswer(BaseModel):
    """The polling stations that an official belongs to."""

    items: list[PlaceAnswer]


_REFUSALS = {
    403: "Not a polling station of this official, or the first entry was this official's",
    404: "No such election or polling station",
    409: "The sheet or the polling station takes nothing now, or the election is none whose sheets are taken",
    429: "Too much was sent by this official in a minute",
    503: "The queue cannot take it now",
}
_KEY: Mapping[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY},
    "description": "Sending the same again with the same key adds nothing and gets the same receipt.",
}


@sheets.get("")
@requires(Role.OFFICIAL)
@sheets.output(PlacesAnswer)
@sheets.doc(
    summary="The official's polling stations, with their tally sheets",
    responses={404: "No such election", 503: "The queue is away"},
)
def list_stations(election_id: int) -> dict[str, Any]:
    return {
        "items": [
            {
                "id": place.id,
                "code": place.roll.code if place.roll else None,
                "municipality": place.roll.municipality if place.roll else None,
                "registered": place.roll.registered if place.roll else None,
                "status": place.status,
                "state": place.sheet.state,
                "since": place.sheet.since,
                "links": _links(election_id, place.id),
            }
            for place in actions.places(station(), identity(), election_id)
        ]
    }


@sheets.get("/<int:station_id>/sheet")
@requires(Role.OFFICIAL, Role.ADMINISTRATOR, Role.AUDITOR)
@sheets.output(SheetAnswer)
@sheets.doc(
    summary="Where a tally sheet stands",
    responses={403: _REFUSALS[403], 404: _REFUSALS[404], 503: "The queue is away"},
)
def show_sheet(election_id: int, station_id: int) -> dict[str, Any]:
    found = actions.show(station(), identity(), election_id, station_id)
    return {
        "election_id": election_id,
        "station_id": station_id,
        "state": found.sheet.state,
        "since": found.sheet.since,
        "may_enter": found.may,
        "why": found.why,
        "differing": found.sheet.differing,
        "findings": found.sheet.findings,
        "entries": [_own(one) for one in found.entries],
        "photographs": [_own(one) for one in found.photographs],
    }


@sheets.post("/<int:station_id>/sheet")
@requires(Role.OFFICIAL)
@journaled("sheet.refused", "sheet of station {station_id} in election {election_id}")
@sheets.input(SheetInput, arg_name="body")
@sheets.output(EntryReceiptAnswer, status_code=202)
@sheets.doc(summary="Enter a tally sheet", responses={422: "The numbers are wrong or not explained", **_REFUSALS})
def enter(election_id: int, station_id: int, body: SheetInput) -> Response:
    with limiting(station(), identity()):
        receipt = actions.enter(
            station(), identity(), election_id, station_id, _said(body), request.headers.get("Idempotency-Key")
        )
    return _receipt(EntryReceiptAnswer, receipt, election_id, station_id)


@sheets.post("/<int:station_id>/sheet/check")
@requires(Role.OFFICIAL)
@journaled("sheet.refused", "check of station {station_id} in election {election_id}")
@sheets.input(SheetInput, arg_name="body")
@sheets.output(FindingsAnswer)
@sheets.doc(
    summary="Say what would be found about a tally sheet, and store nothing",
    responses={422: "The numbers are no numbers of a sheet", **_REFUSALS},
)
def check(election_id: int, station_id: int, body: SheetInput) -> dict[str, Any]:
    with limiting(station(), identity()):
        found = actions.try_out(station(), identity(), election_id, station_id, _said(body))
    return {"findings": [vars(finding) for finding in found]}


@sheets.post("/<int:station_id>/sheet/photographs")
@requires(Role.OFFICIAL)
@journaled("photograph.refused", "sheet of station {station_id} in election {election_id}")
@sheets.output(PhotographReceiptAnswer, status_code=202)
@sheets.doc(
    summary="Send a photograph of a tally sheet",
    description="JPEG, PNG, WebP or PDF of at most 8 MiB, as the multipart field `file` or as the body itself.",
    responses={413: "It is over the size limit", 422: "It is no photograph that is taken", **_REFUSALS},
)
def add_photograph(election_id: int, station_id: int) -> Response:
    with limiting(station(), identity()):
        content, name = _photograph()
        receipt = actions.add_photograph(
            station(), identity(), election_id, station_id, content, name, request.headers.get("Idempotency-Key")
        )
    return _receipt(PhotographReceiptAnswer, receipt, election_id, station_id)


def describe_sheets(spec: dict[str, Any]) -> None:
    """Put into the OpenAPI document what APIFlask cannot know: the keys, and the two forms of a photograph."""
    path = "/api/elections/{election_id}/stations/{station_id}/sheet"
    photograph = {"type": "string", "format": "binary"}
    form = {"type": "object", "required": ["file"], "properties": {"file": photograph}}
    raw = ("image/jpeg", "image/png", "image/webp", "application/pdf")
    spec["paths"][f"{path}/photographs"]["post"]["requestBody"] = {
        "required": True,
        "content": {"multipart/form-data": {"schema": form}, **{kind: {"schema": photograph} for kind in raw}},
    }
    for changed in (path, f"{path}/photographs"):
        spec["paths"][changed]["post"].setdefault("parameters", []).append(_KEY)


def _photograph() -> tuple[bytes, str]:
    """The content and the name of a photograph, from either form of body."""
    request.max_content_length = _MOST_BYTES
    if request.mimetype != "multipart/form-data":
        return request.get_data(cache=False), request.args.get("name", "")
    files = request.files.getlist("file")
    if not files:
        raise InvalidInput("Send the photograph as the multipart field `file`, or as the body itself.", field="file")
    if len(files) > 1:
        raise InvalidInput(ONE_FILE, field="file")
    return files[0].stream.read(), files[0].filename or ""


def _said(body: SheetInput) -> dict[str, Any]:
    """What was sent; a field that was left out is missing, and so is one that is null."""
    return {name: value for name, value in body.model_dump().items() if value is not None}


def _receipt(
    model: type[EntryReceiptAnswer | PhotographReceiptAnswer], receipt: Receipt, election_id: int, station_id: int
) -> Response:
    answer = model(
        id=receipt.id,
        received_at=receipt.received_at,
        repeated=receipt.repeated,
        links=LinksAnswer(**_links(election_id, station_id)),
        **receipt.told,
    )
    return Response(answer.model_dump_json(), 202, {"Location": answer.links.sheet}, mimetype="application/json")


def _links(election_id: int, station_id: int) -> dict[str, str]:
    sheet = f"/api/elections/{election_id}/stations/{station_id}/sheet"
    return {"sheet": sheet, "photographs": f"{sheet}/photographs"}


def _own(one: Own) -> dict[str, Any]:
    became = {"state": one.became.get("state", "waiting"), "reason": one.became.get("reason", "")}
    return {"id": one.id, "received_at": one.received_at, **became, **one.said}
