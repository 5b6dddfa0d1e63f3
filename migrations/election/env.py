"""Alembic's entry for the election store."""

from migrations.environment import run
from shared.schema.election import ElectionBase

run(ElectionBase.metadata)
