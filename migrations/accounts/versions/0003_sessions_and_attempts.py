"""Refresh tokens that are superseded, what people are shown of their sessions, and attempts of every kind.

Revision 0003.
"""

import sqlalchemy as sa
from alembic import op

import shared.database

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refresh_sessions", sa.Column("token", sa.String(length=36), nullable=True))
    op.add_column("refresh_sessions", sa.Column("used_at", shared.database.UtcDateTime(), nullable=True))
    op.add_column("refresh_sessions", sa.Column("address", sa.String(length=45), nullable=True))
    op.add_column("refresh_sessions", sa.Column("program", sa.String(length=256), nullable=True))
    # The new index first: MySQL wants one for the foreign key at every moment.
    op.create_index(op.f("ix_refresh_sessions_user_id_address"), "refresh_sessions", ["user_id", "address"])
    op.drop_index(op.f("ix_refresh_sessions_user_id"), table_name="refresh_sessions")
    _exchange("failed_logins", "attempts", "tried_at")


def downgrade() -> None:
    _exchange("attempts", "failed_logins", "failed_at")
    op.create_index(op.f("ix_refresh_sessions_user_id"), "refresh_sessions", ["user_id"])
    op.drop_index(op.f("ix_refresh_sessions_user_id_address"), table_name="refresh_sessions")
    for column in ("program", "address", "used_at", "token"):
        op.drop_column("refresh_sessions", column)


def _exchange(old: str, new: str, moment: str) -> None:
    """Make the new table beside the old one's end: what was counted in the last minutes may be forgotten."""
    op.create_table(
        new,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column(moment, shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{new}")),
    )
    op.create_index(op.f(f"ix_{new}_{moment}"), new, [moment], unique=False)
    op.create_index(op.f(f"ix_{new}_key_{moment}"), new, ["key", moment], unique=False)
    op.drop_table(old)
