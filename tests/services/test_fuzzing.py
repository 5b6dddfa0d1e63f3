"""Thousands of requests made up from the OpenAPI documents: no 5xx, and no answer that its document does not describe.

``URNA_FUZZ_EXAMPLES`` (``make fuzz N=…``) is the most that are made up for each route; ``URNA_FUZZ_SEED`` repeats it.
Besides these, each route gets the requests that its document makes interesting: every limit, every type, every field
left out.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from shared.terms import Role
from tests.servers import Redis, SQLite
from tests.services import access_worlds as worlds
from tests.services.access_worlds import World
from tests.services.accounts import Accounts
from tests.services.bearers import Bearer
from tests.services.fuzzing import fuzz
from tests.services.tokens import Keys, ServiceSettings, Token, bearer

EXAMPLES = int(os.environ.get("URNA_FUZZ_EXAMPLES", "4"))
SEED = int(os.environ.get("URNA_FUZZ_SEED", "20260301"))

# Who calls which service, and the least number of examples: fewer would mean that the tool has not understood it.
RUNS = [
    ("authentication_service", "administrator", 600),
    ("authentication_service", "refresh token", 500),
    ("authentication_service", None, 500),
    ("admin_service", Role.ADMINISTRATOR, 1400),
    ("admin_service", Role.AUDITOR, 700),
    ("admin_service", None, 700),
    ("voting_station_service", Role.OFFICIAL, 140),
    ("voting_station_service", None, 100),
    ("results_service", None, 200),
]


@pytest.fixture
def serving(
    service: str,
    caller: str | None,
    sqlite_files: SQLite,
    redis_server: Redis,
    redis_url: str,
    service_settings: ServiceSettings,
    keys: Keys,
    token: Token,
) -> Iterator[tuple[World, dict[str, str]]]:
    """The service with something in it, and the header of the caller."""
    header = token(caller) if caller in list(Role) else {}
    with ExitStack() as stack:
        if service == "authentication_service":
            of: list[dict[str, str]] = []

            def log_in(service: Accounts) -> list[Bearer]:
                tokens = service.tokens()
                of.append(bearer(tokens["refreshToken" if caller == "refresh token" else "accessToken"]))
                return []

            world, _ = stack.enter_context(
                worlds.authentication(sqlite_files.new_database(), service_settings, keys, log_in)
            )
            header = of[0] if caller else {}
        elif service == "admin_service":
            world = stack.enter_context(worlds.administering(sqlite_files.new_database(), service_settings, token))
        elif service == "results_service":
            url = sqlite_files.new_database()
            world = stack.enter_context(worlds.showing_results(url, redis_url, service_settings))
        else:
            official = Bearer("official", token(Role.OFFICIAL))
            world = stack.enter_context(worlds.receiving(redis_url, service_settings, token, official))
        yield world, header


@pytest.mark.parametrize(("service", "caller", "least"), RUNS)
def test_no_made_up_request_is_answered_with_what_the_document_does_not_describe(
    service: str,
    caller: str | None,
    least: int,
    serving: tuple[World, dict[str, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    world, header = serving
    found = fuzz(world.app, header, EXAMPLES, SEED, linked=service != "admin_service")
    total = sum(found.examples.values())
    with capsys.disabled():
        phases = ", ".join(f"{number} {phase}" for phase, number in found.examples.items())
        print(f"\n{service}, {caller or 'no token'}: {total} requests ({phases}), {len(found.faults)} kinds of faults")
    told = "\n".join(f"{' | '.join(where)}\n  {what}" for where, what in found.faults.items())
    assert not found.faults, f"{told}\nRepeat it with URNA_FUZZ_SEED={SEED} URNA_FUZZ_EXAMPLES={EXAMPLES}."
    assert total >= least
