"""The matrix: every route of every service, with everything that a caller may bear, has exactly one answer.

Who may what stands in access_table.py, what a caller bears in bearers.py. A route without a row there fails here, and a
row without a route.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

import jwt
import pytest
from werkzeug.test import TestResponse

from shared.terms import Role
from tests.servers import Redis, SQLite
from tests.services import access_worlds as worlds
from tests.services.access_party import OWN
from tests.services.access_rows import SUPERVISION, Row
from tests.services.access_table import TABLE
from tests.services.access_worlds import World
from tests.services.accounts import ADMIN_EMAIL
from tests.services.bearers import (
    COOKIE_OF_A_PAGE,
    MISSING,
    NO_ACCESS_TOKEN,
    NO_REFRESH_TOKEN,
    Bearer,
    accounts_bearers,
    claims,
    strangers,
)
from tests.services.tokens import Keys, ServiceSettings, Token, signed

GONE = "The account of this token does not exist any more"
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"}
ROWS = [(service, row) for service, rows in TABLE.items() for row in rows]
# A refresh changes nothing but the token; a log-out ends the session. Who has no polling station enters no sheet.
# With whom HEAD is tried, too.
HEADS = ("no header", "a word", Role.OFFICIAL, Role.ADMINISTRATOR, "every role")
# One caller of each sort, who shows for all that a route which asks for no token looks at none.
OF_EACH_SORT = {
    *HEADS,
    *("a cookie", COOKIE_OF_A_PAGE, "a good token in the query", "a good token in the body", "two tokens"),
    *("expired", "another key", "alg: none", Role.VOTER, "voter: refresh token", "administrator, deleted since"),
}
CHANGING = [
    (service, row)
    for service, row in ROWS
    if row.method != "GET"
    and not row.by_cookie
    and not row.placed
    and not row.is_trial
    and not row.rule.endswith("/refresh")
]

# What every answer of whichever status has.
USUAL_HEADERS = {
    *("Content-Type", "Content-Length", "X-Request-ID", "X-Content-Type-Options", "X-Frame-Options"),
    *("Referrer-Policy", "Content-Security-Policy", "Permissions-Policy", "Cache-Control"),
    *("Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"),
}

# An answer: its status, and the words of a refusal; None where it is none, whose body is the service's own business.
Answer = tuple[int, str | None]


@pytest.fixture(scope="session")
def _accounts(
    sqlite_files: SQLite, service_settings: ServiceSettings, keys: Keys
) -> Iterator[tuple[World, list[Bearer]]]:
    with worlds.authentication(sqlite_files.new_database(), service_settings, keys, accounts_bearers) as made:
        yield made


@pytest.fixture(scope="session")
def callers(_accounts: tuple[World, list[Bearer]], keys: Keys) -> list[Bearer]:
    """Everything that a caller may bear."""
    return [*strangers(keys, signed(claims(), keys.private_pem)), *_accounts[1]]


@pytest.fixture(scope="session")
def _lasting(
    _accounts: tuple[World, list[Bearer]],
    sqlite_files: SQLite,
    redis_server: Redis,
    service_settings: ServiceSettings,
    token: Token,
) -> Iterator[dict[str, World]]:
    with ExitStack() as stack:
        new = sqlite_files.new_database
        yield {
            "authentication_service": _accounts[0],
            "admin_service": stack.enter_context(worlds.administering(new(), service_settings, token)),
            "results_service": stack.enter_context(worlds.showing_results(new(), redis_server.url, service_settings)),
        }


@pytest.fixture
def world(
    service: str,
    _lasting: dict[str, World],
    callers: list[Bearer],
    redis_url: str,
    service_settings: ServiceSettings,
    token: Token,
) -> Iterator[World]:
    """The service of the row, as it was at the start, and the same again afterwards."""
    if service in _lasting:
        yield _lasting[service]
        _lasting[service].stored.restore()
    else:
        with worlds.receiving(redis_url, service_settings, token, named(callers, Role.OFFICIAL)) as made:
            yield made


def named(callers: list[Bearer], name: str) -> Bearer:
    (found,) = [caller for caller in callers if caller.name == name]
    return found


def expected(service: str, row: Row, caller: Bearer) -> Answer:
    """The one answer to this caller on this route."""
    if row.who.token is None:
        return row.done, None
    if caller.refused is not None:
        is_other = row.who.token == "refresh" and caller.refused_refresh is not None
        return 401, caller.refused_refresh if is_other else caller.refused
    if caller.refresh != (row.who.token == "refresh"):
        return 401, NO_ACCESS_TOKEN if caller.refresh else NO_REFRESH_TOKEN
    if row.who.roles and not row.who.roles & caller.roles:
        return _without_role(row, f"This needs one of these roles: {', '.join(sorted(row.who.roles))}.")
    if service == "authentication_service" and caller.account not in ("", "demoted"):
        return _without_account(row, caller.account)
    if row.rule == "/api/sessions/{session_id}" and not _is_the_first_administrator(caller):
        return 404, "There is no session of yours with this id."
    if service == "authentication_service" and caller.account:
        return _without_account(row, caller.account)
    # The other services do not know the accounts: an access token is good there until it expires, for an hour at
    # most, whatever has become of its account. docs/architecture.md says so.
    supervises = caller.roles & {Role.ADMINISTRATOR, Role.AUDITOR}
    if row.owned and caller.name != Role.OFFICIAL and not supervises:
        return 404, "There is no such batch of yours; receipts are kept for a limited time."
    if row.of_candidate and caller.name not in (Role.CANDIDATE, "every role"):
        return 404, f"There is no candidate {OWN} of yours."
    if row.placed and (row.method != "GET" or not supervises):
        return 403, "You belong to no polling station, and enter no tally sheet; an administrator sees to it."
    return row.done, None


def _is_the_first_administrator(caller: Bearer) -> bool:
    """Whose session the table's request ends."""
    token = caller.headers["Authorization"].removeprefix("Bearer ")
    return bool(jwt.decode(token, options={"verify_signature": False})["sub"] == ADMIN_EMAIL)


