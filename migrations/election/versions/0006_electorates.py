"""The geography of an election is frozen when it opens.

Revision 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

import shared.database

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "electorates",
        sa.Column("election_id", sa.Integer(), nullable=False),
        sa.Column("frozen_at", shared.database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["election_id"], ["elections.id"], name=op.f("fk_electorates_election_id")),
        sa.PrimaryKeyConstraint("election_id", name=op.f("pk_electorates")),
    )
    op.create_table(
        "electorate_constituencies",
        sa.Column("election_id", sa.Integer(), nullable=False),
        sa.Column("constituency_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("region_id", sa.Integer(), nullable=False),
        sa.Column("region", sa.String(length=256), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["election_id"], ["electorates.election_id"], name=op.f("fk_electorate_constituencies_election_id")
        ),
        sa.PrimaryKeyConstraint("election_id", "constituency_id", name=op.f("pk_electorate_constituencies")),
    )
    op.create_table(
        "electorate_stations",
        sa.Column("election_id", sa.Integer(), nullable=False),
        sa.Column("station_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("centre_id", sa.Integer(), nullable=False),
        sa.Column("centre", sa.String(length=256), nullable=False),
        sa.Column("municipality", sa.String(length=256), nullable=False),
        sa.Column("constituency_id", sa.Integer(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("registered", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["election_id"], ["electorates.election_id"], name=op.f("fk_electorate_stations_election_id")
        ),
        sa.PrimaryKeyConstraint("election_id", "station_id", name=op.f("pk_electorate_stations")),
    )


def downgrade() -> None:
    op.drop_table("electorate_stations")
    op.drop_table("electorate_constituencies")
    op.drop_table("electorates")
