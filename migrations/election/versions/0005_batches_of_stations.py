"""An upload says which polling station it is from.

Revision 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("batches") as batches:
        batches.add_column(sa.Column("station_id", sa.Integer(), nullable=True))
        batches.create_index(op.f("ix_batches_station_id"), ["station_id"])


def downgrade() -> None:
    with op.batch_alter_table("batches") as batches:
        batches.drop_index(op.f("ix_batches_station_id"))
        batches.drop_column("station_id")
