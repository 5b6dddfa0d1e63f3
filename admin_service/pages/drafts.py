"""Making and changing an election, and its ballot: who stands in it, under which poll number."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from flask import Response, request, url_for
from flask_babel import gettext, lazy_gettext
from pydantic import Field

from admin_service import store
from admin_service.actions import elections as actions
from admin_service.actions.conflicts import Conflicting, conflicting
from admin_service.actions.elections import Changes, Plan
from admin_service.pages.frame import READERS, same_version, show, spoken
from admin_service.pages.reading import asked, decimal_of, filled_in, local, moment_of, whole, with_seconds
from admin_service.pages.words import BASES, FACTORS, KINDS, METHODS, PACKS, SCOPES, TIES, pack_of
from admin_service.routes.fields import Line, Searched, database, zone
from admin_service.rules.elections import Period, Place
from shared.apportionment import CLASSIC, Rules
from shared.errors import ChangedMeanwhile, Conflict, InvalidInput, UrnaError
from shared.schema.election import Election, Participant
from shared.terms import Kind, Role
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other
from shared.web.requests import Strict

drafts = page_blueprint("draft_pages", __name__)

OF_THE_KIND, SHARES, BY_HAND = "kind", "shares", "own"
FOUND_SHOWN = 20
_BY_HAND = (
    *("seats", "method", "threshold", "threshold_base", "exempt_factor", "factor_scope"),
    *("tie_policy", "waive_if_none_reach", "apportioned", "threshold_over"),
)
_FACTS = ("title", "kind", "individual", "jurisdiction_id", "start", "end", "rules")
LABELS = {
    "title": lazy_gettext("Title"),
    "kind": lazy_gettext("Kind"),
    "individual": lazy_gettext("Who stands"),
    "jurisdiction_id": lazy_gettext("Jurisdiction"),
    "start": lazy_gettext("Opens"),
    "end": lazy_gettext("Ends"),
    "rules": lazy_gettext("Rules"),
    "seats": lazy_gettext("Seats"),
    "method": lazy_gettext("Method"),
    "threshold": lazy_gettext("Threshold in per cent"),
    "threshold_base": lazy_gettext("Threshold of"),
    "exempt_factor": lazy_gettext("Factor of exempt lists"),
    "factor_scope": lazy_gettext("The factor is for"),
    "tie_policy": lazy_gettext("Equal quotients for the last seat"),
    "waive_if_none_reach": lazy_gettext("Where no list reaches the threshold, every list with votes takes part"),
    "apportioned": lazy_gettext("Seats are given"),
    "threshold_over": lazy_gettext("The threshold holds"),
}
WHO = {
    "": lazy_gettext("as the kind says, else parties and lists"),
    "party": lazy_gettext("parties and lists"),
    "individual": lazy_gettext("individuals"),
}
RULES = {
    OF_THE_KIND: lazy_gettext("Those of the kind: seats by the classic rules if parliamentary, else shares"),
    **PACKS,
    SHARES: lazy_gettext("Shares of the votes, no seats"),
    BY_HAND: lazy_gettext("Entered by hand, below"),
}


class _Filled(Strict):
    """What is read of the form as it is; moments and rules are read one by one."""

    title: Line
    kind: Annotated[str, Field(pattern=f"^({'|'.join(Kind)})$")]
    individual: Annotated[str, Field(pattern="^(|party|individual)$")]
    rules: str


class _Ballot(Strict):
    """Which participants are offered for the ballot."""

    name: Searched = ""


@drafts.get("/elections/new")
@page_requires(Role.ADMINISTRATOR)
@drafts.doc(summary="A page to make a draft of an election")
def new() -> Response:
    return _form(None)


@drafts.post("/elections/new")
@page_requires(Role.ADMINISTRATOR)
@journaled("election.created", "election")
@drafts.doc(summary="Its form")
def create() -> Response:
    try:
        read = _read(None)
        plan = Plan(
            kind=read["kind"],
            period=Period(read["start"], read["end"]),
            places=[],
            title=read["title"],
            individual=read["individual"],
            jurisdiction_id=read["jurisdiction_id"],
            rules=read["rules"],
        )
        shown = actions.create(database(), plan, datetime.now(UTC), draft=True)
    except (InvalidInput, Conflict) as error:
        return _form(None, error)
    return see_other(url_for(".ballot", election_id=shown.election.id, notice="election-made"))


@drafts.get("/elections/<int:election_id>/edit")
@page_requires(Role.ADMINISTRATOR)
@drafts.doc(summary="A page to change an election")
def edit(election_id: int) -> Response:
    return _form(election_id)


@drafts.post("/elections/<int:election_id>/edit")
@page_requires(Role.ADMINISTRATOR)
@journaled("election.changed", "election {election_id}")
@drafts.doc(summary="Its form")
def change(election_id: int) -> Response:
    stored = actions.read(database(), election_id, datetime.now(UTC)).election
    try:
        read = _read(stored)
        actions.change(database(), election_id, same_version, Changes(**read), datetime.now(UTC))
    except (InvalidInput, Conflict, ChangedMeanwhile) as error:
        return _form(election_id, error)
    return see_other(url_for("election_pages.one", election_id=election_id, notice="election-changed"))


@drafts.get("/elections/<int:election_id>/ballot")
@page_requires(*READERS)
@drafts.doc(summary="A page of who stands in an election")
def ballot(election_id: int) -> Response:
    return _ballot(election_id)


@drafts.post("/elections/<int:election_id>/ballot")
@page_requires(Role.ADMINISTRATOR)
@journaled("election.changed", "election {election_id}")
@drafts.doc(summary="Its form")
def change_ballot(election_id: int) -> Response:
    try:
        changes = Changes(places=_places())
        actions.change(database(), election_id, same_version, changes, datetime.now(UTC))
    except (InvalidInput, Conflict, ChangedMeanwhile) as error:
        return _ballot(election_id, error)
    return see_other(url_for(".ballot", election_id=election_id, notice="ballot-changed"))


def _read(stored: Election | None) -> dict[str, Any]:
    """What the form says, by the fields of ``Changes``."""
    filled = filled_in(_Filled)
    return {
        "title": filled.title,
        "kind": Kind(filled.kind),
        "individual": {"party": False, "individual": True}.get(filled.individual),
        "jurisdiction_id": whole("jurisdiction_id"),
        "start": moment_of("start", stored.start if stored else None),
        "end": moment_of("end", stored.end if stored else None),
        "rules": _rules(filled.rules, Kind(filled.kind)),
    }


def _rules(choice: str, kind: Kind) -> str | Mapping[str, Any]:
    if choice == OF_THE_KIND:
        return CLASSIC.to_dict() if kind is Kind.PARLIAMENTARY else {}
    if choice == SHARES:
        return {}
    if choice != BY_HAND:
        return choice
    return {
        **{name: request.form.get(name, "") for name in _BY_HAND},
        "seats": whole("seats"),
        # A form has per cent, the rules have shares of one.
        "threshold": format(decimal_of("threshold") / 100, "f"),
        "exempt_factor": format(decimal_of("exempt_factor"), "f"),
        "waive_if_none_reach": bool(request.form.get("waive_if_none_reach")),
    }


def _form(election_id: int | None, error: UrnaError | None = None) -> Response:
    stored = actions.read(database(), election_id, datetime.now(UTC)).election if election_id is not None else None
    with database().reading() as session:
        areas = [(found.id, found.name) for found in session.scalars(store.jurisdictions())]
        filled = _as_stored(stored)
        conflict: Conflicting | None = None
        if error is not None:
            sent = {name: request.form.get(name, "") for name in (*_FACTS, *_BY_HAND)}
            if stored is not None and isinstance(error, ChangedMeanwhile):
                told = zip(_in_words(filled, areas), _in_words(sent, areas), strict=True)
                rows = [(LABELS[name], now, mine) for name, (now, mine) in zip(LABELS, told, strict=True)]
                conflict = conflicting(session, f"election {election_id}", rows)
            filled = sent
    return show(
        "draft.html",
        error,
        one=stored,
        filled=filled,
        labels=LABELS,
        areas=areas,
        conflict=conflict,
        zone=zone().key,
        faulty=(error.field or "").removeprefix("rules.") if error else "",
        choices={
            "kinds": list(KINDS.items()),
            "who": list(WHO.items()),
            "rules": list(RULES.items()),
            "methods": list(METHODS.items()),
            "bases": list(BASES.items()),
            "factors": list(FACTORS.items()),
            "ties": list(TIES.items()),
            "scopes": list(SCOPES.items()),
        },
    )


def _as_stored(election: Election | None) -> dict[str, str]:
    """How an election fills in the form; a new one is parliamentary, for the whole country."""
    rules = Rules.from_dict(election.rules) if election is not None and election.rules else CLASSIC
    by_hand = {name: str(value) for name, value in rules.to_dict().items()}
    by_hand |= {"apportioned": rules.apportioned.value, "threshold_over": rules.threshold_over.value}
    by_hand["threshold"] = f"{float(rules.threshold * 100):g}"
    by_hand["waive_if_none_reach"] = "1" if rules.waive_if_none_reach else ""
    if election is None:
        facts = {"kind": Kind.PARLIAMENTARY.value, "jurisdiction_id": "1", "rules": OF_THE_KIND}
        return {**dict.fromkeys(_FACTS, ""), **facts, **by_hand}
    chosen = pack_of(election.rules) or (BY_HAND if election.rules else SHARES)
    return {
        "title": election.title,
        "kind": election.kind,
        "individual": "individual" if election.individual else "party",
        "jurisdiction_id": str(election.jurisdiction_id),
        "start": local(election.start),
        "end": local(election.end),
        "rules": chosen,
        **by_hand,
    }


def _in_words(filled: Mapping[str, str], areas: list[tuple[int, str]]) -> list[str]:
    """What a form is filled in with, as people read it, in the order of the labels."""
    names: dict[str, Mapping[Any, object]] = {
        "kind": KINDS,
        "individual": WHO,
        "jurisdiction_id": {str(number): name for number, name in areas},
        "rules": RULES,
        "method": METHODS,
        "threshold_base": BASES,
        "factor_scope": FACTORS,
        "tie_policy": TIES,
        "apportioned": SCOPES,
        "threshold_over": SCOPES,
        "waive_if_none_reach": {"1": gettext("yes"), "": gettext("no")},
    }
    told = []
    for name in LABELS:
        value = with_seconds(filled[name]).replace("T", " ") if name in ("start", "end") else filled[name]
        by_hand = name not in _BY_HAND or filled["rules"] == BY_HAND
        told.append(str(names.get(name, {}).get(value, value)) if by_hand else "")
    return told


def _places() -> list[Place]:
    """The ballot that the form describes: those that stay in the order of their numbers, then those that are new."""
    staying = []
    for place, text in enumerate(request.form.getlist("participant")):
        if not _is_number(text):
            raise InvalidInput(
                spoken(gettext("This form does not say who stands. Open its page again.")), field="participant"
            )
        if f"remove-{text}" in request.form:
            continue
        number = request.form.get(f"number-{text}", "").strip()
        if not number.isascii() or not number.isdigit() or len(number) > 6:
            raise InvalidInput(spoken(gettext("Write a whole number.")), field=f"number-{text}")
        staying.append((int(number), place, Place(int(text), f"exempt-{text}" in request.form)))
    added = [Place(int(text)) for text in request.form.getlist("add") if _is_number(text)]
    return [place for _, _, place in sorted(staying, key=lambda one: one[:2])] + added


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


def _ballot(election_id: int, error: UrnaError | None = None) -> Response:
    query = asked(_Ballot)
    shown = actions.read(database(), election_id, datetime.now(UTC))
    election = shown.election
    with database().reading() as session:
        standing = {entry.participant_id for entry in election.entries}
        wanted = store.participants(query.name, election.individual).where(Participant.id.not_in(standing))
        latest = wanted.order_by(None).order_by(Participant.id.desc()) if not query.name else wanted
        found = list(session.scalars(latest.limit(FOUND_SHOWN + 1)))
        rows = _rows(election)
        conflict = None
        if isinstance(error, ChangedMeanwhile):
            names = store.names_of_participants(session, [place.participant_id for place in _places()])
            told = [(place.exempt, names.get(place.participant_id, "?")) for place in _places()]
            now = [(entry.exempt, entry.participant.name) for entry in election.entries]
            conflict = conflicting(
                session,
                f"election {election_id}",
                [(gettext("Ballot"), _written(now), _written(told))],
            )
        session.expunge_all()
    return show(
        "ballot.html",
        error,
        one=election,
        rows=rows,
        found=found[:FOUND_SHOWN],
        there_are_more=len(found) > FOUND_SHOWN,
        query=query,
        conflict=conflict,
    )


def _rows(election: Election) -> list[dict[str, Any]]:
    """Who stands, each with what was sent about it, if anything was."""
    sent = request.form if request.method == "POST" else None
    return [
        {
            "id": entry.participant_id,
            "name": entry.participant.name,
            "number": entry.poll_number
            if sent is None
            else sent.get(f"number-{entry.participant_id}", entry.poll_number),
            "exempt": entry.exempt if sent is None else f"exempt-{entry.participant_id}" in sent,
            "remove": sent is not None and f"remove-{entry.participant_id}" in sent,
        }
        for entry in election.entries
    ]


def _written(places: list[tuple[bool, str]]) -> str:
    exempt = gettext("exempt")
    return ", ".join(
        f"{number} {name}{f' ({exempt})' if is_exempt else ''}" for number, (is_exempt, name) in enumerate(places, 1)
    )
