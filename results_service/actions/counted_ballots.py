"""What is told of each counted ballot once the count is final: its GUID, for everybody who wants to count again.

Before, a list that grows would say when each ballot came. In the order of GUIDs a final one says nothing of time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from results_service.actions import SETTLED, Desk, look_at_count, published_election, tag_of
from results_service.actions.answers import Answer, Known
from results_service.rules.holding_back import refuse_list_of_ballots
from results_service.store import receipts
from shared import tallies
from shared.schema.election import Election

# Rows of one transaction of a whole list, which may be of millions.
AT_ONCE = 5_000


@dataclass(frozen=True)
class CountedBallot:
    """A counted ballot, by the number that its voter has kept."""

    guid: UUID


B = TypeVar("B", bound=CountedBallot)


def list_counted(
    desk: Desk, election_id: int, after: UUID | None, limit: int, known: Known
) -> Answer[list[CountedBallot]]:
    """The GUIDs that were counted, in their order, the first ones or those after a GUID.

    NotFound for a draft and where voters cast no ballots themselves; Conflict before the count is final. Neither
    depends on what the caller has already.
    """

    def check(session: Session, election: Election) -> None:
        refuse_list_of_ballots(election.ballot_key, tallies.current(session, election, desk.now()).state)

    def read(session: Session, _election: Election) -> list[CountedBallot]:
        return [CountedBallot(guid) for guid in receipts.counted(session, election_id, after, limit)]

    return once_final(desk, election_id, known, check, read)


def all_counted(desk: Desk, election_id: int, known: Known) -> Answer[Iterator[list[CountedBallot]]]:
    """All of them, some at a time; the same errors, before there is anything to go through."""
    return whole(lambda after, has: list_counted(desk, election_id, after, AT_ONCE, has), known)


def once_final(
    desk: Desk,
    election_id: int,
    known: Known,
    check: Callable[[Session, Election], None],
    read: Callable[[Session, Election], list[B]],
) -> Answer[list[B]]:
    """What ``read`` finds of an election that ``check`` lets be read, with the tag of its count."""
    with desk.database.reading(still=True) as session:
        election = published_election(session, election_id)
        check(session, election)
        counted, standing = look_at_count(desk, session, election_id)
        tag = tag_of(counted, standing)
        return Answer(tag, standing.state in SETTLED, None if known(tag) else read(session, election))


def whole(page: Callable[[UUID | None, Known], Answer[list[B]]], known: Known) -> Answer[Iterator[list[B]]]:
    """A whole list from its pages of ``AT_ONCE``, the first of which is read at once."""
    first = page(None, known)

    def pages(found: list[B]) -> Iterator[list[B]]:
        while found:
            yield found
            found = (page(found[-1].guid, _nothing).body or []) if len(found) == AT_ONCE else []

    return Answer(first.tag, first.settled, None if first.body is None else pages(first.body))


def _nothing(_tag: str) -> bool:
    """What a caller has who has no answer yet."""
    return False
