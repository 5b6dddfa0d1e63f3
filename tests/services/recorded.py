"""An election store as the administration and the daemon leave it behind, for tests of what is read from it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.database import Database
from shared.schema.election import (
    PUBLISHED,
    Batch,
    Constituency,
    DeadLetter,
    Election,
    Entry,
    Part,
    Participant,
    Partition,
    PollingCentre,
    PollingStation,
    RefusedLine,
    Region,
    Tally,
)
from shared.terms import Kind, Refusal
from tests.services.migrated import have_tables

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENING = NOON + timedelta(hours=8)
CLASSIC_RULES = {"seats": 250, "method": "dhondt", "threshold": "0.05", "threshold_base": "valid_votes"}
JMBG = "0101994704401"

# (poll number, reason) of a line that is not counted; its GUID is made up.
Refused = tuple[int, Refusal]


class Recorded:
    """Writes rows as the services write them, with sums that add up."""

    def __init__(self, url: str, partitions: int = 2) -> None:
        have_tables(url, "election")
        self.database = Database(url)
        self.sequences = dict.fromkeys(range(partitions), 0)
        with self.database.writing() as session:
            session.add_all(Partition(partition=partition) for partition in self.sequences)

    def close(self) -> None:
        self.database.close()

    def election(
        self,
        names: Sequence[str] = ("Left", "Right"),
        *,
        hours: tuple[datetime, datetime] = (NOON, EVENING),
        exempt: Sequence[int] = (),
        **values: Any,
    ) -> int:
        """The id of a new election with one list for each name, by default with the classic rules.

        ``hours`` are its start and its end; ``values`` are columns.
        """
        individual = bool(values.get("individual", False))
        kind = Kind.PRESIDENTIAL if individual else Kind.PARLIAMENTARY
        columns = {
            "individual": individual,
            "kind": kind.value,
            "rules": {} if individual else CLASSIC_RULES,
            "stage": PUBLISHED,
            **values,
        }
        with self.database.writing() as session:
            election = Election(start=hours[0], end=hours[1], created_at=NOON, **columns)
            for poll_number, name in enumerate(names, start=1):
                participant = Participant(name=name, individual=individual, created_at=NOON)
                session.add(participant)
                session.flush()
                election.entries.append(
                    Entry(poll_number=poll_number, participant_id=participant.id, exempt=poll_number in exempt)
                )
            session.add(election)
            session.flush()
            return election.id

    def part(
        self,
        election_id: int | None,
        votes: dict[int, int] | None = None,
        refused: Sequence[Refused] = (),
        *,
        outside: int = 0,
        named: int | None = None,
        partition: int = 0,
        number: int = 0,
        received_at: datetime = NOON,
        batch_id: str | None = None,
        with_batch: bool = True,
        jmbg: str = JMBG,
        station: int | None = None,
        parts: int = 1,
    ) -> str:
        """Record one part, by default a whole batch; ``named`` is the election that the upload named.

        ``number`` is the part's number in its batch, which has ``parts`` and is of a ``station``; the row of the batch
        is written with ``with_batch``.
        """
        batch_id = batch_id or uuid4().hex
        counted = sum((votes or {}).values())
        reasons = [reason for _, reason in refused]
        self.sequences[partition] += 1
        sequence = self.sequences[partition]
        received = counted + len(refused) + outside
        with self.database.writing() as session:
            if with_batch:
                session.add(
                    Batch(
                        id=batch_id,
                        election_id=named,
                        official_email="official@example.org",
                        official_jmbg=jmbg,
                        file_name="station.csv",
                        sha256="0" * 64,
                        station_id=station,
                        lines=received,
                        parts=parts,
                        received_at=received_at,
                    )
                )
            session.add(
                Part(
                    batch_id=batch_id,
                    part=number,
                    partition=partition,
                    sequence=sequence,
                    election_id=election_id,
                    received_at=received_at,
                    recorded_at=received_at,
                    received=received,
                    counted=counted,
                    duplicate=reasons.count(Refusal.DUPLICATE),
                    invalid=reasons.count(Refusal.INVALID_POLL_NUMBER),
                    outside=outside + reasons.count(Refusal.OUTSIDE_ELECTION),
                    payload=b"",
                )
            )
            session.add_all(
                Tally(
                    election_id=election_id, partition=partition, sequence=sequence, poll_number=number, votes=number_of
                )
                for number, number_of in (votes or {}).items()
            )
            session.add_all(
                RefusedLine(
                    batch_id=batch_id,
                    line=line,
                    part=number,
                    election_id=election_id,
                    guid=uuid4().bytes,
                    poll_number=poll_number,
                    reason=reason.value,
                )
                for line, (poll_number, reason) in enumerate(refused)
            )
            self._move(session, partition, sequence=sequence)
        return batch_id

    def repartition(self, partitions: int) -> None:
        """Take partitions away or add some, as a daemon that is started with another number of them."""
        with self.database.writing() as session:
            session.execute(sa.delete(Partition).where(Partition.partition >= partitions))
            there = set(session.scalars(sa.select(Partition.partition)))
            for partition in sorted(set(range(partitions)) - there):
                sequence = self.sequences.setdefault(partition, 0)
                session.add(Partition(partition=partition, sequence=sequence))
            # Whoever owns them now has claimed all of them.
            session.execute(sa.update(Partition).values(epoch=Partition.epoch + 1))

    def drained(self, *moments: datetime | None) -> None:
        """Set the watermark of each partition, from 0 on."""
        with self.database.writing() as session:
            for partition, moment in enumerate(moments):
                self._move(session, partition, watermark=moment)

    def dead_letter(self, received_at: datetime | None, batch_id: str | None = None) -> str:
        """Bury part 0 of a batch."""
        batch_id = batch_id or uuid4().hex
        with self.database.writing() as session:
            session.add(
                DeadLetter(
                    batch_id=batch_id,
                    part=0,
                    partition=0,
                    received_at=received_at,
                    reason="It cannot be unpacked.",
                    buried_at=NOON,
                )
            )
        return batch_id

    def stations(self, registered: Sequence[int], *, seats: Sequence[int | None] = (None, None)) -> list[int]:
        """Polling stations with so many voters, by turns in constituencies with so many seats; their numbers.

        Each constituency is in a region of its own and has two centres, the first one in municipality A, the second one
        in B, to which its stations go by turns. The first centres have coordinates.
        """
        made = []
        with self.database.writing() as session:
            centres = []
            for number, elects in enumerate(seats, 1):
                region = Region(name=f"Region {number}", key=f"r{number}")
                session.add(region)
                session.flush()
                part = Constituency(region_id=region.id, name=f"Part {number}", seats=elects, key=f"p{number}")
                session.add(part)
                session.flush()
                for name, where in (("A", (44.0 + number, 20.0)), ("B", (None, None))):
                    centre = PollingCentre(
                        constituency_id=part.id,
                        municipality=name,
                        name=f"School {name}{number}",
                        latitude=where[0],
                        longitude=where[1],
                        key=f"c{number}{name}",
                    )
                    session.add(centre)
                    centres.append(centre)
            session.flush()
            for number, voters in enumerate(registered):
                half = len(centres) // 2
                centre = centres[number % half * 2 + number // half % 2]
                station = PollingStation(
                    centre_id=centre.id, code=f"{number + 1}", registered=voters, key=f"s{number + 1}"
                )
                session.add(station)
                session.flush()
                made.append(station.id)
        return made

    @staticmethod
    def _move(session: Session, partition: int, **values: Any) -> None:
        session.execute(sa.update(Partition).where(Partition.partition == partition).values(**values))
