"""The results as plain pages: readable on a phone, without JavaScript, and without anything from elsewhere.

With JavaScript the page of an election that is not final follows the stream of its result.
"""

from fractions import Fraction

from apiflask import APIBlueprint
from flask import Response, make_response, render_template, send_from_directory
from markupsafe import Markup

from results_service import actions
from results_service.actions import ElectionResult, Kept
from results_service.routes import caching, desk, is_known
from shared.auth import public
from shared.errors import NotFound, Unavailable
from shared.web.problems import STATUSES

ELECTIONS_ON_A_PAGE = 200

blueprint = APIBlueprint("pages", __name__, template_folder="templates", enable_openapi=False)


@blueprint.get("/")
@public
def index() -> Response:
    answer = actions.list_elections(desk(), ELECTIONS_ON_A_PAGE, 0, is_known)
    if answer.body is None:
        return Response(status=304, headers=caching(answer))
    return _page("elections.html", caching(answer), elections=answer.body.items)


@blueprint.get("/elections/<int:election_id>")
@public
def election(election_id: int) -> Response:
    result = actions.read_result(desk(), election_id)
    if is_known(result.tag):
        return Response(status=304, headers=caching(result))
    return _page(
        "election.html",
        caching(result),
        election=result.body.election,
        tag=result.tag,
        is_live=not result.settled,
        main=result.form("page", _as_main),
    )


@blueprint.get("/static/results.css")
@public
def style() -> Response:
    return _file("results.css")


@blueprint.get("/static/live.js")
@public
def script() -> Response:
    return _file("live.js")


@blueprint.errorhandler(NotFound)
@blueprint.errorhandler(Unavailable)
def refuse(error: NotFound | Unavailable) -> Response:
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Unavailable) else {}
    response = _page("refusal.html", headers, message=error.message)
    response.status_code = STATUSES[type(error)]
    return response


@blueprint.app_template_filter()
def percent(share: str) -> str:
    """Write a share such as 0.4835 or 1/30 in hundredths: 48.35 %, 3.33 %."""
    hundredths = round(Fraction(share) * 10_000)
    return f"{hundredths // 100}.{hundredths % 100:02} %"


@blueprint.app_template_filter()
def grouped(number: int) -> str:
    """Thousands apart by a narrow space that does not break, as every language here reads it."""
    return f"{number:,}".replace(",", "\u202f")


def _as_main(result: Kept[ElectionResult]) -> Markup:
    """What the page of an election shows, without the frame, in which are links that differ behind a proxy."""
    found = result.body
    return Markup(render_template("result.html", election=found.election, result=found.result))  # noqa: S704 -- escaped by the template.


def _file(name: str) -> Response:
    response = send_from_directory(f"{blueprint.root_path}/static", name, max_age=3600)
    assert isinstance(response, Response)  # noqa: S101 -- Flask's response class.
    return response


def _page(template: str, headers: dict[str, str], **values: object) -> Response:
    response = make_response(render_template(template, **values))
    response.headers.update(headers)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    return response
