"""A browser at the pages of a voting station, without a script: a cookie, forms with their values, and pages."""

import re
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.terms import Role
from shared.web.cookies import COOKIE, CSRF_CLAIM
from tests.services.station import BOUNDARY, MULTIPART, Station

FROM_HERE = {"Origin": "http://localhost"}
VALUE = "the value of the forms"


@dataclass
class Visitor:
    """Somebody at the pages, by default an official of polling station 1."""

    station: Station
    client: FlaskClient

    @classmethod
    def of(cls, station: Station, *roles: Role, name: str = "vera", stations: tuple[int, ...] = (1,)) -> "Visitor":
        made = cls(station, station.client)
        made.sign_in(*roles, name=name, stations=stations)
        return made

    def sign_in(self, *roles: Role, name: str = "vera", stations: tuple[int, ...] = (1,)) -> None:
        claims: dict[str, Any] = {CSRF_CLAIM: VALUE, "stations": list(stations)}
        header = self.station.token(*(roles or (Role.OFFICIAL,)), email=f"{name}@example.org", **claims)
        self.client.set_cookie(COOKIE, header["Authorization"].removeprefix("Bearer "), secure=True)

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers=headers)

    def send(
        self,
        path: str,
        fields: dict[str, str] | None = None,
        *files: tuple[bytes, str],
        by_script: bool = False,
        headers: dict[str, str] | None = None,
    ) -> TestResponse:
        """Send a form of a page; ``fields`` replace what stands in it."""
        data: dict[str, str] = {"csrf_token": VALUE, "page_of_form": "/", **(fields or {})}
        script = {"HX-Request": "true"} if by_script else {}
        sent = {**(FROM_HERE if headers is None else headers), **script}
        if not files:
            return self.client.post(path, data=data, headers=sent)
        # The test client would leave a large body open.
        parts = [(f'name="{name}"', value.encode()) for name, value in data.items()]
        parts += [(f'name="file"; filename="{name}"', content) for content, name in files]
        written = [
            f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
            for head, content in parts
        ]
        body = b"".join(written) + f"--{BOUNDARY}--\r\n".encode()
        return self.client.post(path, data=body, content_type=MULTIPART, headers=sent)


def words(page: TestResponse) -> str:
    """What stands on a page to be read, with single blanks."""
    main = page.text.partition("<main")[2] or page.text
    text = re.sub(r"<(script|template|dl id=\"sending-words\")\b.*?</(script|template|dl)>", " ", main, flags=re.S)
    text = re.sub(r"<[^>]*>", " ", text)
    for written, sign in (("&lt;", "<"), ("&gt;", ">"), ("&#39;", "'"), ("&#34;", '"'), ("&amp;", "&")):
        text = text.replace(written, sign)
    return " ".join(text.split())
