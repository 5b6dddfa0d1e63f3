"""Candidates act for themselves, directors for their lists; what was approved stays public while it is changed.

Revision 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

import shared.database

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = shared.database.UtcDateTime()
    # Without a batch: SQLite would copy the table and drop it, which the pictures that refer to it forbid.
    for column in (
        sa.Column("place", sa.Integer(), server_default="0", nullable=False),
        sa.Column("submitted_at", moment, nullable=True),
        sa.Column("published_at", moment, nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("invitation_key", sa.String(length=64), nullable=True),
        sa.Column("invitation_expires_at", moment, nullable=True),
    ):
        op.add_column("candidates", column)
    op.create_index(op.f("ix_candidates_invitation_key"), "candidates", ["invitation_key"], unique=True)
    op.create_index(op.f("ix_candidates_account_id"), "candidates", ["account_id"])
    op.create_table(
        "candidate_publications",
        sa.Column("candidate_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("forename", sa.String(length=256), nullable=False),
        sa.Column("surname", sa.String(length=256), nullable=False),
        sa.Column("post", sa.String(length=256), nullable=False),
        sa.Column("code_name", sa.String(length=256), nullable=False),
        sa.Column("biography", sa.Text(), nullable=False),
        sa.Column("large", shared.database.Blob(), nullable=True),
        sa.Column("small", shared.database.Blob(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidates.id"], name=op.f("fk_candidate_publications_candidate_id")
        ),
        sa.PrimaryKeyConstraint("candidate_id", name=op.f("pk_candidate_publications")),
    )
    # Whoever was put forward by an administrator is on the list in that order and waits for no word of a candidate;
    # whoever is approved is public as he was approved, for a change would have taken the approval away.
    op.execute("UPDATE candidates SET place = id, submitted_at = created_at")
    op.execute("UPDATE candidates SET published_at = created_at WHERE approval = 'approved'")
    op.execute(
        "INSERT INTO candidate_publications"
        " (candidate_id, forename, surname, post, code_name, biography, large, small, sha256)"
        " SELECT c.id, c.forename, c.surname, c.post, c.code_name, c.biography, p.large, p.small, p.sha256"
        " FROM candidates c LEFT JOIN candidate_pictures p ON p.candidate_id = c.id WHERE c.approval = 'approved'"
    )


def downgrade() -> None:
    op.drop_table("candidate_publications")
    op.drop_index(op.f("ix_candidates_account_id"), table_name="candidates")
    op.drop_index(op.f("ix_candidates_invitation_key"), table_name="candidates")
    for name in ("place", "submitted_at", "published_at", "account_id", "invitation_key", "invitation_expires_at"):
        op.drop_column("candidates", name)
