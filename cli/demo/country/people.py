"""The officials of the polling stations: two for each, who register, are approved and are told their stations."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Lock

from cli import officials
from cli.client import Addresses, Client, Credentials
from cli.demo.country.browser import Browser
from cli.demo.people import Official, jmbg_of_birth
from cli.suite.directory import make_password

MOST_STATIONS = 100
_NAMES = (("Ана", "Аврамов"), ("Борис", "Бабић"))
_PATIENCE = 60.0


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
        return Pair(*(_employ(stack, admin, addresses, 2 * place + which, own) for which in (0, 1)))

    made = groups(stations)
    return list(pool.map(make, range(len(made)), made))


def _employ(stack: ExitStack, admin: Client, addresses: Addresses, number: int, stations: Sequence[int]) -> Person:
    forename, surname = _NAMES[number % 2]
    official = Official(f"official{number + 1}@urna.example", make_password(), forename, surname, jmbg_of_birth(number))
    made = officials.register(admin, **vars(official))
    path = f"/api/users/{made['id']}"
    read = admin.authorized("GET", "authentication", path)
    body = {"approval": "approved", "stations": list(stations)}
    admin.authorized("PATCH", "authentication", path, body=body, headers={"If-Match": read.headers["ETag"]})
    client = stack.enter_context(Client(addresses, Credentials(official.email, official.password), patience=_PATIENCE))
    client.log_in()
    return Person(official, client, stations, addresses.authentication)
