"""The photographs of tally sheets, which are files of others: nothing in them may run in a browser."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from admin_service.actions import photographs as actions
from admin_service.routes.fields import SUPERVISORS, database
from shared.auth import requires

photographs = APIBlueprint("photographs", __name__, tag="Photographs of tally sheets", url_prefix="/api/elections")

# What a browser draws and nothing else. A PDF may hold a script, and browsers do not open one inside of a sandbox: it
# is stored by who wants to see it. Whatever else the store says, it is bytes.
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "application/pdf": "pdf"}
_SHOWN = {"image/jpeg", "image/png", "image/webp"}
_BYTES = "application/octet-stream"
# APIFlask's own type for it does not go this deep.
_ANSWERS: Any = {
    200: {
        "description": "The bytes",
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in (*_EXTENSIONS, _BYTES)
        },
    },
    304: "It is the one that If-None-Match names",
    404: "No such election, station or photograph",
    409: "It has been damaged in the store",
}


@photographs.get("/<int:election_id>/sheets/<int:station_id>/photographs/<photograph_id>")
@requires(*SUPERVISORS)
@photographs.doc(
    summary="A photograph of a tally sheet, as it was sent",
    description="An image may be shown; a PDF is to be stored. The ETag is the SHA-256 of the bytes.",
    responses=_ANSWERS,
)
def show_photograph(election_id: int, station_id: int, photograph_id: str) -> Response:
    return photograph_answer(election_id, station_id, photograph_id)


def photograph_answer(election_id: int, station_id: int, photograph_id: str) -> Response:
    """The bytes of a photograph with what a browser may do with them."""
    photograph, content = actions.read(database(), election_id, station_id, photograph_id)
    media_type = photograph.media_type if photograph.media_type in _EXTENSIONS else _BYTES
    how = "inline" if media_type in _SHOWN else "attachment"
    # The name of the official's file could be anything, and says nothing that the address does not.
    name = f"sheet-{election_id}-{station_id}-{photograph.id[:8]}.{_EXTENSIONS.get(media_type, 'bin')}"
    response = Response(
        content,
        content_type=media_type,
        headers={
            "Content-Disposition": f'{how}; filename="{name}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )
    response.set_etag(photograph.sha256)
    response.make_conditional(request)
    return response
