"""Where people vote: regions, constituencies, polling centres and polling stations.

Revision 0004, after 0003.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create("regions", sa.Column("name", sa.String(length=256), nullable=False))
    _create(
        "constituencies",
        sa.Column("region_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=True),
        belongs_to=("region_id", "regions"),
    )
    _create(
        "polling_centres",
        sa.Column("constituency_id", sa.Integer(), nullable=False),
        sa.Column("municipality", sa.String(length=256), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("address", sa.String(length=256), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        belongs_to=("constituency_id", "constituencies"),
    )
    _create(
        "polling_stations",
        sa.Column("centre_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("registered", sa.Integer(), nullable=False),
        sa.Column("contact", sa.String(length=256), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("note", sa.String(length=1024), nullable=False),
        belongs_to=("centre_id", "polling_centres"),
    )


def downgrade() -> None:
    for table in ("polling_stations", "polling_centres", "constituencies", "regions"):
        op.drop_table(table)


def _create(table: str, *columns: "sa.Column[Any]", belongs_to: tuple[str, str] | None = None) -> None:
    """A table of places: its own columns, between the number and what every place has."""
    constraints: list[sa.Constraint] = [
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("key", name=op.f(f"uq_{table}_key")),
    ]
    if belongs_to is not None:
        column, other = belongs_to
        constraints.append(
            sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"))
        )
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        *columns,
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        *constraints,
    )
    if belongs_to is not None:
        op.create_index(op.f(f"ix_{table}_{belongs_to[0]}"), table, [belongs_to[0]], unique=False)
