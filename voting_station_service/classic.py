"""The classic route of the station; its checks, their order and their words are the classic contract's."""

from apiflask import APIBlueprint
from flask import request

from shared import metrics
from shared.auth import classic_requires, identity
from shared.errors import Conflict, Forbidden, InvalidInput, NotFound
from shared.terms import Role
from shared.web.journal import journaled
from shared.web.problems import ClassicRefusal
from voting_station_service import actions
from voting_station_service.routes import station
from voting_station_service.uploads import received_files

classic = APIBlueprint("classic", __name__, tag="Classic")


@classic.post("/vote")
@classic_requires(Role.OFFICIAL)
@journaled("batch.refused", "upload")
@classic.doc(
    summary="Hand in a file of ballots",
    description="Multipart field `file`: CSV, each line `GUID,poll number`. Answers with an empty body.",
    responses={
        200: "Empty: the ballots are durably queued",
        400: "The file is missing or has a bad line",
        413: "The file is over the size limit",
        429: "Too many uploads of this official in a minute",
        503: "The queue cannot take it now",
    },
)
def vote() -> str:
    with actions.taking(station(), identity()):
        files = received_files()
        if not files:
            raise ClassicRefusal("Field file is missing.")
        if len(files) > 1:
            raise ClassicRefusal(actions.ONE_FILE)
        try:
            receipt = actions.receive(
                station(),
                identity(),
                files[0].stream,
                files[0].filename or "",
                election_id=None,
                station_id=_named_station(),
                idempotency_key=request.headers.get("Idempotency-Key"),
                # The contract knows no refusal here: what comes outside an election is accounted for by the daemon.
                must_be_open=False,
            )
        except (InvalidInput, Forbidden, NotFound, Conflict) as error:
            raise ClassicRefusal(error.message) from error
        if receipt is None:
            metrics.uploads().end("empty")
    return ""


def _named_station() -> int | None:
    """The polling station, which the classic contract does not know: who belongs to several has to name one."""
    named = request.args.get("station")
    if named is None:
        return None
    if not (named.isascii() and named.isdigit() and len(named) < 10):
        raise InvalidInput("The polling station is named by its number.", field="station")
    return int(named)
