"""Pages that people sign in to: a token in a cookie, and forms that nobody else's page can send in their name.

The cookie is taken by views that declare ``page_requires`` and by no other. A form is taken only with the value of the
token's claim ``csrf``, which its page has written into it; so a service needs no memory of its pages, and no key but
the public one. As a second line, the browser has to say that the form was on a page of this very service.
"""

import time
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import Flask, Response, g, request
from flask_jwt_extended import (
    decode_token,
    get_jwt,
    set_access_cookies,
    unset_access_cookies,
    verify_jwt_in_request,
)
from flask_jwt_extended.exceptions import CSRFError, JWTExtendedException
from jwt.exceptions import PyJWTError

from shared.auth import ACCESS_SECONDS, Access, admit
from shared.errors import Forbidden
from shared.terms import Role

P = ParamSpec("P")
R = TypeVar("R")

# By this prefix browsers take it from a secure connection only, for all paths of this host and for no other host.
COOKIE = "__Host-urna"
CSRF_CLAIM = "csrf"
CSRF_FIELD = "csrf_token"


class NotSignedIn(Exception):
    """A page was asked for by somebody whose browser has no cookie that lets him in."""


def configure(app: Flask) -> None:
    """Say how the cookie is written."""
    app.config.update(
        JWT_ACCESS_COOKIE_NAME=COOKIE,
        JWT_ACCESS_COOKIE_PATH="/",
        JWT_COOKIE_SECURE=True,
        JWT_COOKIE_SAMESITE="Strict",
        # A page gets the value into its forms from the token itself.
        JWT_CSRF_IN_COOKIES=False,
    )


def page_requires(
    *roles: Role, also_from: Callable[[], Collection[str]] = tuple
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Who is signed in with one of ``roles`` may see this page or send its form; no roles: any account.

    The form may be on a page of this service, or of one of the origins that ``also_from`` gives. Raises
    ``NotSignedIn``, and ``Forbidden`` for another role or a form that may be forged.
    """
    access = Access("access", frozenset(roles), page=True)

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            admit(access, _claims(also_from))
            return view(*args, **kwargs)

        guarded.access = access  # type: ignore[attr-defined]  # A view carries its own rule.
        return guarded

    return decorate


def public_form(view: Callable[P, R]) -> Callable[P, R]:
    """Anybody may send this form, from a page of this service only: nobody is signed in by somebody else's page."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        _refuse_other_sites()
        return view(*args, **kwargs)

    guarded.access = Access(None, frozenset(), page=True)  # type: ignore[attr-defined]  # A view carries its own rule.
    return guarded


def let_in(response: Response, token: str) -> None:
    """Put a token with the claim ``csrf`` into the cookie, for as long as it is good."""
    set_access_cookies(response, token, max_age=ACCESS_SECONDS)


def let_out(response: Response) -> None:
    """Take the cookie away."""
    unset_access_cookies(response)


def csrf_value() -> str:
    """What a form of this request's page has to bring back in its field ``csrf_token``."""
    return str(g.claims[CSRF_CLAIM])


def session_left() -> float:
    """For how many seconds the cookie of this request's page is good yet."""
    return float(g.claims["exp"]) - time.time()


def _claims(also_from: Callable[[], Collection[str]]) -> dict[str, Any]:
    is_form = request.method not in ("GET", "HEAD")
    if is_form:
        _refuse_other_sites(also_from())
    try:
        verify_jwt_in_request(locations="cookies")
        claims: dict[str, Any] = get_jwt()
        # A token that was made for a header has no value that its forms could bring.
        if not claims.get(CSRF_CLAIM):
            raise NotSignedIn
        if is_form:
            sent = request.form.get(CSRF_FIELD, "")
            # The library compares no empty value, and cannot compare one with other letters.
            decode_token(request.cookies[COOKIE], csrf_value=sent if sent and sent.isascii() else "none")
    except CSRFError as error:
        raise _forged() from error
    except (JWTExtendedException, PyJWTError) as error:
        raise NotSignedIn from error
    return claims


def _refuse_other_sites(known_origins: Collection[str] = ()) -> None:
    site = request.headers.get("Sec-Fetch-Site")
    if request.headers.get("Origin") in known_origins and site in (None, "same-site"):
        return
    # Browsers that do not say the first say the second with every form.
    is_own = site == "same-origin" if site else request.headers.get("Origin") == request.host_url.rstrip("/")
    if not is_own:
        raise _forged()


def _forged() -> Forbidden:
    return Forbidden("This form did not come from a page of this service. Open the page again and repeat what you did.")
