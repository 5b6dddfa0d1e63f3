"""A row of the table of rights: a route, who may use it, and a request that does on it what the route is for."""

from dataclasses import dataclass, field
from typing import Any

from shared.terms import Role
from tests.services.access_pages import example


@dataclass(frozen=True)
class Who:
    """Which type of token a route takes, None for none, and the roles of which one is needed, if any is."""

    token: str | None
    roles: frozenset[str] = frozenset()


def holders(*roles: Role) -> Who:
    """Accounts with one of these roles."""
    return Who("access", frozenset(role.value for role in roles))


EVERYBODY = Who(None)
ANY_ACCOUNT = Who("access")
REFRESH_TOKEN = Who("refresh")
ADMINISTRATOR = holders(Role.ADMINISTRATOR)
OFFICIAL = holders(Role.OFFICIAL)
VOTER = holders(Role.VOTER)
SUPERVISION = holders(Role.ADMINISTRATOR, Role.AUDITOR)
STAFF = holders(Role.ADMINISTRATOR, Role.AUDITOR, Role.OFFICIAL)


@dataclass(frozen=True)
class Row:
    """A route and what it is expected to do; ``done`` is the status of a request by somebody who may make it."""

    route: str
    who: Who
    done: int
    path: str = ""
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    # Multipart with a file of ballots.
    upload: bool = False
    # A body that is a picture.
    picture: bool = False
    # A body of this CSV.
    csv: str = ""
    # Who does not supervise is shown only what is his own, the official's of the matrix.
    owned: bool = False
    # Of a polling station: who supervises may look, and an official has to belong to it (test_station_sheets.py).
    placed: bool = False
    # Of a candidate, by the account that is linked to him.
    of_candidate: bool = False
    # It only says what would come of the request, and stores nothing.
    is_trial: bool = False
    # A page or a form for who is signed in by a cookie (test_account_pages.py): no header is of any use there.
    by_cookie: bool = False

    def __str__(self) -> str:
        return self.route

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]

    @property
    def rule(self) -> str:
        return self.route.partition(" ")[2]

    @property
    def example(self) -> str:
        """A path for which the request makes sense."""
        return self.path or self.rule

    @property
    def is_classic(self) -> bool:
        return not self.rule.startswith(("/api/", "/health/"))


def page(route: str) -> Row:
    """A page that asks whoever has no cookie to sign in, or a form that is taken from its own page only."""
    return Row(route, EVERYBODY, 303 if route.startswith("GET ") else 403, example(route), by_cookie=True)
