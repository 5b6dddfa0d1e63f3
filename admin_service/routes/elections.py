"""/api/elections: what is voted on, from the draft to the lots of a tie, and the uploads that were received for it."""

from datetime import UTC, datetime
from typing import Annotated, Any

from apiflask import APIBlueprint
from pydantic import BaseModel, Field

from admin_service import store
from admin_service.actions import elections as actions
from admin_service.actions.elections import Changes, Plan, Shown
from admin_service.routes.fields import READERS, SUPERVISORS, Flag, Id, Line, Reason, Tagged, database, zone
from admin_service.rules import elections as rules
from admin_service.rules.elections import Period, Place
from shared import tallies
from shared.auth import requires
from shared.ballot_proofs import LONGEST_KEY
from shared.terms import Kind, Progress, Role, State
from shared.web.journal import journaled
from shared.web.requests import Page, PageQuery, Strict, check_match, etag, paginate

elections = APIBlueprint("elections", __name__, tag="Elections", url_prefix="/api/elections")

Moment = Annotated[
    str,
    Field(max_length=64, description="ISO 8601; local time of the configured zone if it has no offset."),
]
RulesField = Annotated[
    str | dict[str, Any],
    Field(description="The name of a rule pack, or the rules themselves; {} for shares instead of seats."),
]
KeyField = Annotated[
    str,
    Field(
        max_length=LONGEST_KEY,
        description="The key by which the signatures of voters' ballots are checked, as the authentication service "
        "made it: a SubjectPublicKeyInfo of RSA in DER, in base64; empty: voters do not cast ballots themselves.",
    ),
]
WRONG_STATE = {
    404: "No such election",
    409: "Its state does not allow this",
    412: "Changed meanwhile",
    428: "If-Match is missing",
}


class EntryField(Strict):
    """A place on the ballot; the first one gets poll number 1."""

    participant_id: Id
    exempt: Flag = Field(False, description="The threshold does not hold for it.")


Entries = Annotated[list[EntryField], Field(max_length=rules.MOST_ENTRIES)]


class EntryAnswer(BaseModel):
    """A place on the ballot."""

    poll_number: int
    participant_id: int
    name: str
    exempt: bool


class ElectionAnswer(BaseModel):
    """An election; open from ``start``, inclusive, to ``end``, exclusive."""

    id: int
    title: str
    kind: Kind
    individual: bool = Field(description="Individuals stand in it, not parties.")
    jurisdiction_id: int
    start: datetime
    end: datetime
    state: State
    rules: dict[str, Any] | None = Field(description="How votes become seats; null when it gives shares of the votes.")
    lots: list[int] | dict[str, list[int]] = Field(
        description="Poll numbers that were drawn by lot for tied seats, in the order drawn; where each constituency "
        "elects for itself, by the number of the constituency."
    )
    cancelled_at: datetime | None
    cancelled_reason: str
    created_at: datetime
    version: int = Field(description="Counts the changes; the ETag.")
    ballot_key: str | None = Field(description="As it was set; null where voters do not cast ballots themselves.")
    choices_public: bool = Field(
        description="Everybody may read how each ballot was cast, by its GUID, once the count is final."
    )
    entries: list[EntryAnswer]


class ElectionPage(Page[ElectionAnswer]):
    """One page of elections."""


class NewElection(Strict):
    """What an election is made of. Only a draft may have fewer than two entries."""

    title: Line = ""
    kind: Kind
    individual: Flag | None = Field(None, description="For kinds that do not say it themselves; else parties stand.")
    jurisdiction_id: Id = 1
    start: Moment
    end: Moment
    draft: Flag = Field(False, description="Not published yet; it is in nobody's way and may be deleted.")
    rules: RulesField | None = Field(None, description="Left out: the classic ones if parliamentary, else shares.")
    ballot_key: KeyField = ""
    choices_public: Flag = Field(
        False, description="Once the count is final, everybody may read how each ballot was cast; needs `ballot_key`."
    )
    entries: Entries = Field([], description="The ballot, in the order of the poll numbers.")


class ElectionChange(Strict):
    """What is to be different; a field that is left out or null stays as it is. ``entries`` replaces the ballot."""

    title: Line | None = None
    kind: Kind | None = None
    individual: Flag | None = None
    jurisdiction_id: Id | None = None
    start: Moment | None = None
    end: Moment | None = None
    rules: RulesField | None = None
    ballot_key: KeyField | None = None
    choices_public: Flag | None = None
    entries: Entries | None = None


class Cancellation(Strict):
    """Why an election does not take place."""

    reason: Annotated[Reason, Field(min_length=1)]


