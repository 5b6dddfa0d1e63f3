"""What officials do with the tally sheets of their polling stations: enter, check, look, and send photographs."""

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from shared.auth import Identity
from shared.errors import Conflict, Forbidden, InvalidInput, NotFound, TooLarge, Unavailable
from shared.queue import keys, sheet_copies, sheets, snapshot
from shared.queue.sheet_copies import SheetCopy
from shared.queue.sheets import Judged, Own, Receipt, Sight
from shared.queue.snapshot import KnownElection
from shared.sentences import say
from shared.sheets import Finding, Person, check, photographs, require_taken, require_voted_at, settle_explanations
from shared.terms import Role
from voting_station_service import inspection
from voting_station_service.actions import Station, check_key, refuse_crowd, refuse_station, safe_name
from voting_station_service.rules import sheets as rules

# One at a time in each process, so that however many are sent, a process of ours takes no more than this memory.
_looking = threading.Semaphore(1)
_LOOKING_SECONDS = 30.0


@dataclass(frozen=True)
class Place:
    """One of an official's polling stations: its status, its roll where that is known, and where its sheet stands."""

    id: int
    status: str | None
    roll: snapshot.Roll | None
    sheet: SheetCopy


@dataclass(frozen=True)
class Shown:
    """A sheet as one reader sees it. ``may`` is first, second or nothing, and ``why`` says why nothing."""

    sheet: SheetCopy
    may: str
    why: str
    entries: Sequence[Own]
    photographs: Sequence[Own]


def enter(
    station: Station,
    official: Identity,
    election_id: int,
    station_id: int,
    body: Mapping[str, Any],
    idempotency_key: str | None,
) -> Receipt:
    """Take an entry in; ``told`` of the receipt has its findings. Refused as docs/tally-sheets.md says."""
    check_key(idempotency_key)
    rules.require_own(station_id, official.stations)

    def judge(sight: Sight) -> Judged:
        refuse_crowd(station, sight.uploads, sight.uploads_forgotten_in)
        election = _election(sight, election_id)
        _require_ground(sight, election, station_id)
        rules.require_turn(sight.copy.state, sight.copy.first, _person(official), _sent(sight.own))
        numbers, explanations = rules.read_entry(body, election.poll_numbers)
        findings = check(numbers, sight.roll.registered if sight.roll else None)
        settled = settle_explanations(findings, explanations)
        told = {"findings": [_told(finding) for finding in findings]}
        return Judged({"numbers": numbers.to_dict(), "explanations": settled}, told)

    fingerprint = _digest(sheets.ENTRY, election_id, station_id, body)
    sending = _sending(station, official, sheets.ENTRY, election_id, station_id, fingerprint)
    return sheets.accept(station.redis, sending, idempotency_key, judge)


def try_out(
    station: Station, official: Identity, election_id: int, station_id: int, body: Mapping[str, Any]
) -> tuple[Finding, ...]:
    """What would be found about these numbers; nothing is stored."""
    rules.require_own(station_id, official.stations)
    sight = sheets.look(station.redis, election_id, station_id, _person(official))
    election = _election(sight, election_id)
    refuse_station(station_id, sight.station)
    numbers, _ = rules.read_entry(body, election.poll_numbers)
    return check(numbers, sight.roll.registered if sight.roll else None)


def show(station: Station, reader: Identity, election_id: int, station_id: int) -> Shown:
    """Where a sheet stands, with what the reader has sent of it in this round.

    Officials see the sheets of their own stations, administrators and auditors see all.
    """
    sees_all = reader.has(Role.ADMINISTRATOR) or reader.has(Role.AUDITOR)
    if not sees_all:
        rules.require_own(station_id, reader.stations)
    sight = sheets.look(station.redis, election_id, station_id, _person(reader))
    election = _election(sight, election_id)
    if sight.station is None:
        raise NotFound(
            say(
                "Polling station {number} is not known, or not yet. An administrator sees to it.",
                number=str(station_id),
            )
        )
    may = "nothing"
    why: str = say("Officials of this polling station enter its tally sheet.")
    if reader.has(Role.OFFICIAL) and station_id in reader.stations:
        may, why = _may(sight, election, station_id, reader)
    entries = [
        one
        for one in sight.own
        if one.kind == sheets.ENTRY and (one.waits or int(one.became.get("number", 0)) > sight.copy.round)
    ]
    return Shown(sight.copy, may, why, entries, [one for one in sight.own if one.kind == sheets.PHOTOGRAPH])


