"""The classic route of the station; its checks, their order and their words are the classic contract's."""

from apiflask import APIBlueprint
from flask import current_app, request

from shared import metrics
from shared.auth import classic_requires, identity
from shared.errors import InvalidInput
from shared.terms import Role
from shared.web.journal import journaled
from shared.web.problems import ClassicRefusal
from voting_station_service import actions
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
    station = current_app.extensions["station"]
    with actions.taking(station, identity()):
        files = received_files()
        if not files:
            raise ClassicRefusal("Field file is missing.")
        if len(files) > 1:
            raise ClassicRefusal(actions.ONE_FILE)
        try:
            receipt = actions.receive(
                station,
                identity(),
                files[0].stream,
                files[0].filename or "",
                election_id=None,
                idempotency_key=request.headers.get("Idempotency-Key"),
                # The contract knows no refusal here: what comes outside an election is accounted for by the daemon.
                must_be_open=False,
            )
        except InvalidInput as error:
            raise ClassicRefusal(error.message) from error
        if receipt is None:
            metrics.uploads().end("empty")
    return ""
