"""How the commands talk to the services over HTTP, and what their refusals become."""

import ssl
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import update_wrapper
from ipaddress import ip_address
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click
import httpx

from cli.failure import NOT_ALLOWED, REFUSED, UNAVAILABLE, USAGE, Failure
from cli.session import KeptSession, Session

R = TypeVar("R")

# Services by the name of their option, and where an embedded suite has them.
SERVICES = {"authentication": 5000, "admin": 5001, "station": 5002, "results": 5003}

# A service that answers so is there, and will take the same request later. 502 and 504 come from a proxy in front.
_TRY_AGAIN = (429, 502, 503, 504)
# An upload is answered when it is on the disk of Redis, which may take a while for a large one.
_SECONDS = 120.0
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 10.0


@dataclass(frozen=True)
class Addresses:
    """Where the services are, without a slash at the end."""

    authentication: str
    admin: str
    station: str
    results: str


@dataclass(frozen=True)
class Credentials:
    """Who logs in; asked for at the terminal only when a request needs it."""

    email: str | None = None
    password: str | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)
    # The authentication service at which somebody is logged in, where it is another one than is asked.
    elsewhere: str | None = None

    def complete(self) -> tuple[str, str]:
        """Email and password; what is missing is asked for on standard error, so that results stay alone.

        Fails where nobody can be asked.
        """
        if not self.email and self.elsewhere:
            raise Failure(
                f"Who is logged in here is so at {self.elsewhere}; give that as --authentication-url, or name an "
                "account by --email.",
                status=USAGE,
            )
        if not (self.email and self.password) and not sys.stdin.isatty():
            raise Failure(
                "Nobody can be asked who logs in here; set URNA_EMAIL and URNA_PASSWORD, or call `urna login` first.",
                status=USAGE,
            )
        email = self.email or click.prompt("Email", err=True)
        password = self.password or click.prompt("Password", hide_input=True, err=True)
        return str(email), str(password)

    def second_factor(self) -> str:
        """The code of the second factor, asked for where it is not there."""
        if not self.code and not sys.stdin.isatty():
            raise Failure(
                "This account has a second factor, and nobody can be asked for its code here; set URNA_CODE.",
                status=USAGE,
            )
        return str(self.code or click.prompt("Code of the second factor", err=True))


