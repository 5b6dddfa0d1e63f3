"""The profile of a candidate as its owner sees it, a director or the candidate: one page for both, with their forms."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext, lazy_gettext

from admin_service import store
from admin_service.actions import candidates as actions
from admin_service.actions import pictures
from admin_service.actions.candidates import Owner
from admin_service.actions.conflicts import conflicting
from admin_service.actions.party import freezing_elections
from admin_service.pages.candidates import LABELS
from admin_service.pages.frame import NOTICES, same_version, show, spoken
from admin_service.pages.reading import filled_in
from admin_service.pages.words import standing_of
from admin_service.routes.fields import database
from admin_service.rules.candidates import freezing
from shared.errors import ChangedMeanwhile, Conflict, InvalidInput, NotFound, TooLarge, UrnaError
from shared.web.pages import see_other
from shared.web.requests import Strict

NOTICES.update(
    {
        "profile-changed": lazy_gettext("The changes are stored. Send them for approval when they are complete."),
        "profile-sent": lazy_gettext("The profile is sent. It waits for an administrator’s decision."),
        "profile-picture-put": lazy_gettext(
            "The picture is stored. Send the profile for approval when it is complete."
        ),
        "profile-picture-deleted": lazy_gettext("The picture is deleted."),
    }
)
NAMES = ("forename", "surname")
OF_A_CANDIDATE = tuple(name for name in LABELS if name not in NAMES)


def shown(candidate_id: int, owner: Owner, error: UrnaError | None = None, of: str = "", code: str = "") -> Response:
    """The profile; ``of`` is the form on it that was refused, ``code`` an invitation that was just made."""
    may_name = owner.participant_id is not None
    names = tuple(LABELS) if may_name else OF_A_CANDIDATE
    with database().reading() as session:
        found = actions.find(session, candidate_id, owner)
        participant = store.participant(session, found.participant_id)
        stored = {name: getattr(found, name) for name in names}
        filled = {name: request.form.get(name, "") for name in names} if of == "change" else stored
        conflict = None
        if isinstance(error, ChangedMeanwhile):
            rows: list[Any] = [(LABELS[name], stored[name], filled[name]) for name in names]
            conflict = conflicting(session, f"candidate {candidate_id}", rows)
        digest = store.with_pictures(session, [candidate_id]).get(candidate_id)
        now = datetime.now(UTC)
        frozen = freezing(freezing_elections(session, found.participant_id, now), now)
        session.expunge_all()
    return show(
        "profile.html",
        error,
        one=found,
        participant=participant,
        state=standing_of(found),
        filled=filled,
        labels=LABELS,
        conflict=conflict,
        digest=digest,
        frozen_by=frozen.title if frozen else None,
        may_name=may_name,
        of=of,
        code=code,
    )


def change(candidate_id: int, owner: Owner, model: type[Strict]) -> Response:
    """What the form for the words of a profile does."""

    def work() -> None:
        texts = filled_in(model).model_dump()
        actions.change(database(), candidate_id, same_version, texts, datetime.now(UTC), owner)

    return _done(candidate_id, owner, "change", "profile-changed", work)


def submit(candidate_id: int, owner: Owner) -> Response:
    """What the button that sends a profile for approval does."""
    return _done(
        *(candidate_id, owner, "submit", "profile-sent"),
        lambda: actions.submit(database(), candidate_id, same_version, owner, datetime.now(UTC)),
    )


def put_picture(candidate_id: int, owner: Owner) -> Response:
    """What the form for a picture does."""

    def work() -> None:
        sent = request.files.get("picture")
        content = sent.read() if sent else b""
        if not content:
            raise InvalidInput(spoken(gettext("Choose a file with a picture.")), field="picture")
        pictures.put(database(), candidate_id, same_version, content, datetime.now(UTC), owner)

    return _done(candidate_id, owner, "picture", "profile-picture-put", work)


def delete_picture(candidate_id: int, owner: Owner) -> Response:
    """What the button that deletes a picture does."""
    return _done(
        *(candidate_id, owner, "picture", "profile-picture-deleted"),
        lambda: pictures.delete(database(), candidate_id, same_version, datetime.now(UTC), owner),
    )


def _done(candidate_id: int, owner: Owner, of: str, notice: str, work: Callable[[], object]) -> Response:
    """Back on the page, or the page with why not; whose candidate this is not gets no page of it."""
    with database().reading() as session:
        actions.find(session, candidate_id, owner)
    try:
        work()
    except (InvalidInput, TooLarge, Conflict, NotFound, ChangedMeanwhile) as error:
        return shown(candidate_id, owner, error, of)
    return see_other(url_for(".one", candidate_id=candidate_id, notice=notice))
