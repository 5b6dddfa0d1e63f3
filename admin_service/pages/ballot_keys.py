"""The ballot key of an election: carried over from the authentication service, compared, and taken away again."""

from datetime import UTC, datetime

from flask import Response, request, url_for
from flask_babel import gettext, lazy_gettext

from admin_service.actions import elections as actions
from admin_service.actions.elections import Changes
from admin_service.pages.elections import CHANGEABLE
from admin_service.pages.frame import NOTICES, READERS, may_change, same_version, show, spoken
from admin_service.pages.words import STATES
from admin_service.routes.fields import database
from admin_service.rules.elections import NOTICE
from shared.ballot_proofs import LONGEST_KEY, Hours, carried_key, read_key
from shared.errors import ChangedMeanwhile, Conflict, InvalidInput, UrnaError
from shared.terms import Role
from shared.web.cookies import page_requires
from shared.web.journal import journaled
from shared.web.pages import page_blueprint, see_other

ballot_keys = page_blueprint("key_pages", __name__)

NOTICES["key-set"] = lazy_gettext("The ballot key is set. Compare its fingerprint with the one at the other service.")
NOTICES["key-removed"] = lazy_gettext("The election has no ballot key any more.")


@ballot_keys.get("/elections/<int:election_id>/key")
@page_requires(*READERS)
@ballot_keys.doc(summary="A page of the ballot key of an election")
def one(election_id: int) -> Response:
    return _page(election_id)


@ballot_keys.post("/elections/<int:election_id>/key")
@page_requires(Role.ADMINISTRATOR)
@journaled("election.changed", "election {election_id}")
@ballot_keys.doc(summary="The form that sets or removes it")
def change(election_id: int) -> Response:
    is_removed = "remove" in request.form
    try:
        changes = Changes(ballot_key="", choices_public=False) if is_removed else _read(election_id)
        actions.change(database(), election_id, same_version, changes, datetime.now(UTC))
    except (InvalidInput, Conflict, ChangedMeanwhile) as error:
        return _page(election_id, error)
    notice = "key-removed" if is_removed else "key-set"
    return see_other(url_for(".one", election_id=election_id, notice=notice))


def _read(election_id: int) -> Changes:
    """What the form says; who has a key already and sends none keeps it.

    Raises InvalidInput for no key, and for a file whose first lines name another election or other hours than these.
    """
    file = request.files.get("file")
    content = file.stream.read(LONGEST_KEY + 1) if file is not None and file.filename else b""
    text = request.form.get("ballot_key", "")
    if content and text.strip():
        words = gettext("Choose the file or paste the key, not both.")
        raise InvalidInput(spoken(words), field="ballot_key")
    # Whatever is no text is no key either, and read_key says so.
    found = carried_key(content.decode(errors="replace") if content else text)
    if not found.key and "kept" not in request.form:
        words = gettext("Choose the file with the ballot key, or paste the key.")
        raise InvalidInput(spoken(words), field="ballot_key")
    election = actions.read(database(), election_id, datetime.now(UTC)).election
    found.check(election_id, Hours(election.start, election.end))
    return Changes(ballot_key=found.key or None, choices_public="choices_public" in request.form)


def _page(election_id: int, error: UrnaError | None = None) -> Response:
    now = datetime.now(UTC)
    shown = actions.read(database(), election_id, now)
    election = shown.election
    is_sent = error is not None and "remove" not in request.form
    return show(
        "ballot_key.html",
        error,
        one=election,
        state=STATES[shown.state],
        fingerprint=read_key(election.ballot_key).fingerprint if election.ballot_key else None,
        frozen_at=election.start - NOTICE,
        is_open_to_change=shown.state in CHANGEABLE,
        changeable=may_change() and shown.state in CHANGEABLE,
        sent=request.form.get("ballot_key", "") if is_sent else "",
        publishes="choices_public" in request.form if is_sent else election.choices_public,
    )
