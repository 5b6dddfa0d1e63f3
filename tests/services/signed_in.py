"""Somebody signed in to the pages of a service in this process, as a browser with the cookie has it."""

import re
from dataclasses import dataclass
from typing import Any

from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from shared.terms import Role
from shared.web.cookies import COOKIE, CSRF_CLAIM
from tests.services.bearers import SAME_ORIGIN
from tests.services.tokens import Token

VALUE = "the value of a form"


@dataclass(frozen=True)
class SignedIn:
    """A browser of somebody with a role."""

    client: FlaskClient

    @classmethod
    def to(cls, app: APIFlask, token: Token, role: Role, email: str = "") -> "SignedIn":
        """Sign somebody in by a token that the authentication service could have made."""
        header = token(role, email=email or f"{role}@example.org", **{CSRF_CLAIM: VALUE})
        client = app.test_client()
        client.set_cookie(COOKIE, header["Authorization"].removeprefix("Bearer "), secure=True)
        return cls(client)

    def see(self, path: str, status: int = 200) -> str:
        """The text of a page that has this status."""
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    def send(self, path: str, *, forged: bool = False, **fields: Any) -> TestResponse:
        """Send a form with just these fields."""
        data = {"csrf_token": "" if forged else VALUE, **fields}
        if not any(isinstance(value, tuple) for value in data.values()):
            return self.client.post(path, data=data, headers=SAME_ORIGIN)
        # The client itself would leave a large body behind in a file.
        files = {name: FileStorage(*value) if isinstance(value, tuple) else value for name, value in data.items()}
        boundary, body = encode_multipart(files)
        return self.client.post(
            path, data=body, content_type=f"multipart/form-data; boundary={boundary}", headers=SAME_ORIGIN
        )

    def fill(self, page: str, form: str, **fields: Any) -> TestResponse:
        """Send a form of a page, by its id, as a browser does: with what it is filled in with, but for ``fields``."""
        return self.send(action_of(self.see(page), form), **{**filled(self.see(page), form), **fields})

    def done(self, answer: TestResponse) -> str:
        """The text of the page to which a form that was done has led."""
        assert answer.status_code == 303, answer.text
        return self.see(answer.headers["Location"])


def form_of(page: str, form: str) -> str:
    """The text of a form, by its id."""
    found = re.search(rf'<form [^>]*id="{re.escape(form)}".*?</form>', page, re.DOTALL)
    assert found, f"The page has no form {form}."
    return found[0]


def action_of(page: str, form: str) -> str:
    """Where a form is sent."""
    found = re.search(r'action="([^"]*)"', form_of(page, form))
    assert found
    return found[1]


def filled(page: str, form: str) -> dict[str, Any]:
    """What a form is filled in with."""
    text = form_of(page, form)
    fields: dict[str, list[str]] = {}
    for tag in re.findall(r"<input [^>]*>", text):
        said = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
        if said.get("type") == "file" or (said.get("type") == "checkbox" and " checked" not in tag):
            continue
        fields.setdefault(said["name"], []).append(_plain(said.get("value", "")))
    for name, options in re.findall(r'<select [^>]*name="([^"]*)".*?>(.*?)</select>', text, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options) or re.search(
            r'<option value="([^"]*)"', options
        )
        fields[name] = [_plain(chosen[1]) if chosen else ""]
    for name, value in re.findall(r'<textarea [^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', text, re.DOTALL):
        fields[name] = [_plain(value)]
    fields.pop("csrf_token", None)
    return {name: values if len(values) > 1 else values[0] for name, values in fields.items()}


def _plain(text: str) -> str:
    for entity, letter in (("&lt;", "<"), ("&gt;", ">"), ("&#34;", '"'), ("&#39;", "'"), ("&amp;", "&")):
        text = text.replace(entity, letter)
    return text
