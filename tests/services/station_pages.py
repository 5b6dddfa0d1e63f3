"""A browser at the pages of a voting station, without a script: a cookie, forms with their values, and pages."""

import io
import re
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.terms import Role
from shared.web.cookies import COOKIE, CSRF_CLAIM
from tests.services.station import Station

FROM_HERE = {"Origin": "http://localhost"}
VALUE = "the value of the forms"


@dataclass
class Visitor:
    """Somebody at the pages, by default an official of polling station 1."""

    station: Station
    client: FlaskClient
    answers: list[TestResponse] = field(default_factory=list)

    @classmethod
    def of(cls, station: Station, *roles: Role, name: str = "vera", stations: tuple[int, ...] = (1,)) -> "Visitor":
        made = cls(station, station.client)
        made.sign_in(*roles, name=name, stations=stations)
        return made

    def sign_in(self, *roles: Role, name: str = "vera", stations: tuple[int, ...] = (1,)) -> None:
        claims = {CSRF_CLAIM: VALUE, "stations": list(stations)}
        header = self.station.token(*(roles or (Role.OFFICIAL,)), email=f"{name}@example.org", **claims)
        self.client.set_cookie(COOKIE, header["Authorization"].removeprefix("Bearer "), secure=True)

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers=headers)

    def send(
        self,
        path: str,
        fields: dict[str, Any] | None = None,
        *files: tuple[bytes, str],
        by_script: bool = False,
        headers: dict[str, str] | None = None,
    ) -> TestResponse:
        """Send a form of a page; ``fields`` replace what stands in it."""
        data: dict[str, Any] = {"csrf_token": VALUE, "page_of_form": "/", **(fields or {})}
        if files:
            data["file"] = [(io.BytesIO(content), name) for content, name in files]
        script = {"HX-Request": "true"} if by_script else {}
        sent = FROM_HERE if headers is None else headers
        kind = "multipart/form-data" if files else None
        return self.client.post(path, data=data, content_type=kind, headers={**sent, **script})


def words(page: TestResponse) -> str:
    """What stands on a page to be read, with single blanks."""
    main = page.text.partition("<main")[2] or page.text
    text = re.sub(r"<(script|template|dl id=\"sending-words\")\b.*?</(script|template|dl)>", " ", main, flags=re.S)
    text = re.sub(r"<[^>]*>", " ", text)
    for written, sign in (("&lt;", "<"), ("&gt;", ">"), ("&#39;", "'"), ("&#34;", '"'), ("&amp;", "&")):
        text = text.replace(written, sign)
    return " ".join(text.split())
