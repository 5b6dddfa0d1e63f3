"""An administration service in this process, on a real database, and callers of each role."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from apiflask import APIFlask
from werkzeug.test import TestResponse

from admin_service.app import create_app
from shared.config import AdministrationSettings
from shared.database import Database
from shared.terms import Role
from tests.services.migrated import have_tables
from tests.services.tokens import ServiceSettings, Token

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Administration:
    """The running service; calls are an administrator's unless another role is named."""

    app: APIFlask
    token: Token

    @property
    def database(self) -> Database:
        """The service's own view of the election store."""
        found = self.app.extensions["database"]
        assert isinstance(found, Database)
        return found

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: Role | None = Role.ADMINISTRATOR,
        match: str | int | None = None,
        data: bytes | str | None = None,
    ) -> TestResponse:
        """One request; ``role`` None sends no token, ``match`` is the version or the whole header of If-Match."""
        headers = self.token(role, email=f"{role}@example.org") if role else {}
        if match is not None:
            headers["If-Match"] = f'"{match}"' if isinstance(match, int) else match
        return self.app.test_client().open(path, method=method, json=body, data=data, headers=headers)

    def get(self, path: str, status: int = 200, role: Role | None = Role.ADMINISTRATOR) -> Any:
        """The JSON of an answer that has this status."""
        return answered(self.call("GET", path, role=role), status)

    def post(self, path: str, body: Any = None, status: int = 200, match: str | int | None = None) -> Any:
        """The JSON of an answer that has this status."""
        return answered(self.call("POST", path, body, match=match), status)

    def patch(self, path: str, body: Any, match: str | int | None, status: int = 200) -> Any:
        """The JSON of an answer that has this status."""
        return answered(self.call("PATCH", path, body, match=match), status)

    def participants(self, count: int = 2, *, individual: bool = False) -> list[int]:
        """The ids of new participants."""
        return [
            int(self.post("/createParticipant", {"name": f"Participant {number}", "individual": individual})["id"])
            for number in range(1, count + 1)
        ]

    def election(self, status: int = 201, **fields: Any) -> Any:
        """Create an election over /api: by default parliamentary, open since an hour, with two new parties."""
        now = datetime.now(UTC)
        body = {
            "kind": "parliamentary",
            "start": (now - HOUR).isoformat(),
            "end": (now + HOUR).isoformat(),
            **fields,
        }
        if "entries" not in body:
            individual = body["kind"] == "presidential" or bool(body.get("individual"))
            body["entries"] = entries(self.participants(individual=individual))
        return self.post("/api/elections", body, status)


def answered(response: TestResponse, status: int) -> Any:
    """The JSON of a response that has this status."""
    assert response.status_code == status, response.get_data(as_text=True)
    return response.get_json() if response.data else None


def entries(participants: Sequence[int], exempt: Sequence[int] = ()) -> list[dict[str, Any]]:
    """A ballot with these participants in this order."""
    return [{"participant_id": found, "exempt": found in exempt} for found in participants]


@contextmanager
def running(
    url: str, service_settings: ServiceSettings, token: Token, *, prepared: bool = True, **settings: Any
) -> Iterator[Administration]:
    """The service on the database of ``url``, whose tables are made first if ``prepared``."""
    if prepared:
        have_tables(url, "election")
    app = create_app(service_settings(AdministrationSettings, election_database_url=url, **settings))
    service = Administration(app, token)
    try:
        yield service
    finally:
        service.database.close()
