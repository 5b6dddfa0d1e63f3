"""Tally sheets know who entered them by the national id, as batches do.

Revision 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLES = ("sheet_events", "sheet_photographs")


def upgrade() -> None:
    for table in _TABLES:
        with op.batch_alter_table(table) as altered:
            altered.add_column(sa.Column("actor_jmbg", sa.String(length=13), nullable=True))


def downgrade() -> None:
    for table in _TABLES:
        with op.batch_alter_table(table) as altered:
            altered.drop_column("actor_jmbg")
