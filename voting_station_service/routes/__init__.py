"""The station's /api routes: batches, what became of them, and the elections that ballots may be handed in for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.datastructures import FileStorage

from shared.auth import identity, requires
from shared.errors import InvalidInput
from shared.queue.batches import BatchStatus
from shared.queue.keys import from_microseconds
from shared.terms import Progress, Refusal, Role
from shared.web.extensions import extension
from shared.web.journal import journaled
from voting_station_service import actions
from voting_station_service.actions import files
from voting_station_service.rules.examination import Hint
from voting_station_service.uploads import received_files

batches = APIBlueprint("batches", __name__, tag="Batches", url_prefix="/api")


class ReceiptAnswer(BaseModel):
    """The proof that a file was accepted: it is on disk and will be counted by its moment of receipt."""

    id: str = Field(description="Of the batch; ask for it at /api/batches/{id}.")
    election_id: int | None = Field(description="The election that the ballots were handed in for.")
    station_id: int | None = Field(description="The polling station that the file is of, if it is of one.")
    sha256: str = Field(description="Of the file, in hexadecimal.")
    lines: int = Field(description="Ballots in the file.")
    received_at: datetime = Field(description="The moment of receipt; it decides what the ballots belong to.")
    repeated: bool = Field(description="Whether the file had been accepted before under the same Idempotency-Key.")


class UploadQuery(BaseModel):
    """What a file is of."""

    model_config = ConfigDict(extra="forbid")

    station: int | None = Field(
        None, ge=1, le=2**31 - 1, description="The polling station; needed by officials who belong to several."
    )


class RefusedLineAnswer(BaseModel):
    """A line of an accepted file that is not counted."""

    line: int = Field(description="From 0.")
    guid: str
    poll_number: int | None = Field(
        description="Null to all but the official who has sent the file where voters cast ballots themselves, because "
        "a receipt names the GUID."
    )
    reason: Refusal


class BatchAnswer(BaseModel):
    """What became of every line of an accepted file; the four outcomes add up to ``received`` once it is counted."""

    id: str
    status: Progress
    election_id: int | None
    station_id: int | None = Field(description="The polling station that the file is of, if it is of one.")
    file_name: str
    sha256: str = Field(description="Of the file, in hexadecimal; empty for ballots that voters have cast themselves.")
    received_at: datetime
    received: int = Field(description="Ballots in the file.")
    counted: int
    duplicate: int = Field(description="Ballots whose GUID had been received before.")
    invalid: int = Field(description="Ballots with a poll number that the election does not have.")
    outside: int = Field(description="Ballots received while the election was not open.")
    dead_parts: int = Field(description="Parts that could not be recorded and wait for an operator.")
    refused: list[RefusedLineAnswer] = Field(description="The first hundred refused lines.")


class FaultAnswer(BaseModel):
    """A line for which the file would be refused."""

    line: int = Field(description="From 0.")
    problem: str
    text: str = Field(description="How the line begins; empty where only the file as a whole is bad.")


class ExaminationAnswer(BaseModel):
    """What a file would come to. Nothing of it is stored."""

    good: bool = Field(description="Whether the file would be taken in.")
    ballots: int = Field(description="Ballots in the file; 0 where it would be refused.")
    votes: dict[int, int] = Field(description="Lines by poll number.")
    unknown: list[int] = Field(
        description="Poll numbers that the election does not have, the first thousand of them; their lines are not "
        "counted."
    )
    repeated: int | None = Field(
        description="Lines with a GUID that stands on a line before; null where the file is too large to look for them."
    )
    repeated_lines: list[int] = Field(description="The first of these lines, from 0.")
    faults: list[FaultAnswer] = Field(description="The first lines for which the file would be refused.")
    has_more_faults: bool
    hint: Hint | None = Field(description="What is most likely wrong with the file as a whole.")
    advice: str = Field(description="The same in a sentence, with what to do; empty without a hint.")


class ElectionAnswer(BaseModel):
    """An election as the station knows it."""

    id: int
    title: str
    kind: str
    start: datetime
    end: datetime
    open: bool
    poll_numbers: list[int]


class ElectionsAnswer(BaseModel):
    """The elections that the station knows, drafts and cancelled ones left out."""

    items: list[ElectionAnswer]


_UPLOAD: Mapping[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "CSV: GUID,poll number."}
                    },
                }
            }
        },
    }
}
_REFUSALS = {
    403: "The official does not belong to this polling station",
    409: "The election is not open, or the polling station disabled",
    413: "The file is over the size limit",
    422: "The file or the Idempotency-Key is wrong",
    429: "Too many uploads of this official in a minute",
    503: "The queue cannot take it now",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": actions.MAX_IDEMPOTENCY_KEY},
    "description": "Sending a file again with the same key adds nothing and gets the same receipt.",
}


_RETRY_AFTER = {"Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}}
_HEADERS: dict[str, dict[str, Any]] = {
    "202": {"Location": {"description": "Where to ask what became of the file.", "schema": {"type": "string"}}},
    "429": _RETRY_AFTER,
    "503": _RETRY_AFTER,
}


@batches.post("/elections/<int:election_id>/batches")
@requires(Role.OFFICIAL)
@journaled("batch.refused", "election {election_id}")
@batches.input(UploadQuery, location="query", arg_name="query")
@batches.output(ReceiptAnswer, status_code=202)
@batches.doc(
    summary="Hand in a file of ballots for an election",
    responses={404: "No such election", **_REFUSALS},
)
def hand_in_for(election_id: int, query: UploadQuery) -> Response:
    return _hand_in(election_id, query.station)


@batches.post("/elections/<int:election_id>/batches/check")
@requires(Role.OFFICIAL)
@journaled("batch.refused", "check for election {election_id}")
@batches.input(UploadQuery, location="query", arg_name="query")
@batches.output(ExaminationAnswer)
@batches.doc(
    summary="Say what a file of ballots would come to, and store nothing",
    responses={404: "No such election", **_REFUSALS},
)
def check(election_id: int, query: UploadQuery) -> dict[str, Any]:
    with actions.limiting(station(), identity()):
        found = files.check(station(), identity(), _only_file().stream, election_id, query.station)
    faults = [vars(fault) for fault in found.faults]
    return {**vars(found), "faults": faults, "good": found.is_good, "advice": found.advice}


@batches.post("/batches")
@requires(Role.OFFICIAL)
@journaled("batch.refused", "upload")
@batches.input(UploadQuery, location="query", arg_name="query")
@batches.output(ReceiptAnswer, status_code=202)
@batches.doc(summary="Hand in a file of ballots for the only open election", responses=_REFUSALS)
def hand_in(query: UploadQuery) -> Response:
    return _hand_in(None, query.station)


@batches.get("/batches/<string:batch_id>")
@requires(Role.OFFICIAL, Role.ADMINISTRATOR, Role.AUDITOR)
@batches.output(BatchAnswer)
@batches.doc(summary="What became of a file", responses={404: "No such batch of yours", 503: "The queue is away"})
def show(batch_id: str) -> dict[str, Any]:
    return _batch_answer(actions.batch(station(), identity(), batch_id))


@batches.get("/elections")
@requires(Role.OFFICIAL, Role.ADMINISTRATOR, Role.AUDITOR)
@batches.output(ElectionsAnswer)
@batches.doc(summary="The elections that this station knows", responses={503: "The queue is away"})
def list_elections() -> dict[str, Any]:
    return {
        "items": [
            {
                "id": election.id,
                "title": election.title,
                "kind": election.kind,
                "start": from_microseconds(election.start),
                "end": from_microseconds(election.end),
                "open": is_open,
                "poll_numbers": election.poll_numbers,
            }
            for election, is_open in actions.elections(station())
        ]
    }


def describe_uploads(spec: dict[str, Any]) -> None:
    """Put into the OpenAPI document what APIFlask cannot know: the streamed file, the key, and the answers' headers."""
    check_path = "/api/elections/{election_id}/batches/check"
    spec["paths"][check_path]["post"].update(_UPLOAD)
    for path in ("/api/elections/{election_id}/batches", "/api/batches", "/vote"):
        operation = spec["paths"][path]["post"]
        operation.update(_UPLOAD)
        operation.setdefault("parameters", []).append(_KEY)
        for status, headers in _HEADERS.items():
            if status in operation["responses"]:
                operation["responses"][status]["headers"] = headers


