"""A file of polling stations: chosen, looked at line by line, and taken over.

Nothing of a file is kept between the preview and the import. The script leaves the form with the file where it is and
puts the preview below it, so that the browser sends the same file again; without JavaScript the page of the preview
asks for it once more. In both cases the second step says which file was looked at, by its SHA-256, and what was to
become of it, so that neither another file nor other stations of today are imported unseen.
"""

from hashlib import sha256

from flask import Response, request
from flask_babel import gettext, lazy_gettext

from admin_service.actions.station_import import Import, import_stations
from admin_service.pages.frame import show, spoken
from admin_service.routes.fields import database
from admin_service.routes.station_import import MOST_BYTES
from admin_service.rules.station_files import COLUMNS
from shared.csv_lines import Change
from shared.errors import ChangedMeanwhile, UrnaError
from shared.terms import Role
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint
from shared.web.pages.files import sent_file, takes_a_file

PER_PAGE = 200
# The way through the rest of a preview is in the file itself: nobody mends more at once.
MOST_TOLD = 1000

CHANGES = {
    Change.NEW: lazy_gettext("new"),
    Change.CHANGED: lazy_gettext("will change"),
    Change.SAME: lazy_gettext("as it is"),
}

imports = page_blueprint("import_pages", __name__)


@imports.get("/stations/import")
@page_requires(Role.ADMINISTRATOR)
@imports.doc(summary="A page to choose a file of polling stations")
def choose() -> Response:
    return _page()


@imports.post("/stations/import/preview")
@takes_a_file(MOST_BYTES)
@page_requires(Role.ADMINISTRATOR)
@journaled("polling_station.imported", "polling_station")
@imports.doc(summary="What would become of each line of it; changes nothing")
def preview() -> Response:
    try:
        content = sent_file().read()
        return _page(import_stations(database(), content, preview=True), content)
    except UrnaError as error:
        return _page(error=error)


@imports.post("/stations/import")
@takes_a_file(MOST_BYTES)
@page_requires(Role.ADMINISTRATOR)
@journaled("polling_station.imported", "polling_station")
@imports.doc(summary="The form that imports it")
def bring() -> Response:
    content = b""
    try:
        content = sent_file().read()
        if request.form.get("sha256", "") != sha256(content).hexdigest():
            words = gettext("This is not the file that you have looked at. Here is what would become of this one.")
            raise ChangedMeanwhile(spoken(words))
        skips = request.form.get("skip_wrong") == "1"
        made = import_stations(
            database(), content, preview=False, skip_wrong=skips, planned=request.form.get("planned", "")
        )
    except ChangedMeanwhile as error:
        return _page(import_stations(database(), content, preview=True), content, error)
    except UrnaError as error:
        return _page(error=error)
    return _page(made, content)


def _page(made: Import | None = None, content: bytes = b"", error: UrnaError | None = None) -> Response:
    # What a button adds comes after what the form has.
    page, wanted = ((request.form.getlist(name) or [""])[-1] for name in ("page", "which"))
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 and int(page) else 1
    shown = made.planned if made else []
    if made and wanted in set(Change):
        shown = [one for one in made.planned if one.change == wanted]
    return show(
        "stations/import.html",
        error,
        made=made,
        sha256=sha256(content).hexdigest() if content else "",
        numbers=made.numbers if made else {},
        wrong=made.file.wrong if made else 0,
        ignored=made.file.ignored if made else [],
        problems=made.file.problems[:MOST_TOLD] if made else [],
        faults=len(made.file.problems) if made else 0,
        may_skip=True,
        lines=shown[(number - 1) * PER_PAGE : number * PER_PAGE],
        which=wanted,
        total=len(shown),
        page=number,
        per_page=PER_PAGE,
        last=max(1, -(-len(shown) // PER_PAGE)),
        changes=CHANGES,
        columns=COLUMNS,
    )
