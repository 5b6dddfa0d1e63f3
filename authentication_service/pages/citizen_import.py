"""A file of the citizens' register: chosen, looked at line by line, and taken over.

As with polling stations, nothing of a file is kept between the preview and the import: the script leaves the form with
the file where it is, and without JavaScript the page asks for it once more. The second step says which file was looked
at, by its SHA-256, and what was to become of it, so that neither another file nor another register is imported unseen.
"""

from typing import BinaryIO

from flask import Response, request
from flask_babel import lazy_gettext

from authentication_service import signing
from authentication_service.actions.citizen_import import MOST_TOLD, Import, Window, import_citizens
from authentication_service.pages.own import page, renewed, signed_in
from authentication_service.routes.citizens import MOST_BYTES
from authentication_service.rules.citizens import COLUMNS
from authentication_service.signing import parts
from shared.auth import identity
from shared.csv_lines import Change
from shared.errors import ChangedMeanwhile, UrnaError
from shared.terms import Role
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint
from shared.web.pages.files import sent_file, takes_a_file

# Enough to see that the columns were understood; what is wrong is shown apart.
_MOST_LINES = 200

CHANGES = {
    Change.NEW: lazy_gettext("new"),
    Change.CHANGED: lazy_gettext("will change"),
}

imports = page_blueprint("citizen_import_pages", __name__)


@imports.get("/citizens/import")
@page_requires(Role.ADMINISTRATOR)
@imports.doc(summary="A page to choose a file of citizens")
def choose() -> Response:
    return _page()


@imports.post("/citizens/import/preview")
@takes_a_file(MOST_BYTES)
@page_requires(Role.ADMINISTRATOR)
@journaled("citizen.imported", "register")
@imports.doc(summary="What would become of it; changes nothing")
def preview() -> Response:
    try:
        return _page(_looked_at(sent_file()))
    except UrnaError as error:
        return _page(error=error)


@imports.post("/citizens/import")
@takes_a_file(MOST_BYTES)
@page_requires(Role.ADMINISTRATOR)
@journaled("citizen.imported", "register")
@imports.doc(summary="The form that imports it")
def bring() -> Response:
    try:
        file = sent_file()
        try:
            made = import_citizens(
                parts().database,
                identity(),
                file,
                preview=False,
                skip_wrong=request.form.get("skip_wrong") == "1",
                expected=request.form.get("sha256", ""),
                planned=request.form.get("planned", ""),
                now=signing.now(),
            )
        except ChangedMeanwhile as error:
            return _page(_looked_at(file), error)
    except UrnaError as error:
        return _page(error=error)
    return _page(made)


def _looked_at(file: BinaryIO) -> Import:
    shown = Window(frozenset(CHANGES), _MOST_LINES)
    return import_citizens(parts().database, identity(), file, preview=True, window=shown, now=signing.now())


def _page(made: Import | None = None, error: UrnaError | None = None) -> Response:
    account = signed_in()
    answer = page(
        "citizen_import.html",
        error,
        account=account,
        made=made,
        sha256=made.sha256 if made else "",
        numbers=made.numbers if made else {},
        wrong=made.wrong if made else 0,
        ignored=made.ignored if made else [],
        problems=made.problems if made else [],
        may_skip=True,
        most_told=MOST_TOLD,
        changes=CHANGES,
        columns=COLUMNS,
    )
    return renewed(account, answer)
