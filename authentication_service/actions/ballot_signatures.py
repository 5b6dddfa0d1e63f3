"""Blind signatures of ballots: the key of an election, and the one signature that each of its voters gets.

What is signed cannot be read here, so nothing in this store leads to a ballot. Nor does the moment: it stands in no row
and in no entry of the journal, because it could be held against the moments at which ballots were cast.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from hashlib import sha256
from threading import Lock

from sqlalchemy.orm import Session

from authentication_service.actions.accounts import Matches, own_user, require_administrator, write
from authentication_service.actions.journal import check_reader
from authentication_service.actions.voter_elections import subject
from authentication_service.rules import eligibility, signatures
from authentication_service.store import ballot_signatures, citizens, elections
from shared.auth import Identity
from shared.blind_signatures import FEWEST_BITS, PrivateKey, PublicKey, public_key
from shared.database import Database
from shared.errors import Conflict, Forbidden, InvalidInput, Misconfigured, NotFound, SigningFault
from shared.journal.store import note
from shared.schema.accounts import BallotSignature, Citizen, User, VoterElection
from shared.sealing import BALLOT_KEYS, Seal, about_election
from shared.terms import Restriction, Role

# Opened keys that are kept; to open one takes as long as some signatures.
_MOST_OPENED = 64
_DAMAGED = "The ballot key of this election cannot be used at the moment, so nothing was signed; ask again later."


class BallotKeys:
    """Seals and opens the private keys of elections; an opened one is kept in this process and nowhere else."""

    def __init__(self, register_key: str) -> None:
        self._seal = Seal(register_key, BALLOT_KEYS)
        self._lock = Lock()
        self._opened: dict[bytes, PrivateKey] = {}

    def close(self, election_id: int, private: bytes) -> bytes:
        """A private key as it is stored."""
        return self._seal.close(private, about_election(election_id))

    def open(self, election_id: int, sealed: bytes) -> PrivateKey:
        """The private key of an election; raises ``SigningFault`` when what is stored is not one, or not its own."""
        with self._lock:
            found = self._opened.get(sealed)
            if found is None:
                try:
                    found = PrivateKey.read(self._seal.open(sealed, about_election(election_id)))
                except (InvalidInput, Misconfigured) as error:
                    raise SigningFault(_DAMAGED) from error
                if len(self._opened) >= _MOST_OPENED:
                    self._opened.clear()
                self._opened[sealed] = found
        return found


@dataclass(frozen=True)
class OwnElection:
    """An election as one voter sees it. ``reason`` says why he may not vote in it, None that he may."""

    election_id: int
    title: str
    opens_at: datetime
    closes_at: datetime
    key: PublicKey | None
    reason: eligibility.Reason | None
    is_signed: bool


def make_key(
    database: Database, keys: BallotKeys, actor: Identity, election_id: int, matches: Matches, now: datetime
) -> tuple[PublicKey, int]:
    """Make the key of an election that has not opened, once; the public half, and the election's new version."""
    # Before the transaction, for it takes a while.
    private, der = PrivateKey.generate(FEWEST_BITS)

    def make(session: Session) -> int:
        require_administrator(session, actor)
        row = _election(session, election_id, lock=True)
        matches(row.version)
        if row.public_key is not None:
            raise Conflict("This election has its ballot key already; another one would make ballots worthless.")
        eligibility.refuse_if_opened(row.opens_at, now)
        row.public_key, row.private_key_sealed = private.public.der, keys.close(election_id, der)
        note(session, "voter_election.key_made", subject(election_id), {"fingerprint": private.public.fingerprint})
        session.flush()
        return row.version

    return private.public, write(database, make)


def read_key(database: Database, election_id: int) -> PublicKey:
    """The public half of an election's key, for everybody; NotFound while there is none."""
    with database.reading() as session:
        return _key_of(_election(session, election_id))


def number_given(database: Database, election_id: int, now: datetime) -> int:
    """How many voters have got the signature of an election, for everybody, once it has closed.

    Conflict before: a number that grows would say when somebody got one.
    """
    with database.reading() as session:
        row = _election(session, election_id)
        _key_of(row)
        signatures.check_closed(row.closes_at, now)
        return ballot_signatures.number_given(session, election_id)


def own_elections(database: Database, actor: Identity, now: datetime, zone: tzinfo) -> list[OwnElection]:
    """The elections that are not over, as this voter sees them, those that open first first."""
    with database.reading() as session:
        citizen = _citizen(session, own_user(session, actor))
        return [_own(session, row, citizen, zone) for row in ballot_signatures.elections_until(session, now)]


