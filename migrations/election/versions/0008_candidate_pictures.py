"""Pictures of candidates.

Revision 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

import shared.database

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "candidate_pictures",
        sa.Column("candidate_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("large", shared.database.Blob(), nullable=False),
        sa.Column("small", shared.database.Blob(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", shared.database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidates.id"], name=op.f("fk_candidate_pictures_candidate_id")),
        sa.PrimaryKeyConstraint("candidate_id", name=op.f("pk_candidate_pictures")),
    )


def downgrade() -> None:
    op.drop_table("candidate_pictures")
