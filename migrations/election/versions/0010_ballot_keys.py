"""Elections have a key by which the signatures of voters' ballots are checked, and refused lines are found by GUID.

Revision 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a batch: SQLite would copy the table and drop it, which the rows that refer to it forbid.
    op.add_column("elections", sa.Column("ballot_key", sa.String(length=1024), nullable=True))
    op.create_index(op.f("ix_refused_lines_election_id_guid"), "refused_lines", ["election_id", "guid"])
    op.drop_index(op.f("ix_refused_lines_election_id"), table_name="refused_lines")


def downgrade() -> None:
    op.create_index(op.f("ix_refused_lines_election_id"), "refused_lines", ["election_id"])
    op.drop_index(op.f("ix_refused_lines_election_id_guid"), table_name="refused_lines")
    op.drop_column("elections", "ballot_key")
