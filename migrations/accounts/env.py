"""Alembic's entry for the accounts store."""

from migrations.environment import run
from shared.schema.accounts import AccountsBase

run(AccountsBase.metadata)
