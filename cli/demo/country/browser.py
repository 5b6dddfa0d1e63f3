"""A person at the pages of the suite: signs in, keeps the cookie, fills in forms as they stand there.

No script runs, as in a browser without JavaScript; every form is found in the page that was asked for, and brings back
what that page wrote into it, among it the value against forgery.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from cli.failure import UNAVAILABLE, Failure

_NO_ANSWER = 120.0
_TYPED = ("input", "textarea", "select")


@dataclass
class Form:
    """A form of a page: where it is sent, what the page wrote into it, and everything that can be filled in.

    ``named`` has the values of all fields, in order; those of boxes to tick stand there, too.
    """

    identity: str
    action: str
    hidden: dict[str, str] = field(default_factory=dict)
    named: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[str] = field(default_factory=list)

    def values(self, name: str) -> list[str]:
        return [value for known, value in self.named if known == name]


@dataclass(frozen=True)
class Page:
    """A page as it was answered, with its forms by their ids."""

    address: str
    status: int
    text: str
    forms: Mapping[str, Form]

    def form(self, identity: str) -> Form:
        if identity not in self.forms:
            raise Failure(f"{self.address} (status {self.status}) has no form #{identity}.")
        return self.forms[identity]


class Browser:
    """Somebody's browser; one request at a time."""

    def __init__(self) -> None:
        self._http = httpx.Client(timeout=httpx.Timeout(_NO_ANSWER, connect=5.0), trust_env=False)
        # By hand: the cookie is for secure connections, as which browsers take this machine's own address.
        self._cookies: dict[str, str] = {}

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def sign_in(self, site: str, login: str, password: str) -> None:
        """Sign in at the site of the accounts."""
        form = self.open(f"{site}/sign-in").form("sign-in")
        page = self.send(form, {"login": login, "password": password})
        if not self._cookies:
            raise Failure(f"{login} was not signed in: {page.address} answered {page.status}.")

    def open(self, address: str) -> Page:
        """Ask for a page, and follow where it leads."""
        return self._read(self._request("GET", address))

    def send(
        self,
        form: Form,
        filled: Mapping[str, str] | Iterable[tuple[str, str]],
        *,
        file: tuple[str, bytes] | None = None,
        button: str = "",
    ) -> Page:
        """Send a form of a page with what is filled in, by the button with that address if one is named."""
        pairs = list(filled.items()) if isinstance(filled, Mapping) else list(filled)
        data: dict[str, Any] = dict(form.hidden)
        for name in {name for name, _ in pairs}:
            values = [value for known, value in pairs if known == name]
            data[name] = values if len(values) > 1 else values[0]
        address = urljoin(form.action, button) if button else form.action
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
        headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        files = {"file": (*file, "text/csv")} if file else None
        return self._read(self._request("POST", address, data=data, files=files, headers=headers))

    def _request(self, method: str, address: str, **how: Any) -> httpx.Response:
        headers = how.pop("headers", {})
        if self._cookies:
            headers = {**headers, "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        try:
            answer = self._http.request(method, address, headers=headers, **how)
        except httpx.TransportError as error:
            raise Failure(f"{address} cannot be reached ({error}).", status=UNAVAILABLE) from None
        for line in answer.headers.get_list("set-cookie"):
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items() if morsel.value}
        return answer

    def _read(self, answer: httpx.Response) -> Page:
        while answer.is_redirect:
            answer = self._request("GET", urljoin(str(answer.url), answer.headers["Location"]))
        address = str(answer.url)
        found = _Forms(address)
        found.feed(answer.text)
        return Page(address, answer.status_code, answer.text, found.forms)


class _Forms(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.forms: dict[str, Form] = {}
        self._address = address
        self._open: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(said.get("id", ""), urljoin(self._address, said.get("action", "")))
            self.forms[self._open.identity] = self._open
        elif self._open is not None and tag == "button" and "formaction" in said:
            self._open.buttons.append(said["formaction"])
        elif self._open is not None and tag in _TYPED and "name" in said:
            value = said.get("value", "")
            self._open.named.append((said["name"], value))
            if said.get("type") == "hidden":
                self._open.hidden[said["name"]] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
