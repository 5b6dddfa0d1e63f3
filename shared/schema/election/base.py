"""What all models of the election store have in common."""

from sqlalchemy.orm import DeclarativeBase

from shared.schema import metadata


class ElectionBase(DeclarativeBase):
    metadata = metadata()
