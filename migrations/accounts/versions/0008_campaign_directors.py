"""Campaign directors belong to a participant.

Revision 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a batch: SQLite would copy the table and drop it, which the rows that refer to it forbid.
    op.add_column("users", sa.Column("participant_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("users", "participant_id")
