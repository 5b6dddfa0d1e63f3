"""Reconciliation on pages: the stations whose counts differ, one station's counts beside each other, and why."""

from datetime import UTC, datetime
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext, lazy_gettext

from admin_service import store as elections
from admin_service.actions import reconciliation as actions
from admin_service.actions.reconciliation import Compared, Show
from admin_service.pages import filled_in
from admin_service.pages.boards import MOST_ELECTIONS, lists_of, may_decide
from admin_service.pages.frame import NOTICES, READERS, show, spoken
from admin_service.pages.station_words import DIFFERENCES, LACKING, difference_sentence, difference_title, list_title
from admin_service.routes.fields import database
from admin_service.routes.reconciliation import difference_lines
from admin_service.routes.spreadsheets import spreadsheet
from admin_service.rules.sheets import Filter
from admin_service.store import sheets as store
from shared.auth import identity
from shared.errors import InvalidInput, UrnaError
from shared.sheets import Difference, Numbers
from shared.terms import Role
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other

PER_PAGE = 50
SHOWN = {
    Show.OPEN: lazy_gettext("open"),
    Show.EXPLAINED: lazy_gettext("explained"),
    Show.ALL: lazy_gettext("all differences"),
    Show.LACKING: lazy_gettext("not comparable yet"),
}
CODES = {**DIFFERENCES, "list": lazy_gettext("Votes of a list")}
NOTICES |= {"difference-explained": lazy_gettext("It is explained, for exactly these figures.")}

differences = page_blueprint("difference_pages", __name__)


@differences.get("/differences")
@page_requires(*READERS)
@differences.doc(summary="A page to choose the election whose differences somebody looks after")
def choose() -> Response:
    with database().reading() as session:
        found = store.elections_with_sheets(session, datetime.now(UTC), MOST_ELECTIONS)
        session.expunge_all()
    return show("sheets/choose_differences.html", elections=found)


@differences.get("/differences/<int:election_id>")
@page_requires(*READERS)
@differences.doc(summary="The polling stations whose counts differ")
def listed(election_id: int) -> Response:
    wanted, shown, code, page = *_asked(), filled_in.page_number()
    with database().reading() as session:
        election = elections.election(session, election_id)
        municipalities = store.municipalities(session, election_id)
        session.expunge_all()
    found = actions.listing(database(), election_id, wanted, shown, code)
    begin = (page - 1) * PER_PAGE
    lists = lists_of(election)
    by_code: dict[str, int] = dict.fromkeys(CODES, 0)
    for name, numbers in found.codes.items():
        by_code[name.partition(".")[0]] += numbers.open

    def address(**changed: Any) -> str:
        asked = {"show": shown.value, "code": code, "municipality": wanted.municipality, "search": wanted.text}
        kept = {name: value for name, value in {**asked, **changed}.items() if value}
        return url_for("difference_pages.listed", election_id=election_id, **kept)

    return show(
        "sheets/differences.html",
        election=election,
        found=found,
        rows=[
            (one, [_told(two, lists) for two in one.reconciliation.differences])
            for one in found.found[begin : begin + PER_PAGE]
        ],
        total=len(found.found),
        counts={
            Show.OPEN: found.open,
            Show.EXPLAINED: found.explained,
            Show.ALL: found.open + found.explained,
            Show.LACKING: found.stations - found.open - found.explained - found.clean,
        },
        shown=shown,
        shows=SHOWN,
        code=code,
        codes=[(name, f"{title} ({by_code[name]})") for name, title in CODES.items()],
        wanted=wanted,
        lacking=LACKING,
        municipalities=[(name, name) for name in municipalities],
        differences_address=address,
        address=lambda number: address(page=number),
        page=page,
        per_page=PER_PAGE,
    )


