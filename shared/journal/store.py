"""The journal in a store: entries are written in the transaction of what they tell of, and read page by page.

``note`` is all that an action needs. The entry is written just before the transaction is committed, after everything
else, so that action and entry are there both or neither, and so that the head of the journal is the last thing that is
locked: two transactions that both wait for it hold nothing that the other one still wants. Writers queue for it, which
makes the numbers free of gaps.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.database import Database
from shared.errors import Unavailable
from shared.journal import chain, events
from shared.journal.chain import Anchor, Finding, Link
from shared.journal.events import Event
from shared.schema.journal import AnyJournal, AnyJournalHead
from shared.terms import Outcome

_WAITING = "journal"
_MIGRATED = "schema.migrated"
_AT_ONCE = 1000
_HEAD = sa.select(AnyJournalHead.sequence, AnyJournalHead.hash).where(AnyJournalHead.id == 1)
_LINK = [getattr(AnyJournal, name) for name in Link.__dataclass_fields__]


def note(
    session: Session,
    action: str,
    subject: str,
    details: Mapping[str, Any] | None = None,
    *,
    outcome: Outcome = Outcome.DONE,
    reason: str = "",
    actor: str | None = None,
) -> None:
    """Let the transaction of ``session`` leave an entry when it is committed, and none when it is not.

    Who acts, from where and in which request is what ``shared.journal.events`` knows of this thread; ``actor`` names
    another, for instance whoever has just logged in. ``details`` never hold a password, a token, a national id, a
    ballot or a GUID. Something that is refused raises, and its transaction leaves nothing: note that in a transaction
    of its own (``outcome=Outcome.REFUSED`` with the reason).
    """
    note_event(session, events.event(action, subject, details, outcome=outcome, reason=reason, actor=actor))


def note_event(session: Session, event: Event) -> None:
    """The same for an event that was made elsewhere."""
    session.info.setdefault(_WAITING, []).append(event)


def write(database: Database, event: Event) -> None:
    """Write an event that belongs to no other transaction, such as a refusal."""
    with database.writing() as session:
        note_event(session, event)


def was_written(session: Session, action: str, subject: str) -> bool:
    """Whether the journal has an entry about this, so that what is found again and again is told once."""
    found = sa.select(AnyJournal.sequence).where(AnyJournal.action == action, AnyJournal.subject == subject)
    return session.scalar(found.limit(1)) is not None


def note_schema(database: Database) -> None:
    """Note to which revision a store was brought, unless the journal says so already.

    A migration cannot be committed together with an entry in every database; whoever died in between is made up for at
    the next start.
    """
    with database.writing() as session:
        # Of two programs that prepare the store at once the second one has to see what the first one wrote.
        _lock(session)
        revision = session.scalar(sa.select(sa.column("version_num")).select_from(sa.table("alembic_version")))
        subject = f"schema {revision}"
        noted = sa.select(AnyJournal.subject).where(AnyJournal.action == _MIGRATED)
        if session.scalar(noted.order_by(AnyJournal.sequence.desc()).limit(1)) != subject:
            note(session, _MIGRATED, subject, actor=events.PREPARE)


def append(session: Session, happened: Iterable[Event]) -> int:
    """Add entries at the end of the journal at once; return how many were new: none is written twice by its id.

    From here on the head of the journal is locked, so this comes last in a transaction.
    """
    head = _lock(session)
    distinct = {event.id: event for event in happened}
    known = set(session.scalars(sa.select(AnyJournal.id).where(AnyJournal.id.in_(distinct))))
    links: list[Link] = []
    for event in distinct.values():
        if event.id not in known:
            links.append(_link(event, head))
            head = Anchor(links[-1].sequence, links[-1].hash)
    if links:
        session.execute(sa.insert(AnyJournal), [vars(link) for link in links])
        session.execute(
            sa.update(AnyJournalHead).where(AnyJournalHead.id == 1).values(sequence=head.sequence, hash=head.hash)
        )
    return len(links)


def head(session: Session) -> Anchor:
    """The newest entry's number and hash; ``chain.BEGINNING`` while there is none, or when the row is gone."""
    row = session.execute(_HEAD).first()
    return Anchor(row.sequence, row.hash) if row else chain.BEGINNING


