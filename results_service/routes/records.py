"""The records as documents for everybody: their very bytes, signed by this service's own key where it has one."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, TypeVar

from apiflask import APIBlueprint
from flask import Response
from pydantic import BaseModel, Field

from results_service.actions import ElectionResult
from results_service.actions.answers import Kept
from results_service.actions.records import Record, StationRecord, read_record, read_station_record
from results_service.routes import (
    NO_VOTES,
    OfNow,
    as_json,
    caching,
    desk,
    is_known,
)
from results_service.routes.places import ListShareAnswer, NameAnswer
from results_service.routes.result import (
    BallotsAnswer,
    DeclaredAnswer,
    ElectionSummary,
    ListAnswer,
    ReportingAnswer,
)
from results_service.routes.seats import Shape, WholeSeatsAnswer
from results_service.rules import Certainty, fingerprint
from results_service.rules.places import Level
from shared.auth import public
from shared.errors import NotFound
from shared.signed_records import RecordKeys, Signer
from shared.version import VERSION
from shared.web.extensions import extension

T = TypeVar("T")

JWS = "application/jose+json"
_WHOLE = {**NO_VOTES, 422: "There is no such parameter"}
_STATION = {**_WHOLE, 404: "There is no such election, or no such polling station in it"}
_SIGNED = {
    **_WHOLE,
    200: "The record in `payload`, and its signature",
    404: "There is no such election or polling station, or records are not signed here",
}
_FILE = (
    "JSON by RFC 8785: one form for the same record, whoever asks. The page of the record shows the SHA-256 of these "
    "bytes."
)
_SIGNATURE = (
    "A JSON Web Signature (RFC 7515, flattened) by Ed25519 whose payload is the very bytes of the record; see "
    "docs/records.md."
)

records = APIBlueprint("records", __name__, url_prefix="/api", tag="Records")


class RecordPlaceAnswer(Shape):
    """Of what place a record is."""

    level: Level
    id: str
    name: str
    trail: list[NameAnswer] = Field(description="What it lies in, the largest first.")


class ComputedFromAnswer(BaseModel):
    """What the figures were computed with and from."""

    program: str
    election_version: int = Field(description="Grows with each change of the election by an administrator.")
    result_sha256: str = Field(
        description="In hexadecimal, of the bytes of `/api/elections/{election_id}/results` of the same moment."
    )
    stations_sha256: str | None = Field(
        description="In hexadecimal, of the bytes of `/api/elections/{election_id}/results/stations.csv` of the same "
        "moment; null in the record of a place."
    )


class SeatsCertainAnswer(Shape):
    """How many seats are certain."""

    certain: int
    open: int = Field(description="That can still go to one list or another.")
    unknown: str = Field(description="Why it cannot be told, as a sentence; then both numbers say nothing.")


class SheetsAnswer(Shape):
    """Accepted tally sheets held against the count."""

    sheets: int
    in_box: int = Field(description="Ballots in the box by these sheets.")
    cast: int = Field(description="Ballots counted at the same stations.")
    different: int = Field(description="Stations where the two differ.")


class NameOnBallotAnswer(Shape):
    """Who stands under a poll number."""

    poll_number: int
    name: str


class PlaceFiguresAnswer(Shape):
    """What was counted in a place."""

    level: Level
    id: str
    name: str
    stations: ReportingAnswer
    counted: int = Field(description="Ballots that count.")
    duplicate: int
    invalid: int = Field(description="With a poll number of nobody.")
    valid_votes: int
    lists: list[ListShareAnswer]
    declared: DeclaredAnswer | None = Field(description="null where no tally sheet is accepted.")


class WholeFiguresAnswer(Shape):
    """The figures of an election."""

    valid_votes: int
    share_of: str
    ballots: BallotsAnswer
    lists: list[ListAnswer]
    apportionment: WholeSeatsAnswer | None = Field(description="null where no seats are given.")
    seats: SeatsCertainAnswer | None
    stations: ReportingAnswer
    unattributed: int = Field(description="Ballots in the box that are of no polling station.")
    sheets: SheetsAnswer
    declared: DeclaredAnswer | None = Field(description="By all these sheets; null where none is accepted.")
    places: list[PlaceFiguresAnswer] = Field(description="Of the largest level with more than one place, by name.")


class _RecordAnswer(BaseModel):
    """What all records say."""

    form: Literal["urna-record/2"] = "urna-record/2"
    election: ElectionSummary
    certainty: Certainty
    waits_for: list[str] = Field(description="What has to happen before the result is final.")
    counted_until: datetime | None = Field(
        description="The moment of the figures: every ballot received before it is in them; null before the opening."
    )
    last_change: datetime | None = Field(description="When the newest ballots that are recorded were received.")
    computed_from: ComputedFromAnswer


class RecordAnswer(_RecordAnswer):
    """The record of an election."""

    place: None = Field(None, description="null: of the whole.")
    figures: WholeFiguresAnswer


class StationRecordAnswer(_RecordAnswer):
    """The record of a polling station."""

    place: RecordPlaceAnswer
    ballot: list[NameOnBallotAnswer] = Field(description="Who stands under the poll numbers of the figures.")
    figures: PlaceFiguresAnswer


class KeyAnswer(BaseModel):
    """A public key by RFC 7517 and RFC 8037."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str = Field(description="Its thumbprint by RFC 7638.")
    use: Literal["sig"]
    alg: Literal["EdDSA"]


class KeysAnswer(BaseModel):
    """The public keys that check records, the newest first."""

    keys: list[KeyAnswer]
    signing: str | None = Field(description="The `kid` of the one that signs now; null: records are not signed here.")


