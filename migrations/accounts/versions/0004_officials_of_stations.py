"""Officials belong to polling stations.

Revision 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user_stations",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("station_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_stations_user_id_users")),
        sa.PrimaryKeyConstraint("user_id", "station_id", name=op.f("pk_user_stations")),
    )


def downgrade() -> None:
    op.drop_table("user_stations")