class Lots(Strict):
    """The poll numbers that were drawn, one for each open seat, in the order drawn."""

    poll_numbers: Annotated[list[Id], Field(min_length=1, max_length=rules.MOST_ENTRIES)]
    constituency_id: Id | None = Field(None, description="In which one, where each constituency elects for itself.")


class ElectionQuery(PageQuery):
    """Which elections."""

    state: State | None = None
    jurisdiction_id: int | None = Field(None, ge=1, le=2**31 - 1)


class BatchAnswer(BaseModel):
    """An upload, and what has become of its ballots; the four outcomes add up to ``received``."""

    id: str
    status: Progress
    election_id: int | None = Field(description="The election that the upload named, if it named one.")
    station_id: int | None = Field(description="The polling station that it is of, if it is of one.")
    official_email: str = Field(description="Who sent it.")
    official_jmbg: str
    file_name: str
    sha256: str = Field(description="Of the file, in hexadecimal; empty for ballots that voters have cast themselves.")
    received_at: datetime
    lines: int = Field(description="Ballots in the upload.")
    received: int = Field(description="Ballots of it that are recorded.")
    counted: int
    duplicate: int
    invalid: int
    outside: int


class BatchPage(Page[BatchAnswer]):
    """One page of uploads."""


@elections.get("")
@requires(*READERS)
@elections.input(ElectionQuery, location="query", arg_name="query")
@elections.output(ElectionPage)
@elections.doc(summary="List elections", description="The latest start first.")
def list_elections(query: ElectionQuery) -> dict[str, Any]:
    now = datetime.now(UTC)
    with database().reading() as session:
        statement = store.elections(session, now, query.state, query.jurisdiction_id)
        page = paginate(session, statement, query, lambda election: election)
        standings = tallies.standings(session, page["items"], now)
        page["items"] = [_answer(Shown(election, standings[election.id].state)) for election in page["items"]]
        return page


@elections.post("")
@requires(Role.ADMINISTRATOR)
@journaled("election.created", "election")
@elections.input(NewElection, arg_name="body")
@elections.output(ElectionAnswer, status_code=201)
@elections.doc(
    summary="Make an election",
    responses={409: "Another election of the jurisdiction is in the way", 422: "A field is wrong"},
)
def create_election(body: NewElection) -> Tagged[ElectionAnswer]:
    plan = Plan(
        kind=body.kind,
        period=Period(_moment(body.start, "start"), _moment(body.end, "end")),
        places=_places(body.entries),
        title=body.title,
        individual=body.individual,
        jurisdiction_id=body.jurisdiction_id,
        rules=body.rules,
        ballot_key=body.ballot_key,
        choices_public=body.choices_public,
    )
    shown = actions.create(database(), plan, datetime.now(UTC), draft=body.draft)
    return (
        _answer(shown),
        201,
        {"Location": f"/api/elections/{shown.election.id}", **etag(shown.election.version)},
    )


@elections.get("/<int:election_id>")
@requires(*READERS)
@elections.output(ElectionAnswer)
@elections.doc(summary="One election", responses={404: "No such election"})
def show_election(election_id: int) -> Tagged[ElectionAnswer]:
    return _tagged(actions.read(database(), election_id, datetime.now(UTC)))


@elections.patch("/<int:election_id>")
@requires(Role.ADMINISTRATOR)
@journaled("election.changed", "election {election_id}")
@elections.input(ElectionChange, arg_name="body")
@elections.output(ElectionAnswer)
@elections.doc(
    summary="Change an election",
    description="Needs If-Match. Possible while it is a draft or scheduled; frozen from five seconds before it opens.",
    responses={**WRONG_STATE, 409: "It is frozen, or another election is in the way"},
)
def change_election(election_id: int, body: ElectionChange) -> Tagged[ElectionAnswer]:
    changes = Changes(
        title=body.title,
        kind=body.kind,
        individual=body.individual,
        jurisdiction_id=body.jurisdiction_id,
        start=None if body.start is None else _moment(body.start, "start"),
        end=None if body.end is None else _moment(body.end, "end"),
        rules=body.rules,
        ballot_key=body.ballot_key,
        choices_public=body.choices_public,
        places=None if body.entries is None else _places(body.entries),
    )
    return _tagged(actions.change(database(), election_id, check_match, changes, datetime.now(UTC)))


@elections.delete("/<int:election_id>")
@requires(Role.ADMINISTRATOR)
@journaled("election.deleted", "election {election_id}")
@elections.output({}, status_code=204)
@elections.doc(summary="Delete a draft", responses={404: "No such election", 409: "It is no draft"})
def delete_election(election_id: int) -> tuple[str, int]:
    actions.delete(database(), election_id, datetime.now(UTC))
    return "", 204


