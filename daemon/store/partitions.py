"""Who owns a partition, and how far it is."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.schema.election import Part, Partition

__all__ = ["Partition", "add", "latest_watermark", "lock", "numbers", "places", "remove", "watermark", "watermarks"]


def numbers(session: Session) -> list[int]:
    """The recorded partitions, locked, so that two daemons cannot prepare them at once."""
    return list(session.scalars(sa.select(Partition.partition).order_by(Partition.partition).with_for_update()))


def add(session: Session, partitions: Sequence[int]) -> None:
    """Record partitions; one that was there before goes on after its parts, whose places are taken for ever."""
    for partition in partitions:
        last = session.scalar(sa.select(sa.func.max(Part.sequence)).where(Part.partition == partition))
        session.add(Partition(partition=partition, epoch=0, owner="", sequence=last or 0))
    session.flush()


def remove(session: Session, partitions: Sequence[int]) -> None:
    session.execute(sa.delete(Partition).where(Partition.partition.in_(partitions)))


def lock(session: Session, partition: int) -> Partition:
    """The partition's row, which nobody else can change until this transaction ends."""
    return session.scalars(sa.select(Partition).where(Partition.partition == partition).with_for_update()).one()


def watermark(session: Session, partition: int) -> datetime | None:
    """The moment before which everything that the partition has received is dealt with."""
    return session.scalar(sa.select(Partition.watermark).where(Partition.partition == partition))


def watermarks(session: Session) -> dict[int, datetime]:
    """The watermark of each partition that has one."""
    rows = session.execute(sa.select(Partition.partition, Partition.watermark).order_by(Partition.partition))
    return {partition: moment for partition, moment in rows if moment is not None}


def places(session: Session) -> dict[int, int]:
    """The place of the part that each partition recorded last."""
    return {row.partition: row.sequence for row in session.execute(sa.select(Partition.partition, Partition.sequence))}


def latest_watermark(session: Session) -> datetime | None:
    """The greatest watermark; no receipt may be earlier."""
    return session.scalar(sa.select(sa.func.max(Partition.watermark)))
