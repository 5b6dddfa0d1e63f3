"""A store in which two elections were counted, and what somebody with every right might do to it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from daemon import actions, relay
from shared.database import Database
from shared.queue import work
from shared.queue.parts import pack, unpack
from shared.schema.election import (
    Ballot,
    Batch,
    DeadLetter,
    Part,
    Partition,
    RefusedLine,
    Tally,
)
from tests.services.counting import Counting, guid, new_lines

FIRST = [(guid(100 + number), 1 + number % 3) for number in range(40)]
# Two duplicates, of which one says another number; a number that does not exist, and its GUID once more.
SECOND = [(guid(100), 1), (guid(101), 3), (guid(200), 9), (guid(201), 2), (guid(200), 1)]


@dataclass(frozen=True)
class Story:
    """A store in which two elections were counted, with the batches in the order of receipt."""

    url: str
    election: int
    later: int
    first: str
    second: str
    early: str


def tell(suite: Counting) -> Story:
    """Two uploads for an election, one of them with all kinds of refused ballots, and one for an election to come."""
    election = suite.election()
    later = suite.election(begins=7200, ends=10_000)
    first = suite.accept(FIRST, max_part=8)
    suite.record_all()
    second = suite.accept(SECOND)
    early = suite.accept(new_lines(5, seed=3), election=later)
    suite.record_all()
    # Everything is recorded; the daemon says so once the queues are empty.
    for number in range(suite.partitions):
        claim = suite.claim(number)
        stamp = work.idle_stamp(suite.redis, number)
        assert stamp is not None
        actions.advance(suite.database, claim, stamp)
    while relay.move(suite.database, suite.redis):
        pass
    return Story(suite.database.engine.url.render_as_string(hide_password=False), election, later, first, second, early)


def tamper(story: Story, *statements: sa.Executable | Callable[[Session], Any]) -> None:
    """Change the store as somebody with every right might."""
    database = Database(story.url)
    with database.writing() as session:
        for statement in statements:
            if callable(statement):
                statement(session)
            else:
                session.execute(statement)
    database.close()


def source_of(session: Session, ballot: str) -> int:
    found = session.scalar(sa.select(Ballot.source).where(Ballot.guid == UUID(ballot).bytes))
    assert found is not None
    return found


def ballot_changed(story: Story) -> list[str]:
    tamper(story, sa.update(Ballot).where(Ballot.guid == UUID(guid(103)).bytes).values(poll_number=2))
    return [
        f"Batch {story.first}, part ",
        f"line 3: ballot {guid(103)} is stored with poll number 2, and was received with 1.",
    ]


def ballot_of_another_part(story: Story) -> list[str]:
    tamper(
        story,
        lambda session: session.execute(
            sa.update(Ballot).where(Ballot.guid == UUID(guid(101)).bytes).values(source=source_of(session, guid(104)))
        ),
    )
    return [f"line 1: ballot {guid(101)} is stored as if it had come first in Batch {story.first}, part "]


def ballot_removed(story: Story) -> list[str]:
    tamper(story, sa.delete(Ballot).where(Ballot.guid == UUID(guid(105)).bytes))
    return [f"line 5: ballot {guid(105)} with poll number 3 was received, and it is not stored"]


def ballot_added(story: Story) -> list[str]:
    tamper(
        story,
        lambda session: session.add(
            Ballot(
                election_id=story.election,
                guid=UUID(guid(999)).bytes,
                poll_number=2,
                source=source_of(session, guid(101)),
            )
        ),
    )
    return [f"Batch {story.first}, part ", f"ballot {guid(999)} with poll number 2 is stored as if"]


def ballot_added_from_nowhere(story: Story) -> list[str]:
    tamper(
        story,
        lambda session: session.add(
            Ballot(election_id=story.election, guid=UUID(guid(999)).bytes, poll_number=2, source=5 * 2**40 + 7)
        ),
    )
    return ["Of the part at partition 5, place 7: 1 ballots are stored that cannot be compared"]


def refused_line_changed(story: Story) -> list[str]:
    tamper(story, sa.update(RefusedLine).where(RefusedLine.line == 2).values(reason="duplicate"))
    return [
        f"Batch {story.second}, part ",
        f"line 2: the refused line is ballot {guid(200)} with poll number 9 as duplicate",
    ]


def refused_line_removed(story: Story) -> list[str]:
    tamper(story, sa.delete(RefusedLine).where(RefusedLine.line == 0))
    return [f"Batch {story.second}, part ", f"line 0: ballot {guid(100)} with poll number 1 as duplicate is missing"]


def refused_line_added(story: Story) -> list[str]:
    tamper(
        story,
        lambda session: session.add(
            RefusedLine(
                batch_id=story.first,
                line=7,
                part=0,
                election_id=story.election,
                guid=UUID(guid(107)).bytes,
                poll_number=2,
                reason="duplicate",
            )
        ),
    )
    return [f"Batch {story.first}, part 0, line 7: ballot {guid(107)} with poll number 2 as duplicate stands among"]


def a_tally(session: Session) -> Tally:
    found = session.scalars(sa.select(Tally).order_by(Tally.votes.desc(), Tally.poll_number)).first()
    assert found is not None
    return found


def tally_changed(story: Story) -> list[str]:
    told = []

    def change(session: Session) -> None:
        one = a_tally(session)
        told.append(f"poll number {one.poll_number} has {one.votes} of its ballots, and the tally says {one.votes + 2}")
        one.votes += 2

    tamper(story, change)
    return [f"Batch {story.first}, part ", *told]


def tally_removed(story: Story) -> list[str]:
    tamper(story, lambda session: session.delete(a_tally(session)))
    return [f"Batch {story.first}, part ", "and the tally says nothing of it: the tally was removed"]


def tally_added(story: Story) -> list[str]:
    def add(session: Session) -> None:
        one = a_tally(session)
        session.add(
            Tally(election_id=one.election_id, partition=one.partition, sequence=one.sequence, poll_number=77, votes=5)
        )

    tamper(story, add)
    return ["poll number 77 has 0 of its ballots, and the tally says 5: the tally was added"]


def part_counts_changed(story: Story) -> list[str]:
    tamper(
        story,
        sa.update(Part)
        .where(Part.batch_id == story.second, Part.duplicate > 0)
        .values(counted=Part.counted + 1, duplicate=Part.duplicate - 1),
    )
    return [f"Batch {story.second}, part ", "its row says ", " duplicate, and not "]


def payload_unreadable(story: Story) -> list[str]:
    tamper(story, sa.update(Part).where(Part.batch_id == story.first, Part.part == 1).values(payload=b"URNA"))
    return [f"Batch {story.first}, part 1: what the station received cannot be read any more"]


def changed_payload(story: Story, batch: str, change: Callable[[Any], bytes]) -> None:
    def exchange(session: Session) -> None:
        part = session.get_one(Part, (batch, 0), options=[sa.orm.undefer(Part.payload)])
        part.payload = change(unpack(part.payload))

    tamper(story, exchange)


def payload_says_another_number(story: Story) -> list[str]:
    def change(contents: Any) -> bytes:
        contents.poll_numbers[0] = 1 + contents.poll_numbers[0] % 3
        return pack(contents.guids, contents.poll_numbers, contents.lines)

    changed_payload(story, story.first, change)
    return [f"Batch {story.first}, part 0, line ", "is stored with poll number"]


def everything_that_follows_changed_alike(story: Story) -> list[str]:
    """The one ballot that was received is another one now, and so is everything that must follow from it."""

    def exchange(session: Session) -> None:
        part = session.get_one(Part, (story.first, 0), options=[sa.orm.undefer(Part.payload)])
        contents = unpack(part.payload)
        before = contents.poll_numbers[0]
        after = contents.poll_numbers[0] = 1 + before % 3
        part.payload = pack(contents.guids, contents.poll_numbers, contents.lines)
        session.execute(sa.update(Ballot).where(Ballot.guid == contents.guids[:16]).values(poll_number=after))
        place = (story.election, part.partition, part.sequence)
        session.get_one(Tally, (*place, before)).votes -= 1
        session.get_one(Tally, (*place, after)).votes += 1

    tamper(story, exchange)
    return [f"Batch {story.first}: the digest of what was received is ", "a payload was changed."]


def batch_of_another_file(story: Story) -> list[str]:
    tamper(story, sa.update(Batch).where(Batch.id == story.first).values(sha256="1" * 64))
    return [f"Batch {story.first}: its SHA-256 is {'1' * 64}, and the journal says {'0' * 64}."]


def batch_of_another_station(story: Story) -> list[str]:
    tamper(story, sa.update(Batch).where(Batch.id == story.first).values(station_id=7))
    return [f"Batch {story.first}: its polling station is 7, and the journal says None."]


def payload_lines_changed(story: Story) -> list[str]:
    def change(contents: Any) -> bytes:
        contents.lines[-1] = 40
        return pack(contents.guids, contents.poll_numbers, contents.lines)

    changed_payload(story, story.first, change)
    return [f"Batch {story.first}, part 0: ", "it holds line 40, and the file had 40 lines"]


def payload_shorter(story: Story) -> list[str]:
    changed_payload(
        story,
        story.first,
        lambda contents: pack(contents.guids[:-16], contents.poll_numbers[:-1], contents.lines[:-1]),
    )
    return [f"Batch {story.first}: the file had 40 lines, of which 1 are in none of its parts"]


def remove_part(session: Session, batch: str, part: int) -> None:
    """Remove a part with everything that came of it, as somebody who knows the store would."""
    row = session.get_one(Part, (batch, part))
    session.execute(sa.delete(Ballot).where(Ballot.source == row.partition * 2**40 + row.sequence))
    session.execute(sa.delete(Tally).where(Tally.partition == row.partition, Tally.sequence == row.sequence))
    session.execute(sa.delete(RefusedLine).where(RefusedLine.batch_id == batch, RefusedLine.part == part))
    session.delete(row)


def part_missing(story: Story) -> list[str]:
    tamper(story, lambda session: remove_part(session, story.first, 2))
    return [f"Batch {story.first}, part 2: it is not there, though the batch has"]


def part_0_missing(story: Story) -> list[str]:
    tamper(story, lambda session: remove_part(session, story.first, 0))
    return [f"Batch {story.first}, part 0: it is not there, though the batch has"]


def part_0_and_batch_missing(story: Story) -> list[str]:
    tamper(
        story,
        lambda session: remove_part(session, story.first, 0),
        sa.delete(Batch).where(Batch.id == story.first),
    )
    return [f"Batch {story.first}, part 0: it is not there, and neither is the row of the batch itself"]


def whole_batch_missing(story: Story) -> list[str]:
    def remove(session: Session) -> None:
        for part in session.scalars(sa.select(Part.part).where(Part.batch_id == story.second)).all():
            remove_part(session, story.second, part)

    tamper(story, remove, sa.delete(Batch).where(Batch.id == story.second))
    return ["where one was recorded: its row was removed"]


def last_batch_missing_without_a_gap(story: Story) -> list[str]:
    def remove(session: Session) -> None:
        for part in session.scalars(sa.select(Part).where(Part.batch_id == story.second)).all():
            row = session.get_one(Partition, part.partition)
            later = sa.select(Part).where(Part.partition == part.partition, Part.sequence > part.sequence)
            remove_part(session, story.second, part.part)
            session.flush()
            # Those of the other election move up.
            for behind in session.scalars(later.order_by(Part.sequence)).all():
                behind.sequence -= 1
                session.flush()
            row.sequence -= 1

    tamper(story, remove, sa.delete(Batch).where(Batch.id == story.second))
    return [
        f"Batch {story.second}: by the journal it was accepted at ",
        "with 5 lines, and nothing of it is in the store",
    ]


def only_the_row_of_a_part_missing(story: Story) -> list[str]:
    tamper(story, sa.delete(Part).where(Part.batch_id == story.first, Part.part == 2))
    return [f"Batch {story.first}, part 2: it is not there", "No part stands at place"]


def batch_row_missing(story: Story) -> list[str]:
    tamper(story, sa.delete(Batch).where(Batch.id == story.first))
    return [f"Batch {story.first}: its part 0 is there and the row of the batch itself was removed"]


def part_moved_in_time(story: Story) -> list[str]:
    tamper(
        story,
        sa.update(Part)
        .where(Part.batch_id == story.second, Part.part == 0)
        .values(received_at=datetime.now(UTC) - timedelta(hours=3)),
    )
    return [f"Batch {story.second}, part 0: it is recorded for election", "it belongs to no election"]


def dead_letter_unsettled(story: Story) -> list[str]:
    tamper(
        story,
        lambda session: session.add(
            DeadLetter(
                batch_id="f" * 32,
                part=3,
                partition=0,
                received_at=datetime.now(UTC),
                reason="Its checksum is wrong.",
                buried_at=datetime.now(UTC),
            )
        ),
    )
    return [f"Batch {'f' * 32}, part 3: it is a dead letter, and its ballots are not counted (Its checksum is wrong.)"]


def part_added(story: Story) -> list[str]:
    tamper(story, sa.update(Partition).values(sequence=Partition.sequence - 1))
    return [": a part was added."]


TAMPERINGS: list[tuple[Callable[[Story], list[str]], str]] = [
    (ballot_changed, "ballot_changed"),
    (ballot_of_another_part, "ballot_changed"),
    (ballot_removed, "ballot_removed"),
    (ballot_added, "ballot_added"),
    (ballot_added_from_nowhere, "ballot_added"),
    (refused_line_changed, "refused_line_changed"),
    (refused_line_removed, "refused_line_removed"),
    (refused_line_added, "refused_line_added"),
    (tally_changed, "tally_changed"),
    (tally_removed, "tally_removed"),
    (tally_added, "tally_added"),
    (part_counts_changed, "part_counts_changed"),
    (payload_unreadable, "payload_changed"),
    (payload_says_another_number, "ballot_changed"),
    (everything_that_follows_changed_alike, "payload_changed"),
    (batch_of_another_file, "batch_changed"),
    (batch_of_another_station, "batch_changed"),
    (last_batch_missing_without_a_gap, "batch_missing"),
    (payload_lines_changed, "payload_changed"),
    (payload_shorter, "payload_changed"),
    (part_missing, "part_missing"),
    (part_0_missing, "part_missing"),
    (part_0_and_batch_missing, "part_missing"),
    (whole_batch_missing, "part_missing"),
    (only_the_row_of_a_part_missing, "part_missing"),
    (batch_row_missing, "batch_missing"),
    (part_moved_in_time, "part_changed"),
    (dead_letter_unsettled, "dead_letter_unsettled"),
    (part_added, "part_added"),
]
EVERYWHERE = [
    everything_that_follows_changed_alike,
    ballot_changed,
    ballot_removed,
    ballot_added,
    tally_changed,
    part_missing,
    refused_line_changed,
]