@elections.post("/<int:election_id>/publication")
@requires(Role.ADMINISTRATOR)
@journaled("election.published", "election {election_id}")
@elections.output(ElectionAnswer)
@elections.doc(
    summary="Publish a draft",
    description="Needs If-Match. The election is scheduled then, or open if its start has passed.",
    responses={**WRONG_STATE, 422: "The draft is not complete"},
)
def publish_election(election_id: int) -> Tagged[ElectionAnswer]:
    return _tagged(actions.publish(database(), election_id, check_match, datetime.now(UTC)))


@elections.post("/<int:election_id>/closing")
@requires(Role.ADMINISTRATOR)
@journaled("election.closed", "election {election_id}")
@elections.output(ElectionAnswer)
@elections.doc(
    summary="Close an open election before its time",
    description="Needs If-Match. It ends five seconds later, so that every station and the daemon learn of it first.",
    responses=WRONG_STATE,
)
def close_election(election_id: int) -> Tagged[ElectionAnswer]:
    return _tagged(actions.close(database(), election_id, check_match, datetime.now(UTC)))


@elections.post("/<int:election_id>/cancellation")
@requires(Role.ADMINISTRATOR)
@journaled("election.cancelled", "election {election_id}")
@elections.input(Cancellation, arg_name="body")
@elections.output(ElectionAnswer)
@elections.doc(
    summary="Cancel an election without a final result", description="Needs If-Match.", responses=WRONG_STATE
)
def cancel_election(election_id: int, body: Cancellation) -> Tagged[ElectionAnswer]:
    return _tagged(actions.cancel(database(), election_id, check_match, body.reason, datetime.now(UTC)))


@elections.post("/<int:election_id>/lots")
@requires(Role.ADMINISTRATOR)
@journaled("election.drawn", "election {election_id}")
@elections.input(Lots, arg_name="body")
@elections.output(ElectionAnswer)
@elections.doc(
    summary="Enter the lots of a tie",
    description="Needs If-Match. Only when everything is counted, the rules draw lots, and seats are tied.",
    responses={**WRONG_STATE, 422: "These lots do not settle the tie"},
)
def enter_lots(election_id: int, body: Lots) -> Tagged[ElectionAnswer]:
    now = datetime.now(UTC)
    return _tagged(
        actions.draw(database(), election_id, check_match, body.poll_numbers, now, constituency_id=body.constituency_id)
    )


@elections.get("/<int:election_id>/batches")
@requires(*SUPERVISORS)
@elections.input(PageQuery, location="query", arg_name="query")
@elections.output(BatchPage)
@elections.doc(
    summary="The uploads for an election and who sent them",
    description="In the order of receipt; an upload appears when the first of its parts is recorded.",
    responses={404: "No such election"},
)
def list_batches(election_id: int, query: PageQuery) -> dict[str, Any]:
    with database().reading() as session:
        store.election(session, election_id)
        page = paginate(session, store.batches(election_id), query, lambda batch: batch)
        page["items"] = [_batch(found) for found in store.totals(session, page["items"])]
        return page


def _moment(text: str, field: str) -> datetime:
    return rules.read_moment(text, zone(), field)


def _places(entries: list[EntryField]) -> list[Place]:
    return [Place(entry.participant_id, entry.exempt) for entry in entries]


def _tagged(shown: Shown) -> Tagged[ElectionAnswer]:
    return _answer(shown), 200, etag(shown.election.version)


def _answer(shown: Shown) -> ElectionAnswer:
    election = shown.election
    return ElectionAnswer(
        id=election.id,
        title=election.title,
        kind=Kind(election.kind),
        individual=election.individual,
        jurisdiction_id=election.jurisdiction_id,
        start=election.start,
        end=election.end,
        state=shown.state,
        rules=election.rules or None,
        lots=election.lots,
        cancelled_at=election.cancelled_at,
        cancelled_reason=election.cancelled_reason,
        created_at=election.created_at,
        version=election.version,
        ballot_key=election.ballot_key,
        choices_public=election.choices_public,
        entries=[
            EntryAnswer(
                poll_number=entry.poll_number,
                participant_id=entry.participant_id,
                name=entry.participant.name,
                exempt=entry.exempt,
            )
            for entry in election.entries
        ],
    )


def _batch(totals: store.BatchTotals) -> BatchAnswer:
    batch = totals.batch
    return BatchAnswer(
        id=batch.id,
        status=totals.progress,
        election_id=batch.election_id,
        station_id=batch.station_id,
        official_email=batch.official_email,
        official_jmbg=batch.official_jmbg,
        file_name=batch.file_name,
        sha256=batch.sha256,
        received_at=batch.received_at,
        lines=batch.lines,
        received=totals.received,
        counted=totals.counted,
        duplicate=totals.duplicate,
        invalid=totals.invalid,
        outside=totals.outside,
    )
