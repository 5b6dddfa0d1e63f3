"""What happened, and who is acting in this thread: the part of the journal that needs no database.

``shared.web`` says at the beginning of a request where it came from (``begin``), and ``shared.auth`` who is asking as
soon as a token was found good (``act_as``). Whatever notes an event needs to know neither.
"""

import json
import unicodedata
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from shared.terms import Outcome

# What the columns take.
LENGTHS = {"id": 32, "actor": 256, "action": 64, "subject": 256, "address": 64, "reason": 1024, "request_id": 64}

# Whoever acts without an account: an operator at a command line, and the programs that prepare the stores.
OPERATOR = "operator"
PREPARE = "prepare"
# Who casts a ballot is not known, and nobody in particular.
VOTERS = "voters"


@dataclass(frozen=True)
class Origin:
    """Who acts, from which address, and in which request; empty where that is not known."""

    actor: str = ""
    address: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class Event:
    """Something that was done or refused.

    ``action`` has the form ``noun.verb`` (``election.closed``), ``subject`` names what it was done to (``election 3``).
    ``details`` are values for JSON that say what changed; never a password, a token, a national id, a ballot or a GUID.
    """

    action: str
    subject: str
    details: Mapping[str, Any] = field(default_factory=dict)
    outcome: Outcome = Outcome.DONE
    reason: str = ""
    actor: str = ""
    address: str = ""
    request_id: str = ""
    moment: datetime = field(default_factory=lambda: datetime.now(UTC))
    id: str = field(default_factory=lambda: uuid4().hex)

    def to_json(self) -> str:
        """The event as the stations send it through Redis: all but its moment, which goes before it."""
        said = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "moment"}
        return json.dumps({name: value for name, value in said.items() if value != ""}, separators=(",", ":"))

    @staticmethod
    def from_json(text: str | bytes, moment: datetime) -> "Event":
        """Read ``to_json``; raises ValueError for what is none."""
        said = json.loads(text)
        if not isinstance(said, dict) or not isinstance(said.get("details", {}), dict):
            raise ValueError("An event of the journal is a JSON object.")
        words = {name: value for name, value in said.items() if name in LENGTHS and isinstance(value, str)}
        if not words.get("action") or len(words.get("id", "")) != LENGTHS["id"]:
            raise ValueError("An event of the journal has an action, and an id of 32 characters.")
        return Event(
            **{"subject": "", **words},
            details=said.get("details", {}),
            outcome=Outcome(said.get("outcome", Outcome.DONE)),
            moment=moment,
        )


NOBODY = Origin()
_origin: ContextVar[Origin] = ContextVar("origin", default=NOBODY)


def begin(address: str, request_id: str) -> None:
    """A request begins: nobody is known to be asking yet."""
    _origin.set(Origin("", address, request_id))


def act_as(actor: str) -> None:
    """Somebody is known to be acting from now on: in this request, or in this thread of a program without requests."""
    _origin.set(replace(_origin.get(), actor=actor))


def origin() -> Origin:
    """Who acts in this thread, from where."""
    return _origin.get()


def event(
    action: str,
    subject: str,
    details: Mapping[str, Any] | None = None,
    *,
    outcome: Outcome = Outcome.DONE,
    reason: str = "",
    actor: str | None = None,
) -> Event:
    """An event that happens now, by whoever acts in this thread; ``actor`` names another."""
    here = origin()
    return Event(
        action,
        subject,
        details or {},
        outcome,
        reason,
        here.actor if actor is None else actor,
        here.address,
        here.request_id,
    )


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What changed, as ``details`` say it: by name what it was and what it is."""
    return {name: {"from": before.get(name), "to": now} for name, now in after.items() if before.get(name) != now}


def told(text: str, length: int) -> str:
    """A text as the journal keeps it: as long as its column, without what no database keeps or nobody can see."""
    # Composed, because databases and fonts show both spellings of a letter alike.
    composed = unicodedata.normalize("NFC", text)
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in composed)[
        :length
    ]


def written(details: Mapping[str, Any]) -> str:
    """Details as JSON, in the order of their names; moments become text."""
    text = json.dumps(details, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_as_text)
    # JSON can say half a surrogate pair, and UTF-8 cannot.
    return text.encode("utf-8", "replace").decode()


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