def check(session: Session, expected: Sequence[Anchor] = ()) -> tuple[Anchor, list[Finding]]:
    """The newest entry, and all that is wrong with the journal; see ``chain.check``.

    Entries that are added meanwhile are left to the next time.
    """
    newest = head(session)
    findings = list(chain.check(_links(session, newest.sequence), newest, expected))
    last = session.scalar(sa.select(sa.func.max(AnyJournal.sequence))) or 0
    # Read after the entries: whatever was added since came with a head that was moved.
    known = head(session).sequence
    if last > known:
        findings.append(Finding(known + 1, f"The journal goes on to entry {last}, but its head is entry {known}."))
    if session.execute(_HEAD).first() is None:
        findings.append(Finding(0, "The row of the journal's head is missing."))
    return newest, findings


@dataclass(frozen=True)
class Search:
    """Which entries are wanted; None or empty: any. ``text`` is looked for in every text of an entry."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""


def entries(search: Search) -> sa.Select[Any]:
    """The entries that fit, the newest first. ``action`` may be a noun alone (``election``); ``until`` is exclusive."""
    found = sa.select(AnyJournal).order_by(AnyJournal.sequence.desc())
    if search.actor:
        found = found.where(AnyJournal.actor == search.actor)
    if search.action:
        whole = AnyJournal.action == search.action
        found = found.where(whole | AnyJournal.action.startswith(f"{search.action}.", autoescape=True))
    if search.subject:
        found = found.where(AnyJournal.subject == search.subject)
    if search.outcome is not None:
        found = found.where(AnyJournal.outcome == search.outcome.value)
    if search.since is not None:
        found = found.where(AnyJournal.moment >= search.since)
    if search.until is not None:
        found = found.where(AnyJournal.moment < search.until)
    if search.text:
        searched = (AnyJournal.actor, AnyJournal.action, AnyJournal.subject, AnyJournal.reason, AnyJournal.details)
        wanted = search.text.lower()
        found = found.where(sa.or_(*(sa.func.lower(column).contains(wanted, autoescape=True) for column in searched)))
    return found


@sa.event.listens_for(Session, "before_commit")
def _write_down(session: Session) -> None:
    """Before the commit: write what was noted. The end of a savepoint is none."""
    if _WAITING not in session.info or session.in_nested_transaction():
        return
    session.flush()
    waiting = session.info.pop(_WAITING)
    try:
        append(session, waiting)
    except IntegrityError as error:
        # Not what the action's caller thinks of; he may take it for a name that is taken.
        raise Unavailable(
            "The journal takes no entry, so nothing was done; its head is not at its end (`urna journal verify`)."
        ) from error


def _lock(session: Session) -> Anchor:
    row = session.execute(_HEAD.with_for_update()).first()
    if row is None:
        raise Unavailable("The journal has no head, so nothing was done (`urna journal verify`).")
    return Anchor(row.sequence, row.hash)


def _link(event: Event, last: Anchor) -> Link:
    kept = {name: events.told(getattr(event, name), length) for name, length in events.LENGTHS.items()}
    link = Link(
        **kept,
        previous=last.hash,
        sequence=last.sequence + 1,
        moment=event.moment,
        outcome=event.outcome.value,
        details=events.written(event.details),
    )
    return replace(link, hash=chain.hash_of(link))


def _links(session: Session, until: int) -> Iterator[Link]:
    """The entries up to a number, in order, a thousand at a time; of a long journal that is all that is in memory."""
    wanted = sa.select(*_LINK).where(AnyJournal.sequence <= until).order_by(AnyJournal.sequence).limit(_AT_ONCE)
    rows = session.execute(wanted).all()
    while rows:
        yield from (Link(**row._mapping) for row in rows)
        rows = session.execute(wanted.where(AnyJournal.sequence > rows[-1].sequence)).all()
