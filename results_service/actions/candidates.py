"""Who stands in an election, for everybody: the words and pictures that an administrator has approved."""

from collections.abc import Mapping
from dataclasses import dataclass

from results_service.actions import Desk, details_of, published_election
from results_service.actions.answers import Details, Kept, Listing
from results_service.rules import fingerprint
from results_service.store import candidates
from shared.errors import NotFound
from shared.schema.election import CandidatePublication

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


@dataclass(frozen=True)
class Page:
    """Candidates of an election, and how many each list has, by poll number; lists without any are not in it."""

    election: Details
    counts: Mapping[int, int]
    people: Listing[Person]


def of_election(desk: Desk, election_id: int) -> list[Person]:
    """The candidates of all lists, in the order of these; NotFound for a draft, too."""
    with desk.database.reading() as session:
        published_election(session, election_id)
        return [_person(number, found) for number, found in candidates.published(session, election_id)]


def page_of(desk: Desk, election_id: int, poll_number: int | None, limit: int, offset: int) -> Kept[Page]:
    """Some of the candidates of all lists, or of one, for people to read; NotFound for a list that there is not, too.

    Parliamentary elections have thousands, of which nobody reads all at once.
    """
    election = details_of(desk, election_id)
    if poll_number is not None and poll_number not in {one.poll_number for one in election.body.lists}:
        raise NotFound("There is nothing at this address.")
    # In one snapshot, so that the numbers are those of the people.
    with desk.database.reading(still=True) as session:
        counts = candidates.published_on_lists(session, election_id)
        found = candidates.published_page(session, election_id, poll_number, limit, offset)
        people = [_person(number, one) for number, one in found]
    total = sum(counts.values()) if poll_number is None else counts.get(poll_number, 0)
    tag = fingerprint(election.tag, sorted(counts.items()), people)
    return Kept(tag, election.settled, Page(election.body, counts, Listing(people, total)))


def _person(poll_number: int, found: CandidatePublication) -> Person:
    return Person(
        id=found.candidate_id,
        poll_number=poll_number,
        forename=found.forename,
        surname=found.surname,
        post=found.post,
        code_name=found.code_name,
        biography=found.biography,
        picture=found.sha256,
    )


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
