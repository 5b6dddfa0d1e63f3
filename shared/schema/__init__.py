"""The tables of the two stores, as models; the migrations make them."""

import sqlalchemy as sa

# Alembic can only change what has a name, and unnamed constraints get another name in every database.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


# SQLite gives out row numbers for the type INTEGER only; the others need the wide type said.
BigInteger = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def metadata() -> sa.MetaData:
    """An empty collection of tables with the names of constraints settled."""
    return sa.MetaData(naming_convention=NAMING)
