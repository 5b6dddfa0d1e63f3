"""The officials of the polling stations: two for each, who register, are approved and are told their stations."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Lock

from cli.client import Addresses, Client, Credentials
from cli.demo.country.browser import Browser
from cli.demo.people import Official, make_official, register
from cli.demo.run import PATIENCE

MOST_STATIONS = 100


@dataclass
class Person:
    """An official with a program and a browser; the browser is signed in when it is first needed."""

    official: Official
    client: Client
    stations: Sequence[int]
    accounts: str
    browsing: Lock = field(default_factory=Lock)
    _browser: Browser | None = None

    def browser(self, stack: ExitStack) -> Browser:
        """Their browser, for who holds ``browsing``."""
        if self._browser is None:
            browser = stack.enter_context(Browser())
            browser.sign_in(self.accounts, self.official.email, self.official.password)
            self._browser = browser
        return self._browser


@dataclass(frozen=True)
class Pair:
    """The two officials of some polling stations."""

    first: Person
    second: Person


def groups(stations: Sequence[int]) -> list[Sequence[int]]:
    """The polling stations in groups of neighbours, one for each pair of officials; two groups at least."""
    size = min(MOST_STATIONS, -(-len(stations) // 2))
    return [stations[start : start + size] for start in range(0, len(stations), size)]


def employ(
    stack: ExitStack, pool: ThreadPoolExecutor, admin: Client, addresses: Addresses, stations: Sequence[int]
) -> list[Pair]:
    """Register two officials for each group of stations; an administrator approves and assigns them."""

    def make(place: int, own: Sequence[int]) -> Pair:
        return Pair(*(_employ(stack, admin, addresses, 2 * place + which, own) for which in (1, 2)))

    made = groups(stations)
    return list(pool.map(make, range(len(made)), made))


def _employ(stack: ExitStack, admin: Client, addresses: Addresses, number: int, stations: Sequence[int]) -> Person:
    official = make_official(number)
    path = f"/api/users/{register(admin, official)['id']}"
    read = admin.authorized("GET", "authentication", path)
    body = {"approval": "approved", "stations": list(stations)}
    admin.authorized("PATCH", "authentication", path, body=body, headers={"If-Match": read.headers["ETag"]})
    client = stack.enter_context(Client(addresses, Credentials(official.email, official.password), patience=PATIENCE))
    client.log_in()
    return Person(official, client, stations, addresses.authentication)
