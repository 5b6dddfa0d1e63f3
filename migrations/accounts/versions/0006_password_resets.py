"""Passwords are set anew by links in mails, and mails wait in the store until they are sent.

Revision 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from shared.database import Blob, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_DIGEST = sa.LargeBinary().with_variant(mysql.BINARY(32), "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "password_resets",
        sa.Column("token_hash", _DIGEST, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("good_until", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_password_resets_user_id_users")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_password_resets")),
    )
    op.create_index(op.f("ix_password_resets_user_id"), "password_resets", ["user_id"])
    op.create_index(op.f("ix_password_resets_good_until"), "password_resets", ["good_until"])
    op.create_table(
        "mails",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("sealed", Blob(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("good_until", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_mails_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
    )
    op.create_index(op.f("ix_mails_due_at"), "mails", ["due_at"])


def downgrade() -> None:
    op.drop_table("mails")
    op.drop_table("password_resets")
