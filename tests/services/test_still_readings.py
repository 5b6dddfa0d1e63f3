"""A reading of one moment whose connection is lost at its very end."""

from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa

from shared.database import Database
from shared.errors import Unavailable


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_a_connection_that_is_lost_while_it_is_given_back_is_a_database_that_is_away(
    election_database_url: str,
) -> None:
    with closing(Database(election_database_url)) as database, closing(Database(election_database_url)) as other:

        def lose() -> None:
            with database.reading(still=True) as session:
                identifier = session.scalar(sa.text("SELECT CONNECTION_ID()"))
                given_back: Any = session.connection().connection
                # What is last in this list is called first: after the rollback, and before the level is set back.
                given_back._connection_record.finalize_callback.append(lambda _: end(identifier))

        def end(identifier: int) -> None:
            with other.reading() as session:
                session.execute(sa.text(f"KILL {identifier}"))

        with pytest.raises(Unavailable, match="The database cannot be reached"):
            lose()
        with database.reading(still=True) as session:
            assert session.scalar(sa.text("SELECT 1")) == 1
