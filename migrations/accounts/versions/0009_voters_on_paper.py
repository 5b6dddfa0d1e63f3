"""A citizen who has voted on paper gets no signature for a ballot: the row that would be the signature's says so.

Revision 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_DIGEST = sa.LargeBinary().with_variant(mysql.BINARY(32), "mysql", "mariadb")


def upgrade() -> None:
    with op.batch_alter_table("ballot_signatures") as signatures:
        signatures.alter_column("blinded_digest", existing_type=_DIGEST, nullable=True)


def downgrade() -> None:
    # An earlier version has no word for them.
    op.execute("DELETE FROM ballot_signatures WHERE blinded_digest IS NULL")
    with op.batch_alter_table("ballot_signatures") as signatures:
        signatures.alter_column("blinded_digest", existing_type=_DIGEST, nullable=False)
