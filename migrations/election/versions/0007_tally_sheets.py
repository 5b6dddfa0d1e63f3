"""Tally sheets, their history, their photographs, and why counts differ.

Revision 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

import shared.database

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "difference_notes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("election_id", sa.Integer(), nullable=False),
        sa.Column("station_id", sa.Integer(), nullable=False),
        sa.Column("difference", sa.String(length=32), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=1024), nullable=False),
        sa.Column("actor", sa.String(length=256), nullable=False),
        sa.Column("at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_difference_notes")),
    )
    op.create_index(
        op.f("ix_difference_notes_election_id_station_id"),
        "difference_notes",
        ["election_id", "station_id"],
        unique=False,
    )
    op.create_table(
        "sheet_photographs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("election_id", sa.Integer(), nullable=False),
        sa.Column("station_id", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=256), nullable=False),
        sa.Column("at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("media_type", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", shared.database.Blob(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sheet_photographs")),
    )
    op.create_index(
        op.f("ix_sheet_photographs_election_id_station_id"),
        "sheet_photographs",
        ["election_id", "station_id"],
        unique=False,
    )
    op.create_table(
        "tally_sheets",
        sa.Column("election_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("station_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("standing", sa.Integer(), nullable=True),
        sa.Column("changed_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("election_id", "station_id", name=op.f("pk_tally_sheets")),
    )
    op.create_index(op.f("ix_tally_sheets_election_id_state"), "tally_sheets", ["election_id", "state"], unique=False)
    op.create_table(
        "sheet_events",
        sa.Column("election_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("station_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=256), nullable=False),
        sa.Column("at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("numbers", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("explanations", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("chosen", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=1024), nullable=False),
        sa.ForeignKeyConstraint(
            ["election_id", "station_id"],
            ["tally_sheets.election_id", "tally_sheets.station_id"],
            name=op.f("fk_sheet_events_election_id_station_id"),
        ),
        sa.PrimaryKeyConstraint("election_id", "station_id", "number", name=op.f("pk_sheet_events")),
        sa.UniqueConstraint("id", name=op.f("uq_sheet_events_id")),
    )


def downgrade() -> None:
    op.drop_table("sheet_events")
    op.drop_index(op.f("ix_tally_sheets_election_id_state"), table_name="tally_sheets")
    op.drop_table("tally_sheets")
    op.drop_index(op.f("ix_sheet_photographs_election_id_station_id"), table_name="sheet_photographs")
    op.drop_table("sheet_photographs")
    op.drop_index(op.f("ix_difference_notes_election_id_station_id"), table_name="difference_notes")
    op.drop_table("difference_notes")
