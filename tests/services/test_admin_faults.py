"""The administration without its database, on an empty one, and how the election store is prepared."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa
from openapi_spec_validator import validate

from admin_service.app import create_app
from admin_service.prepare import main, prepare
from shared.config import AdministrationSettings
from shared.database import Database
from shared.errors import Misconfigured, Unavailable
from shared.schema.election import Jurisdiction
from tests.left_out import needs
from tests.servers import DatabaseServer, MariaDB, PostgreSQL
from tests.servers.nursling import Copied
from tests.services.administration import answered, entries, running
from tests.services.tokens import ServiceSettings, Token

ROOT = Path(__file__).resolve().parents[2]

READS = [
    "/getParticipants",
    "/getElections",
    "/getResults?id=1",
    "/api/participants",
    "/api/participants/1",
    "/api/candidates",
    "/api/candidates/1",
    "/api/jurisdictions",
    "/api/jurisdictions/1",
    "/api/elections",
    "/api/elections?state=final",
    "/api/elections/1",
    "/api/elections/1/batches",
]
ELECTION = {"start": "2030-01-01T00:00:00", "end": "2030-01-02T00:00:00"}
WRITES: list[tuple[str, str, Mapping[str, object] | None]] = [
    ("POST", "/createParticipant", {"name": "A", "individual": True}),
    ("POST", "/createElection", {**ELECTION, "individual": False, "participants": [1, 2]}),
    ("POST", "/createElection", {**ELECTION, "individual": False, "participants": "wrong"}),
    ("POST", "/api/participants", {"name": "A", "individual": True}),
    ("PATCH", "/api/participants/1", {"name": "B"}),
    ("DELETE", "/api/participants/1", None),
    ("POST", "/api/candidates", {"participant_id": 1, "forename": "A", "surname": "B"}),
    ("PATCH", "/api/candidates/1", {"forename": "C"}),
    ("DELETE", "/api/candidates/1", None),
    ("POST", "/api/candidates/1/approval", {"decision": "approved"}),
    ("POST", "/api/jurisdictions", {"name": "A"}),
    ("POST", "/api/elections", {**ELECTION, "kind": "local", "draft": True}),
    ("PATCH", "/api/elections/1", {"title": "A"}),
    ("DELETE", "/api/elections/1", None),
    ("POST", "/api/elections/1/publication", None),
    ("POST", "/api/elections/1/closing", None),
    ("POST", "/api/elections/1/cancellation", {"reason": "A"}),
    ("POST", "/api/elections/1/lots", {"poll_numbers": [1]}),
]


@pytest.fixture(params=[MariaDB, PostgreSQL], ids=lambda kind: str(kind.part))
def own_server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """A database server of this test's own, which it may stop."""
    kind: type[DatabaseServer] = request.param
    needs(kind)
    with kind() as server:
        yield server


def test_without_the_database_every_route_answers_503_and_works_again_when_it_is_back(
    own_server: DatabaseServer, service_settings: ServiceSettings, token: Token
) -> None:
    with running(own_server.new_database(), service_settings, token) as admin:
        admin.election(draft=True, entries=entries(admin.participants()))
        admin.get("/health/ready")
        own_server.kill()
        for method, path, body in [*(("GET", path, None) for path in READS), *WRITES]:
            response = admin.call(method, path, body, match="*")
            answer = answered(response, 503)
            assert int(response.headers["Retry-After"]) >= 1, path
            said = answer["detail"] if path.startswith("/api/") else answer["message"]
            assert said == "The database cannot be reached at the moment; nothing was stored."
            if not path.startswith("/api/"):
                assert list(answer) == ["message"]
        admin.get("/health/live")
        assert "election store" in admin.get("/health/ready", 503)["detail"]
        # What needs no database is answered as ever.
        assert admin.post("/createParticipant", {}, 400) == {"message": "Field name is missing."}
        assert admin.get("/api/elections", 401, None)
        own_server.start()
        admin.get("/health/ready")
        assert admin.get("/api/elections/1")["version"] == 1
        assert admin.get("/api/participants")["total"] == 2


