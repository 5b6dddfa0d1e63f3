"""gunicorn's worker with a thread for each request, as all services but the results service have it."""

from gunicorn.workers.gthread import ThreadWorker

from shared.web.careful import Careful


class Threads(Careful, ThreadWorker):  # type: ignore[misc]  # gunicorn has no types.
    """Threads that take no longer for a request than it deserves."""
