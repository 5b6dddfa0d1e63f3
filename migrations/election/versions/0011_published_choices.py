"""The rules of an election say whether everybody may read how each ballot was cast once all are counted.

What may be read then is a view, so that who reads it has no right on the ballots themselves: it is empty for every
election that does not say so, or of which not everything received by its end is counted.

Revision 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_VIEW = "published_choices"


def upgrade() -> None:
    with op.batch_alter_table("elections") as elections:
        elections.add_column(sa.Column("choices_public", sa.Boolean(), server_default=sa.false(), nullable=False))
    shown = _choices().compile(dialect=op.get_bind().dialect, compile_kwargs={"literal_binds": True})
    op.execute(f"CREATE VIEW {_VIEW} AS {shown}")


def downgrade() -> None:
    op.execute(f"DROP VIEW {_VIEW}")
    with op.batch_alter_table("elections") as elections:
        elections.drop_column("choices_public")


def _choices() -> "sa.Select[tuple[object, ...]]":
    ballots = sa.table("ballots", sa.column("election_id"), sa.column("guid"), sa.column("poll_number"))
    elections = sa.table(
        *("elections", sa.column("id"), sa.column("end"), sa.column("stage")),
        sa.column("choices_public", sa.Boolean),
    )
    partitions = sa.table("partitions", sa.column("watermark"))
    one: sa.ColumnClause[int] = sa.literal_column("1")
    behind = sa.or_(partitions.c.watermark.is_(None), partitions.c.watermark < elections.c.end)
    return (
        sa.select(ballots.c.election_id, ballots.c.guid, ballots.c.poll_number)
        .join_from(ballots, elections, elections.c.id == ballots.c.election_id)
        .where(
            elections.c.choices_public,
            elections.c.stage == sa.literal_column("'published'"),
            sa.exists(one).select_from(partitions),
            ~sa.exists(one).select_from(partitions).where(behind),
        )
    )
