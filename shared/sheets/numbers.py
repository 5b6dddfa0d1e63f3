"""The numbers on a tally sheet."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import InvalidInput
from shared.sentences import say

MOST = 1_000_000
"""No polling station has as many of anything; what is above is a slip of the keyboard."""

COUNTS = ("registered", "voted", "received", "unused", "in_box", "invalid", "blank")
"""The counts of a sheet, in the order of the paper; the votes of each list follow."""

_FIELDS = frozenset((*COUNTS, "votes"))

MOST_TOLD = 20
"""Of what is on no sheet so much is told at once; there is no end to what somebody may send."""


@dataclass(frozen=True)
class Numbers:
    """What a polling station declares.

    ``registered``  voters on its electoral roll.
    ``voted``       voters who voted, by the marks on the roll.
    ``received``    ballots that the station was given before the polls opened.
    ``unused``      ballots that were left over.
    ``in_box``      ballots found in the box.
    ``invalid``     ballots in the box by which nobody can tell a choice, without the blank ones.
    ``blank``       ballots in the box without any mark.
    ``votes``       valid votes by poll number, every list of the election among them.
    """

    registered: int
    voted: int
    received: int
    unused: int
    in_box: int
    invalid: int
    blank: int
    votes: Mapping[int, int]

    @classmethod
    def from_dict(cls, data: object, poll_numbers: Iterable[int]) -> "Numbers":
        """The numbers that a JSON object states: ``COUNTS``, and ``votes`` with each of ``poll_numbers`` for a key.

        InvalidInput names every field that is missing, unknown or no whole number from 0 to ``MOST``, in the order of
        the paper, and then what no sheet has; those of lists as ``votes.3``.
        """
        if not isinstance(data, Mapping):
            raise InvalidInput("The numbers of a sheet are a JSON object.", field="numbers")
        known = {str(number): number for number in sorted(poll_numbers)}
        faults = [(name, why) for name in COUNTS if (why := _fault(data.get(name)))]
        votes = data.get("votes")
        said = {str(key): value for key, value in votes.items()} if isinstance(votes, Mapping) else {}
        if isinstance(votes, Mapping):
            faults += [(f"votes.{key}", why) for key in known if (why := _fault(said.get(key)))]
        else:
            faults.append(("votes", say("The votes are a JSON object: poll numbers with votes.")))
        nowhere = [
            (f"votes.{key}", say("This election has no list {number}.", number=key)) for key in said.keys() - known
        ]
        unknown = set(map(str, data)) - _FIELDS
        nowhere += [(name, say("A tally sheet has no “{name}”.", name=name)) for name in unknown]
        faults += sorted(nowhere)[:MOST_TOLD]
        if faults:
            field, message = faults[0]
            raise InvalidInput(message, field=field, faults=faults)
        return cls(**{name: data[name] for name in COUNTS}, votes={known[key]: said[key] for key in known})

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; ``from_dict`` makes equal numbers from it."""
        counts: dict[str, Any] = {name: getattr(self, name) for name in COUNTS}
        return counts | {"votes": {str(number): votes for number, votes in sorted(self.votes.items())}}

    @property
    def valid(self) -> int:
        """Valid votes."""
        return sum(self.votes.values())


def _fault(value: object) -> str:
    """What is wrong with one number; empty where nothing is."""
    if value is None:
        return say("This number is missing; a sheet with nothing to count has a 0 here.")
    # A truth value is a whole number too, in Python.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST:
        return say("Write a whole number from 0 to {most}.", most=MOST)
    return ""
