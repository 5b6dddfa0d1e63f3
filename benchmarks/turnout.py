"""What has to hold when voters have voted by themselves: turnout, result, receipts, and that nobody has voted twice."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

OK, NOT_FOUND, CAST, CONFLICT = 200, 404, 202, 409


@dataclass
class Tried:
    """What voters were answered who tried to vote twice, and the GUIDs of all ballots, in hexadecimal.

    ``another`` are answers to who asked for the signature of a second ballot, ``cast`` to who cast the first one again
    for another list; ``same`` says whether who asked again for the first signature got it.
    """

    another: list[int] = field(default_factory=list)
    same: list[bool] = field(default_factory=list)
    cast: list[int] = field(default_factory=list)
    guids: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """What the stores and services say in the end.

    ``chosen`` are the votes by poll number as the voters chose; ``signatures`` the citizens who have got one;
    ``result`` the final one as the results service tells it; ``receipts`` its answers about some ballots; ``unknown``
    the status for a ballot that nobody cast; ``sent_again`` how many were cast twice because an answer was lost.
    """

    chosen: Counter[int]
    signatures: int
    result: dict[str, Any]
    tried: Tried
    receipts: Sequence[dict[str, Any]]
    unknown: int
    sent_again: int = 0

    @property
    def voters(self) -> int:
        return self.chosen.total()

    @property
    def duplicates(self) -> int:
        """Ballots that were refused because theirs had come before."""
        return int(self.result["ballots"]["duplicate"])


def wrong(found: Found) -> list[str]:
    """What is otherwise than it has to be; nothing when everybody's vote counts, once, as it was cast."""
    told, tried = found.result["ballots"], found.tried
    said = [
        _unless("citizens with a signature", found.signatures, found.voters),
        _unless("turnout in the result", told["cast"], found.voters),
        _unless("counted in the result", told["counted"], found.voters),
        _unless("valid votes in the result", found.result["valid_votes"], found.voters),
        _unless("different GUIDs of ballots", len(set(tried.guids)), found.voters),
        _unless("the result is", found.result["certainty"], "final"),
        _unless("answer for a ballot that nobody cast", found.unknown, NOT_FOUND),
    ]
    votes = {one["poll_number"]: one["votes"] for one in found.result["lists"] if one["votes"]}
    if votes != dict(found.chosen):
        said.append(f"votes by list: {dict(sorted(votes.items()))} instead of {dict(sorted(found.chosen.items()))}")
    # A station that remembers the first one stores no second.
    fewest = tried.cast.count(CAST)
    if not fewest <= found.duplicates <= fewest + found.sent_again:
        most = fewest + found.sent_again
        said.append(f"duplicates in the result: {found.duplicates:,} instead of {fewest:,} to {most:,}")
    if not (tried.another and tried.same and tried.cast and found.receipts):
        said.append("nobody tried to vote twice, or no receipt was looked up")
    said += [f"asked for the signature of a second ballot: {one}" for one in tried.another if one != CONFLICT]
    said += ["asked again for the first signature: another one came" for one in tried.same if not one]
    said += [f"cast a ballot again for another list: {one}" for one in tried.cast if one not in (CAST, CONFLICT)]
    said += [f"receipt {one['guid']} is not counted: {one['reason']}" for one in found.receipts if not one["counted"]]
    return [one for one in said if one]


def _unless(name: str, is_: object, must: object) -> str:
    return "" if is_ == must else f"{name}: {is_} instead of {must}"
