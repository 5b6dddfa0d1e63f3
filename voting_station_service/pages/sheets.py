"""The pages of tally sheets: enter the numbers of the paper, see where the sheet stands, and send photographs of it."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from flask import Response, request, url_for
from flask_babel import gettext
from werkzeug.exceptions import RequestEntityTooLarge

from shared.auth import identity
from shared.errors import InvalidInput, TooLarge, UrnaError
from shared.queue import snapshot
from shared.queue.sheets import Own
from shared.sentences import heard, say
from shared.sheets import COUNTS, Finding, Numbers, photographs
from shared.terms import Role
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, render, said, see_other
from voting_station_service.actions import ONE_FILE, limiting
from voting_station_service.actions import sheets as actions
from voting_station_service.pages import words
from voting_station_service.pages.place import Desk, desk, wants_fragment
from voting_station_service.routes import station
from voting_station_service.rules import sheets as rules
from voting_station_service.uploads import received_files, take_photograph

_SHEET = "/elections/<int:election_id>/stations/<int:station_id>/sheet"

blueprint = page_blueprint("sheet_pages", __name__)
blueprint.before_request(take_photograph)


@blueprint.get(_SHEET)
@page_requires(Role.OFFICIAL)
@blueprint.doc(summary="A page of a tally sheet, with the form to enter it")
def show(election_id: int, station_id: int) -> Response:
    here = desk(election_id, station_id)
    return here if isinstance(here, Response) else _page(here, station_id)


@blueprint.get(f"{_SHEET}/progress")
@page_requires(Role.OFFICIAL)
@blueprint.doc(summary="The part of it that changes")
def progress(election_id: int, station_id: int) -> Response:
    here = desk(election_id, station_id)
    return here if isinstance(here, Response) else _page(here, station_id, template="sheet_state.html")


@blueprint.post(_SHEET)
@page_requires(Role.OFFICIAL)
@journaled("sheet.refused", "sheet of station {station_id} in election {election_id}")
@blueprint.doc(summary="Its form")
def enter(election_id: int, station_id: int) -> Response:
    here = desk(election_id, station_id)
    if isinstance(here, Response):
        return here
    texts = request.form.to_dict()
    body, explanations, faults = rules.read_texts(texts, here.election.poll_numbers)
    try:
        with limiting(station(), identity()):
            if faults:
                raise InvalidInput(rules.MEND, field=faults[0][0], faults=faults)
            said_body = {**body, "explanations": explanations}
            actions.enter(station(), identity(), election_id, station_id, said_body, request.form.get("key") or None)
    except UrnaError as error:
        findings = () if faults else _findings(here, station_id, body)
        return _page(here, station_id, error, texts=texts, findings=findings, body=body, faults=faults)
    return see_other(url_for("sheet_pages.show", election_id=election_id, station_id=station_id))


@blueprint.post(f"{_SHEET}/photographs")
@page_requires(Role.OFFICIAL)
@journaled("photograph.refused", "sheet of station {station_id} in election {election_id}")
@blueprint.doc(summary="The form for a photograph of it")
def add_photograph(election_id: int, station_id: int) -> Response:
    here = desk(election_id, station_id)
    if isinstance(here, Response):
        return here
    try:
        with limiting(station(), identity()):
            content, name = _photograph()
            key = request.form.get("key") or None
            actions.add_photograph(station(), identity(), election_id, station_id, content, name, key)
    except UrnaError as error:
        if wants_fragment():
            return render("photograph_refused.html", error)
        return _page(here, station_id, photograph_error=error)
    if wants_fragment():
        return _page(here, station_id, template="sheet_state.html")
    return see_other(url_for("sheet_pages.show", election_id=election_id, station_id=station_id) + "#photographs")


def _too_large(_error: RequestEntityTooLarge) -> Response:
    template = "photograph_refused.html" if wants_fragment() else "base/refusal.html"
    most = photographs.MOST_BYTES // 1024**2
    return render(template, TooLarge(say("A photograph has at most {most} MiB; make it smaller.", most=most)))


blueprint.register_error_handler(RequestEntityTooLarge, _too_large)


def _photograph() -> tuple[bytes, str]:
    found = [file for file in received_files(photographs.MOST_BYTES) if file.filename]
    if not found:
        raise InvalidInput("Choose a photograph first.", field="file")
    if len(found) > 1:
        raise InvalidInput(ONE_FILE, field="file")
    return found[0].stream.read(), found[0].filename or ""


def _findings(here: Desk, station_id: int, body: Mapping[str, Any]) -> tuple[Finding, ...]:
    """What is found about the numbers; nothing where they cannot be looked at, of which the error tells."""
    try:
        return actions.try_out(station(), here.official, here.election.id, station_id, body)
    except UrnaError:
        return ()


def _page(
    here: Desk,
    station_id: int,
    error: UrnaError | None = None,
    *,
    template: str = "sheet.html",
    texts: Mapping[str, str] | None = None,
    findings: tuple[Finding, ...] = (),
    body: Mapping[str, Any] | None = None,
    faults: list[tuple[str, str]] | None = None,
    photograph_error: UrnaError | None = None,
) -> Response:
    shown = actions.show(station(), here.official, here.election.id, station_id)
    lists = snapshot.read_lists(station().redis, here.election.id)
    roll = here.place.roll.registered if here.place and here.place.roll else None
    numbers = Numbers.from_dict(body, here.election.poll_numbers) if body and findings else None
    told = {found.code: words.finding(found, numbers, roll) for found in findings} if numbers else {}
    # At the first of its fields, as the rules say it; an explanation is asked for right there.
    beside: dict[str, list[Finding]] = {}
    for found in findings:
        beside.setdefault(found.fields[0], []).append(found)
    by_field = {name: said(message) for name, message in faults or []}
    if isinstance(error, InvalidInput):
        # What is wrong with an explanation itself.
        by_field |= {
            name: said(message)
            for name, message in error.faults
            if name.startswith("explanations.") and not message.startswith(name.removeprefix("explanations."))
        }
    return render(
        template,
        error if error is not None else photograph_error,
        here=here,
        station_id=station_id,
        shown=shown,
        key=uuid4().hex,
        counts=COUNTS,
        lists=[(f"votes.{number}", words.list_name(number, lists)) for number in sorted(here.election.poll_numbers)],
        label=lambda name: words.field(name, lists),
        hints=words.FIELD_HINTS,
        states=words.STATES,
        states_at_length=words.STATES_AT_LENGTH,
        sent=words.SENT,
        reason=_reason,
        texts=texts or {},
        told=told,
        beside=beside,
        faults=by_field,
        sheet_error=error,
        photograph_error=photograph_error,
        summary=_summary(error, findings),
        size=words.size,
        most_photographs=photographs.MOST_OF_ONE,
        waits=any(one.waits for one in (*shown.entries, *shown.photographs)),
    )


def _reason(one: Own) -> str:
    """Why what was sent of a sheet was refused when its turn came; an earlier daemon has told its text alone."""
    packed = one.became.get("said")
    return heard(packed) if isinstance(packed, dict) else str(one.became["reason"])


def _summary(error: UrnaError | None, findings: tuple[Finding, ...]) -> str:
    """What to do about findings, in the page's language; empty where the error says it itself."""
    if error is None or not isinstance(error, InvalidInput) or not findings:
        return ""
    if any(found.severity == "error" for found in findings):
        return str(
            gettext("The parts do not add up, so nothing was stored. Mend the numbers, and send the sheet again.")
        )
    return str(
        gettext("Nothing was stored yet. Compare what is marked with the paper: mend it, or explain why it is so.")
    )