def sign(
    database: Database,
    keys: BallotKeys,
    actor: Identity,
    election_id: int,
    blinded: bytes,
    zone: tzinfo,
    now: Callable[[], datetime],
) -> bytes:
    """Sign a blinded ballot, for a voter of the election, once; the same request gets the same signature again.

    Raises NotFound and Conflict where nothing is signed now, Forbidden for who may not vote in this election, Conflict
    for another ballot than the one that was signed, InvalidInput for what is no blinded message of the election's key,
    SigningFault where the key is damaged or the signature was computed wrongly.
    """
    digest = sha256(blinded).digest()
    with database.reading() as session:
        row = _election(session, election_id)
        signatures.check_hours(row.opens_at, row.closes_at, now())
        key = _key_of(row)
        citizen = _citizen(session, own_user(session, actor))
        reason = _reason(session, row, citizen, zone)
        if reason is not None:
            raise Forbidden(signatures.SENTENCES[reason])
        citizen_id, is_known = citizen.id, _is_known(session, election_id, citizen.id, digest)
        private = keys.open(election_id, row.private_key_sealed or b"")
    if private.public != key:
        raise SigningFault(_DAMAGED)
    # No transaction is open meanwhile. Nobody has the signature before it is written down that he got it.
    signature = private.blind_sign(blinded)

    def keep(session: Session) -> None:
        # Of two devices at the same instant the constraint refuses the second, which finds the first one's row then.
        if not _is_known(session, election_id, citizen_id, digest):
            session.add(
                BallotSignature(
                    election_id=election_id,
                    citizen_id=citizen_id,
                    blinded_digest=digest,
                    signed_on=now().astimezone(UTC).date(),
                )
            )

    if not is_known:
        write(database, keep)
    return signature


def note_paper(
    database: Database, actor: Identity, election_id: int, citizen_id: int, zone: tzinfo, now: datetime
) -> None:
    """Note that a citizen votes on paper in an election, after which nobody signs a ballot for him in it.

    A second time changes nothing. Conflict for who has got the signature or may not vote: no ballot paper for these.
    """

    def keep(session: Session) -> None:
        require_administrator(session, actor)
        row, citizen = _election(session, election_id), citizens.citizen(session, citizen_id)
        if citizen is None:
            raise NotFound("There is no citizen of this number in the register.")
        earlier = ballot_signatures.of(session, election_id, citizen_id)
        if earlier is not None and earlier.blinded_digest is None:
            return
        if earlier is not None:
            raise Conflict(
                "This person has got the signature for a ballot in this election, and so the one ballot. Give out no "
                "ballot paper."
            )
        if _reason(session, row, citizen, zone) is not None:
            raise Conflict("By the register this person may not vote in this election. Give out no ballot paper.")
        session.add(
            BallotSignature(election_id=election_id, citizen_id=citizen_id, signed_on=now.astimezone(UTC).date())
        )
        note(session, "voter_election.voted_on_paper", subject(election_id), {"citizen": citizen_id})

    write(database, keep)


def elections_of(
    database: Database, actor: Identity, citizen_id: int, now: datetime, zone: tzinfo
) -> list[OwnElection]:
    """The elections that are not over, as they are for a citizen, for who supervises them."""
    with database.reading() as session:
        check_reader(session, actor)
        citizen = citizens.citizen(session, citizen_id)
        found = ballot_signatures.elections_until(session, now) if citizen else []
        return [_own(session, row, citizen, zone) for row in found if citizen]


def _own(session: Session, row: VoterElection, citizen: Citizen, zone: tzinfo) -> OwnElection:
    had = ballot_signatures.of(session, row.election_id, citizen.id)
    is_on_paper = had is not None and had.blinded_digest is None
    return OwnElection(
        row.election_id,
        row.title,
        row.opens_at,
        row.closes_at,
        public_key(row.public_key) if row.public_key else None,
        eligibility.Reason.VOTED_ON_PAPER if is_on_paper else _reason(session, row, citizen, zone),
        had is not None and not is_on_paper,
    )


def _is_known(session: Session, election_id: int, citizen_id: int, digest: bytes) -> bool:
    """Whether the citizen's signature was for this very request; Conflict when it was for another."""
    earlier = ballot_signatures.of(session, election_id, citizen_id)
    if earlier is not None and earlier.blinded_digest is None:
        raise Forbidden(signatures.SENTENCES[eligibility.Reason.VOTED_ON_PAPER])
    if earlier is not None and earlier.blinded_digest != digest:
        raise Conflict(
            "You have got your signature for this election, for another ballot. Vote with that one; whoever has "
            "lost it can ask for no other."
        )
    return earlier is not None


def _election(session: Session, election_id: int, *, lock: bool = False) -> VoterElection:
    row = elections.election(session, election_id, lock=lock)
    if row is None:
        raise NotFound("Voters know no election of this number.")
    return row


def _key_of(row: VoterElection) -> PublicKey:
    if row.public_key is None:
        raise NotFound("This election has no ballot key (yet), so no ballot can be signed for it.")
    return public_key(row.public_key)


def _citizen(session: Session, user: User) -> Citizen:
    if user.citizen_id is None or not any(row.role == Role.VOTER for row in user.roles):
        raise Forbidden("This account is not a voter's: it has no entry in the citizens' register.")
    found = citizens.citizen(session, user.citizen_id)
    if found is None:
        raise Forbidden("This account's entry in the citizens' register is not there.")
    return found


def _reason(session: Session, row: VoterElection, citizen: Citizen, zone: tzinfo) -> eligibility.Reason | None:
    kind = Restriction(row.restriction)
    # Not the whole list: it may be of millions, and one citizen asks.
    is_listed = kind is Restriction.CITIZENS and elections.is_listed(session, row.election_id, citizen.id)
    restriction = eligibility.Restriction(kind, tuple(row.restriction_values), {citizen.id} if is_listed else ())
    return eligibility.why_not_eligible(citizen, restriction, eligibility.election_day(row.opens_at, zone))
