"""A file of officials and their polling stations: chosen, looked at, and taken over, as one of citizens is."""

from flask import Response, request
from flask_babel import lazy_gettext

from authentication_service import letters, signing
from authentication_service.actions.official_import import Import, import_officials
from authentication_service.pages.own import page, renewed, signed_in
from authentication_service.routes.officials import MOST_BYTES
from authentication_service.rules.officials import COLUMNS
from authentication_service.signing import parts
from shared.auth import identity
from shared.csv_lines import Change
from shared.errors import ChangedMeanwhile, UrnaError
from shared.terms import Role
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint
from shared.web.pages.files import sent_file, takes_a_file

# What is shown of a file is enough to see that it was understood; nobody mends more at once.
MOST_TOLD = 1000
_MOST_SHOWN = 200

CHANGES = {
    Change.NEW: lazy_gettext("gets an account"),
    Change.CHANGED: lazy_gettext("will change"),
}

official_imports = page_blueprint("official_import_pages", __name__)


@official_imports.get("/officials/import")
@page_requires(Role.ADMINISTRATOR)
@official_imports.doc(summary="A page to choose a file of officials")
def choose() -> Response:
    return _page()


@official_imports.post("/officials/import/preview")
@takes_a_file(MOST_BYTES)
@page_requires(Role.ADMINISTRATOR)
@journaled("account.stations_changed", "accounts")
@official_imports.doc(summary="What would become of each official; changes nothing")
def preview() -> Response:
    try:
        return _page(_brought(sent_file().read(), preview=True))
    except UrnaError as error:
        return _page(error=error)


@official_imports.post("/officials/import")
@takes_a_file(MOST_BYTES)
@page_requires(Role.ADMINISTRATOR)
@journaled("account.stations_changed", "accounts")
@official_imports.doc(summary="The form that imports it")
def bring() -> Response:
    try:
        content = sent_file().read()
        try:
            return _page(_brought(content, preview=False))
        except ChangedMeanwhile as error:
            return _page(_brought(content, preview=True), error)
    except UrnaError as error:
        return _page(error=error)


def _brought(content: bytes, *, preview: bool) -> Import:
    return import_officials(
        parts().database,
        parts().passwords,
        identity(),
        content,
        invitations=letters.invitations(),
        preview=preview,
        expected=None if preview else request.form.get("sha256", ""),
        planned=None if preview else request.form.get("planned", ""),
        now=signing.now(),
    )


def _page(made: Import | None = None, error: UrnaError | None = None) -> Response:
    account = signed_in()
    changed = [one for one in made.planned if one.change in CHANGES] if made else []
    answer = page(
        "official_import.html",
        error,
        account=account,
        made=made,
        sha256=made.sha256 if made else "",
        numbers=made.numbers if made else {},
        wrong=made.file.wrong if made else 0,
        ignored=made.file.ignored if made else [],
        problems=made.file.problems[:MOST_TOLD] if made else [],
        faults=len(made.file.problems) if made else 0,
        lines=changed[:_MOST_SHOWN],
        may_skip=False,
        most_told=MOST_TOLD,
        changes=CHANGES,
        columns=COLUMNS,
        sends_mail=letters.sends_mail(),
    )
    return renewed(account, answer)
