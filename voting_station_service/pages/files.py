"""The pages of files of ballots: hand them in, check them before, and see what became of each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from flask import Response, request, url_for
from flask_babel import gettext
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from shared.auth import identity
from shared.errors import InvalidInput, NotFound, TooLarge, UrnaError
from shared.queue import snapshot
from shared.queue.batches import BatchHead, BatchStatus
from shared.terms import Progress, Role
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, render, see_other
from voting_station_service import actions
from voting_station_service.actions import files as file_actions
from voting_station_service.pages import words
from voting_station_service.pages.place import Desk, desk, elections, named_station, wants_fragment
from voting_station_service.routes import station
from voting_station_service.uploads import received_files, take_large

PER_PAGE = 25
# What a part of a page shows unless it is told otherwise.
_PLAIN: Mapping[str, Any] = {
    "alone": False,
    "repeated": False,
    "was_sent": False,
    "examined": None,
    "file_name": "",
    "names": {},
}

blueprint = page_blueprint("file_pages", __name__)
blueprint.before_request(take_large)


@blueprint.get("/elections/<int:election_id>/files")
@page_requires(Role.OFFICIAL)
@blueprint.doc(summary="A page to hand in files of ballots")
def choose(election_id: int) -> Response:
    here = desk(election_id, named_station())
    return here if isinstance(here, Response) else _page(here)


@blueprint.post("/elections/<int:election_id>/files")
@page_requires(Role.OFFICIAL)
@journaled("batch.refused", "election {election_id}")
@blueprint.doc(summary="Its form")
def hand_in(election_id: int) -> Response:
    here = desk(election_id, named_station())
    if isinstance(here, Response):
        return here
    file: FileStorage | None = None
    try:
        with actions.taking(station(), identity()):
            file = _only_file()
            receipt = actions.receive(
                station(),
                identity(),
                file.stream,
                file.filename or "",
                election_id=election_id,
                station_id=here.station_id,
                idempotency_key=request.form.get("key") or None,
                must_be_open=True,
            )
            if receipt is None:
                raise InvalidInput("The file is empty; each line has to be `GUID,poll number`.", field="file")
    except UrnaError as error:
        return _refused(here, error, file)
    if not wants_fragment():
        return see_other(url_for("file_pages.show", batch_id=receipt.batch_id))
    found = actions.batch(station(), identity(), receipt.batch_id)
    return _render("file_outcome.html", status=202, found=found, repeated=receipt.repeated)


@blueprint.post("/elections/<int:election_id>/files/check")
@page_requires(Role.OFFICIAL)
@journaled("batch.refused", "check for election {election_id}")
@blueprint.doc(summary="The form that checks a file and stores nothing")
def check(election_id: int) -> Response:
    here = desk(election_id, named_station())
    if isinstance(here, Response):
        return here
    file: FileStorage | None = None
    try:
        with actions.limiting(station(), identity()):
            file = _only_file()
            found = file_actions.check(station(), identity(), file.stream, election_id, here.station_id)
    except UrnaError as error:
        return _refused(here, error, file)
    lists = snapshot.read_lists(station().redis, election_id)
    names = {number: words.list_name(number, lists) for number in found.votes if number not in found.unknown}
    shown: dict[str, Any] = {"examined": found, "names": names, "file_name": actions.safe_name(file.filename or "")}
    return _render("file_checked.html", **shown) if wants_fragment() else _page(here, **shown)


@blueprint.get("/files")
@page_requires(Role.OFFICIAL)
@blueprint.doc(summary="A page of the own files, newest first")
def own() -> Response:
    named = request.args.get("page", "")
    page = int(named) if named.isascii() and named.isdigit() and 0 < len(named) < 7 else 1
    found, total = file_actions.own(station(), identity(), max(page, 1), PER_PAGE)
    return _render(
        "own_files.html",
        found=found,
        total=total,
        page=max(page, 1),
        per_page=PER_PAGE,
        page_of=lambda number: url_for("file_pages.own", page=number),
        station_name=_names([one.head for one in found]),
    )


@blueprint.get("/files/<string:batch_id>")
@page_requires(Role.OFFICIAL)
@blueprint.doc(summary="A page of a file: its receipt, and what became of it")
def show(batch_id: str) -> Response:
    found = _own_batch(batch_id)
    return _render("file.html", found=found, station_name=_names([found.head]))


@blueprint.get("/files/<string:batch_id>/progress")
@page_requires(Role.OFFICIAL)
@blueprint.doc(summary="The part of it that changes")
def progress(batch_id: str) -> Response:
    shown: dict[str, Any] = {name: request.args.get(name) == "1" for name in ("alone", "repeated")}
    return _render("file_outcome.html", found=_own_batch(batch_id), **shown)


def _own_batch(batch_id: str) -> BatchStatus:
    found = actions.batch(station(), identity(), batch_id)
    # An administrator who is an official, too, sees only the own ones here.
    if found.head.official_email != identity().email:
        raise NotFound("There is no such batch of yours; receipts are kept for a limited time.")
    return found


def _only_file() -> FileStorage:
    found = [file for file in received_files() if file.filename]
    if not found:
        raise InvalidInput("Choose a file first.", field="file")
    if len(found) > 1:
        raise InvalidInput(actions.ONE_FILE, field="file")
    return found[0]


def _too_large(_error: RequestEntityTooLarge) -> Response:
    error = TooLarge("The file is larger than the station takes; cut it into smaller ones.")
    return _render("file_checked.html" if wants_fragment() else "base/refusal.html", error)


blueprint.register_error_handler(RequestEntityTooLarge, _too_large)


def _refused(here: Desk, error: UrnaError, file: FileStorage | None) -> Response:
    """Say why; of a bad file also which of its lines are bad."""
    values: dict[str, Any] = {"file_name": actions.safe_name(file.filename or "") if file else "", "was_sent": True}
    if file is not None and isinstance(error, InvalidInput) and file_actions.is_of_line(error):
        values["examined"] = file_actions.faults(file.stream)
    return _render("file_checked.html", error, **values) if wants_fragment() else _page(here, error, **values)


def _page(here: Desk, error: UrnaError | None = None, **values: Any) -> Response:
    most = station().settings.max_upload_bytes
    return _render("files.html", error, here=here, key=uuid4().hex, most_bytes=most, **values)


def _render(template: str, error: UrnaError | None = None, status: int | None = None, **values: Any) -> Response:
    return render(
        template,
        error,
        status=status,
        **{**_PLAIN, **values},
        progress=words.PROGRESS,
        is_counted=lambda found: found.status == Progress.COUNTED,
        election_title=_election_title,
        refusals=words.REFUSALS,
        problems=words.PROBLEMS,
        lines=words.lines,
        size=words.size,
    )


def _election_title(election_id: int | None) -> str:
    return next((one.title for one in elections() if one.id == election_id), str(election_id or ""))


def _names(heads: Sequence[BatchHead]) -> Callable[[BatchHead], str]:
    """What the polling stations of these files are called."""
    numbers = sorted({head.station_id for head in heads if head.station_id})
    facts = snapshot.stations(station().redis, 0, numbers)
    called = {number: roll.code for number, (_, roll) in zip(numbers, facts, strict=True) if roll}
    return lambda head: called.get(head.station_id or 0) or gettext("No. %(number)s", number=head.station_id)
