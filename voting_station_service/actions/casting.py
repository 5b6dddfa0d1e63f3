"""A voter's own ballot: what is asked of it, and how those that come at the same moment go into the queue together.

Nobody is logged in here. Who may vote is shown by the blind signature of the ballot's GUID (``shared.ballot_proofs``),
and no address, account or id of a request goes on with the ballot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from limits import RateLimitItemPerMinute

from shared import ballot_proofs, metrics
from shared.errors import Conflict, InvalidInput, NotFound, Unavailable, UrnaError
from shared.journal import events
from shared.queue import intake, snapshot
from shared.queue.parts import pack
from shared.sentences import say
from voting_station_service.actions import Station, find_open, refuse_when_full
from voting_station_service.actions.box import Box
from voting_station_service.rules import Ballots
from voting_station_service.rules import partition as cut_for

# Nobody asks what became of an upload that is nobody's; what became of a ballot is asked by its GUID.
_KEEP_SECONDS = 3600
_CAST_BEFORE = say("This ballot was cast before; the first choice counts.")


@dataclass(frozen=True)
class Cast:
    """A ballot as its voter has sent it."""

    election_id: int
    guid: bytes
    poll_number: int
    prefix: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def proof(self) -> bytes:
        return self.prefix + self.signature


@dataclass(frozen=True)
class BallotPaper:
    """What a voter's program has to know of an election."""

    election: snapshot.KnownElection
    is_open: bool
    names: Mapping[int, str]


def ballot_paper(station: Station, election_id: int) -> BallotPaper:
    """The ballot of a published election; NotFound where there is none of this number."""
    known, now = snapshot.read(station.redis)
    election = next((one for one in known if one.id == election_id), None)
    if election is None:
        raise NotFound("No published election has this number, or it was cancelled.")
    return BallotPaper(election, election.is_open(now), snapshot.read_lists(station.redis, election_id))


def cast(station: Station, box: Box[Cast], ballot: Cast) -> None:
    """Take a ballot in; when this returns, Redis has it on disk.

    Raises NotFound and Conflict where it cannot be cast in this election now, InvalidInput for a poll number or a
    signature that is not one of this election, and Conflict about the field ``guid`` for a ballot that is stored
    already: then this one counts for nothing, whatever its choice.
    """
    # Whoever gets no answer sends a ballot again. That it is stored is remembered for a minute, by the GUID alone, for
    # which only a voter has a signature. It is remembered when it is on disk and not before, or who could not get in
    # would be told that the ballot was cast. What another process has stored, or an earlier minute, is found by the
    # daemon, and told with the receipt.
    limit, guid = RateLimitItemPerMinute(station.settings.ballot_repetitions_per_minute), ballot.guid.hex()
    try:
        _check(station, ballot)
        if not station.repetitions.test(limit, guid):
            raise Conflict(_CAST_BEFORE, field="guid")
        box.put(ballot)
    except UrnaError as error:
        metrics.uploads().end("unavailable" if isinstance(error, Unavailable) else "refused")
        raise
    # Of two that come at one instant both are stored, and the daemon takes the first; one at most hears no more of it.
    if not station.repetitions.hit(limit, guid):
        raise Conflict(_CAST_BEFORE, field="guid")


def _check(station: Station, ballot: Cast) -> None:
    known, now = snapshot.read(station.redis)
    election = find_open(known, now, ballot.election_id)
    if election.ballot_key is None:
        raise Conflict("Voters do not cast ballots themselves in this election: it has no ballot key.")
    if election.by_constituency:
        raise Conflict(
            "Each constituency elects for itself, and a voter's own ballot is of no polling station; nothing was "
            "stored."
        )
    if ballot.poll_number not in election.poll_numbers:
        raise InvalidInput(
            say(
                "This election has no list with the poll number {poll_number}; nothing was stored.",
                poll_number=str(ballot.poll_number),
            ),
            field="poll_number",
        )
    key = ballot_proofs.read_key(election.ballot_key)
    if len(ballot.signature) != key.size:
        raise InvalidInput(
            say(
                "The signature has {found} bytes, and those of this election have {size}.",
                found=len(ballot.signature),
                size=key.size,
            ),
            field="signature",
        )
    if not ballot_proofs.is_proven(key, election.id, ballot.guid, ballot.proof):
        raise InvalidInput(
            "The signature is not one of this election for this GUID; nothing was stored.", field="signature"
        )


def commit(station: Station, ballots: Sequence[Cast]) -> list[UrnaError | None]:
    """Put ballots into the queue, those of an election as one upload; what is to be told to the sender of each."""
    outcomes: list[UrnaError | None] = [None] * len(ballots)
    # Whoever puts them in does it for others, too; none of them is to be named with the ballots.
    events.begin("", "")
    # A part has proofs of one length. An election has signatures of one, but nobody's ballot depends on that here.
    together: dict[tuple[int, int], list[int]] = {}
    for place, ballot in enumerate(ballots):
        together.setdefault((ballot.election_id, len(ballot.proof)), []).append(place)
    for (election_id, _), places in together.items():
        try:
            _enqueue(station, election_id, [ballots[place] for place in places])
        except UrnaError as error:
            for place in places:
                outcomes[place] = error
    return outcomes


def _enqueue(station: Station, election_id: int, ballots: Sequence[Cast]) -> None:
    guids = b"".join(ballot.guid for ballot in ballots)
    upload = intake.Upload(
        batch_id=uuid4().hex,
        election_id=election_id,
        official_email="",
        official_jmbg="",
        file_name="",
        # There is no file. A digest of GUIDs would show whoever has a receipt when its ballot was cast.
        sha256="",
        keep_seconds=_KEEP_SECONDS,
    )

    seen: list[snapshot.KnownElection] = []

    def read(sight: intake.Sight) -> intake.Contents:
        # The election may have ended since each was looked at.
        seen.append(find_open(sight.elections(), sight.now, election_id))
        refuse_when_full(station, sight)
        lines = Ballots(guids, [ballot.poll_number for ballot in ballots])
        parts = [
            intake.PackedPart(
                cut.partition,
                len(cut.lines),
                pack(cut.guids, cut.poll_numbers, cut.lines, b"".join(ballots[line].proof for line in cut.lines)),
            )
            for cut in cut_for([lines], sight.partitions, station.settings.max_part_ballots)
        ]
        return intake.Contents(election_id, parts)

    receipt = intake.accept(station.redis, station.queues, upload, None, read)
    metrics.uploads().accept(len(ballots))
    # The moment that counts is given when Redis writes. Nobody is told that a ballot is cast which comes too late then.
    if receipt is not None and not seen[-1].is_open(receipt.received_at):
        raise Conflict("The election ended while the ballot was on its way; it does not count.")