def _without_account(row: Row, fate: str) -> Answer:
    """What the authentication service says when something has become of the account since the token was made."""
    if row.rule == "/api/logout":
        return row.done, None
    if row.who.token == "refresh":
        words = {"deleted": f"{GONE}.", "replaced": f"{GONE}.", "refused": "Token has been revoked"}
        return (401, words[fate]) if fate in words else (row.done, None)
    if fate in ("deleted", "replaced"):
        return 401, MISSING if row.is_classic else f"{GONE}; log in again."
    if fate == "refused":
        return _without_role(row, "This account may not act at the moment.")
    assert fate == "demoted"
    if row.who == SUPERVISION:
        return _without_role(row, "This account is neither an administrator's nor an auditor's any more.")
    if row.who.roles:
        return _without_role(row, "This account is not an administrator any more.")
    return row.done, None


def _without_role(row: Row, words: str) -> Answer:
    return (401, MISSING) if row.is_classic else (403, words)


def given(row: Row, answer: TestResponse, method: str) -> Answer:
    """The status of an answer and, of a refusal, its words; a refusal that says anything else is given whole."""
    if answer.status_code == row.done:
        return answer.status_code, None
    headers = set(answer.headers.keys()) - USUAL_HEADERS
    if answer.status_code == 401:
        headers ^= {"WWW-Authenticate"}
    whole: Answer = (answer.status_code, f"{sorted(headers)} {answer.content_type}: {answer.get_data(as_text=True)}")
    if headers:
        return whole
    if method == "HEAD":
        return whole if answer.data else (answer.status_code, None)
    body: Any = answer.get_json(silent=True)
    if row.is_classic:
        fits = answer.content_type == "application/json" and isinstance(body, dict) and set(body) == {"msg"}
        return (answer.status_code, body["msg"]) if fits else whole
    status = answer.status_code
    told = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    fits = answer.content_type == "application/problem+json" and isinstance(body, dict)
    if fits and body == {**told, "detail": body.get("detail")}:
        return status, body["detail"]
    return whole