@differences.get("/differences/<int:election_id>/differences.csv")
@page_requires(*READERS)
@differences.doc(summary="The same for a spreadsheet")
def download(election_id: int) -> Response:
    wanted, shown, code = _asked()
    found = actions.listing(database(), election_id, wanted, shown, code)
    return spreadsheet(f"differences-{election_id}", *difference_lines(found.found))


@differences.get("/differences/<int:election_id>/<int:station_id>")
@page_requires(*READERS)
@differences.doc(summary="The counts of one polling station beside each other")
def one_station(election_id: int, station_id: int) -> Response:
    return _shown(election_id, station_id)


@differences.post("/differences/<int:election_id>/<int:station_id>/explanation")
@page_requires(Role.ADMINISTRATOR)
@journaled("difference.explained", actions.SUBJECT)
@differences.doc(summary="The form that says why they differ")
def explain(election_id: int, station_id: int) -> Response:
    try:
        explained = [_as_seen(text) for text in request.form.getlist("difference")]
        if not explained:
            raise InvalidInput(spoken(gettext("Tick the differences that you explain.")), field="difference")
        reason = filled_in.reason()
        actions.explain(database(), election_id, station_id, explained, reason, identity().email, datetime.now(UTC))
    except UrnaError as error:
        return _shown(election_id, station_id, error)
    address = url_for("difference_pages.one_station", election_id=election_id, station_id=station_id)
    return see_other(f"{address}?notice=difference-explained")


def _asked() -> tuple[Filter, Show, str]:
    shown, code = request.args.get("show", ""), request.args.get("code", "")
    wanted = Filter(municipality=filled_in.text_in_address("municipality"), text=filled_in.text_in_address("search"))
    return wanted, Show(shown) if shown in set(Show) else Show.OPEN, code if code in CODES else ""


def _as_seen(text: str) -> tuple[str, dict[str, int]]:
    """A difference as its line has shown it: ``list.3 declared=44 counted=43``."""
    code, *figures = text[:200].split(" ")
    parted = [figure.partition("=") for figure in figures]
    if not all(value.isascii() and value.isdigit() for _, _, value in parted):
        raise InvalidInput(spoken(gettext("This form cannot be read.")))
    return code, {name: int(value) for name, _, value in parted}


def _told(difference: Difference, lists: dict[int, str]) -> dict[str, Any]:
    seen = " ".join([difference.code, *(f"{name}={value}" for name, value in difference.figures.items())])
    return {
        "difference": difference,
        "title": difference_title(difference.code, lists),
        "sentence": difference_sentence(difference),
        "seen": seen,
    }


def _shown(election_id: int, station_id: int, error: UrnaError | None = None) -> Response:
    with database().reading() as session:
        election = elections.election(session, election_id)
        session.expunge_all()
    found = actions.read(database(), election_id, station_id)
    lists = lists_of(election)
    return show(
        "sheets/difference.html",
        error,
        election=election,
        place=found.place,
        compared=found,
        rows=_rows(found, found.declared, lists) if found.declared else [],
        differences=[_told(one, lists) for one in found.reconciliation.differences],
        lacking=[LACKING[one] for one in found.reconciliation.lacking],
        is_open=may_decide(election),
        ticked=request.form.getlist("difference"),
        values=request.form,
    )


def _rows(found: Compared, declared: Numbers, lists: dict[int, str]) -> list[tuple[str, int | None, int | None]]:
    """What is held against each other: what it is, by the sheet, and by the files; None where one does not say it."""
    counted = found.counted
    return [
        (gettext("Voters who voted"), declared.voted, counted.ballots),
        (gettext("Ballots in the box"), declared.in_box, counted.ballots),
        (gettext("Valid votes"), declared.valid, counted.valid),
        (gettext("Invalid and blank ballots"), declared.invalid + declared.blank, counted.invalid),
        *(
            (list_title(number, lists), declared.votes.get(number, 0), counted.votes.get(number, 0))
            for number in sorted({*declared.votes, *counted.votes, *lists})
        ),
    ]
