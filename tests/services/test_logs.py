"""What a log line says of an error: its type and its place, and nothing of what went through it."""

import json

import pytest
import sqlalchemy as sa
import structlog

from shared import logs
from shared.database import Database

SECRET = "marked-0101994704401"


def test_an_unexpected_error_is_logged_by_its_type_and_place_without_its_words(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("results_service", "info")
    database = Database(sqlite_url)

    def fail() -> None:
        with database.engine.connect() as connection:
            connection.execute(sa.text("SELECT * FROM nowhere WHERE password = :word"), {"word": SECRET})

    try:
        with pytest.raises(sa.exc.SQLAlchemyError) as raised:
            fail()
        # Nor can whoever writes the words of an error write the values of a statement.
        assert SECRET not in str(raised.value)
        try:
            raise ValueError(SECRET) from raised.value
        except ValueError as error:
            structlog.get_logger().error("unexpected error", exc_info=error)
    finally:
        database.close()
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert SECRET not in line
    assert said["errors"][:2] == ["builtins.ValueError", "sqlalchemy.exc.OperationalError"]
    assert "test_logs.py:" in said["places"][0]
    assert not set(said) & {"exc_info", "exception"}
