"""What the service does when its database is away, or when something unforeseen happens."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from authentication_service import signing
from authentication_service.app import create_app
from authentication_service.prepare import prepare
from shared.errors import Misconfigured, Unavailable
from shared.schema.accounts import User
from shared.terms import Role
from tests.left_out import needs
from tests.servers import DatabaseServer, MariaDB, PostgreSQL, free_port
from tests.services.accounts import Accounts, authentication_settings, headers_of, jmbg, person, register, running
from tests.services.tokens import Keys, ServiceSettings, Token, bearer

ROOT = Path(__file__).parents[2]
REQUESTS: list[tuple[str, str, Any]] = [
    ("POST", "/register", person(1)),
    ("POST", "/login", {"email": "admin@admin.com", "password": "1"}),
    ("POST", "/delete", {"email": "vera1@gmail.com"}),
    ("POST", "/api/register", person(1)),
    ("POST", "/api/login", {"login": "admin@admin.com", "password": "1"}),
    ("GET", "/api/profile", None),
    ("GET", "/api/sessions", None),
    ("DELETE", "/api/sessions", None),
    ("DELETE", "/api/sessions/1", None),
    ("PATCH", "/api/profile", {"forename": "Ana"}),
    ("GET", "/api/users", None),
    ("GET", "/api/users/1", None),
    ("PATCH", "/api/users/1", {"approval": "approved"}),
    ("DELETE", "/api/users/1", None),
    ("GET", "/health/ready", None),
]


def assert_unavailable(response: TestResponse) -> None:
    """503, when to come back, and not a word about the database's address or a traceback."""
    assert response.status_code == 503, response.get_data(as_text=True)
    assert int(response.headers["Retry-After"]) > 0
    text = response.get_data(as_text=True)
    assert "Traceback" not in text
    assert "127.0.0.1" not in text
    assert set(response.get_json()) in ({"message"}, {"type", "title", "status", "detail"})


@pytest.mark.parametrize("driver", ["mysql+pymysql", "postgresql+psycopg"])
def test_without_a_database_every_route_answers_503_and_when_to_come_back(
    driver: str, service_settings: ServiceSettings, keys: Keys, token: Token
) -> None:
    url = f"{driver}://urna:secret-of-the-store@127.0.0.1:{free_port()}/accounts"
    app = create_app(authentication_settings(url, service_settings, keys))
    client = app.test_client()
    headers = {**token(Role.ADMINISTRATOR, email="admin@admin.com", jmbg="0000000000000"), "If-Match": "*"}
    for method, path, body in REQUESTS:
        assert_unavailable(client.open(path, method=method, json=body, headers=headers))
    refresh = token(Role.ADMINISTRATOR, type="refresh")
    for path in ("/refresh", "/api/refresh", "/api/logout"):
        assert_unavailable(client.post(path, headers=refresh))
    assert client.get("/health/live").status_code == 200
    # What is wrong with a request is said even then.
    assert client.post("/login", json={}).get_json() == {"message": "Field email is missing."}
    assert client.get("/api/users").status_code == 401


@pytest.fixture(params=[MariaDB, PostgreSQL], ids=lambda kind: str(kind.part))
def own_server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """A database server that the test may kill."""
    needs(request.param)
    with request.param() as server:
        yield server


def test_the_service_goes_on_when_a_killed_database_is_back(
    own_server: DatabaseServer, service_settings: ServiceSettings, keys: Keys
) -> None:
    with running(own_server.new_database(), service_settings, keys) as accounts:
        tokens = accounts.tokens()
        refresh = bearer(tokens["refreshToken"])
        accounts.register(1)
        own_server.kill()
        assert_unavailable(accounts.post("/login", {"email": "admin@admin.com", "password": "1"}))
        assert_unavailable(accounts.post("/register", person(2)))
        assert_unavailable(accounts.post("/refresh", headers=refresh))
        assert_unavailable(accounts.client.get("/health/ready"))
        own_server.start()
        assert accounts.post("/refresh", headers=refresh).status_code == 200
        accounts.register(2)
        refused = accounts.post("/register", person(1))
        assert refused.get_json() == {"message": "Email already exists."}
        assert accounts.client.get("/health/ready").status_code == 200


def test_preparing_waits_for_a_database_that_starts_later(service_settings: ServiceSettings, keys: Keys) -> None:
    needs(PostgreSQL)
    with PostgreSQL() as server:
        settings = authentication_settings(server.new_database(), service_settings, keys)
        server.stop()
        starter = Timer(0.7, server.start)
        starter.start()
        try:
            prepare(settings, wait_seconds=30)
        finally:
            starter.join()
        app = create_app(settings)
        assert app.test_client().get("/health/ready").status_code == 200
        app.extensions["database"].close()


