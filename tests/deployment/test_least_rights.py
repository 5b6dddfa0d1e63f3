"""What a broken-into service tries in a database with its user, beside what it may: on real servers, as that user."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from shared.schema.election import Ballot, Batch, Election, Part, Partition
from tests.deployment.least_rights import LeastRights, users_of
from tests.servers import DatabaseServer

BATCH = "0123456789abcdef0123456789abcdef"
GUID = bytes(range(16))
BALLOT = "(election_id, guid, poll_number, source) VALUES (1, '00010203-0405-0607-0809-0a0b0c0d0e0f', {}, 1)"
SERVICES = [user for user in users_of("election") if user not in {"prepare", "auditor"}]


@pytest.fixture(scope="module", params=["mariadb", "mysql", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeastRights]:
    """An election store with an election, an upload, one ballot of it, and a partition; tests leave it as it is."""
    server = request.getfixturevalue(f"{request.param}_server")
    assert isinstance(server, DatabaseServer)
    made = LeastRights(server, "election", tmp_path_factory.mktemp("least") / "secrets")
    now = datetime.now(UTC)
    period = {"start": now, "end": now, "created_at": now}
    counts = {"received": 1, "counted": 1, "duplicate": 0, "invalid": 0, "outside": 0}
    file = {"file_name": "a.csv", "sha256": "0" * 64, "lines": 1, "parts": 1, "received_at": now}
    with made.engine("administration") as engine, engine.begin() as connection:
        connection.execute(
            sa.insert(Election).values(id=1, kind="parliamentary", individual=False, rules={}, lots=[], **period)
        )
    with made.engine("daemon") as engine, engine.begin() as connection:
        connection.execute(sa.insert(Partition).values(partition=0, epoch=1, owner="me", sequence=1, watermark=now))
        connection.execute(
            sa.insert(Batch).values(id=BATCH, official_email="a@example.org", official_jmbg="0101994704401", **file)
        )
        connection.execute(
            sa.insert(Part).values(
                batch_id=BATCH,
                part=0,
                partition=0,
                sequence=1,
                election_id=1,
                received_at=now,
                recorded_at=now,
                payload=b"secret",
                **counts,
            )
        )
        connection.execute(sa.insert(Ballot).values(election_id=1, guid=GUID, poll_number=3, source=1))
    yield made
    made.close()


def ballot(store: LeastRights, poll_number: int) -> str:
    """The columns and values of the one stored ballot with another vote, as SQL."""
    text = BALLOT.format(poll_number)
    return text if store.is_postgresql else text.replace("'00010203-0405-0607-0809-0a0b0c0d0e0f'", f"x'{GUID.hex()}'")


def stored(store: LeastRights) -> list[tuple[object, ...]]:
    """The ballots of the election."""
    with store.engine("auditor") as engine, engine.connect() as connection:
        found = connection.execute(
            sa.select(Ballot.election_id, Ballot.guid, Ballot.poll_number, Ballot.source).where(Ballot.election_id == 1)
        )
        return [tuple(row) for row in found]


def refused(store: LeastRights, user: str, *statements: str, database: str | None = None) -> None:
    """Assert that none of these is let through, each by its own words."""
    answers = store.may(user, *statements, database=database)
    assert not [statement for statement, let in zip(statements, answers, strict=True) if let], user


def test_the_daemon_inserts_a_ballot_and_cannot_change_or_remove_one(store: LeastRights, tmp_path: Path) -> None:
    with store.engine("daemon") as engine, engine.connect() as connection:
        connection.execute(sa.insert(Ballot).values(election_id=2, guid=uuid4().bytes, poll_number=1, source=2))
    refused(
        store,
        "daemon",
        "UPDATE ballots SET poll_number = 1",
        "UPDATE ballots SET source = 1 WHERE election_id = 1",
        "DELETE FROM ballots",
        "DELETE FROM ballots WHERE election_id = 1",
        "TRUNCATE TABLE ballots",
    )
    if store.is_postgresql:
        refused(
            store,
            "daemon",
            f"INSERT INTO ballots {ballot(store, 1)} ON CONFLICT (election_id, guid) DO UPDATE SET poll_number = 1",
            "MERGE INTO ballots USING (SELECT 1 AS n) AS one ON election_id = n WHEN MATCHED THEN DELETE",
            "SELECT election_id FROM ballots FOR UPDATE",
            "BEGIN; LOCK TABLE ballots IN ACCESS EXCLUSIVE MODE",
        )
    else:
        rows = tmp_path / "rows"
        rows.write_bytes(GUID)
        refused(
            store,
            "daemon",
            f"INSERT INTO ballots {ballot(store, 1)} ON DUPLICATE KEY UPDATE poll_number = 1",
            f"REPLACE INTO ballots {ballot(store, 1)}",
            f"LOAD DATA LOCAL INFILE '{rows}' REPLACE INTO TABLE ballots (guid) SET election_id = 1",
            "DELETE ballots FROM ballots JOIN partitions",
            "LOCK TABLES ballots WRITE",
        )
    assert stored(store) == [(1, GUID, 3, 1)]


def test_a_ballot_that_comes_again_changes_none_however_the_daemon_inserts_it(store: LeastRights) -> None:
    twice = "ON CONFLICT DO NOTHING" if store.is_postgresql else ""
    ignoring = "" if store.is_postgresql else "IGNORE"
    assert store.may("daemon", f"INSERT {ignoring} INTO ballots {ballot(store, 1)} {twice}") == [True]
    with store.engine("daemon") as engine, engine.connect() as connection, pytest.raises(sa.exc.IntegrityError):
        connection.exec_driver_sql(f"INSERT INTO ballots {ballot(store, 1)}")
    assert stored(store) == [(1, GUID, 3, 1)]


def test_the_daemon_learns_that_a_guid_was_there_and_not_what_was_voted(store: LeastRights) -> None:
    assert store.may("daemon", "SELECT guid, source FROM ballots WHERE election_id = 1") == [True]
    refused(
        store,
        "daemon",
        "SELECT * FROM ballots",
        "SELECT poll_number FROM ballots",
        "SELECT guid FROM ballots WHERE poll_number = 3",
        "SELECT guid FROM ballots ORDER BY poll_number",
        "SELECT count(poll_number) FROM ballots",
        "INSERT INTO tallies SELECT election_id, 0, 1, poll_number, 1 FROM ballots",
        "SELECT sequence FROM tallies",
        "SELECT poll_number FROM tallies WHERE sequence = 1",
        "SELECT official_jmbg FROM batches",
        "SELECT payload FROM parts",
    )


def test_no_service_changes_or_removes_anything_that_was_recorded(store: LeastRights) -> None:
    assert store.may(
        "daemon",
        "UPDATE partitions SET epoch = epoch + 1 WHERE partition = 0".replace(
            "partition =", '"partition" =' if store.is_postgresql else "`partition` ="
        ),
    ) == [True]
    for user in SERVICES:
        refused(
            store,
            user,
            "UPDATE batches SET official_jmbg = ''",
            "UPDATE parts SET counted = 0, duplicate = 1",
            "UPDATE parts SET payload = NULL",
            "UPDATE tallies SET votes = votes + 1",
            "UPDATE refused_lines SET reason = ''",
            "UPDATE dead_letters SET received_at = NULL",
            "UPDATE journal SET actor = ''",
            *(f"DELETE FROM {table}" for table in ("batches", "parts", "tallies", "refused_lines", "dead_letters")),
            *(f"DELETE FROM {table}" for table in ("journal", "journal_head", "dismissals")),
            *(f"TRUNCATE TABLE {table}" for table in ("batches", "parts", "tallies", "partitions", "elections")),
        )


def test_the_administration_makes_elections_and_does_not_touch_or_see_a_ballot(store: LeastRights) -> None:
    assert store.may("administration", "UPDATE elections SET title = 'x' WHERE id = 1") == [True]
    assert store.may("administration", "SELECT count(*) FROM parts", "SELECT sum(counted) FROM parts") == [True, True]
    refused(
        store,
        "administration",
        "SELECT 1 FROM ballots",
        "SELECT count(*) FROM ballots",
        "SELECT election_id FROM ballots FOR UPDATE",
        f"INSERT INTO ballots {ballot(store, 1)}",
        "DELETE FROM ballots",
        "SELECT payload FROM parts",
        "SELECT * FROM parts",
        "INSERT INTO tallies VALUES (1, 0, 9, 1, 1000000)",
        "INSERT INTO parts (batch_id) SELECT ''",
        "INSERT INTO dead_letters (batch_id) SELECT ''",
        "UPDATE partitions SET watermark = NULL",
        "UPDATE elections SET id = 2",
        "UPDATE entries SET poll_number = 2",
    )
    assert stored(store) == [(1, GUID, 3, 1)]


def test_the_daemon_does_not_change_what_is_voted_on(store: LeastRights) -> None:
    assert store.may("daemon", "SELECT id, stage FROM elections", "SELECT poll_number FROM entries") == [True, True]
    refused(
        store,
        "daemon",
        "UPDATE elections SET stage = 'cancelled'",
        "SELECT id FROM elections FOR UPDATE" if store.is_postgresql else "UPDATE elections SET title = ''",
        "DELETE FROM entries",
        "INSERT INTO entries VALUES (1, 9, 1, 0)"
        if not store.is_postgresql
        else "INSERT INTO entries VALUES (1, 9, 1)",
        "SELECT individual FROM participants",
        "SELECT biography FROM candidates",
        "SELECT lots FROM elections",
    )


def test_the_results_service_reads_sums_and_writes_nothing(store: LeastRights) -> None:
    assert store.may("results", "SELECT sum(counted) FROM parts", "SELECT title FROM elections") == [True, True]
    # Whoever has a receipt asks whether its ballot is there; nobody learns for whom it is.
    assert store.may("results", "SELECT guid FROM ballots WHERE election_id = 1") == [True]
    with store.engine("administrator") as engine:
        tables = sa.inspect(engine).get_table_names()
    assert "ballots" in tables
    for table in tables:
        refused(store, "results", f"DELETE FROM {table}", f"TRUNCATE TABLE {table}", f"DROP TABLE {table}")
    refused(
        store,
        "results",
        "UPDATE tallies SET votes = 0",
        "UPDATE elections SET title = ''",
        "UPDATE partitions SET watermark = NULL",
        "SELECT poll_number FROM ballots",
        "SELECT source FROM ballots",
        "SELECT guid FROM ballots ORDER BY poll_number",
        "SELECT payload FROM parts",
        "SELECT official_email FROM batches",
        "SELECT official_jmbg FROM batches",
        "SELECT sha256 FROM batches",
        "SELECT biography FROM candidates",
        f"INSERT INTO ballots {ballot(store, 1)}",
    )


def test_the_auditor_reads_everything_in_the_store_and_writes_nothing(store: LeastRights) -> None:
    with store.engine("administrator") as engine:
        tables = sa.inspect(engine).get_table_names()
    assert all(store.may("auditor", *(f"SELECT * FROM {table}" for table in tables)))
    for table in tables:
        refused(store, "auditor", f"DELETE FROM {table}", f"TRUNCATE TABLE {table}", f"DROP TABLE {table}")
    refused(
        store,
        "auditor",
        f"INSERT INTO ballots {ballot(store, 1)}",
        "UPDATE tallies SET votes = 0",
        "UPDATE partitions SET watermark = NULL",
    )


def test_no_user_but_the_one_who_prepares_changes_tables_or_makes_any(store: LeastRights) -> None:
    made = ["CREATE TABLE made (n INTEGER)", "CREATE VIEW seen AS SELECT 1 AS one", "DROP VIEW seen", "DROP TABLE made"]
    assert store.may("prepare", *made) == [True] * 4
    for user in [*SERVICES, "auditor"]:
        refused(
            store,
            user,
            *made[:2],
            "CREATE TEMPORARY TABLE made (n INTEGER)",
            "DROP TABLE ballots",
            "ALTER TABLE ballots ADD COLUMN voter INTEGER",
            "ALTER TABLE ballots DROP COLUMN source",
            "CREATE INDEX quick ON ballots (poll_number)",
            *_programs(store),
        )


def _programs(store: LeastRights) -> list[str]:
    """What would run by itself, or with another user's rights."""
    if store.is_postgresql:
        return [
            "CREATE FUNCTION public.one() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "CREATE FUNCTION pg_temp.one() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "CREATE TRIGGER changing BEFORE INSERT ON ballots EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "CREATE RULE none AS ON INSERT TO ballots DO INSTEAD NOTHING",
            "CREATE SCHEMA another",
            "CREATE EXTENSION pg_trgm",
            "DO 'BEGIN END'",
            "SELECT lo_create(0)",
            "ALTER TABLE ballots DISABLE TRIGGER ALL",
            "ALTER TABLE ballots ENABLE ROW LEVEL SECURITY",
        ]
    return [
        "CREATE TRIGGER changing BEFORE INSERT ON ballots FOR EACH ROW SET NEW.poll_number = 1",
        "CREATE FUNCTION one() RETURNS INTEGER DETERMINISTIC RETURN 1",
        "CREATE PROCEDURE nothing() BEGIN END",
        "CREATE EVENT later ON SCHEDULE EVERY 1 SECOND DO SET @nothing = 1",
        "CREATE DATABASE another",
        "CREATE FUNCTION made_up RETURNS INTEGER SONAME 'made_up.so'",
    ]


