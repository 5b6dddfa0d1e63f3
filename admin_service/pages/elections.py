"""Elections: the list, each with all that is known of it, and what is done with it, always after a question."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from flask import Response, request, url_for
from flask_babel import gettext, lazy_gettext, ngettext
from pydantic import Field

from admin_service import store
from admin_service.actions import elections as actions
from admin_service.actions.elections import Shown
from admin_service.actions.seats import WaitingTie
from admin_service.actions.waiting import lots_of
from admin_service.pages.frame import NOTICES, READERS, may_change, same_version, show, spoken
from admin_service.pages.reading import asked, filled_in, local, whole
from admin_service.pages.words import PACKS, STATES, explained, pack_of, title_of
from admin_service.routes.elections import ElectionQuery
from admin_service.routes.fields import Reason, database, zone
from shared import tallies
from shared.apportionment import Rules
from shared.errors import ChangedMeanwhile, Conflict, InvalidInput, UrnaError
from shared.schema.election import Election
from shared.terms import Role, State
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other
from shared.web.requests import PageQuery, Strict, paginate

elections = page_blueprint("election_pages", __name__)

NOTICES.update(
    {
        "election-made": lazy_gettext("The draft is made. Say now who stands in it."),
        "election-changed": lazy_gettext("The election is changed."),
        "ballot-changed": lazy_gettext("The ballot is changed."),
        "election-publish": lazy_gettext("The election is published."),
        "election-close": lazy_gettext("The election ends in a moment."),
        "election-cancel": lazy_gettext("The election is cancelled."),
        "election-delete": lazy_gettext("The draft is deleted."),
        "election-lots": lazy_gettext("The lots are entered."),
    }
)
# What may be done with an election in which state; lots need a tie besides.
ACTS = {
    "publish": {State.DRAFT},
    "delete": {State.DRAFT},
    "close": {State.OPEN},
    "cancel": {State.SCHEDULED, State.OPEN, State.COUNTING},
    "lots": {State.FINAL},
}
CHANGEABLE = {State.DRAFT, State.SCHEDULED}


class _Cancelled(Strict):
    """Why an election does not take place."""

    reason: Annotated[Reason, Field(min_length=1)]


@elections.get("/elections")
@page_requires(*READERS)
@elections.doc(summary="A page of the elections")
def index() -> Response:
    query = asked(ElectionQuery)
    now = datetime.now(UTC)
    with database().reading() as session:
        statement = store.elections(session, now, query.state, query.jurisdiction_id)
        page = paginate(session, statement, query, lambda election: election)
        standings = tallies.standings(session, page["items"], now)
        page["items"] = [Shown(election, standings[election.id].state) for election in page["items"]]
        areas = {found.id: found.name for found in session.scalars(store.jurisdictions())}
        session.expunge_all()
    return show("elections.html", page=page, query=query, areas=areas)


@elections.get("/elections/<int:election_id>")
@page_requires(*READERS)
@elections.doc(summary="A page of one election")
def one(election_id: int) -> Response:
    now = datetime.now(UTC)
    shown = actions.read(database(), election_id, now)
    drawing = lots_of(database(), election_id, now)
    with database().reading() as session:
        area = store.jurisdiction(session, shown.election.jurisdiction_id).name
        counts = tallies.counts(session, election_id)
    rules = Rules.from_dict(shown.election.rules) if shown.election.rules else None
    return show(
        "election.html",
        one=shown.election,
        state=STATES[shown.state],
        area=area,
        counts=counts,
        rules=explained(rules) if rules else None,
        pack=PACKS.get(pack_of(shown.election.rules)),
        lots=drawing,
        acts=_acts(shown.state, drawing.ties),
        changeable=may_change() and shown.state in CHANGEABLE,
        local=local,
        zone=zone().key,
    )


@elections.get("/elections/<int:election_id>/uploads")
@page_requires(*READERS)
@elections.doc(summary="A page of the uploads for an election")
def uploads(election_id: int) -> Response:
    query = asked(PageQuery)
    with database().reading() as session:
        election = store.election(session, election_id)
        page = paginate(session, store.batches(election_id), query, lambda batch: batch)
        page["items"] = store.totals(session, page["items"])
        session.expunge_all()
    return show("uploads.html", one=election, page=page)


@elections.get("/elections/<int:election_id>/publish", defaults={"act": "publish"})
@elections.get("/elections/<int:election_id>/close", defaults={"act": "close"})
@elections.get("/elections/<int:election_id>/cancel", defaults={"act": "cancel"})
@elections.get("/elections/<int:election_id>/delete", defaults={"act": "delete"})
@elections.get("/elections/<int:election_id>/lots", defaults={"act": "lots"})
@page_requires(Role.ADMINISTRATOR)
@elections.doc(summary="A page that asks whether something is to be done with an election, and says what follows")
def ask(election_id: int, act: str) -> Response:
    return _ask(election_id, act)


@elections.post("/elections/<int:election_id>/publish")
@page_requires(Role.ADMINISTRATOR)
@journaled("election.published", "election {election_id}")
@elections.doc(summary="The form that publishes a draft")
def publish(election_id: int) -> Response:
    return _do(election_id, "publish", lambda now: actions.publish(database(), election_id, same_version, now))


@elections.post("/elections/<int:election_id>/close")
@page_requires(Role.ADMINISTRATOR)
@journaled("election.closed", "election {election_id}")
@elections.doc(summary="The form that closes an open election before its time")
def close(election_id: int) -> Response:
    return _do(election_id, "close", lambda now: actions.close(database(), election_id, same_version, now))


@elections.post("/elections/<int:election_id>/cancel")
@page_requires(Role.ADMINISTRATOR)
@journaled("election.cancelled", "election {election_id}")
@elections.doc(summary="The form that cancels an election")
def cancel(election_id: int) -> Response:
    return _do(
        election_id,
        "cancel",
        lambda now: actions.cancel(database(), election_id, same_version, filled_in(_Cancelled).reason, now),
    )


@elections.post("/elections/<int:election_id>/delete")
@page_requires(Role.ADMINISTRATOR)
@journaled("election.deleted", "election {election_id}")
@elections.doc(summary="The form that deletes a draft")
def delete(election_id: int) -> Response:
    return _do(election_id, "delete", lambda now: actions.delete(database(), election_id, now, same_version))


@elections.post("/elections/<int:election_id>/lots")
@page_requires(Role.ADMINISTRATOR)
@journaled("election.drawn", "election {election_id}")
@elections.doc(summary="The form that enters the lots of a tie")
def lots(election_id: int) -> Response:
    return _do(
        election_id,
        "lots",
        lambda now: actions.draw(database(), election_id, same_version, _drawn(), now, _in_constituency()),
    )


def _acts(state: State, ties: Sequence[WaitingTie]) -> list[tuple[str, object]]:
    """What whoever looks may do with an election: words in the address, and labels."""
    labels = {
        "publish": lazy_gettext("Publish"),
        "close": lazy_gettext("Close before its time"),
        "cancel": lazy_gettext("Cancel the election"),
        "delete": lazy_gettext("Delete the draft"),
        "lots": lazy_gettext("Enter lots"),
    }
    if not may_change():
        return []
    return [(act, label) for act, label in labels.items() if state in ACTS[act] and (act != "lots" or ties)]


def _drawn() -> list[int]:
    words = request.form.get("poll_numbers", "").replace(",", " ").split()
    if not words or not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
        raise InvalidInput(
            spoken(gettext("Write poll numbers with blanks between them, such as 3 5.")), field="poll_numbers"
        )
    return [int(word) for word in words]


def _in_constituency() -> int | None:
    """Where the lots were drawn; the form asks for it where each constituency elects for itself."""
    return whole("constituency_id") if "constituency_id" in request.form else None


def _do(election_id: int, act: str, work: Callable[[datetime], object]) -> Response:
    try:
        work(datetime.now(UTC))
    except (InvalidInput, Conflict, ChangedMeanwhile) as error:
        return _ask(election_id, act, error)
    notice = f"election-{act}"
    if act == "delete":
        return see_other(url_for(".index", notice=notice))
    return see_other(url_for(".one", election_id=election_id, notice=notice))


def _ask(election_id: int, act: str, error: UrnaError | None = None) -> Response:
    now = datetime.now(UTC)
    shown = actions.read(database(), election_id, now)
    ties = lots_of(database(), election_id, now).ties if act == "lots" else []
    asking = _QUESTIONS[act](shown.election, ties)
    return show(
        "confirm.html",
        error,
        facts=[
            (gettext("Election"), title_of(shown.election)),
            (gettext("State"), STATES[shown.state][0]),
            (gettext("Opens"), _both(shown.election.start)),
            (gettext("Ends"), _both(shown.election.end)),
            (gettext("Stand in it"), str(len(shown.election.entries))),
        ],
        version=shown.election.version,
        back=url_for(".one", election_id=election_id),
        **asking,
    )


def _both(moment: datetime) -> str:
    """A moment in local time, which its page names, and in UTC."""
    in_utc = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return in_utc if zone().key == "UTC" else f"{local(moment).replace('T', ' ')} {zone().key} ({in_utc})"


def _publishing(election: Election, _ties: Sequence[WaitingTie]) -> dict[str, Any]:
    return {
        "title": gettext("Publish this election?"),
        "follows": [
            gettext("Everybody sees it from now on, and it cannot be deleted any more, only cancelled."),
            gettext("It opens by itself at its time; five seconds before that its ballot is frozen."),
            gettext("No other election of its jurisdiction may overlap with it."),
        ],
        "label": gettext("Publish"),
    }


def _closing(election: Election, _ties: Sequence[WaitingTie]) -> dict[str, Any]:
    return {
        "title": gettext("Close this election before its time?"),
        "follows": [
            gettext("It ends five seconds after you say so. Ballots that come later are not counted."),
            gettext("It cannot be opened again."),
        ],
        "label": gettext("Close the election"),
        "kind": "danger",
    }


def _cancelling(election: Election, _ties: Sequence[WaitingTie]) -> dict[str, Any]:
    return {
        "title": gettext("Cancel this election?"),
        "follows": [
            gettext("It does not take place, and has no result. Its time is free for another election."),
            gettext("Everybody sees that it is cancelled. It cannot be taken back."),
        ],
        "fields": [
            {
                "name": "reason",
                "label": gettext("Why it is cancelled"),
                "hint": gettext("Everybody can read this."),
                "value": request.form.get("reason", ""),
                "long": True,
            }
        ],
        "label": gettext("Cancel the election"),
        "kind": "danger",
    }


def _deleting(election: Election, _ties: Sequence[WaitingTie]) -> dict[str, Any]:
    return {
        "title": gettext("Delete this draft?"),
        "follows": [gettext("It is gone for good. Only the journal keeps what it was.")],
        "label": gettext("Delete the draft"),
        "kind": "danger",
    }


def _drawing(election: Election, ties: Sequence[WaitingTie]) -> dict[str, Any]:
    places = [(one.constituency_id, one.constituency) for one in ties if one.constituency_id is not None]
    where = {
        "name": "constituency_id",
        "label": gettext("Constituency"),
        "value": request.form.get("constituency_id", ""),
        "choices": places,
    }
    return {
        "title": gettext("Enter the lots that were drawn"),
        "follows": [
            *(_tied(election, one) for one in ties),
            gettext("The last seats go to the lists that are drawn, and the result says so."),
        ],
        "fields": [
            *([where] if places else []),
            {
                "name": "poll_numbers",
                "label": gettext("Poll numbers, in the order drawn"),
                "hint": gettext("One for each open seat, with blanks between them."),
                "value": request.form.get("poll_numbers", ""),
            },
        ],
        "label": gettext("Enter the lots"),
    }


def _tied(election: Election, found: WaitingTie) -> str:
    """A tie in two sentences."""
    names = {entry.poll_number: entry.participant.name for entry in election.entries}
    tied = ", ".join(f"{number} {names[number]}" for number in found.tie.poll_numbers)
    if found.constituency_id is None:
        who = gettext("These lists have the same quotient: %(lists)s.", lists=tied)
    else:
        who = gettext(
            "In %(constituency)s these lists have the same quotient: %(lists)s.",
            constituency=found.constituency,
            lists=tied,
        )
    seats = ngettext("%(num)s seat is open among them.", "%(num)s seats are open among them.", found.tie.seats_open)
    return f"{who} {seats}"


_QUESTIONS: dict[str, Callable[[Election, Sequence[WaitingTie]], dict[str, Any]]] = {
    "publish": _publishing,
    "close": _closing,
    "cancel": _cancelling,
    "delete": _deleting,
    "lots": _drawing,
}
