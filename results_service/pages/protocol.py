"""The record of an election, and of a polling station, to be printed and signed by hand.

The digest names the file of the same figures that everybody can fetch, and where the service has a key of its own for
that, the page bears the signature of the file, too.
"""

from dataclasses import dataclass
from hashlib import sha256

from flask import Response, url_for

from results_service.actions.records import read_record, read_station_record
from results_service.pages.figures import lines_of
from results_service.pages.ground import STATES, blueprint, kept, looks_of
from results_service.pages.held_back import held_back_page
from results_service.pages.seats import law_of
from results_service.routes import desk
from results_service.routes.records import signing, station_written, written
from shared.web.pages import public_page, render


@dataclass(frozen=True)
class Proof:
    """What proves a record: the digest of its file and where that is, and the key and the signature, if there are any.

    ``signature`` has 86 characters of base64url.
    """

    digest: str
    source: str
    key: str | None
    signature: str | None
    signed_source: str


@blueprint.get("/elections/<int:election_id>/protocol")
@public_page
@blueprint.doc(summary="The record of an election, to be printed")
def protocol(election_id: int) -> Response:
    held = held_back_page(election_id)
    if held is not None:
        return held
    record = read_record(desk(), election_id)
    headers, same = kept(record, signing().name)
    if same:
        return same
    result = record.body.result
    found = result.body
    return render(
        "protocol.html",
        headers=headers,
        election=found.election,
        result=found.result,
        certainty=found.seats,
        lines=lines_of(found.result, found.seats),
        proof=_proof(
            written(record),
            url_for("records.read_whole_record", election_id=election_id),
            url_for("records.read_signed_record", election_id=election_id),
        ),
        names={one.poll_number: one.name for one in found.result.lists},
        looks=looks_of([one.poll_number for one in found.result.lists]),
        children=record.body.places,
        sheets=record.body.sheets,
        law=law_of(found.result.apportionment),
        state_name=STATES[found.election.state][0],
    )


@blueprint.get("/elections/<int:election_id>/protocol/station/<station>")
@public_page
@blueprint.doc(summary="The record of a polling station, to be printed")
def station_protocol(election_id: int, station: str) -> Response:
    held = held_back_page(election_id)
    if held is not None:
        return held
    record = read_station_record(desk(), election_id, station)
    headers, same = kept(record, signing().name)
    if same:
        return same
    whole, found = record.body.result.body, record.body.found
    return render(
        "station_protocol.html",
        headers=headers,
        election=whole.election,
        result=whole.result,
        found=found,
        place=found.place,
        names={one.poll_number: one.name for one in whole.result.lists},
        proof=_proof(
            station_written(record),
            url_for("records.read_record_of_station", election_id=election_id, station_id=station),
            url_for("records.read_signed_record_of_station", election_id=election_id, station_id=station),
        ),
    )


def _proof(content: bytes, source: str, signed_source: str) -> Proof:
    signer = signing().signer
    return Proof(
        digest=sha256(content).hexdigest(),
        source=source,
        key=signer.name if signer else None,
        signature=signer.sign(content).signature if signer else None,
        signed_source=signed_source,
    )