def test_on_a_database_without_tables_the_service_is_not_ready(
    election_database_url: str, service_settings: ServiceSettings, token: Token
) -> None:
    with running(election_database_url, service_settings, token, prepared=False) as admin:
        admin.get("/health/live")
        problem = admin.get("/health/ready", 503)
        assert problem["detail"] == "Not ready: the election store cannot be used at the moment."
        prepare(election_database_url)
        assert admin.get("/health/ready") == {"status": "ready"}


def test_every_route_is_in_a_valid_openapi_document(
    sqlite_url: str, service_settings: ServiceSettings, token: Token
) -> None:
    with running(sqlite_url, service_settings, token) as admin:
        document = admin.get("/api/openapi.json", role=None)
    assert document["openapi"].startswith("3.1")
    for path in (*READS, *(path for _, path, _ in WRITES)):
        generic = path.split("?")[0]
        assert any(
            len(known.split("/")) == len(generic.split("/"))
            and all(
                part.startswith("{") or part == sent
                for part, sent in zip(known.split("/"), generic.split("/"), strict=True)
            )
            for known in document["paths"]
        ), path
    validate(document)
    text = json.dumps(document)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in document["components"]["schemas"]


def test_a_time_zone_that_does_not_exist_prevents_a_start(sqlite_url: str, service_settings: ServiceSettings) -> None:
    with pytest.raises(Misconfigured, match="ELECTION_TIMEZONE"):
        create_app(
            service_settings(
                AdministrationSettings, election_database_url=sqlite_url, election_timezone="Europe/Atlantis"
            )
        )


def jurisdictions(url: str) -> list[str]:
    database = Database(url)
    try:
        with database.reading() as session:
            return list(session.scalars(sa.select(Jurisdiction.name)))
    finally:
        database.close()


def test_preparing_again_changes_nothing(election_database_url: str) -> None:
    for _ in range(2):
        prepare(election_database_url)
        assert jurisdictions(election_database_url) == ["The whole country"]


def test_two_that_prepare_at_once_do_not_disturb_each_other(election_database_url: str) -> None:
    environment = {**os.environ, "ELECTION_DATABASE_URL": election_database_url, "LOG_LEVEL": "info"}
    with tempfile.TemporaryFile() as log:
        processes = [Copied(["admin_service.prepare"], environment, log.fileno()) for _ in range(2)]
        statuses = [process.wait(120) for process in processes]
        assert statuses == [0, 0], os.pread(log.fileno(), 100_000, 0)
    assert jurisdictions(election_database_url) == ["The whole country"]


def test_preparing_waits_for_the_database_and_gives_up_with_the_reason() -> None:
    nobody = "postgresql+psycopg://user:secret@127.0.0.1:9/urna"
    with pytest.raises(Unavailable, match="did not answer for 1 seconds") as refusal:
        prepare(nobody, seconds_to_wait=1)
    assert "secret" not in refusal.value.message


@pytest.mark.parametrize("engine", ["mariadb", "postgresql", "mysql"])
def test_preparing_says_at_once_that_the_database_knows_another_password(
    election_database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sa.make_url(election_database_url)
    monkeypatch.setenv("LOG_LEVEL", "error")
    for password, status in ((str(url.password), 0), ("of-another-day", 1)):
        other = url.set(password=password).render_as_string(hide_password=False)
        monkeypatch.setenv("ELECTION_DATABASE_URL", other)
        assert main() == status
    told = capsys.readouterr().err
    assert f"The database {url.database} refuses the user {url.username} with this password." in told
    assert "of-another-day" not in told


def test_preparing_without_a_database_url_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("ELECTION_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main() == 1
    assert "ELECTION_DATABASE_URL" in capsys.readouterr().err