def station() -> actions.Station:
    """The station of this service."""
    return extension("station", actions.Station)


def _hand_in(election_id: int | None, station_id: int | None) -> Response:
    with actions.taking(station(), identity()):
        file = _only_file()
        try:
            receipt = actions.receive(
                station(),
                identity(),
                file.stream,
                file.filename or "",
                election_id=election_id,
                station_id=station_id,
                idempotency_key=request.headers.get("Idempotency-Key"),
                must_be_open=True,
            )
        except InvalidInput as error:
            raise files.explained(error, file.stream) from None
        if receipt is None:
            raise InvalidInput("The file is empty; each line has to be `GUID,poll number`.", field="file")
    answer = ReceiptAnswer(
        id=receipt.batch_id,
        election_id=receipt.election_id,
        station_id=receipt.station_id,
        sha256=receipt.sha256,
        lines=receipt.lines,
        received_at=receipt.received_at,
        repeated=receipt.repeated,
    )
    return Response(
        answer.model_dump_json(), 202, {"Location": f"/api/batches/{answer.id}"}, mimetype="application/json"
    )


def _only_file() -> FileStorage:
    found = received_files()
    if not found:
        raise InvalidInput("Send the CSV file as the multipart field `file`.", field="file")
    if len(found) > 1:
        raise InvalidInput(actions.ONE_FILE, field="file")
    return found[0]


def _batch_answer(found: BatchStatus) -> dict[str, Any]:
    return {
        "id": found.head.id,
        "status": found.status,
        "election_id": found.head.election_id,
        "station_id": found.head.station_id,
        "file_name": found.head.file_name,
        "sha256": found.head.sha256,
        "received_at": found.head.received_at,
        "received": found.received,
        "counted": found.counted,
        "duplicate": found.duplicate,
        "invalid": found.invalid,
        "outside": found.outside,
        "dead_parts": found.dead_parts,
        "refused": [vars(line) for line in found.refused],
    }