@dataclass(frozen=True)
class Signing:
    """The key that signs records, if there is one, and the public keys that are made known."""

    signer: Signer | None
    keys: RecordKeys

    @property
    def name(self) -> str | None:
        """The name of the key that signs."""
        return self.signer.name if self.signer else None


@records.get("/record-keys")
@public
@records.input(OfNow, location="query", arg_name="_query")
@records.output(KeysAnswer)
@records.doc(
    summary="The public keys that check the signatures of records",
    description="A key set (RFC 7517). What comes from the same place as the record proves little: compare the `kid` "
    "with the one that the election authority has published.",
    responses={422: "There is no such parameter"},
)
def read_record_keys(_query: OfNow) -> Any:
    held = signing()
    answer = {"keys": held.keys.as_set(), "signing": held.name}
    return answer, 200, {"Cache-Control": "public, max-age=60"}


@records.get("/elections/<int:election_id>/record")
@public
@records.input(OfNow, location="query", arg_name="_query")
@records.output(RecordAnswer)
@records.doc(summary="The record of an election, as it is signed", description=_FILE, responses=_WHOLE)
def read_whole_record(election_id: int, _query: OfNow) -> Any:
    return _record(read_record(desk(), election_id), written, f"election-{election_id}-record.json")


@records.get("/elections/<int:election_id>/record/signed")
@public
@records.input(OfNow, location="query", arg_name="_query")
@records.doc(summary="The record of an election with its signature", description=_SIGNATURE, responses=_SIGNED)
def read_signed_record(election_id: int, _query: OfNow) -> Response:
    return _signed(read_record(desk(), election_id), written, f"election-{election_id}-record.jws.json")


@records.get("/elections/<int:election_id>/record/stations/<int:station_id>")
@public
@records.input(OfNow, location="query", arg_name="_query")
@records.output(StationRecordAnswer)
@records.doc(summary="The record of a polling station, as it is signed", description=_FILE, responses=_STATION)
def read_record_of_station(election_id: int, station_id: int, _query: OfNow) -> Any:
    record = read_station_record(desk(), election_id, str(station_id))
    return _record(record, station_written, f"election-{election_id}-station-{station_id}-record.json")


@records.get("/elections/<int:election_id>/record/stations/<int:station_id>/signed")
@public
@records.input(OfNow, location="query", arg_name="_query")
@records.doc(summary="The record of a polling station with its signature", description=_SIGNATURE, responses=_SIGNED)
def read_signed_record_of_station(election_id: int, station_id: int, _query: OfNow) -> Response:
    record = read_station_record(desk(), election_id, str(station_id))
    return _signed(record, station_written, f"election-{election_id}-station-{station_id}-record.jws.json")


def signing() -> Signing:
    """With what the service that answers signs."""
    return extension("signing", Signing)


def written(record: Kept[Record]) -> bytes:
    """The record of an election as the bytes that are signed."""

    def answer() -> RecordAnswer:
        found = record.body
        result = found.result.body.result
        seats = found.result.body.seats if result.apportionment else None
        figures = {**vars(result), "seats": seats, "sheets": found.sheets, "places": found.places}
        return RecordAnswer.model_validate(
            {
                **_said(found.result),
                "computed_from": _computed_from(found.result, found.election_version, found.stations_sha256()),
                "figures": figures,
            }
        )

    return _kept(record, answer)


def station_written(record: Kept[StationRecord]) -> bytes:
    """The record of a polling station as the bytes that are signed."""

    def answer() -> StationRecordAnswer:
        found = record.body
        place = found.found.place
        return StationRecordAnswer.model_validate(
            {
                **_said(found.result),
                "computed_from": _computed_from(found.result, found.election_version, None),
                "place": {**vars(place), "trail": found.found.trail},
                "ballot": found.result.body.result.lists,
                "figures": place,
            }
        )

    return _kept(record, answer)


def _said(result: Kept[ElectionResult]) -> dict[str, Any]:
    found = result.body
    names = ("certainty", "waits_for", "counted_until", "last_change")
    return {"election": found.election, **{name: getattr(found.result, name) for name in names}}


def _computed_from(result: Kept[ElectionResult], version: int, stations_sha256: str | None) -> ComputedFromAnswer:
    return ComputedFromAnswer(
        program=f"Urna {VERSION}",
        election_version=version,
        result_sha256=sha256(result.form("json", as_json)).hexdigest(),
        stations_sha256=stations_sha256,
    )


def _kept(record: Kept[Any], answer: Callable[[], BaseModel]) -> bytes:
    """The bytes of a record, written once for all who ask for the same state of it."""
    pages, name = desk().pages, f"record {record.tag}"
    content = pages.get(name)
    if content is None:
        # Names by their order and no blanks: as no number has a fraction, that is the form of RFC 8785.
        said = answer().model_dump(mode="json")
        content = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        pages.keep(name, content)
    return content


def _record(record: Kept[T], write: Callable[[Kept[T]], bytes], name: str) -> Response:
    headers = caching(record)
    if is_known(record.tag):
        return Response(status=304, headers=headers)
    return _file(write(record), "application/json", name, headers)


def _signed(record: Kept[T], write: Callable[[Kept[T]], bytes], name: str) -> Response:
    signer = signing().signer
    if signer is None:
        raise NotFound("Records are not signed here: this service was given no key. The record itself can be had.")
    # The same figures have the same signature; another key makes another file.
    tag = fingerprint(record.tag, signer.name)
    headers = {**caching(record), "ETag": f'"{tag}"'}
    if is_known(tag):
        return Response(status=304, headers=headers)
    return _file(signer.sign(write(record)).written(), JWS, name, headers)


def _file(content: bytes, mimetype: str, name: str, headers: dict[str, str]) -> Response:
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, content_type=mimetype, headers={**headers, **disposition})