def test_no_user_reaches_a_file_or_a_program_of_the_server(store: LeastRights) -> None:
    for user in [*SERVICES, "auditor", "prepare"]:
        if store.is_postgresql:
            refused(
                store,
                user,
                "COPY (SELECT 1) TO PROGRAM 'true'",
                "COPY (SELECT 1) TO '/tmp/written'",
                "COPY ballots FROM '/etc/passwd'",
                "SELECT pg_read_file('postgresql.conf')",
                "SELECT pg_ls_dir('.')",
                "SELECT lo_import('/etc/passwd')",
                "ALTER SYSTEM SET archive_command = 'true'",
                "LOAD 'auto_explain'",
            )
        else:
            refused(
                store,
                user,
                "SELECT 1 INTO OUTFILE '/tmp/written'",
                "SELECT 1 INTO DUMPFILE '/tmp/written'",
                "LOAD DATA INFILE '/etc/passwd' INTO TABLE ballots (poll_number)",
                "INSTALL PLUGIN example SONAME 'ha_example.so'",
                "SET GLOBAL general_log_file = '/tmp/written'",
            )
            with store.engine(user) as engine, engine.connect() as connection:
                # Without the right the function finds no file.
                assert connection.exec_driver_sql("SELECT load_file('/etc/passwd')").scalar() is None