class Client:
    """One account's connection to the services. Threads may share it.

    ``patience`` is for how many seconds a request that may safely be repeated is tried again when a service is away.
    ``kept`` is the session of ``urna login``, for whoever names no account.
    ``verify`` says which certificates are believed, if not those that everybody believes.
    """

    def __init__(
        self,
        addresses: Addresses,
        credentials: Credentials | None = None,
        *,
        patience: float = 10.0,
        kept: KeptSession | None = None,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self.addresses = addresses
        self._credentials = credentials or Credentials()
        self._known: tuple[str, str] | None = None
        self._token: str | None = None
        self._refresh_token: str | None = None
        # A code is good once, and is not asked for again while the session lasts.
        self._refreshes = False
        self._kept: KeptSession | None = None
        self._renewing = Lock()
        self.patience = patience
        if kept is not None and not self._credentials.email:
            self._go_on(kept)
        self._http = httpx.Client(
            timeout=httpx.Timeout(_SECONDS, connect=5.0),
            follow_redirects=False,
            verify=verify,
            # A proxy of the environment is for the world outside; it would not find this machine's own services.
            trust_env=not all(_is_loopback(address) for address in vars(addresses).values()),
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def _go_on(self, kept: KeptSession) -> None:
        """Act for whoever is logged in at this authentication service, if anybody is."""
        session = kept.read()
        if session is None:
            return
        if session.authentication != self.addresses.authentication:
            self._credentials = replace(self._credentials, elsewhere=session.authentication)
            return
        self._kept, self._token = kept, session.access_token
        # A password is asked for only where one has to be given once more.
        self._credentials = replace(self._credentials, email=session.login)

    @property
    def password(self) -> str:
        """What the account logs in with, for requests that want to hear it once more."""
        return self._who()[1]

    def log_in(self) -> None:
        """Get a token, so that a wrong password is noticed before any work is done; not where a session is kept."""
        if self.challenge_to_set_up() is not None:
            raise Failure(
                "A role of this account needs a second factor, and it has none yet. Set it up first, by "
                f"`urna second-factor set-up` or in a browser: {self.addresses.authentication}/sign-in",
                status=NOT_ALLOWED,
            )

    def challenge_to_set_up(self) -> str | None:
        """Log in; for an account that may do so only to set up a second factor, the challenge to do that with."""
        if self._kept is not None:
            return None
        login, password = self._who()
        answer = self.request(
            "POST", "authentication", "/api/login", body={"login": login, "password": password}, repeatable=True
        )
        found = read_json(answer)
        if answer.status_code == httpx.codes.ACCEPTED:
            if found["second_factor"] != "code":
                return str(found["challenge"])
            found = self._second_step(found)
            self._refreshes = True
        self._token, self._refresh_token = str(found["access_token"]), str(found["refresh_token"])
        return None

    def session(self) -> Session:
        """The session that a log-in has opened, to be kept; fails where there was none."""
        if self._token is None or self._refresh_token is None:
            raise Failure("Nobody has logged in.", status=NOT_ALLOWED)
        return Session(self.addresses.authentication, self._who()[0], self._token, self._refresh_token)

    def _who(self) -> tuple[str, str]:
        if self._known is None:
            self._known = self._credentials.complete()
        return self._known

    def _second_step(self, begun: Mapping[str, Any]) -> Any:
        body = {"challenge": begun["challenge"], "code": self._credentials.second_factor()}
        return read_json(self.request("POST", "authentication", "/api/login/code", body=body))

    def _renew(self, expired: str | None) -> None:
        """Get another token in the place of one that has run out, once for all threads that have it."""
        with self._renewing:
            if self._token != expired:
                return
            if self._kept is not None and expired is not None:
                self._token = self._kept.renewed(expired, self._refreshed).access_token
            elif self._refreshes and self._refresh_token is not None:
                self._token, self._refresh_token = self._refreshed(self._refresh_token)
            else:
                self.log_in()

    def _refreshed(self, refresh_token: str) -> tuple[str, str]:
        headers = {"Authorization": f"Bearer {refresh_token}"}
        # Not sent again when an answer is lost: a refresh token that comes twice ends the session.
        found = read_json(self.request("POST", "authentication", "/api/refresh", headers=headers))
        return str(found["access_token"]), str(found["refresh_token"])

    def get(self, service: str, path: str, *, public: bool = False, **query: Any) -> Any:
        """The JSON that a service answers to a GET."""
        found = {name: value for name, value in query.items() if value is not None}
        ask = self.request if public else self.authorized
        return read_json(ask("GET", service, path, query=found, repeatable=True))

    def authorized(self, method: str, service: str, path: str, **how: Any) -> httpx.Response:
        """As ``request``, with the account's token; a token that has run out is renewed once."""
        if self._token is None:
            self.log_in()
        for is_last in (False, True):
            token = self._token
            headers = {**how.get("headers", {}), "Authorization": f"Bearer {token}"}
            answer = self.request(method, service, path, **{**how, "headers": headers}, may_be_expired=not is_last)
            if answer.status_code != httpx.codes.UNAUTHORIZED:
                break
            self._renew(token)
        return answer

    def request(
        self,
        method: str,
        service: str,
        path: str,
        *,
        body: Any = None,
        content: Callable[[], Any] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        repeatable: bool = False,
        may_be_expired: bool = False,
        seconds: float = _SECONDS,
    ) -> httpx.Response:
        """Send a request and return its successful answer; every other one raises ``Failure`` with its reason.

        ``content`` makes the body anew for every attempt. ``repeatable``: sending it twice does no harm, so a lost
        connection is worth another attempt. ``may_be_expired`` lets 401 be returned. ``seconds``: how long the answer
        may take.
        """
        url = getattr(self.addresses, service) + path
        deadline = time.monotonic() + self.patience
        pause = _FIRST_PAUSE
        while True:
            wait: float | None = None
            try:
                answer = self._http.request(
                    method,
                    url,
                    json=body,
                    content=content() if content else None,
                    headers=headers,
                    params=query,
                    timeout=httpx.Timeout(seconds, connect=5.0),
                )
            except httpx.InvalidURL as error:
                raise Failure(f"{url} is no address of a service: {error}.", status=UNAVAILABLE) from None
            except httpx.TransportError as error:
                # What was never sent may always be sent again.
                if not (repeatable or isinstance(error, httpx.ConnectError)):
                    raise Failure(
                        f"The connection to {url} was lost ({error}); look whether it was done before you repeat it.",
                        status=UNAVAILABLE,
                    ) from None
                failure = Failure(
                    f"{url} cannot be reached ({error}); start the suite with `urna up`, or give its address.",
                    status=UNAVAILABLE,
                )
            else:
                if answer.is_success or (may_be_expired and answer.status_code == httpx.codes.UNAUTHORIZED):
                    return answer
                failure = refusal(answer)
                if answer.status_code not in _TRY_AGAIN:
                    raise failure
                wait = _seconds(answer.headers.get("Retry-After"))
            wait = pause if wait is None else max(wait, pause)
            if time.monotonic() + wait > deadline:
                raise failure
            time.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)


def read_json(answer: httpx.Response) -> Any:
    """The JSON of a successful answer; fails when it is none, as from another program on the same port."""
    try:
        return answer.json()
    except ValueError:
        raise Failure(
            f"{answer.url} did not answer with JSON; is that the address of a service?", status=UNAVAILABLE
        ) from None


def refusal(answer: httpx.Response) -> Failure:
    """What a refusing answer says, as a failure."""
    status = answer.status_code
    try:
        body = answer.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    said = str(body.get("detail") or body.get("message") or body.get("msg") or f"It answered {status}.")
    if status in (401, 403):
        return Failure(said, status=NOT_ALLOWED, http_status=status)
    details = {"fields": body["errors"]} if body.get("errors") else {}
    return Failure(said, status=UNAVAILABLE if status in _TRY_AGAIN else REFUSED, http_status=status, **details)


def _seconds(retry_after: str | None) -> float | None:
    # The other form of Retry-After is a date, which our services and proxies do not send.
    return float(retry_after) if retry_after and retry_after.isdigit() else None


patience_option = click.option(
    "--patience",
    type=click.FloatRange(0, 86400),
    default=30.0,
    show_default=True,
    help="Seconds for which a service that is away is tried again.",
)


def client_options(
    *services: str, log_in: bool = True, by_session: bool = True
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Give a command the options for these services' addresses and, with ``log_in``, for the account.

    The command gets a ``Client`` as its argument ``client``, which acts for whoever is logged in where no account is
    named, unless not ``by_session``.
    """

    def decorate(command: Callable[..., R]) -> Callable[..., R]:
        def called(*args: Any, **kwargs: Any) -> R:
            chosen = {name: kwargs.pop(f"{name}_url", None) for name in SERVICES}
            addresses = Addresses(**{name: (chosen[name] or _default(name)).rstrip("/") for name in SERVICES})
            said = [kwargs.pop(name) for name in ("email", "password", "login_code")] if log_in else []
            credentials = Credentials(*said) if log_in else None
            kept = KeptSession() if log_in and by_session else None
            with Client(addresses, credentials, patience=kwargs.pop("patience"), kept=kept) as client:
                return command(*args, client=client, **kwargs)

        made = update_wrapper(called, command)
        made = patience_option(made)
        for name in reversed(services):
            made = click.option(
                f"--{name}-url", envvar=f"URNA_{name.upper()}_URL", default=_default(name), show_default=True
            )(made)
        if log_in:
            made = click.option(
                "--login-code", envvar="URNA_CODE", help="Of the second factor, if the account has one; or URNA_CODE."
            )(made)
            made = click.option(
                "--password", envvar="URNA_PASSWORD", help="Better in URNA_PASSWORD; asked for when neither is there."
            )(made)
            who = "Who logs in; or URNA_EMAIL" + (", or whoever has called `urna login`." if by_session else ".")
            made = click.option("--email", envvar="URNA_EMAIL", help=who)(made)
        return made

    return decorate


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _default(service: str) -> str:
    return f"http://127.0.0.1:{SERVICES[service]}"
