"""The four services as one site: where each one's pages begin, and which of them somebody may use."""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from flask import Flask, current_app, g, request, url_for
from flask_babel import lazy_gettext
from werkzeug.exceptions import HTTPException

from shared.auth import identity
from shared.config import WebSettings
from shared.terms import Role
from shared.web.pages import language

_SITES, _EDITION = "sites", "edition of the pages"
# What may stand in a policy or an address as the name of the host that a browser has asked.
_HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]")
# A path of this host: a second slash or a backslash at its beginning would name another one.
_OWN = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
# The field in which every form says on which page it is.
PAGE_FIELD = "page_of_form"
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Place:
    """One service in the navigation. Who may use it: everybody (None), or one of these roles, any account (empty)."""

    name: str
    title: object
    roles: frozenset[Role] | None


PLACES = (
    Place("results", lazy_gettext("Results"), None),
    Place("station", lazy_gettext("Voting station"), frozenset({Role.OFFICIAL})),
    Place(
        "administration",
        lazy_gettext("Administration"),
        frozenset({Role.ADMINISTRATOR, Role.AUDITOR, Role.CAMPAIGN_DIRECTOR, Role.CANDIDATE}),
    ),
    Place("account", lazy_gettext("Account"), frozenset()),
)
NAMES = {
    "authentication_service": "account",
    "admin_service": "administration",
    "voting_station_service": "station",
    "results_service": "results",
}


@dataclass(frozen=True)
class Sites:
    """Where the pages begin, as the settings say, and which of them are this service's own."""

    own: str
    by_name: dict[str, str]

    @staticmethod
    def of(service: str, settings: WebSettings) -> "Sites":
        return Sites(
            NAMES.get(service, "results"),
            {
                "results": settings.results_site,
                "station": settings.station_site,
                "administration": settings.administration_site,
                "account": settings.account_site,
            },
        )


@dataclass(frozen=True)
class Link:
    """A link of the navigation."""

    name: str
    title: object
    address: str
    is_current: bool


def install(app: Flask, sites: Sites, edition: str) -> None:
    """Let the pages of ``app`` know where the others are, and what edition they are of."""
    app.extensions[_SITES] = sites
    app.extensions[_EDITION] = edition


def sites() -> Sites:
    """Those of this service."""
    found: Sites = current_app.extensions[_SITES]
    return found


def edition() -> str:
    """What changes when the pages look different though they show the same."""
    return str(current_app.extensions[_EDITION])


def site(name: str) -> str:
    """Where a service's pages begin for the browser that is asking: a path of its host, or an address."""
    if name == sites().own:
        return f"{request.script_root}/"
    stated = sites().by_name[name]
    if not stated.startswith(":"):
        return stated
    host = hostname()
    return f"{request.scheme}://{host}{stated}" if host else stated[stated.index("/") :]


def hostname() -> str:
    """The name by which the browser has asked, without a port; empty if it is none."""
    name = re.sub(r":[0-9]*$", "", request.host)
    return name if _HOST.fullmatch(name) else ""


def other_sites() -> list[str]:
    """Where the pages of the other services begin, of those that are not on this very host and port."""
    found = (site(place.name) for place in PLACES if place.name != sites().own)
    return [address for address in found if not address.startswith("/")]


def other_origins() -> list[str]:
    """The origins of these, as a policy names them."""
    parted = (urlsplit(address) for address in other_sites())
    return sorted({f"{parts.scheme}://{parts.netloc}" for parts in parted})


def origins_of(*names: str) -> list[str]:
    """The origins of some services' pages, and of their routes beside these; none for what is on this host and port."""
    parted = (urlsplit(site(name)) for name in names)
    return sorted({f"{parts.scheme}://{parts.netloc}" for parts in parted if parts.netloc})


def page_address() -> str:
    """The address on this host of the page that is shown; of a form's answer that of the form's page, if known."""
    if request.method in ("GET", "HEAD"):
        # As the browser has written it; what a link could not bear is left out.
        query = request.query_string.decode("ascii", "replace")
        return f"{_path()}?{query}" if query and _OWN.fullmatch(f"/?{query}") else _path()
    return page_of_the_form()


def other_page(number: int) -> str:
    """The address of another page of the listing that was asked for, with its filters."""
    kept = {name: value for name, value in request.args.items() if value and name not in {"notice", "resume"}}
    return f"{_path()}?{urlencode({**kept, 'page': number})}"


def _path() -> str:
    """The path that was asked for, as a link bears it. With two slashes at its beginning it would name another host."""
    return quote(f"{request.script_root}/{request.path.lstrip('/')}", safe="/:@!$&'()*+,;=~")


def page_of_the_form() -> str:
    """The address on this host of the page on which a form was that has just been sent; empty if nobody says."""
    own = request.host_url.rstrip("/")
    said = _said_by_the_form() or request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    # A script says the whole address, also where in the page somebody was.
    path = said.removeprefix(own).partition("#")[0]
    return path if path.startswith(f"{request.script_root}/") and _OWN.fullmatch(path) else ""


def _said_by_the_form() -> str:
    # What a large body says is not worth reading it.
    if (request.content_length or _MOST_BYTES) >= _MOST_BYTES:
        return ""
    try:
        return request.form.get(PAGE_FIELD, "")
    except HTTPException:
        return ""


def for_others(address: str) -> str:
    """An address on this host as the page to sign in can lead back to it."""
    is_beside = sites().own == "account" or site("account").startswith("/")
    return address if is_beside or not address else request.host_url.rstrip("/") + address


def links() -> list[Link]:
    """The services that may be used by whoever asks; a public page does not ask who that is."""
    known = None if language.is_public_page() or "claims" not in g else identity()
    found = []
    for place in PLACES:
        if place.roles is None or (known and (not place.roles or any(known.has(role) for role in place.roles))):
            found.append(Link(place.name, place.title, with_language(place.name), place.name == sites().own))
    return found


def with_language(name: str) -> str:
    """Where a service's pages begin, in the language that was chosen, if its pages would not know it otherwise."""
    selected = language.chosen()
    needs_it = selected is not None and (name == "results" or language.is_public_page())
    return site(name) + (f"?{urlencode({language.ARGUMENT: selected.code})}" if needs_it and selected else "")


def in_language(code: str) -> str:
    """The address of this page in another language; a form's answer has none, so that it is the page of the form."""
    if request.method not in ("GET", "HEAD"):
        page = page_of_the_form() or f"{request.script_root}/"
        return f"{page.partition('?')[0]}?{urlencode({language.ARGUMENT: code})}"
    arguments = [(name, value) for name, value in request.args.items(multi=True) if name != language.ARGUMENT]
    return f"{_path()}?{urlencode([*arguments, (language.ARGUMENT, code)])}"


def sign_in_address(back: str, **arguments: str) -> str:
    """Where to sign in, to come ``back`` afterwards."""
    start = url_for("pages.sign_in") if sites().own == "account" else f"{site('account')}sign-in"
    given = {**arguments, **({"next": back} if back else {})}
    return f"{start}?{urlencode(given, safe='/:?=')}" if given else start
