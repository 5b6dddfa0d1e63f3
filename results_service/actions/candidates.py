"""Who stands in an election, for everybody: the words and pictures that an administrator has approved."""

from dataclasses import dataclass

from results_service.actions import Desk, published_election
from results_service.store import candidates
from shared.errors import NotFound

# No row of a 32-bit column can have a greater number.
_GREATEST = 2**31 - 1


@dataclass(frozen=True)
class Person:
    """A candidate as everybody sees him; ``picture`` is its digest, None where there is none."""

    id: int
    poll_number: int
    forename: str
    surname: str
    post: str
    code_name: str
    biography: str
    picture: str | None


def of_election(desk: Desk, election_id: int) -> list[Person]:
    """The candidates of all lists, in the order of these; NotFound for a draft, too."""
    with desk.database.reading() as session:
        published_election(session, election_id)
        return [
            Person(
                id=found.candidate_id,
                poll_number=number,
                forename=found.forename,
                surname=found.surname,
                post=found.post,
                code_name=found.code_name,
                biography=found.biography,
                picture=found.sha256,
            )
            for number, found in candidates.published(session, election_id)
        ]


def picture(desk: Desk, election_id: int, candidate_id: int, *, small: bool) -> tuple[bytes, str]:
    """A picture as JPEG, and a tag that differs when it does; NotFound where nobody is to see one."""
    with desk.database.reading() as session:
        published_election(session, election_id)
        known = candidate_id <= _GREATEST
        found = candidates.picture(session, election_id, candidate_id, small=small) if known else None
    if found is None:
        raise NotFound("No candidate of this election has such a picture.")
    content, digest = found
    return content, f"{digest[:32]}-{'small' if small else 'large'}"
