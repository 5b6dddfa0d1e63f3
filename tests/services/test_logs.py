"""What a log line says of an error: its type and its place, and nothing of what went through it."""

import json

import pytest
import sqlalchemy as sa
import structlog
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from shared import logs
from shared.database import Database
from shared.errors import Unavailable, UrnaError

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


def test_the_reason_of_a_refused_value_holds_its_number_and_not_the_value(election_database_url: str) -> None:
    database = Database(election_database_url)
    words = sa.Table("words", sa.MetaData(), sa.Column("word", sa.String(64), primary_key=True))
    words.create(database.engine)
    try:
        with database.writing() as session:
            session.execute(words.insert().values(word=SECRET))
        with pytest.raises(sa.exc.IntegrityError) as refused, database.writing() as session:
            session.execute(words.insert().values(word=SECRET))
        # MySQL's and PostgreSQL's own words repeat the value; ours never do.
        numbers = {"mysql": "IntegrityError 1062", "postgresql": "UniqueViolation 23505", "sqlite": "IntegrityError"}
        said = logs.reason(refused.value)
        assert said.startswith(numbers[database.dialect.replace("mariadb", "mysql")])
        assert SECRET not in said

        with pytest.raises((sa.exc.DBAPIError, Unavailable)) as unknown, database.reading() as session:
            session.execute(sa.text("SELECT word FROM nowhere"))
        # What is wrong with the store itself is for the operator to read.
        assert "nowhere" in logs.reason(unknown.value)
    finally:
        words.drop(database.engine)
        database.close()


def test_the_reason_of_a_store_that_is_away_says_where_it_was_looked_for() -> None:
    for url in (
        "mysql+pymysql://nobody:marked-password@127.0.0.1:1/x",
        "postgresql+psycopg://nobody:marked-password@127.0.0.1:1/x",
    ):
        database = Database(url)
        with pytest.raises(Unavailable) as away, database.reading() as session:
            session.execute(sa.text("SELECT 1"))
        said = logs.reason(away.value)
        assert "127.0.0.1" in said
        assert "refused" in said
        assert "marked-password" not in said
        database.close()


def test_redis_may_say_what_it_is_but_not_what_was_sent(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        with pytest.raises(ResponseError) as refused:
            redis.execute_command("NOSUCHCOMMAND", SECRET)
        assert SECRET in str(refused.value)
        assert logs.reason(refused.value) == "ResponseError"
    with Redis.from_url("redis://127.0.0.1:1/0") as nowhere, pytest.raises(RedisError) as away:
        nowhere.ping()
    assert "refused" in logs.reason(away.value)


def test_our_own_errors_speak_for_themselves_and_for_their_cause() -> None:
    error = UrnaError("The part was refused.")
    assert logs.reason(error) == "The part was refused."
    error.__cause__ = ValueError(SECRET)
    assert logs.reason(error) == "The part was refused. (ValueError)"
