"""Photographs of tally sheets: given as they were sent, to who supervises, so that nothing in them can run."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
import sqlalchemy as sa

from shared.schema.election import Journal, SheetPhotograph
from shared.terms import Role
from tests.services.administration import running
from tests.services.declared import FIRST, PNG
from tests.services.recorded import Recorded
from tests.services.supervising import Night, night
from tests.services.tokens import ServiceSettings, Token

PDF = b"%PDF-1.7\n1 0 obj\n<< /OpenAction << /S /JavaScript /JS (app.alert(1)) >> >>\nendobj\n%%EOF\n"


@pytest.fixture
def evening(recorded: Recorded, sqlite_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Night]:
    with running(sqlite_url, service_settings, token, prepared=False) as service:
        yield night(service, recorded)


def change(evening: Night, **columns: object) -> None:
    """What somebody with other rights does to the photograph in the store."""
    with evening.admin.database.writing() as session:
        session.execute(sa.update(SheetPhotograph).values(**columns))


@pytest.mark.parametrize(
    ("content", "media_type", "stored_as", "disposition", "extension"),
    [
        (PNG, "image/png", "image/png", "inline", "png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg", "image/jpeg", "inline", "jpg"),
        (b"RIFF\x04\0\0\0WEBP", "image/webp", "image/webp", "inline", "webp"),
        # A script that is in a PDF does not run where the PDF is only stored.
        (PDF, "application/pdf", "application/pdf", "attachment", "pdf"),
        # What no official could have sent is shown to nobody, whatever the store says.
        (b"<script>alert(1)</script>", "application/octet-stream", "text/html", "attachment", "bin"),
        (b"<svg onload='alert(1)'/>", "application/octet-stream", "image/svg+xml", "attachment", "bin"),
    ],
)
def test_a_photograph_is_given_as_it_was_sent_and_can_do_nothing(
    evening: Night, content: bytes, media_type: str, stored_as: str, disposition: str, extension: str
) -> None:
    made = evening.declared.photograph(evening.election, 1, content, stored_as, name='"\r\nX: 1.html')
    (shown,) = evening.sheet(1)["photographs"]
    assert (shown["id"], shown["size"], shown["actor"], shown["media_type"]) == (made, len(content), FIRST, stored_as)
    path = f"{evening.path}/sheets/1/photographs/{made}"
    for role in (Role.ADMINISTRATOR, Role.AUDITOR):
        answer = evening.admin.call("GET", path, role=role)
        assert (answer.status_code, answer.data) == (200, content)
    assert answer.headers["Content-Type"] == media_type
    name = f"sheet-{evening.election}-1-{made[:8]}.{extension}"
    assert answer.headers["Content-Disposition"] == f'{disposition}; filename="{name}"'
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["ETag"] == f'"{shown["sha256"]}"'
    for role in (Role.OFFICIAL, Role.VOTER):
        assert evening.admin.call("GET", path, role=role).status_code == 403


def test_a_browser_that_has_it_is_not_sent_it_again(evening: Night, token: Token) -> None:
    made = evening.declared.photograph(evening.election, 1)
    path = f"{evening.path}/sheets/1/photographs/{made}"
    tag = evening.admin.call("GET", path).headers["ETag"]
    headers = {**token(Role.AUDITOR), "If-None-Match": tag}
    answer = evening.admin.app.test_client().get(path, headers=headers)
    assert (answer.status_code, answer.data) == (304, b"")


def test_a_photograph_is_of_one_sheet_only(evening: Night, recorded: Recorded) -> None:
    made = evening.declared.photograph(evening.election, 1)
    other = recorded.election()
    evening.admin.call("GET", f"{evening.path}/sheets/1/photographs/{made}").close()
    for path in (
        f"{evening.path}/sheets/2/photographs/{made}",
        f"/api/elections/{other}/sheets/1/photographs/{made}",
        f"/api/elections/99/sheets/1/photographs/{made}",
        f"{evening.path}/sheets/99/photographs/{made}",
        *(f"{evening.path}/sheets/1/photographs/{name}" for name in (uuid4().hex, made.upper(), f"{made}%00", "*")),
    ):
        assert evening.admin.call("GET", path).status_code == 404, path


def test_a_photograph_that_was_changed_in_the_store_is_refused_and_told_once(evening: Night) -> None:
    made = evening.declared.photograph(evening.election, 1)
    path = f"{evening.path}/sheets/1/photographs/{made}"
    assert evening.admin.call("GET", path).status_code == 200
    change(evening, content=PNG + b"!")
    for _ in range(3):
        refused = evening.admin.get(path, 409)
        assert "not what the official sent" in refused["detail"]
    with evening.admin.database.reading() as session:
        (entry,) = session.scalars(sa.select(Journal).where(Journal.action == "photograph.damaged"))
        assert (entry.subject, entry.outcome) == (f"photograph {made}", "refused")
        assert entry.actor == "administrator@example.org"
        assert json.loads(entry.details)["sent_by"] == FIRST
    change(evening, content=PNG)
    assert evening.admin.call("GET", path).status_code == 200
