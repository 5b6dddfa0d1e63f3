"""What the daemon does with what officials have sent of tally sheets, and with what the administration did to them.

``record`` records each entry and photograph exactly once, by the id that the station gave it: what is recorded already,
or was refused before, changes nothing when it comes again. What is refused is in the journal under that id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import structlog
from redis import Redis
from sqlalchemy.orm import Session

from daemon.rules import sheets as rules
from daemon.store import sheets as store
from shared import metrics
from shared.database import Database, is_violation
from shared.errors import Unavailable, UrnaError
from shared.journal.events import LENGTHS, Event, told
from shared.journal.store import note_event
from shared.logs import reason
from shared.queue import sheet_copies, sheet_line, snapshot
from shared.queue.intake import LEEWAY_SECONDS
from shared.queue.sheet_copies import SheetCopy
from shared.queue.sheet_line import Done, Waiting
from shared.queue.sheets import PHOTOGRAPH
from shared.sentences import packed, say
from shared.sheets import TAKEN_AFTER_END, Sheet
from shared.sheets.digests import digest
from shared.terms import Outcome

_AT_ONCE = 200
_ATTEMPTS = 5
_ROWS_AT_ONCE = 1000

# What an official reads of something that cannot be recorded at all.
_DAMAGED = say("It could not be recorded; an operator sees why in the journal. Send it again.")
_TOLD_BEFORE = say("It was refused when its turn came; look at the sheet, and send it again if it is still needed.")

log = structlog.get_logger()


class Poisoned(Exception):
    """Something that no station of ours has let through, or that the judgement stumbles over."""


@dataclass
class Recorded:
    """What came of a transaction: what each official is told, and the sheets that it has changed."""

    done: list[Done] = field(default_factory=list)
    sheets: dict[store.Key, tuple[Sheet, datetime]] = field(default_factory=dict)


@dataclass
class Copies:
    """What the copies in Redis were last known to be of: the number of each sheet's last event, by election."""

    lasts: dict[int, dict[int, int]] = field(default_factory=dict)


def move(database: Database, redis: Redis, copies: Copies) -> int:
    """Record what has waited for longest and take it out of the line; return how much that was."""
    waiting = _block(sheet_line.front(redis, _AT_ONCE))
    if not waiting:
        return 0
    made = _record_carefully(database, redis, waiting)
    sheet_copies.write(redis, {key: copy_of(sheet, at) for key, (sheet, at) in made.sheets.items()})
    for (election_id, station_id), (sheet, _) in made.sheets.items():
        if election_id in copies.lasts:
            copies.lasts[election_id][station_id] = sheet.last
    if sheet_line.remove(redis, made.done):
        for one in made.done:
            metrics.sheets().judge(one.waiting.kind, _outcome(one))
    return len(waiting)


def record(database: Database, redis: Redis, waiting: Sequence[Waiting]) -> Recorded:
    """Judge and record in one transaction; ``waiting`` is either a photograph or entries, none of them damaged."""
    latest = sheet_line.now(redis) + timedelta(seconds=LEEWAY_SECONDS)
    for _ in range(_ATTEMPTS):
        try:
            with database.writing() as session:
                if waiting[0].kind == PHOTOGRAPH:
                    return _record_photograph(session, redis, waiting[0], latest)
                return _record_entries(session, waiting, latest)
        except store.Raced:
            continue
    raise Unavailable("Others record the same tally sheets at the same time.")


def refresh(database: Database, redis: Redis, copies: Copies, since: datetime) -> int:
    """Bring the copies of the sheets that have changed in the store into Redis; return how many.

    Of an election of which Redis has lost the copies, all are written.
    """
    written = 0
    known = sheet_copies.known(redis)
    with database.reading() as session:
        found = store.fingerprints(session, since)
    for election_id, fingerprint in found.items():
        if known.get(election_id) == fingerprint:
            continue
        ours = copies.lasts.get(election_id) if election_id in known else None
        if ours is None or store.fingerprint(len(ours), sum(ours.values())) != fingerprint:
            with database.reading() as session:
                lasts = store.lasts(session, election_id)
            changed = [station for station, last in lasts.items() if ours is None or ours.get(station) != last]
            _copy(database, redis, [(election_id, station) for station in changed], whole=ours is None)
            copies.lasts[election_id] = ours = lasts
            written += len(changed)
        sheet_copies.know(redis, election_id, store.fingerprint(len(ours), sum(ours.values())))
    return written


def publish_rolls(database: Database, redis: Redis, since: datetime) -> None:
    """Give the voting stations a fresh copy of the names and rolls of polling stations, unless they have it."""
    with database.reading() as session:
        fingerprint = store.rolls_fingerprint(session, since)
        if snapshot.knows_rolls(redis, fingerprint):
            return
        found = {number: snapshot.Roll(*words) for number, words in store.names(session).items()}
        frozen = store.frozen_rolls(session, since)
    snapshot.write_rolls(redis, fingerprint, found, frozen)


