"""What the service writes and answers holds nothing that is secret: every route, with marked secrets, as a process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from authentication_service.prepare import prepare
from shared.schema.accounts import User
from tests.servers import free_port
from tests.services.accounts import ADMIN_EMAIL, REGISTER_KEY, authentication_settings, jmbg
from tests.services.tokens import Keys, ServiceSettings, bearer

ROOT = Path(__file__).parents[2]
ADMIN_JMBG, ADMIN_PASSWORD = "7070707070707", "MarkedAdm1nPassword"
PASSWORDS = [ADMIN_PASSWORD, "MarkedPassw0rd", "MarkedWr0ng", "MarkedN3w", "Marked1nTheWrongField"]
PERSON = {
    "jmbg": jmbg(777),
    "forename": "MarkedForename",
    "surname": "MarkedSurname",
    "email": "marked@example.org",
    "password": "MarkedPassw0rd",
}


@contextmanager
def service(url: str, keys: Keys, port: int, log: Path) -> Iterator[httpx.Client]:
    """The service under gunicorn as it runs in earnest, with every line that it can write."""
    environment = {
        "PATH": os.environ["PATH"],
        "ACCOUNTS_DATABASE_URL": url,
        "ADMIN_EMAIL": ADMIN_EMAIL,
        "ADMIN_PASSWORD": ADMIN_PASSWORD,
        "REGISTER_KEY": REGISTER_KEY,
        "JWT_PUBLIC_KEY": keys.public_pem,
        "JWT_PRIVATE_KEY": keys.private_pem,
        "PASSWORD_MEMORY_KIB": "8",
        "LOG_LEVEL": "debug",
        "PORT": str(port),
        "WEB_WORKERS": "1",
    }
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--config", "python:shared.web.gunicorn"]
    with log.open("w") as written:
        process = subprocess.Popen(
            [*command, "authentication_service.app:create_app()"],
            cwd=ROOT,
            env=environment,
            stdout=written,
            stderr=written,
        )
        transport = httpx.HTTPTransport(retries=8)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=60) as client:
                yield client
        finally:
            process.terminate()
            process.wait(60)


def call_everything(client: httpx.Client) -> tuple[list[str], list[httpx.Response]]:
    """Each route with what succeeds and with what fails; all tokens that were given, and all answers."""
    answers: list[httpx.Response] = []
    tokens: list[str] = []

    def send(method: str, path: str, body: Any = None, token: str = "", **headers: str) -> dict[str, Any]:
        sent = {**headers, **(bearer(token) if token else {})}
        response = client.request(method, path, json=body, headers=sent)
        answers.append(response)
        try:
            found = response.json()
        except ValueError:
            found = {}
        tokens.extend(value for name, value in found.items() if name.lower().replace("_", "").endswith("token"))
        return dict(found)

    admin = send("POST", "/login", {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD})["accessToken"]
    send("POST", "/register", PERSON)
    send("POST", "/register", PERSON)
    send("POST", "/register", {**PERSON, "jmbg": "1" + PERSON["jmbg"]})
    # As a voter the register does not know him, as an official there is the account already.
    send("POST", "/api/register", PERSON)
    send("POST", "/api/register", {**PERSON, "role": "official"})
    send("POST", "/api/register", {**PERSON, "email": "x", "jmbg": [PERSON["jmbg"]], "password": {"a": PASSWORDS[1]}})
    other = {"email": "other@example.org", "jmbg": jmbg(778), "username": "other", "role": "official"}
    send("POST", "/api/register", {**PERSON, **other})
    send("GET", "/api/users/999", token=admin)
    number = send("GET", f"/api/users?search={PERSON['jmbg']}", token=admin)["items"][0]["id"]
    path, newest = f"/api/users/{number}", {"If-Match": "*"}
    send("POST", "/api/login", {"login": PERSON["email"], "password": "MarkedPassw0rd"})
    send("PATCH", path, {"approval": "approved", "roles": ["official"]}, admin, **newest)
    send("PATCH", path, {"roles": ["MarkedWr0ng"]}, admin, **newest)
    send("GET", path, token=admin)
    for password in ("MarkedWr0ng", "MarkedPassw0rd"):
        classic = send("POST", "/login", {"email": PERSON["email"], "password": password})
        opened = send("POST", "/api/login", {"login": PERSON["email"], "password": password})
    send("POST", "/api/login", {"login": "Marked1nTheWrongField", "password": "MarkedWr0ng"})
    for _ in range(12):
        send("POST", "/login", {"email": "nobody@example.org", "password": "MarkedWr0ng"})
    send("POST", "/refresh", token=classic["refreshToken"])
    for _ in range(2):
        send("POST", "/api/refresh", token=opened["refresh_token"])
    mine = send("POST", "/api/login", {"login": PERSON["email"], "password": "MarkedPassw0rd"})
    access = mine["access_token"]
    send("GET", "/api/profile", token=access)
    change = {"password": "MarkedN3w", "current_password": "MarkedWr0ng"}
    send("PATCH", "/api/profile", change, access, **newest)
    send("PATCH", "/api/profile", {**change, "current_password": "MarkedPassw0rd"}, access, **newest)
    send("PATCH", "/api/profile", {"forename": "MarkedForename\n"}, access, **newest)
    listed = send("GET", "/api/sessions", token=admin)["items"]
    send("DELETE", "/api/sessions", token=admin)
    send("DELETE", f"/api/sessions/{listed[0]['id']}", token=admin)
    send("POST", "/api/logout", token=mine["refresh_token"])
    # Tokens where they do not belong.
    send("GET", f"/api/profile?jwt={access}", token=access[:-3])
    send("POST", "/refresh", {"token": access}, access)
    send("DELETE", path, token=access)
    send("GET", "/api/journal", token=admin)
    send("DELETE", path, token=admin)
    send("POST", "/delete", {"email": PERSON["email"]}, admin)
    send("GET", "/health/ready")
    return tokens, answers


def test_no_line_and_no_refusal_holds_a_secret(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys, tmp_path: Path
) -> None:
    values = {"admin_password": ADMIN_PASSWORD, "admin_jmbg": ADMIN_JMBG}
    prepare(authentication_settings(sqlite_url, service_settings, keys, **values), wait_seconds=10)
    hashes: set[str] = set()

    def note_hashes() -> None:
        engine = sa.create_engine(sqlite_url)
        with engine.connect() as connection:
            hashes.update(connection.scalars(sa.select(User.password_hash)))
        engine.dispose()

    note_hashes()
    with service(sqlite_url, keys, free_port(), tmp_path / "log") as client:
        tokens, answers = call_everything(client)
        note_hashes()
    written = (tmp_path / "log").read_text()
    statuses = {answer.status_code for answer in answers}
    assert {200, 201, 204, 400, 401, 403, 404, 409, 422, 429} <= statuses
    lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    assert len([line for line in lines if line["event"] == "request"]) >= len(answers)
    assert "refresh token used again" in {line["event"] for line in lines}
    assert len(tokens) >= 10
    parts = [part for token in tokens for part in token.split(".")[1:]]
    personal = [*PERSON.values(), ADMIN_JMBG]
    secrets = [*PASSWORDS, *parts, *personal, *hashes - {""}, keys.private_pem.splitlines()[1], "argon2"]
    assert [secret for secret in secrets if secret in written] == []
    # A refusal repeats nothing of what was sent, and nobody is shown a traceback.
    refused = "".join(answer.text for answer in answers if answer.status_code >= 400)
    assert [secret for secret in [*secrets, "Traceback", "sqlite"] if secret in refused] == []
    # What succeeds shows no password and no hash either, the journal among it.
    shown = "".join(answer.text for answer in answers)
    journal = next(answer.text for answer in answers if "/api/journal" in str(answer.url))
    assert [secret for secret in [*PASSWORDS, *hashes - {""}, "argon2"] if secret in shown] == []
    assert [secret for secret in [*parts, PERSON["jmbg"], ADMIN_JMBG] if secret in journal] == []
