"""How the stores are reached: engines, transactions and the column types that differ between the databases."""

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from shared import metrics
from shared.errors import Misconfigured, Unavailable
from shared.sentences import say

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"

# Errors of MySQL and MariaDB that say that this transaction lost a race and may simply be tried again:
# 1205 lock wait timeout, 1213 deadlock.
_MYSQL_RACES = {1205, 1213}
_MYSQL_ACCESS_DENIED = 1045
_MYSQL_BROKEN_CHECKS = {3819, 4025}
# The same races in PostgreSQL: serialization failure, deadlock, lock not available.
_POSTGRESQL_RACES = {"40001", "40P01", "55P03"}
_MIGRATION_TRIES = 30
_SECONDS_BETWEEN_QUESTIONS = 0.5

# The client has no limit of its own for an answer; a line on which nothing passes any more, without a word that it is
# cut, would hold whoever waits for as long as the system likes, which is hours. Seconds, and milliseconds in the last.
_NOTICES_A_DEAD_LINE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}

_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")

log = structlog.get_logger()


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """A moment: aware in Python, UTC without an offset and with microseconds in the database."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A moment without an offset cannot be stored.")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Guid(sa.types.TypeDecorator[bytes]):
    """Sixteen bytes: the engine's UUID type in PostgreSQL, BINARY(16) elsewhere."""

    impl = sa.LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=True))
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.BINARY(16))
        return dialect.type_descriptor(sa.LargeBinary())

    def process_bind_param(self, value: bytes | None, dialect: sa.Dialect) -> bytes | UUID | None:
        if value is None or dialect.name != "postgresql":
            return value
        return UUID(bytes=value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> bytes | None:
        if isinstance(value, UUID):
            return value.bytes
        return None if value is None else bytes(value)


class Blob(sa.types.TypeDecorator[bytes]):
    """Any number of bytes; MySQL's plain BLOB would end at 64 KiB."""

    impl = sa.LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.LONGBLOB())
        return dialect.type_descriptor(sa.LargeBinary())


class Database:
    """One store, reached with one database user.

    ``reading`` and ``writing`` give a session in a transaction; the transaction ends with the block, by a commit
    after ``writing`` unless the block raised, and by a rollback after ``reading``. A reading that is ``still`` sees one
    moment, that of its first query, so that sums of several queries fit together; in SQLite each does. Where the
    database is away or lost a race, they raise ``Unavailable``.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 8,
        stall_seconds: int | None = None,
        answer_seconds: int | None = 30,
        loads: bool = False,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        """``stall_seconds``: the database itself ends a transaction of ours that has been idle for so long.

        ``answer_seconds``: how long a statement may take before MySQL or MariaDB counts as away; None: for ever.
        ``loads``: MySQL or MariaDB may ask for files of ours (LOAD DATA LOCAL), which is for the daemon only.
        ``info``: what each session bears in its ``info``.
        """
        self._info = dict(info or {})
        self.engine = _create_engine(url, pool_size, stall_seconds, answer_seconds, loads)
        metrics.database_errors()

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    @contextmanager
    def reading(self, *, still: bool = False) -> Iterator[Session]:
        with _translated(), Session(self.engine, info=self._info) as session, session.begin() as transaction:
            if still and self.dialect != "sqlite":
                # For this transaction alone. A level that SQLAlchemy sets has to be set back afterwards, and what the
                # client says when that fails is nothing that could be told from a fault of ours.
                session.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            yield session
            transaction.rollback()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        engine = self.engine.execution_options(writes=True)
        with _translated(), Session(engine, expire_on_commit=False, info=self._info) as session, session.begin():
            yield session

    def is_reachable(self) -> bool:
        """Whether a query is answered right now."""
        return self._why_unreachable() is None

    def wait_until_reachable(self, seconds: float) -> None:
        """Wait until a query is answered.

        Raises ``Misconfigured`` as soon as the database refuses our password, for it would refuse it for ever, and
        ``Unavailable`` when it does not answer within ``seconds``.
        """
        name, user = self.engine.url.database, self.engine.url.username
        last = time.monotonic() + seconds
        while (error := self._why_unreachable()) is not None:
            if _refuses_to_log_in(error):
                raise Misconfigured(
                    f"The database {name} refuses the user {user} with this password. The secrets are not those that "
                    "its data was made with: put those back, or remove the data if nothing of it is needed."
                ) from error
            if time.monotonic() > last:
                words = say(
                    "The database {name} did not answer for {seconds} seconds.",
                    name=str(name),
                    seconds=format(seconds, "g"),
                )
                raise Unavailable(words) from error
            log.info("waiting", database=name)
            time.sleep(_SECONDS_BETWEEN_QUESTIONS)

    def _why_unreachable(self) -> DBAPIError | OSError | None:
        try:
            with self.engine.connect() as connection:
                connection.execute(sa.text("SELECT 1"))
        except (DBAPIError, OSError) as error:
            metrics.database_errors().count(_kind(error))
            return error
        return None

    def close(self) -> None:
        self.engine.dispose()


def migrate(url: str, store: str, register_key: str | None = None) -> None:
    """Bring the schema of ``store`` (``accounts`` or ``election``) to the newest revision; safe to run many times.

    ``register_key`` is what national ids of accounts are sealed with that an older version kept as they are; raises
    ``Misconfigured`` where there are such and it is not given.
    """
    upgrade(alembic_config(url, store, register_key))


def upgrade(config: "Config") -> None:
    """Do what is left of the migrations that ``config`` names, also while others work on the store.

    PostgreSQL does them in one transaction, which may lose a race against those of the others; nothing is left of it
    then, so it is tried again. Raises what the database said last.
    """
    # Ten megabytes in every process of every service, of which only the two that prepare a store migrate.
    from alembic import command

    for attempt in range(_MIGRATION_TRIES):
        try:
            command.upgrade(config, "head")
            return
        except DBAPIError as error:
            code = getattr(error.orig, "sqlstate", None)
            if code not in _POSTGRESQL_RACES or attempt == _MIGRATION_TRIES - 1:
                raise
        # Never in step with whom it lost against.
        time.sleep(random.uniform(0.1, 1.0))  # noqa: S311 -- nothing secret comes of it.


def alembic_config(url: str, store: str, register_key: str | None = None) -> "Config":
    """Alembic's configuration for one store, without a file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS / store))
    config.attributes["url"] = url
    config.attributes["register_key"] = register_key
    return config