@pytest.mark.parametrize(("service", "row"), ROWS, ids=str)
def test_every_caller_gets_the_one_answer_and_only_who_may_changes_anything(
    service: str, row: Row, world: World, callers: list[Bearer]
) -> None:
    found: dict[str, tuple[Answer, list[str]]] = {}
    due: dict[str, tuple[Answer, list[str]]] = {}
    asking = callers if row.who.token else [caller for caller in callers if caller.name in OF_EACH_SORT]
    for caller in asking:
        if row.by_cookie and caller.name == COOKIE_OF_A_PAGE:
            continue
        status, words = expected(service, row, caller)
        # HEAD goes the way of GET; whoever may do something or is refused in one of the ways shows it for all.
        heads = row.method == "GET" and caller.name in HEADS
        for method in (row.method, "HEAD") if heads else (row.method,):
            name = f"{method} with {caller.name}"
            answer = world.send(row, caller, method)
            changed = [] if status == row.done else world.stored.changed()
            due[name] = ((status, None if method == "HEAD" else words), [])
            found[name] = (given(row, answer, method), changed)
            answer.close()
            world.stored.restore()
    wrong = [f"{name}: {found[name]} instead of {due[name]}" for name in found if found[name] != due[name]]
    assert not wrong, "\n".join(wrong)
    assert len(found) >= (100 if row.who.token else len(OF_EACH_SORT) - 1)


@pytest.mark.parametrize(("service", "row"), CHANGING, ids=str)
def test_the_request_of_the_matrix_does_change_something(
    service: str, row: Row, world: World, callers: list[Bearer]
) -> None:
    """Or the matrix would find no change for the wrong reason."""
    caller = named(callers, {"refresh": "voter: refresh token"}.get(row.who.token or "", "every role"))
    assert world.send(row, caller).status_code == row.done
    assert world.stored.changed()


@pytest.mark.parametrize("service", TABLE)
def test_every_route_has_its_row_and_every_row_its_route(service: str, world: World) -> None:
    def path(rule: str) -> str:
        return "/".join(
            "{" + part.strip("<>").rpartition(":")[2] + "}" if part.startswith("<") else part
            for part in rule.split("/")
        )

    routes = [
        f"{method} {path(rule.rule)}"
        for rule in world.app.url_map.iter_rules()
        # A WebSocket is another way to the route of the same path.
        if not rule.websocket
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]
    assert sorted(routes) == sorted(row.route for row in TABLE[service])


@pytest.mark.parametrize("service", TABLE)
def test_any_other_method_is_refused_before_anybody_is_asked_who_he_is(
    service: str, world: World, callers: list[Bearer]
) -> None:
    by_rule: dict[str, list[Row]] = {}
    for row in TABLE[service]:
        by_rule.setdefault(row.rule, []).append(row)
    for rows in by_rule.values():
        row = rows[0]
        allowed = (
            {row.method for row in rows} | {"OPTIONS"} | ({"HEAD"} if any(r.method == "GET" for r in rows) else set())
        )
        for name in ("no header", "every role"):
            caller = named(callers, name)
            answer = world.send(row, caller, "OPTIONS")
            assert (answer.status_code, answer.data) == (200, b"")
            assert set(answer.headers["Allow"].split(", ")) == allowed
            for method in METHODS - allowed:
                answer = world.send(row, caller, method)
                assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (405, allowed), row.route
                assert_shape(row, answer, "The method is not allowed for the requested URL.")
    assert not world.stored.changed()


@pytest.mark.parametrize("service", TABLE)
@pytest.mark.parametrize(
    "path", ["/none", "/api/none", "/api", "/api/", "/health", "/static/none", "/api/static/../app.py", "/.env"]
)
def test_nothing_is_at_any_other_address_whoever_asks(
    service: str, world: World, callers: list[Bearer], path: str
) -> None:
    answers = []
    for name in ("no header", "a word", "administrator", "every role"):
        answer = world.client.get(path, headers=named(callers, name).headers)
        answers.append((answer.status_code, answer.content_type, answer.data))
    assert {answer[0] for answer in answers} == {404}
    assert len(set(answers)) == 1


def assert_shape(row: Row, answer: TestResponse, words: str) -> None:
    body: Any = answer.get_json()
    if row.is_classic:
        assert (answer.content_type, body) == ("application/json", {"message": words})
    else:
        assert (answer.content_type, body["detail"]) == ("application/problem+json", words)
