"""What all pages of the administration share: their navigation, who may see and who may change, and how a form says
what it was about.
"""

from typing import Any, NamedTuple

from flask import Response, request
from flask_babel import gettext, lazy_gettext
from markupsafe import Markup, escape

from admin_service.pages import words
from shared.auth import identity
from shared.errors import ChangedMeanwhile, PreconditionMissing, UrnaError
from shared.terms import Role
from shared.web.pages import render
from shared.web.pages.navigation import other_page

# Auditors see everything and change nothing.
READERS = (Role.ADMINISTRATOR, Role.AUDITOR)
VERSION_FIELD = "version"


class Section(NamedTuple):
    """A part of the administration; its pages lie below ``path``."""

    path: str
    title: object


SECTIONS = (
    Section("/", lazy_gettext("Overview")),
    Section("/elections", lazy_gettext("Elections")),
    Section("/participants", lazy_gettext("Participants")),
    Section("/candidates", lazy_gettext("Candidates")),
    Section("/stations", lazy_gettext("Polling stations")),
    Section("/sheets", lazy_gettext("Tally sheets")),
    Section("/differences", lazy_gettext("Differences")),
    Section("/journal", lazy_gettext("Journal")),
)
# What somebody has of his own: a campaign director the list, a candidate the profile.
OWN_SECTIONS = (
    (Role.CAMPAIGN_DIRECTOR, Section("/party", lazy_gettext("My party"))),
    (Role.CANDIDATE, Section("/candidacy", lazy_gettext("My candidacy"))),
)
# What all templates may need to name things.
_WORDS: dict[str, Any] = {
    "approvals": words.APPROVALS,
    "approval_choices": [(approval.value, name) for approval, (name, _) in words.APPROVALS.items()],
    "kinds": words.KINDS,
    "progress_names": words.PROGRESS,
    "standing_of": words.standing_of,
    "states": words.STATES,
    "title_of": words.title_of,
    "state_choices": [(state.value, name) for state, (name, _) in words.STATES.items()],
}
# What a page that was redirected to may say, by the word in its address; each module adds its own.
NOTICES: dict[str, object] = {}


def sections() -> list[tuple[str, object, bool]]:
    """The navigation as ``parts.sections`` takes it: what whoever is signed in may see."""
    who = identity()
    found = list(SECTIONS) if any(who.has(role) for role in READERS) else []
    found += [section for role, section in OWN_SECTIONS if who.has(role)]

    def holds(path: str) -> bool:
        return request.path == path or (path != "/" and request.path.startswith(f"{path}/"))

    return [(request.script_root + path, title, holds(path)) for path, title in found]


def show(template: str, error: UrnaError | None = None, **values: Any) -> Response:
    """A page of the administration; with an error, its ``message``, its ``field`` and its status.

    The templates have ``sections``, and ``may_change``: whether whoever looks is more than a reader.
    """
    values.setdefault("notice", NOTICES.get(request.args.get("notice", "")))
    return render(
        template, error, sections=sections(), may_change=may_change(), other_page=other_page, **_WORDS, **values
    )


def may_change() -> bool:
    """Whether whoever is signed in may change what he sees."""
    return identity().has(Role.ADMINISTRATOR)


def same_version(version: int) -> None:
    """Refuse what a form asks for unless it was filled in with the thing as it is now, as ``If-Match`` does."""
    sent = request.form.get(VERSION_FIELD, "")
    if not sent:
        words = gettext("This form does not say what it was filled in for. Open its page again.")
        raise PreconditionMissing(spoken(words))
    if sent != str(version):
        words = gettext("Somebody has changed this meanwhile. Nothing of yours is stored; look at it as it is now.")
        raise ChangedMeanwhile(spoken(words))


def spoken(text: str) -> Markup:
    """A sentence of a refusal that is in the language of the page already: ``said`` leaves it as it is."""
    return escape(text)
