"""The election store.

Revision 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

import shared.database

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ballots",
        sa.Column("election_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("guid", shared.database.Guid(), nullable=False),
        sa.Column("poll_number", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("election_id", "guid", name=op.f("pk_ballots")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "batches",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("election_id", sa.Integer(), nullable=True),
        sa.Column("official_email", sa.String(length=256), nullable=False),
        sa.Column("official_jmbg", sa.String(length=13), nullable=False),
        sa.Column("file_name", sa.String(length=256), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("received_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    op.create_index(op.f("ix_batches_received_at"), "batches", ["received_at"], unique=False)
    op.create_table(
        "dead_letters",
        sa.Column("batch_id", sa.String(length=32), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("received_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("ballots", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=1024), nullable=False),
        sa.Column("buried_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "part", name=op.f("pk_dead_letters")),
    )
    op.create_table(
        "jurisdictions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jurisdictions")),
        sa.UniqueConstraint("name", name=op.f("uq_jurisdictions_name")),
    )
    # An election needs a jurisdiction, and the classic routes know no other than this one.
    op.bulk_insert(
        sa.table("jurisdictions", sa.column("id", sa.Integer), sa.column("name", sa.String)),
        [{"id": 1, "name": "The whole country"}],
    )
    if op.get_bind().dialect.name == "postgresql":
        # Its sequence does not notice a number that was given by hand, and would give the same one again.
        op.execute("SELECT setval('jurisdictions_id_seq', 1)")
    op.create_table(
        "participants",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("individual", sa.Boolean(), nullable=False),
        sa.Column("created_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participants")),
    )
    op.create_table(
        "partitions",
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("watermark", shared.database.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("partition", name=op.f("pk_partitions")),
    )
    op.create_table(
        "parts",
        sa.Column("batch_id", sa.String(length=32), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("election_id", sa.Integer(), nullable=True),
        sa.Column("received_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("recorded_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("duplicate", sa.Integer(), nullable=False),
        sa.Column("invalid", sa.Integer(), nullable=False),
        sa.Column("outside", sa.Integer(), nullable=False),
        sa.Column("payload", shared.database.Blob(), nullable=False),
        sa.CheckConstraint("received = counted + duplicate + invalid + outside", name=op.f("ck_parts_adds_up")),
        sa.PrimaryKeyConstraint("batch_id", "part", name=op.f("pk_parts")),
        sa.UniqueConstraint("partition", "sequence", name=op.f("uq_parts_partition_sequence")),
    )
    op.create_index(op.f("ix_parts_election_id"), "parts", ["election_id"], unique=False)
    op.create_table(
        "refused_lines",
        sa.Column("batch_id", sa.String(length=32), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("election_id", sa.Integer(), nullable=False),
        sa.Column("guid", shared.database.Guid(), nullable=False),
        sa.Column("poll_number", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "line", name=op.f("pk_refused_lines")),
    )
    op.create_index(op.f("ix_refused_lines_election_id"), "refused_lines", ["election_id"], unique=False)
    op.create_table(
        "tallies",
        sa.Column("election_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("poll_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("election_id", "partition", "sequence", "poll_number", name=op.f("pk_tallies")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "candidates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("forename", sa.String(length=256), nullable=False),
        sa.Column("surname", sa.String(length=256), nullable=False),
        sa.Column("post", sa.String(length=256), nullable=False),
        sa.Column("code_name", sa.String(length=256), nullable=False),
        sa.Column("biography", sa.Text(), nullable=False),
        sa.Column("approval", sa.String(length=16), nullable=False),
        sa.Column("approval_reason", sa.String(length=1024), nullable=False),
        sa.Column("created_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["participant_id"], ["participants.id"], name=op.f("fk_candidates_participant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_candidates")),
    )
    op.create_index(op.f("ix_candidates_participant_id"), "candidates", ["participant_id"], unique=False)
    op.create_table(
        "elections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=256), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("individual", sa.Boolean(), nullable=False),
        sa.Column("jurisdiction_id", sa.Integer(), nullable=False),
        sa.Column("start", shared.database.UtcDateTime(), nullable=False),
        sa.Column("end", shared.database.UtcDateTime(), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("cancelled_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("cancelled_reason", sa.String(length=1024), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("lots", sa.JSON(), nullable=False),
        sa.Column("created_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["jurisdiction_id"], ["jurisdictions.id"], name=op.f("fk_elections_jurisdiction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_elections")),
    )
    op.create_index(op.f("ix_elections_jurisdiction_id_start"), "elections", ["jurisdiction_id", "start"], unique=False)
    op.create_table(
        "entries",
        sa.Column("election_id", sa.Integer(), nullable=False),
        sa.Column("poll_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("exempt", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["election_id"], ["elections.id"], name=op.f("fk_entries_election_id")),
        sa.ForeignKeyConstraint(["participant_id"], ["participants.id"], name=op.f("fk_entries_participant_id")),
        sa.PrimaryKeyConstraint("election_id", "poll_number", name=op.f("pk_entries")),
        sa.UniqueConstraint("election_id", "participant_id", name=op.f("uq_entries_election_id_participant_id")),
    )


def downgrade() -> None:
    op.drop_table("entries")
    op.drop_table("elections")
    op.drop_table("candidates")
    op.drop_table("tallies")
    op.drop_table("refused_lines")
    op.drop_table("parts")
    op.drop_table("partitions")
    op.drop_table("participants")
    op.drop_table("jurisdictions")
    op.drop_table("dead_letters")
    op.drop_table("batches")
    op.drop_table("ballots")
