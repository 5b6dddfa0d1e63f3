"""What a service counts of its requests, and ``GET /metrics``, where Prometheus reads it."""

import time
from collections.abc import Callable, Iterable

from apiflask import APIFlask
from flask import Response, g, request

from shared import metrics
from shared.auth import public
from shared.metrics import Look, Reading
from shared.web.health import Check

Readings = Callable[[], Iterable[Reading]]


def install(app: APIFlask, checks: dict[str, Check]) -> None:
    """Count every request of ``app`` and serve ``/metrics``.

    Whoever reaches the service may read it, as its health; nginx hands it to nobody outside. Nothing in it says who,
    and nothing what was voted. ``app.extensions["readings"]`` may name what else is looked up at that moment.
    """
    looks = {name: Look(check) for name, check in checks.items()}
    app.extensions["readings"] = lambda: ()
    others: Look[list[Reading]] = Look(lambda: list(app.extensions["readings"]()))
    # From the start, because an increase is seen only from a number on that was there before.
    metrics.unexpected_errors()

    @app.before_request
    def _begin() -> None:
        metrics.requests().begin()
        g.counted_from = time.perf_counter()

    @app.after_request
    def _answer(response: Response) -> Response:
        if "counted_from" in g:
            route = request.url_rule.rule if request.url_rule else ""
            took = time.perf_counter() - g.counted_from
            metrics.requests().answer(request.method, route, response.status_code, took)
        return response

    @app.teardown_request
    def _end(_error: BaseException | None) -> None:
        if g.pop("counted_from", None) is not None:
            metrics.requests().end()

    @app.get("/metrics")
    @app.doc(hide=True)
    @public
    def give_metrics() -> Response:
        begun, readings = {name: look.begin() for name, look in looks.items()}, others.begin()
        found = [metrics.readiness(name, bool(answer())) for name, answer in begun.items()]
        return Response(metrics.exposition([*found, *(readings() or ())]), content_type=metrics.CONTENT_TYPE)