def test_no_user_hands_rights_on_or_becomes_another(store: LeastRights) -> None:
    for user in [*SERVICES, "auditor"]:
        statements = ["CREATE ROLE another", "DROP ROLE results" if store.is_postgresql else "DROP USER 'results'@'%'"]
        if store.is_postgresql:
            statements += [
                "GRANT prepare TO daemon",
                "SET ROLE prepare",
                "SET SESSION AUTHORIZATION prepare",
                "ALTER ROLE prepare PASSWORD 'x'",
                "ALTER TABLE ballots OWNER TO daemon",
            ]
            # To whoever has some right PostgreSQL only warns that it has granted nothing.
            store.may(user, "GRANT ALL ON ballots TO daemon", "GRANT ALL ON ballots TO PUBLIC")
        else:
            statements += [
                "GRANT DELETE ON ballots TO 'daemon'@'%'",
                "GRANT SELECT ON * TO 'results'@'%'",
                "SET PASSWORD FOR 'prepare'@'%' = ''",
            ]
        refused(store, user, *statements)
    refused(store, "daemon", "DELETE FROM ballots", "SELECT poll_number FROM ballots")


def test_no_user_sees_another_store_or_the_users_of_the_server(store: LeastRights) -> None:
    other = store.server.new_database()
    try:
        name = sa.make_url(other).database or ""
        for user in [*SERVICES, "auditor", "prepare"]:
            if store.is_postgresql:
                for catalog in ("pg_authid", "pg_shadow", "pg_user_mapping", "pg_statistic"):
                    refused(store, user, f"SELECT 1 FROM {catalog}")
                for database in ("postgres", "template1"):
                    assert not reaches(store, user, database), database
            else:
                refused(store, user, "SELECT 1 FROM mysql.user", "SELECT 1 FROM mysql.db", f"USE `{name}`")
                with store.engine(user) as engine, engine.connect() as connection:
                    seen = set(connection.exec_driver_sql("SHOW DATABASES").scalars())
                assert seen <= {"information_schema", "performance_schema", store.name}
    finally:
        store.server.drop_database(other)


