"""Dead letters that hold nothing to count can be dismissed, and say which elections they cannot concern.

Revision 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

import shared.database

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("dead_letters") as letters:
        letters.add_column(sa.Column("not_before", shared.database.UtcDateTime(), nullable=True))
    op.create_table(
        "dismissals",
        sa.Column("batch_id", sa.String(length=32), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.String(length=1024), nullable=False),
        sa.Column("dismissed_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "part", name=op.f("pk_dismissals")),
    )


def downgrade() -> None:
    op.drop_table("dismissals")
    with op.batch_alter_table("dead_letters") as letters:
        letters.drop_column("not_before")
