"""gunicorn's worker with a greenlet for each connection, for the streams of the results service."""

import socket
from typing import Any

from gunicorn import util
from gunicorn.workers.ggevent import GeventWorker

from shared.web.careful import Careful


class Greenlets(Careful, GeventWorker):  # type: ignore[misc]  # gunicorn has no types.
    """Greenlets that cost nothing while they wait."""

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer, and let the sender read it before the connection ends, as the worker with threads does."""
        super().handle_error(req, client, addr, exc)
        util.close_graceful(client)