def reaches(store: LeastRights, user: str, database: str) -> bool:
    """Whether the user may open another database of a PostgreSQL."""
    with store.engine(user, database) as engine:
        try:
            engine.connect().close()
        except DBAPIError as error:
            if "permission denied for database" in str(error):
                return False
            raise
    return True


def test_no_user_sees_or_ends_what_another_does(store: LeastRights) -> None:
    secret = "SELECT 'a statement of the daemon', {}".format("pg_sleep(0)" if store.is_postgresql else "sleep(0)")
    with store.engine("daemon") as engine, engine.connect() as working:
        working.exec_driver_sql(secret)
        number = working.exec_driver_sql(
            f"SELECT {'pg_backend_pid' if store.is_postgresql else 'connection_id'}()"
        ).scalar()
        for user in ("administration", "results", "auditor"):
            with store.engine(user) as other, other.connect() as connection:
                if store.is_postgresql:
                    seen = connection.exec_driver_sql("SELECT usename, query FROM pg_stat_activity").all()
                    shown = [query for name, query in seen if name == "daemon"]
                    assert shown
                    assert set(shown) == {"<insufficient privilege>"}
                else:
                    seen = connection.exec_driver_sql("SELECT user, id FROM information_schema.processlist").all()
                    assert {name for name, _ in seen} == {user}
            if store.is_postgresql:
                refused(store, user, f"SELECT pg_terminate_backend({number})", f"SELECT pg_cancel_backend({number})")
            else:
                refused(store, user, f"KILL {number}")
        assert working.exec_driver_sql("SELECT 1").scalar() == 1
