"""What ``urna up`` decides before it starts anything: settings, secrets, processes."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from authentication_service.rules import is_password
from cli.failure import CANNOT_START, Failure
from cli.suite.directory import DataDirectory, make_password, sqlite_url
from cli.suite.plan import Plan, make_plan, read_settings
from shared.config import SERVICE_SETTINGS


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataDirectory]:
    made = DataDirectory(tmp_path / "data")
    made.open()
    yield made
    made.close()


def plan(data: DataDirectory, *, classic: bool = False, **given: str) -> Plan:
    """A plan with a Redis that is somewhere else."""
    return make_plan(
        data, {"REDIS_URL": "redis://elsewhere/0", **given}, host="127.0.0.1", port_base=0, classic=classic
    )


def environment(made: Plan, name: str) -> dict[str, str]:
    """The environment of one process."""
    processes = (*made.services, *made.preparations, made.daemon)
    return next(process.environment for process in processes if process.name == name)


def test_sqlite_gets_one_partition_and_other_databases_the_usual_number(data: DataDirectory) -> None:
    assert environment(plan(data), "daemon")["PARTITIONS"] == "1"
    assert environment(plan(data, PARTITIONS="3"), "daemon")["PARTITIONS"] == "3"
    elsewhere = plan(data, ELECTION_DATABASE_URL="mysql+pymysql://u:p@db/election")
    assert "PARTITIONS" not in environment(elsewhere, "daemon")
    assert environment(elsewhere, "results_service")["ELECTION_DATABASE_URL"] == "mysql+pymysql://u:p@db/election"


def test_the_environment_wins_over_env_and_both_over_what_urna_up_would_choose(
    data: DataDirectory, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("REGISTRATION=approval\nLOG_LEVEL=debug\n")
    given = read_settings(tmp_path, {"LOG_LEVEL": "error", "REDIS_URL": "redis://elsewhere/0"})
    made = make_plan(data, given, host="127.0.0.1", port_base=0, classic=False)
    assert environment(made, "authentication_service")["REGISTRATION"] == "approval"
    assert environment(made, "daemon")["LOG_LEVEL"] == "error"
    assert environment(plan(data), "authentication_service")["REGISTRATION"] == "open"


def test_a_process_is_given_the_settings_that_it_has_a_field_for_and_no_other(data: DataDirectory) -> None:
    made = plan(data, UNRELATED="x", JWT_SECRET_KEY="k" * 32)
    settings = {name.upper() for kind in SERVICE_SETTINGS.values() for name in kind.model_fields}
    for name, kind in SERVICE_SETTINGS.items():
        own = {field.upper() for field in kind.model_fields}
        assert set(environment(made, name)) & settings <= own
        assert "UNRELATED" not in environment(made, name)


def test_mails_are_sent_where_a_mail_server_is_named(data: DataDirectory) -> None:
    assert plan(data).mailer is None
    mailer = plan(data, SMTP_HOST="127.0.0.1", SMTP_PASSWORD="x", ADMIN_EMAIL="a@example.org").mailer
    assert mailer is not None
    assert {"SMTP_HOST", "SMTP_PASSWORD", "REGISTER_KEY", "ACCOUNTS_DATABASE_URL"} <= set(mailer.environment)
    assert not {"JWT_PRIVATE_KEY", "ADMIN_PASSWORD", "HEARTBEAT_FILE"} & set(mailer.environment)


def test_secrets_are_made_once_and_only_their_owner_may_read_them(data: DataDirectory) -> None:
    first, second = plan(data), plan(data)
    assert first.administrator == second.administrator
    assert is_password(first.administrator.password)
    key = environment(first, "authentication_service")["JWT_PRIVATE_KEY"]
    assert key == environment(second, "authentication_service")["JWT_PRIVATE_KEY"]
    for path in data.secrets.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_first_administrator_of_the_environment_is_remembered(data: DataDirectory) -> None:
    first = plan(data, ADMIN_EMAIL="vera@example.org", ADMIN_PASSWORD="Password1")
    assert (first.administrator.email, first.administrator.password) == ("vera@example.org", "Password1")
    # The account was made with them, so a later start shows the same.
    assert plan(data).administrator == first.administrator


def test_classic_means_the_classic_administrator_and_hs256_when_there_is_a_key(data: DataDirectory) -> None:
    assert plan(data, classic=True).algorithm == "EdDSA"
    made = plan(data, classic=True, JWT_SECRET_KEY="short")
    assert (made.administrator.email, made.administrator.password, made.algorithm) == ("admin@admin.com", "1", "HS256")
    assert environment(made, "authentication_service")["ADMIN_JMBG"] == "0000000000000"


@pytest.mark.parametrize("name", ["a b", "čaršija", "50 %", "100%25", "why?", "a#b", "a+b&c=d", "user:word@host"])
def test_a_store_is_found_in_a_directory_of_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "election.db"
    path.parent.mkdir()
    with sa.create_engine(sqlite_url(path)).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE kept (number INTEGER)")
    assert path.exists()


def test_a_data_directory_is_classic_for_good_or_never(data: DataDirectory) -> None:
    plan(data)
    with pytest.raises(Failure, match="was made without --classic and cannot be used with it") as found:
        plan(data, classic=True)
    assert found.value.status == CANNOT_START


def test_hs256_without_a_key_is_refused(data: DataDirectory) -> None:
    with pytest.raises(Failure, match="JWT_SECRET_KEY") as found:
        plan(data, JWT_ALGORITHM="HS256")
    assert found.value.status == CANNOT_START


def test_the_redis_of_its_own_is_durable_and_its_password_is_in_a_file_only(data: DataDirectory) -> None:
    made = make_plan(data, {"PATH": "/usr/bin:/bin"}, host="127.0.0.1", port_base=0, classic=False)
    assert made.redis is not None
    file = Path(made.redis.command[-1])
    written = file.read_text().splitlines()
    for line in ("bind 127.0.0.1", "appendonly yes", "appendfsync always", "maxmemory-policy noeviction"):
        assert line in written
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    password = data.secret("redis_password", "")
    assert password not in " ".join(made.redis.command)
    assert password in made.redis_url
    assert password not in repr(made)


def test_every_made_password_passes_the_rule() -> None:
    made = {make_password() for _ in range(200)}
    assert len(made) == 200
    assert all(is_password(password) for password in made)


def test_a_data_directory_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match="cannot be used") as found:
        DataDirectory(tmp_path / "file" / "data").open()
    assert found.value.status == CANNOT_START


def test_a_directory_of_which_the_suite_was_killed_is_not_taken_for_a_running_one(
    data: DataDirectory, tmp_path: Path
) -> None:
    facts = {"redis_url": "redis://127.0.0.1:1/0"}
    data.remember_running(facts)
    assert data.running() == facts
    # The file is left, but nobody holds the lock.
    killed = DataDirectory(tmp_path)
    killed.remember_running(facts)
    with pytest.raises(Failure, match="No suite runs"):
        killed.running()


def test_the_page_of_voters_may_ask_two_services_and_a_setting_says_otherwise(data: DataDirectory) -> None:
    made = plan(data)
    port = made.addresses["voting_station_service"].rpartition(":")[2]
    told = [f"http://{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")]
    for name in ("authentication_service", "results_service"):
        assert json.loads(environment(made, name)["CORS_ORIGINS"]) == told
    for name in ("admin_service", "voting_station_service", "daemon"):
        assert "CORS_ORIGINS" not in environment(made, name)
    given = plan(data, CORS_ORIGINS='["https://urna.example"]')
    assert environment(given, "results_service")["CORS_ORIGINS"] == '["https://urna.example"]'