def test_preparing_gives_up_after_a_while(service_settings: ServiceSettings, keys: Keys) -> None:
    url = f"postgresql+psycopg://urna:secret-of-the-store@127.0.0.1:{free_port()}/accounts"
    with pytest.raises(Unavailable, match="did not answer"):
        prepare(authentication_settings(url, service_settings, keys), wait_seconds=0.3)


@pytest.mark.parametrize(("setting", "value"), [("admin_email", "admin"), ("admin_email", ""), ("admin_password", "")])
def test_preparing_refuses_an_administrator_who_could_not_log_in(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys, setting: str, value: str
) -> None:
    settings = authentication_settings(sqlite_url, service_settings, keys, **{setting: value})
    with pytest.raises(Misconfigured, match=setting.upper()):
        prepare(settings, wait_seconds=1)


def test_the_preparing_command_names_what_is_missing_and_fails(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "ADMIN_PASSWORD": "not-to-be-shown"}
    outcome = subprocess.run(
        [sys.executable, "-m", "authentication_service.prepare"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert outcome.returncode == 1
    assert "ACCOUNTS_DATABASE_URL" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert "not-to-be-shown" not in outcome.stderr


def test_an_unforeseen_error_is_logged_without_the_password_and_told_to_nobody(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(signing, "log_in", fail)
    for path, body in (("/login", {"email": "admin@admin.com"}), ("/api/login", {"login": "admin@admin.com"})):
        response = accounts.post(path, {**body, "password": "not-to-be-logged"})
        assert response.status_code == 500
        assert "fire" not in response.get_data(as_text=True)
    written = capfd.readouterr().err
    assert [json.loads(line)["event"] for line in written.splitlines()] == ["unexpected error"] * 2
    assert "fire" not in written
    assert [json.loads(line)["errors"] for line in written.splitlines()] == [["builtins.RuntimeError"]] * 2
    assert "not-to-be-logged" not in written


def test_what_an_operator_has_to_mend_is_no_sentence_for_callers_and_logged(
    accounts: Accounts, capfd: pytest.CaptureFixture[str]
) -> None:
    register(accounts, 1)
    headers = headers_of(accounts)
    assert accounts.client.get("/api/profile", headers=headers).get_json()["jmbg"] == jmbg(1)
    with accounts.database.writing() as session:
        session.execute(sa.update(User).where(User.email == "vera1@gmail.com").values(jmbg_sealed=b"damaged"))
    capfd.readouterr()
    response = accounts.client.get("/api/profile", headers=headers)
    assert (response.status_code, "the operators can see it" in response.get_json()["detail"]) == (500, True)
    (line,) = capfd.readouterr().err.splitlines()
    assert (json.loads(line)["event"], json.loads(line)["errors"]) == (
        "unexpected error",
        ["shared.errors.Misconfigured"],
    )


def test_log_lines_of_requests_hold_no_password_no_token_and_no_address(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys, capfd: pytest.CaptureFixture[str]
) -> None:
    with running(sqlite_url, service_settings, keys, log_level="info") as accounts:
        tokens = accounts.tokens()
        accounts.client.get("/api/users?search=admin@admin.com", headers=bearer(tokens["accessToken"]))
        accounts.post("/login", {"email": "admin@admin.com", "password": "not-to-be-logged"})
    written = capfd.readouterr().err
    assert [json.loads(line)["status"] for line in written.splitlines()][-3:] == [200, 200, 400]
    for secret in ("not-to-be-logged", tokens["accessToken"], tokens["refreshToken"], "admin@admin.com"):
        assert secret not in written


def test_the_openapi_document_describes_every_route(accounts: Accounts) -> None:
    document = accounts.client.get("/api/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item if method != "parameters"
    }
    for method, path in [(method, re.sub("(user|session)s/1", r"\1s/{\1_id}", path)) for method, path, _ in REQUESTS]:
        assert (method, path) in described
    for path in ("/register", "/login", "/delete", "/api/register", "/api/login"):
        operation = document["paths"][path]["post"]
        assert operation["summary"]
        assert operation["requestBody"]["content"]["application/json"]["schema"]
    for path in ("/api/profile", "/api/users/{user_id}"):
        parameters = document["paths"][path]["patch"]["parameters"]
        assert [parameter["name"] for parameter in parameters if parameter["in"] == "header"] == ["If-Match"]
    # An entry of the journal bears its own hash; that of a password is told nowhere.
    del document["components"]["schemas"]["EntryPage.EntryAnswer"]
    assert "hash" not in json.dumps(document)