def states(database: Database, now: datetime) -> dict[str, int]:
    """How many sheets are in each state, of the elections of which sheets are taken or were within the last days."""
    with database.reading() as session:
        return store.states(session, now - 2 * TAKEN_AFTER_END)


def copy_of(sheet: Sheet, changed_at: datetime) -> SheetCopy:
    """What the voting stations get of a sheet.

    What the first official had to explain would tell the second one something about the numbers; so it is told only
    when both have entered theirs.
    """
    entries = [entry for entry in (sheet.first, sheet.second) if entry is not None]
    codes = {code for entry in entries for code in entry.explanations} if len(entries) > 1 else set()
    return SheetCopy(
        state=sheet.state,
        since=changed_at,
        last=sheet.last,
        round=entries[0].number - 1 if entries else sheet.last,
        entered_by=tuple(entry.actor for entry in entries),
        differing=sheet.differing,
        findings=tuple(sorted(codes)),
        jmbgs=tuple(entry.actor_jmbg for entry in entries),
        reopened_at=sheet.reopened_at,
    )


def _copy(database: Database, redis: Redis, keys: Sequence[store.Key], *, whole: bool) -> None:
    for start in range(0, len(keys), _ROWS_AT_ONCE):
        some = keys[start : start + _ROWS_AT_ONCE]
        with database.reading() as session:
            moments = store.changed_at(session, some)
            found = store.sheets(session, some)
        made = {key: copy_of(sheet, moments[key]) for key, sheet in found.items() if key in moments}
        sheet_copies.write(redis, made, whole=whole)


def _outcome(done: Done) -> str:
    if done.became is None or done.became.get("reason") == _DAMAGED:
        return "damaged"
    return str(done.became["state"])


def _block(waiting: Sequence[Waiting]) -> list[Waiting]:
    """What is recorded together: entries up to the first photograph or damaged one, and any of those alone."""
    block: list[Waiting] = []
    for item in waiting:
        if item.fault or item.kind == PHOTOGRAPH:
            return block or [item]
        block.append(item)
    return block


def _record_carefully(database: Database, redis: Redis, waiting: Sequence[Waiting]) -> Recorded:
    """Record as one, or each alone if that fails for what they hold; what cannot be recorded at all is laid aside."""
    if waiting[0].fault:
        return _lay_aside(database, waiting[0], waiting[0].fault)
    try:
        return record(database, redis, waiting)
    except Exception as error:
        if not _is_of_contents(error):
            raise
    made = Recorded()
    for item in waiting:
        one = _record_alone(database, redis, item)
        made.done += one.done
        made.sheets |= one.sheets
    return made


def _record_alone(database: Database, redis: Redis, item: Waiting) -> Recorded:
    # The second time finds what somebody else has recorded at the same moment, which looks like a violation.
    for is_last in (False, True):
        try:
            return record(database, redis, [item])
        except Exception as error:
            if not _is_of_contents(error):
                raise
            if is_last:
                return _lay_aside(database, item, str(error) if isinstance(error, Poisoned) else reason(error))
    raise AssertionError("The second attempt either returns or raises.")


def _is_of_contents(error: Exception) -> bool:
    """Whether trying again would change nothing: neither the stores, nor our rights, nor our program are at fault."""
    return is_violation(error) or isinstance(error, Poisoned)


def _lay_aside(database: Database, item: Waiting, why: str) -> Recorded:
    """Tell the journal of something that can never be recorded, so that it holds up nothing."""
    details = {"sha256": sha256(item.text).hexdigest(), "bytes": len(item.text)}
    event = Event(
        "sheet.damaged",
        _subject(item) if item.election_id else "entry in Redis",
        details,
        reason=told(why, LENGTHS["reason"]),
        actor=told(item.official_email, LENGTHS["actor"]),
        id=item.id,
    )
    with database.writing() as session:
        note_event(session, event)
    log.error("sheet laid aside", id=item.id, reason=why)
    metrics.unexpected_errors().inc()
    return Recorded([Done(item, _became_refused(_DAMAGED, Sheet()) if item.election_id else None)])


