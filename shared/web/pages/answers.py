"""Pages as answers: what every page is rendered with, what a browser may do with it, and how it refuses."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from apiflask import APIBlueprint
from flask import Response, g, make_response, redirect, render_template, request
from flask_babel import gettext
from flask_babel.speaklater import LazyString
from gunicorn.http.errors import ParseException
from markupsafe import Markup, escape
from werkzeug.exceptions import HTTPException

from shared.auth import public
from shared.errors import Misconfigured, TooManyAttempts, Unavailable, UrnaError
from shared.sentences import Sentence, Value, say
from shared.web.cookies import NotSignedIn
from shared.web.journal import refused_because
from shared.web.pages import language, navigation, numbers
from shared.web.problems import STATUSES, is_api, note_fault, refuse_framing, refuse_http

P = ParamSpec("P")
R = TypeVar("R")

# Asks the script of the pages to fill a form again with what had been typed when the session ended.
RESUME = "resume=1"

_REPOSITORY = Path(__file__).parents[3]


def page_blueprint(name: str, import_name: str) -> APIBlueprint:
    """A blueprint of pages with their templates in the service's folder, which refuses by pages, too.

    Whoever is not signed in is led to the page to sign in, and back.
    """
    templates = _REPOSITORY / import_name.partition(".")[0] / "templates"
    blueprint = APIBlueprint(name, import_name, template_folder=str(templates), enable_openapi=False)
    blueprint.register_error_handler(NotSignedIn, lambda _error: ask_to_sign_in())
    blueprint.register_error_handler(UrnaError, partial(render, "base/refusal.html"))
    blueprint.register_error_handler(Misconfigured, _fail)
    blueprint.register_error_handler(HTTPException, _refuse_request)
    blueprint.register_error_handler(ParseException, refuse_framing)
    blueprint.register_error_handler(Exception, _fail)
    return blueprint


def public_page(view: Callable[P, R]) -> Callable[P, R]:
    """Anybody may see this page, and it is the same for everybody who asks for it in one language.

    Its answers may be kept by proxies; so it knows no cookie, and its links keep the language of its address.
    """
    view.is_public_page = True  # type: ignore[attr-defined]  # A view carries its own rule.
    return public(view)


def render(
    template: str,
    error: UrnaError | None = None,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    reaches: Collection[str] = (),
    **values: object,
) -> Response:
    """A page from a template; with an error, its ``message`` and ``field`` and the error's status.

    ``reaches`` are origins of the suite whose routes the page's script may ask besides those of its own service.
    """
    values.setdefault("message", error.message if error else None)
    values.setdefault("field", error.field if error else None)
    response = make_response(render_template(template, **values))
    if error is not None:
        response.status_code = STATUSES[type(error)]
        # The journal is no page: a sentence for pages stands there with its signs as they are.
        refused_because(error.message.unescape() if isinstance(error.message, Markup) else str(error.message))
    if isinstance(error, TooManyAttempts | Unavailable):
        response.headers["Retry-After"] = str(error.retry_after)
    if status is not None:
        response.status_code = status
    response.headers.update(headers or {})
    return _as_page(response, reaches)


def unchanged(headers: Mapping[str, str]) -> Response:
    """The answer to who has this page already: 304."""
    # A browser takes the headers of this answer for those of the page that it has, the policy among them.
    return _as_page(Response(status=304, headers=dict(headers)))


def page_tag(tag: str) -> str:
    """The ETag, without quotes, of a page that shows what has the given one: it differs by language and by release."""
    return f"{tag}-{language.current().code}-{navigation.edition()}"


def ask_to_sign_in() -> Response:
    """Lead to the page to sign in, which leads back to the page, or to the page of the form, that was asked for.

    A form is only on the pages of who is signed in, so his session has ended meanwhile. Its page is opened anew, with a
    new value against forgery, and the script of the pages fills it again.
    """
    by_script = request.headers.get("HX-Request") == "true"
    if request.method in ("GET", "HEAD") and not by_script:
        address = navigation.sign_in_address(navigation.for_others(navigation.page_address()))
    else:
        page = navigation.page_of_the_form()
        back = f"{page}{'&' if '?' in page else '?'}{RESUME}" if page and RESUME not in page else page
        address = navigation.sign_in_address(navigation.for_others(back), notice="session-over")
    # A redirect would be followed by the script itself, which would put the page to sign in into this one.
    response = Response(status=401, headers={"HX-Redirect": address}) if by_script else redirect(address, 303)
    assert isinstance(response, Response)  # noqa: S101 -- Flask's response class.
    return _as_page(response)


def see_other(address: str) -> Response:
    """Lead on to another page, after a form has been done."""
    response = redirect(address, 303)
    assert isinstance(response, Response)  # noqa: S101 -- Flask's response class.
    return response


def said(text: object) -> Markup:
    """A sentence in the page's language where a catalogue has it, else in English, and marked as that.

    Markup, and what waits to be looked up, is in the page's language already. The values of a ``Sentence`` are never
    taken for markup.
    """
    if isinstance(text, Markup):
        return text
    if isinstance(text, LazyString):
        return escape(str(text))
    if isinstance(text, Sentence) and language.is_translated(text.message):
        return escape(language.template_of(text)).format(**{name: _value(one) for name, one in text.values.items()})
    english = str(text)
    if not english or language.is_translated(english):
        return escape(gettext(english) if english else "")
    return Markup('<span lang="en">{}</span>').format(english)


def _value(value: Value) -> str:
    """What stands in a sentence: another one in the page's language, a count as that writes it, a name as it is."""
    if isinstance(value, Sentence):
        return said(value)
    return numbers.number(value) if isinstance(value, int) else value


def policy(reaches: Collection[str] = ()) -> str:
    """What a page may do in a browser: its service's own files, and forms to the suite's own services."""
    # Browsers hold the address to which a form's answer leads against this, too.
    targets = " ".join(["'self'", *([] if language.is_public_page() else navigation.other_origins())])
    asked = " ".join(["'self'", *reaches])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        f"connect-src {asked}; form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    )


def _refuse_request(error: HTTPException) -> Response:
    """What the framework refuses: a form that is too large, or has too many fields."""
    if isinstance(error.response, Response):
        return error.response
    return render("base/refusal.html", message=say("This form cannot be read."), status=error.code or 400)


def nothing_here(error: HTTPException) -> Response:
    """An address at which nothing is: a page for who reads pages, an answer for programs."""
    reads_pages = "text/html" in request.headers.get("Accept", "")
    if is_api() or request.url_rule is not None or not reads_pages:
        return refuse_http(error)
    return render("base/refusal.html", message=say("There is nothing at this address."), status=404)


def _fail(error: Exception) -> Response:
    note_fault(error)
    message = say("Something went wrong here; the operators can see it in the log.")
    return render("base/refusal.html", message=message, status=500)


def _as_page(response: Response, reaches: Collection[str] = ()) -> Response:
    response.headers["Content-Security-Policy"] = policy(reaches)
    # With `no-referrer` browsers do not say either where a form was; with `same-origin` not to another service's port.
    has_others = not language.is_public_page() and navigation.other_origins()
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin" if has_others else "same-origin"
    language.remember(response)
    if "claims" in g:
        response.headers["Cache-Control"] = "no-store"
    return response