def is_transient(error: BaseException) -> bool:
    """Whether the same statement may succeed later: the database is away, read-only, full, or we lost a race."""
    if is_violation(error):
        return False
    if isinstance(error, InterfaceError | OperationalError):
        return True
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _POSTGRESQL_RACES
    return isinstance(error, Unavailable | OSError | sa.exc.TimeoutError)


def is_violation(error: BaseException) -> bool:
    """Whether the database will never take these values: they break a constraint or do not fit their columns."""
    if isinstance(error, IntegrityError | DataError):
        return True
    original = getattr(error, "orig", None)
    # MySQL and MariaDB report a broken check as if something were wrong with the server.
    return original is not None and bool(original.args) and original.args[0] in _MYSQL_BROKEN_CHECKS


def lost_a_race(error: BaseException) -> bool:
    """Whether the database rolled this transaction back in favour of another one."""
    original = getattr(error, "orig", None)
    if original is None:
        return False
    if getattr(original, "sqlstate", None) in _POSTGRESQL_RACES:
        return True
    return bool(original.args) and original.args[0] in _MYSQL_RACES


def _refuses_to_log_in(error: BaseException) -> bool:
    original = getattr(error, "orig", None)
    # PostgreSQL's client gives no code for what goes wrong before a session begins.
    return original is not None and (
        "password authentication failed" in str(original) or original.args[:1] == (_MYSQL_ACCESS_DENIED,)
    )


def _kind(error: BaseException) -> str:
    """What an error is counted as."""
    if lost_a_race(error):
        return "race"
    return "away" if is_transient(error) else "refused"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, sa.exc.TimeoutError) as error:
        metrics.database_errors().count(_kind(error))
        if is_transient(error):
            raise Unavailable("The database cannot be reached at the moment; nothing was stored.") from error
        raise


def _create_engine(
    url: str, pool_size: int, stall_seconds: int | None, answer_seconds: int | None, loads: bool
) -> sa.Engine:
    parsed = sa.make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        engine = sa.create_engine(parsed, connect_args={"timeout": 30}, hide_parameters=True)
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine
    if backend == "postgresql":
        options = "-c timezone=UTC"
        if stall_seconds:
            options += f" -c idle_in_transaction_session_timeout={stall_seconds * 1000}"
        arguments: dict[str, Any] = {"options": options, "connect_timeout": 5, **_NOTICES_A_DEAD_LINE}
    else:
        statement = "SET time_zone = '+00:00'"
        if stall_seconds:
            # A frozen client must not hold its row locks for hours; the server ends its session instead.
            statement += f", SESSION wait_timeout = {stall_seconds}"
        arguments = {"init_command": statement, "connect_timeout": 5, "charset": "utf8mb4", "local_infile": loads}
        # To this machine itself encryption hides nothing, and the client would read every certificate of the system
        # before each connection.
        if parsed.host in _THIS_MACHINE and not any(option.startswith("ssl") for option in parsed.query):
            arguments["ssl_disabled"] = True
        if answer_seconds:
            # A frozen server keeps its connections; without a limit each would hold one of our threads.
            arguments |= {"read_timeout": answer_seconds, "write_timeout": answer_seconds}
    return sa.create_engine(
        parsed,
        # The values of a statement are people's, and an error is written into a log.
        hide_parameters=True,
        connect_args=arguments,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=5,
        pool_pre_ping=True,
        pool_recycle=1800,
        isolation_level="READ COMMITTED",
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Python's own transaction handling begins a transaction too late for us; ours begins in _begin_sqlite.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    # A commit is on the disk when it is answered, as with the other engines.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -65536")
    # SQLite's own knows the letters of ASCII only, so that a search would take Ž for another letter than ž.
    connection.create_function("lower", 1, lambda text: text and text.lower(), deterministic=True)


def _begin_sqlite(connection: sa.Connection) -> None:
    # Two readers that both turn into writers would fail with "database is locked"; who will write says so at once.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
