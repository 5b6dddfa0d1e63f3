"""The ground on which every page of the suite stands: its frame, style, script, languages and navigation.

How to make a page is told in docs/pages.md.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from apiflask import APIFlask
from flask import Blueprint, Response, g, url_for

from shared.auth import public
from shared.config import WebSettings
from shared.web.cookies import csrf_value, session_left
from shared.web.files import Files
from shared.web.pages import language, navigation, numbers
from shared.web.pages.answers import (
    ask_to_sign_in,
    nothing_here,
    page_blueprint,
    page_tag,
    public_page,
    render,
    said,
    see_other,
    unchanged,
)

__all__ = [
    "ask_to_sign_in",
    "install",
    "page_blueprint",
    "page_tag",
    "public_page",
    "render",
    "said",
    "see_other",
    "unchanged",
]

_HERE = Path(__file__).parent
_REPOSITORY = _HERE.parents[2]
_VENDORED = _HERE.parent / "static" / "vendor"


def install(app: APIFlask, service: str, settings: WebSettings) -> None:
    """Let ``app`` serve pages: the files under ``/static``, the shared templates and what they are filled in with."""
    files = Files(_REPOSITORY / service / "static", _HERE / "static", _VENDORED / "htmx", _VENDORED / "modules")
    navigation.install(app, navigation.Sites.of(service, settings), _edition(service, *files.digests()))
    language.install(app, ("shared", service))
    numbers.install(app)
    # Its only use is its folder of templates, which comes after the service's own.
    app.register_blueprint(Blueprint("base", __name__, template_folder="templates"))

    app.register_error_handler(404, nothing_here)

    @app.get("/static/<fingerprint>/<path:name>")
    @app.doc(hide=True, summary="A file of the pages, for ever under the fingerprint of its content")
    @public
    def page_file(fingerprint: str, name: str) -> Response:
        return files.answer(name, fingerprint)

    def asset(name: str) -> str:
        """The address of a file of the pages."""
        return url_for("page_file", fingerprint=files.digest(name), name=name)

    @app.url_defaults
    def _keep_the_language(endpoint: str, values: dict[str, Any]) -> None:
        asked = language.asked_for()
        if asked and language.is_public_page() and getattr(app.view_functions.get(endpoint), "is_public_page", False):
            values.setdefault(language.ARGUMENT, asked.code)

    app.jinja_env.globals.update(
        asset=asset,
        csrf_token=lambda: csrf_value() if "claims" in g else None,
        current_language=language.current,
        is_public_page=language.is_public_page,
        languages=language.LANGUAGES,
        links=navigation.links,
        page_address=navigation.page_address,
        in_language=navigation.in_language,
        said=said,
        session_left=lambda: int(session_left()),
        site=navigation.site,
        with_language=navigation.with_language,
    )


@cache
def _edition(service: str, *digests: str) -> str:
    """A digest of all that makes a page besides what it shows; ``digests`` are those of the files that it asks for."""
    found = sha256(" ".join(digests).encode())
    for folder in (_HERE / "templates", _HERE / "translations", _REPOSITORY / service / "templates"):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                found.update(path.read_bytes())
    return found.hexdigest()[:8]
