"""The citizens' register, the elections of voters, and national ids that are kept sealed.

Revision 0005, after 0004. The national ids that the store has are sealed with the key ``REGISTER_KEY``, which whoever
migrates a store with accounts hands over in the configuration's ``register_key`` attribute.
"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import mysql

import shared.database
from shared.errors import Misconfigured
from shared.sealing import NationalIds

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_DIGEST = sa.LargeBinary().with_variant(mysql.BINARY(32), "mysql", "mariadb")
_SEALED = sa.LargeBinary().with_variant(mysql.VARBINARY(64), "mysql", "mariadb")
_NAME = (
    sa.String(length=128)
    .with_variant(sa.String(length=128, collation="C"), "postgresql")
    .with_variant(mysql.VARCHAR(128, collation="utf8mb4_bin"), "mysql", "mariadb")
)

_USERS = sa.table(
    "users",
    sa.column("id", sa.Integer()),
    sa.column("jmbg", sa.String()),
    sa.column("jmbg_key", _DIGEST),
    sa.column("jmbg_sealed", _SEALED),
)
_OTHER_COLUMNS = (
    "id, email, email_key, phone, username, forename, surname, password_hash, approval, created_at, deleted_at,"
    " former_email, version"
)


def upgrade() -> None:
    # Asked for before the first change: MySQL and MariaDB would keep half of them.
    ids = _key_if_needed(sa.select(_USERS.c.id, _USERS.c.jmbg).where(_USERS.c.jmbg.is_not(None)))
    op.create_table(
        "citizens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("jmbg_key", _DIGEST, nullable=False),
        sa.Column("jmbg_sealed", _SEALED, nullable=False),
        sa.Column("forename", sa.String(length=256), nullable=False),
        sa.Column("surname", sa.String(length=256), nullable=False),
        sa.Column("name_key", _NAME, nullable=False),
        sa.Column("born_on", sa.Date(), nullable=False),
        sa.Column("birthplace", sa.String(length=256), nullable=False),
        sa.Column("address", sa.String(length=256), nullable=False),
        sa.Column("region", sa.String(length=256), nullable=False),
        sa.Column("federal_unit", sa.String(length=256), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("imported_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_citizens")),
        sa.UniqueConstraint("jmbg_key", name=op.f("uq_citizens_jmbg_key")),
    )
    op.create_index(op.f("ix_citizens_name_key"), "citizens", ["name_key"], unique=False)
    op.create_table(
        "voter_elections",
        sa.Column("election_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("title", sa.String(length=256), nullable=False),
        sa.Column("opens_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("closes_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("restriction", sa.String(length=16), nullable=False),
        sa.Column("restriction_values", sa.JSON(), nullable=False),
        sa.Column("public_key", shared.database.Blob(), nullable=True),
        sa.Column("private_key_sealed", shared.database.Blob(), nullable=True),
        sa.Column("created_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("election_id", name=op.f("pk_voter_elections")),
    )
    _create_table_of_citizens("voter_election_citizens")
    _create_table_of_citizens(
        "ballot_signatures",
        sa.Column("blinded_digest", _DIGEST, nullable=False),
        sa.Column("signed_on", sa.Date(), nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_users(
            _key_columns(),
            [
                sa.UniqueConstraint("jmbg_key", name=op.f("uq_users_jmbg_key")),
                sa.UniqueConstraint("citizen_id", name=op.f("uq_users_citizen_id")),
                sa.ForeignKeyConstraint(
                    ["citizen_id"], ["citizens.id"], name=op.f("fk_users_citizen_id"), ondelete="RESTRICT"
                ),
            ],
        )
        _seal(ids)
    else:
        for column in _key_columns():
            op.add_column("users", column)
        op.create_unique_constraint(op.f("uq_users_jmbg_key"), "users", ["jmbg_key"])
        op.create_unique_constraint(op.f("uq_users_citizen_id"), "users", ["citizen_id"])
        op.create_foreign_key(
            op.f("fk_users_citizen_id"), "users", "citizens", ["citizen_id"], ["id"], ondelete="RESTRICT"
        )
        # Before the plain ones go: MySQL and MariaDB take nothing back when the rest is cut off.
        _seal(ids)
        op.drop_constraint(op.f("uq_users_jmbg"), "users", type_="unique")
        op.drop_column("users", "jmbg")


def downgrade() -> None:
    statement = sa.select(_USERS.c.id, _USERS.c.jmbg_sealed, _USERS.c.jmbg_key)
    sealed = op.get_bind().execute(statement.where(_USERS.c.jmbg_key.is_not(None))).all()
    ids = {number: _national_ids().open(closed, key) for number, closed, key in sealed}
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_users(
            [sa.Column("jmbg", sa.String(length=13), nullable=True)],
            [sa.UniqueConstraint("jmbg", name=op.f("uq_users_jmbg"))],
        )
        _unseal(ids)
    else:
        op.add_column("users", sa.Column("jmbg", sa.String(length=13), nullable=True))
        op.create_unique_constraint(op.f("uq_users_jmbg"), "users", ["jmbg"])
        _unseal(ids)
        op.drop_constraint(op.f("fk_users_citizen_id"), "users", type_="foreignkey")
        for column in ("jmbg_key", "citizen_id"):
            op.drop_constraint(op.f(f"uq_users_{column}"), "users", type_="unique")
        for column in ("jmbg_key", "jmbg_sealed", "citizen_id"):
            op.drop_column("users", column)
    for table in ("ballot_signatures", "voter_election_citizens", "voter_elections", "citizens"):
        op.drop_table(table)


def _seal(ids: dict[int, str]) -> None:
    for number, national_id in ids.items():
        key, sealed = _national_ids().kept(national_id)
        op.execute(_USERS.update().where(_USERS.c.id == number).values(jmbg_key=key, jmbg_sealed=sealed))


def _unseal(ids: dict[int, str]) -> None:
    for number, national_id in ids.items():
        op.execute(_USERS.update().where(_USERS.c.id == number).values(jmbg=national_id))


def _key_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("jmbg_key", _DIGEST, nullable=True),
        sa.Column("jmbg_sealed", _SEALED, nullable=True),
        sa.Column("citizen_id", sa.Integer(), nullable=True),
    ]


def _create_table_of_citizens(name: str, *columns: sa.Column[object]) -> None:
    op.create_table(
        name,
        sa.Column("election_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("citizen_id", sa.Integer(), autoincrement=False, nullable=False),
        *columns,
        sa.ForeignKeyConstraint(
            ["citizen_id"], ["citizens.id"], name=op.f(f"fk_{name}_citizen_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["election_id"], ["voter_elections.election_id"], name=op.f(f"fk_{name}_election_id")),
        sa.PrimaryKeyConstraint("election_id", "citizen_id", name=op.f(f"pk_{name}")),
    )
    op.create_index(op.f(f"ix_{name}_citizen_id"), name, ["citizen_id"], unique=False)


def _rebuild_users(columns: list[sa.Column[object]], constraints: list[sa.Constraint]) -> None:
    """Make the table of users again with other columns, which SQLite cannot drop while a constraint names them.

    Its rows are put back into the table of the old name, so that SQLite finds the accounts again that roles and
    sessions refer to; a table that is only renamed to it would leave the transaction with broken references.
    """
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute(f"CREATE TABLE users_kept AS SELECT {_OTHER_COLUMNS} FROM users")  # noqa: S608 -- of constants.
    op.drop_table("users")
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=256), nullable=True),
        sa.Column("email_key", sa.String(length=256), nullable=True),
        *columns,
        sa.Column("phone", sa.String(length=32), nullable=True),
        sa.Column("username", sa.String(length=64), nullable=True),
        sa.Column("forename", sa.String(length=256), nullable=False),
        sa.Column("surname", sa.String(length=256), nullable=False),
        sa.Column("password_hash", sa.String(length=256), nullable=False),
        sa.Column("approval", sa.String(length=16), nullable=False),
        sa.Column("created_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("deleted_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("former_email", sa.String(length=256), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
        sa.UniqueConstraint("phone", name=op.f("uq_users_phone")),
        sa.UniqueConstraint("username", name=op.f("uq_users_username")),
        *constraints,
    )
    op.execute(f"INSERT INTO users ({_OTHER_COLUMNS}) SELECT {_OTHER_COLUMNS} FROM users_kept")  # noqa: S608
    op.drop_table("users_kept")


def _key_if_needed(statement: sa.Select[tuple[int, str]]) -> dict[int, str]:
    """The national ids of accounts by number; refuses to go on without a key to seal them with."""
    found = {row.id: row.jmbg for row in op.get_bind().execute(statement)}
    if found:
        _national_ids()
    return found


def _national_ids() -> NationalIds:
    secret = context.config.attributes.get("register_key")
    if not secret:
        raise Misconfigured(
            "The accounts in this store have national ids, which are kept sealed from now on: set REGISTER_KEY, a "
            "secret of at least 32 characters, for the authentication service and what prepares its store."
        )
    return NationalIds(secret)