def places(station: Station, official: Identity, election_id: int) -> list[Place]:
    """The official's polling stations with their sheets, in the order of their numbers."""
    known, _ = snapshot.read(station.redis)
    _find(known, election_id)
    numbers = sorted(official.stations)
    facts = snapshot.stations(station.redis, election_id, numbers)
    copies = sheet_copies.read_many(station.redis, [(election_id, number) for number in numbers])
    return [
        Place(number, status, roll, copy) for number, (status, roll), copy in zip(numbers, facts, copies, strict=True)
    ]


def add_photograph(
    station: Station,
    official: Identity,
    election_id: int,
    station_id: int,
    content: bytes,
    file_name: str,
    idempotency_key: str | None,
) -> Receipt:
    """Take a photograph of a sheet in; ``told`` of the receipt says what it was found to be."""
    check_key(idempotency_key)
    rules.require_own(station_id, official.stations)
    if not content:
        raise InvalidInput("The photograph is empty.", field="file")
    if len(content) > photographs.MOST_BYTES:
        most = photographs.MOST_BYTES // 1024**2
        raise TooLarge(say("A photograph has at most {most} MiB; make it smaller.", most=most))
    sha256 = hashlib.sha256(content).hexdigest()
    found: list[str] = []

    def judge(sight: Sight) -> Judged:
        refuse_crowd(station, sight.uploads, sight.uploads_forgotten_in)
        _require_ground(sight, _election(sight, election_id), station_id)
        rules.require_room(_sent(sight.own))
        if sight.waiting_bytes + len(content) > sheets.MOST_WAITING_BYTES:
            raise Unavailable(
                "Too many photographs wait to be stored at the moment; nothing was stored. Send it again.",
                retry_after=10,
            )
        # It takes a process of its own, so it comes last, and once.
        if not found:
            found.append(_media_type(content))
        name = safe_name(file_name) or "photograph"
        said = {"name": name, "media_type": found[0], "sha256": sha256, "size": len(content)}
        return Judged(said, said)

    fingerprint = _digest(sheets.PHOTOGRAPH, election_id, station_id, sha256)
    sending = _sending(station, official, sheets.PHOTOGRAPH, election_id, station_id, fingerprint, content)
    return sheets.accept(station.redis, sending, idempotency_key, judge)


def _media_type(content: bytes) -> str:
    if not _looking.acquire(timeout=_LOOKING_SECONDS):
        raise Unavailable("Too many photographs are being looked at; nothing was stored. Send it again.")
    try:
        found = inspection.inspect(content)
    finally:
        _looking.release()
    if found.refused:
        raise InvalidInput(found.refused, field="file")
    return found.media_type


def _require_ground(sight: Sight, election: KnownElection, station_id: int) -> None:
    """Refuse what is of a polling station at which nobody votes or voted, or comes at a time at which none is taken.

    Where Redis does not have the roll yet, the daemon alone says whether the station belongs to the electorate.
    """
    refuse_station(station_id, sight.station)
    require_voted_at(sight.roll is None or sight.roll.voted_at)
    start, end = keys.from_microseconds(election.start), keys.from_microseconds(election.end)
    require_taken(start, end, sight.now, sight.copy.reopened_at)


def _may(sight: Sight, election: KnownElection, station_id: int, official: Identity) -> tuple[str, str]:
    try:
        _require_ground(sight, election, station_id)
    except (Conflict, Forbidden) as error:
        return "nothing", error.message
    return rules.may(sight.copy.state, sight.copy.first, _person(official), _sent(sight.own))


def _sending(
    station: Station,
    official: Identity,
    kind: str,
    election_id: int,
    station_id: int,
    fingerprint: str,
    content: bytes = b"",
) -> sheets.Sending:
    return sheets.Sending(
        id=uuid4().hex,
        kind=kind,
        election_id=election_id,
        station_id=station_id,
        official_email=official.email,
        keep_seconds=station.settings.receipt_days * 86400,
        fingerprint=fingerprint,
        content=content,
        official_jmbg=official.jmbg,
    )


def _person(who: Identity) -> Person:
    return Person(who.email, who.jmbg)


def _election(sight: Sight, election_id: int) -> KnownElection:
    return _find(sight.elections(), election_id)


def _find(known: Sequence[KnownElection], election_id: int) -> KnownElection:
    for election in known:
        if election.id == election_id:
            return election
    raise NotFound("No published election has this number, or it was cancelled.")


def _sent(own: Sequence[Own]) -> list[rules.Sent]:
    return [rules.Sent(one.kind, one.waits, one.became.get("state") == "refused", one.received_at) for one in own]


def _told(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "fields": list(finding.fields),
        "message": finding.message,
    }


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
