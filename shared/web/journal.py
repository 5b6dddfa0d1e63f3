"""What somebody tried and was refused, for the journal: one hook for all routes that change something.

What was done is noted by the action, in its own transaction (``shared.journal.store.note``). A refusal has no
transaction that could be committed, so it is written afterwards, on its own; and only for somebody who is known, so
that nobody can fill the journal from outside.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from flask import Flask, Response, current_app, g, request

from shared.journal import events
from shared.journal.events import Event
from shared.logs import reason
from shared.terms import Outcome

V = TypeVar("V", bound=Callable[..., Any])

CHANGING: frozenset[str | None] = frozenset({"POST", "PUT", "PATCH", "DELETE"})

# Whoever has an account could still fill the journal with refusals; the log has a line for each in any case.
MOST_A_MINUTE = 60

# What a refusal may repeat of what was sent, and the journal never holds: national ids, and GUIDs of ballots.
_NEVER = re.compile(r"(?<!\d)\d{13}(?!\d)|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")

log = structlog.get_logger()


@dataclass(frozen=True)
class Journaled:
    """How the journal names what a view does, and to what."""

    action: str
    subject: str

    def subject_of(self, arguments: dict[str, Any]) -> str:
        """The subject of one request, with the numbers from its path."""
        return self.subject.format(**arguments)


def journaled(action: str, subject: str) -> Callable[[V], V]:
    """Say on a view that changes something how the journal names that, for when it is refused.

    ``subject`` may name parameters of the path: ``election {election_id}``.
    """

    def decorate(view: V) -> V:
        view.journaled = Journaled(action, subject)  # type: ignore[attr-defined]  # A view carries its own names.
        return view

    return decorate


def journaled_of(view: Any) -> Journaled | None:
    """What a view says of itself, or None when it says nothing."""
    declared = getattr(view, "journaled", None)
    return declared if isinstance(declared, Journaled) else None


def refused_because(words: str) -> None:
    """Give the reason of a refusal whose answer is a page, for the journal cannot read it there."""
    g.refused_because = words


def install(app: Flask, write: Callable[[Event], object]) -> None:
    """Note every refusal of a change to somebody who is known by ``write``, which may fail: the answer stays."""
    moderation = _Moderation()

    @app.after_request
    def _note_refusal(response: Response) -> Response:
        who = events.origin().actor
        if request.method in CHANGING and 400 <= response.status_code < 500 and who and moderation.allows(who):
            try:
                write(_refusal(response))
            except Exception as error:
                # The answer is given already; no fault of the journal may turn it into another one.
                log.warning("refusal not in the journal", reason=reason(error))
        return response


def _refusal(response: Response) -> Event:
    view = current_app.view_functions.get(request.endpoint or "")
    declared = journaled_of(view) or Journaled("request.refused", "")
    body = response.get_json(silent=True)
    said = body if isinstance(body, dict) else {}
    words = said.get("detail") or said.get("message") or said.get("msg") or g.get("refused_because")
    return events.event(
        declared.action,
        declared.subject_of(request.view_args or {}),
        {"status": response.status_code, "request": f"{request.method} {request.path}"},
        outcome=Outcome.REFUSED,
        reason=_NEVER.sub("…", str(words or response.status)),
    )


class _Moderation:
    """Counts what each account was refused in the minute that runs, in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minute = 0
        self._refused: Counter[str] = Counter()

    def allows(self, who: str) -> bool:
        """Whether one more refusal of this account is noted."""
        minute = int(time.monotonic() // 60)
        with self._lock:
            if minute != self._minute:
                self._minute = minute
                self._refused.clear()
            self._refused[who] += 1
            return self._refused[who] <= MOST_A_MINUTE