def _record_entries(session: Session, waiting: Sequence[Waiting], latest: datetime) -> Recorded:
    keys = {item.sheet for item in waiting}
    existing = store.lock(session, keys)
    # After the locks, so that whatever another daemon has recorded of them is seen.
    known, settled = _before(session, {item.id for item in waiting})
    sheets = store.sheets(session, existing)
    polls = store.polls(session, {item.election_id for item in waiting})
    places = store.places(session, keys)
    made, new = Recorded(), list[store.NewEvent]()
    for item in waiting:
        at = _moment(item, latest)
        sheet = sheets.get(item.sheet, Sheet())
        if item.id in known:
            made.done.append(Done(item, _became_recorded(known[item.id])))
            continue
        if item.id in settled:
            made.done.append(Done(item, _became_refused(_TOLD_BEFORE, sheet)))
            continue
        poll, place = polls.get(item.election_id), places.get(item.sheet)
        try:
            after, event = rules.judge_entry(sheet, poll, place, actor=item.official, at=at, said=item.said)
        except UrnaError as error:
            made.done.append(Done(item, _became_refused(error.message, sheet)))
            note_event(session, _refusal(item, "sheet.refused", error))
            continue
        except Exception as error:
            raise Poisoned(f"It cannot be judged: {type(error).__name__}.") from error
        sheets[item.sheet] = after
        made.sheets[item.sheet] = after, at
        known[item.id] = event.number
        new.append(store.NewEvent(item.id, item.sheet, event))
        made.done.append(Done(item, _became_recorded(event.number)))
        numbers = event.numbers.to_dict() if event.numbers else None
        details = {
            "entry": event.number,
            "findings": sorted(event.explanations),
            "state": after.state.value,
            "sha256": digest(numbers, event.explanations),
        }
        note_event(session, _event(item, "sheet.entered", details))
    if new:
        store.add(session, new, sheets, existing.keys())
    return made


def _record_photograph(session: Session, redis: Redis, item: Waiting, latest: datetime) -> Recorded:
    known, settled = _before(session, {item.id})
    if item.id in known:
        return Recorded([Done(item, _became_recorded(0))])
    if item.id in settled:
        return Recorded([Done(item, _became_refused(_TOLD_BEFORE, Sheet()))])
    content = sheet_line.content(redis, item.id)
    at = _moment(item, latest)
    try:
        found = rules.judge_photograph(item.said, content)
    except ValueError as error:
        raise Poisoned(str(error)) from error
    # The same name as in the journal: without what no database keeps or nobody can see.
    found = replace(found, name=told(found.name, 256))
    try:
        poll = store.polls(session, {item.election_id}).get(item.election_id)
        sheet = store.sheets(session, {item.sheet}).get(item.sheet, Sheet())
        rules.require_ground(poll, store.places(session, {item.sheet}).get(item.sheet), sheet, at)
        rules.require_room(store.kept(session, item.sheet, item.official))
    except UrnaError as error:
        note_event(session, _refusal(item, "photograph.refused", error))
        return Recorded([Done(item, _became_refused(error.message, Sheet()))])
    store.add_photograph(session, item.id, item.sheet, item.official, at, found, content)
    details = {"name": found.name, "media_type": found.media_type, "sha256": found.sha256, "bytes": found.size}
    note_event(session, _event(item, "photograph.added", details))
    return Recorded([Done(item, _became_recorded(0))])


def _before(session: Session, ids: set[str]) -> tuple[dict[str, int], set[str]]:
    """The numbers of what is recorded already, and the ids of what was settled in another way.

    The journal tells of what is recorded, too, and each statement sees what was committed before it. So the journal is
    read first: what it tells of and is not found recorded afterwards was refused, even if another daemon is at it now.
    """
    told_of = store.told(session, ids)
    known = store.recorded(session, ids)
    return known, told_of - known.keys()


def _moment(item: Waiting, latest: datetime) -> datetime:
    if item.received_at is None or item.received_at > latest:
        raise Poisoned("Its moment of receipt is ahead of the clock: no station of ours gave it.")
    return item.received_at


def _became_recorded(number: int) -> dict[str, Any]:
    return {"state": "recorded", "number": number}


def _became_refused(why: str, sheet: Sheet) -> dict[str, Any]:
    # A refusal belongs to the round in which it happened, like the entry that would have come next.
    # Pages say it again in their language; programs are told the reason as it is.
    return {"state": "refused", "reason": why, "said": packed(why), "number": sheet.last + 1}


def _refusal(item: Waiting, action: str, error: UrnaError) -> Event:
    return replace(_event(item, action, {}), outcome=Outcome.REFUSED, reason=told(error.message, LENGTHS["reason"]))


def _event(item: Waiting, action: str, details: Mapping[str, Any]) -> Event:
    """What the journal tells of something that an official has sent, at its moment and under its id."""
    assert item.received_at is not None  # noqa: S101 -- what has none is laid aside.
    return Event(
        action,
        _subject(item),
        details,
        actor=told(item.official_email, LENGTHS["actor"]),
        address=told(item.address, LENGTHS["address"]),
        request_id=told(item.request_id, LENGTHS["request_id"]),
        moment=item.received_at,
        id=item.id,
    )


def _subject(item: Waiting) -> str:
    return f"sheet of station {item.station_id} in election {item.election_id}"
