"""The second factor on pages where a role demands it, and what an administrator does on the page of an account."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.web.cookies import COOKIE
from tests.services.accounts import ADMIN_EMAIL, ADMIN_PASSWORD, PASSWORD, Accounts, running
from tests.services.second_factors import Device, Owner
from tests.services.test_account_pages import FROM_HERE, sign_in, submit
from tests.services.tokens import Keys, ServiceSettings

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
EMAIL = "vera1@gmail.com"


@pytest.fixture
def demanding(sqlite_url: str, service_settings: ServiceSettings, keys: Keys) -> Iterator[Accounts]:
    with running(sqlite_url, service_settings, keys, second_factor_roles="official") as found:
        yield found


def hidden(page: TestResponse) -> dict[str, str]:
    """The hidden fields of a page."""
    return dict(re.findall(r'type="hidden" name="([a-z_]+)" value="([^"]*)"', page.text))


def send(client: FlaskClient, path: str, page: TestResponse, **typed: str) -> TestResponse:
    return client.post(path, data={**hidden(page), **typed}, headers=FROM_HERE)


def test_whose_role_demands_one_sets_it_up_while_signing_in_and_gets_to_where_he_wanted(demanding: Accounts) -> None:
    demanding.register()
    client = demanding.client
    credentials = {"login": EMAIL, "password": PASSWORD, "next": "/sessions"}
    with time_machine.travel(NOON, tick=False) as clock:
        begun = client.post("/sign-in", data=credentials, headers=FROM_HERE)
        assert (begun.status_code, "Set-Cookie" in begun.headers) == (200, False)
        assert PASSWORD not in begun.text
        shown = send(client, "/sign-in/second-factor", begun)
        (secret,) = re.findall(r'<code class="secret"[^>]*>([A-Z2-7 ]+)</code>', shown.text)
        device = Device(secret.replace(" ", ""))
        again = send(client, "/sign-in/second-factor/confirmation", shown, code="000000")
        assert again.status_code == 422
        assert secret in again.text
        assert COOKIE not in str(again.headers)
        done = send(client, "/sign-in/second-factor/confirmation", again, code=device.code(NOON))
        assert len(re.findall("<li><code>[0-9a-z-]{19}</code>", done.text)) == 10
        assert 'href="/sessions"' in done.text
        assert done.headers["Cache-Control"] == "no-store"
        assert client.get("/sessions").status_code == 200
        own = client.get("/second-factor").text
        assert "A role of your account needs a second factor, so it cannot be turned off." in own
        # What has taken too long begins again with the password.
        clock.shift(timedelta(minutes=20))
        late = send(demanding.client, "/sign-in/second-factor", begun)
        assert late.status_code == 401
        assert 'id="password"' in late.text
        assert "This log-in took too long" in late.text


def test_an_administrator_takes_it_away_on_the_page_of_the_account_and_not_the_own_one(accounts: Accounts) -> None:
    accounts.register()
    with time_machine.travel(NOON, tick=False) as clock:
        Owner(accounts, EMAIL).set_up(NOON)
        admin = Owner(accounts, ADMIN_EMAIL, ADMIN_PASSWORD)
        client = sign_in(accounts, ADMIN_EMAIL, ADMIN_PASSWORD)
        taken = submit(client, "/accounts/2/second-factor/removal", "/accounts/2")
        assert taken.headers["Location"] == "/accounts/2?notice=second-factor-taken"
        assert "This account has none." in client.get("/accounts/2").text
        assert submit(client, "/accounts/2/second-factor/removal", "/accounts/2").status_code == 409
        admin.set_up(NOON)
        clock.shift(timedelta(seconds=30))
        begun = client.post("/sign-in", data={"login": ADMIN_EMAIL, "password": ADMIN_PASSWORD}, headers=FROM_HERE)
        assert send(client, "/sign-in/code", begun, code="000000").status_code == 401
        assert (
            send(client, "/sign-in/code", begun, code=admin.device.code(NOON + timedelta(seconds=30))).location == "/"
        )
        refused = submit(client, "/accounts/1/second-factor/removal", "/accounts/1")
        assert refused.status_code == 409
        assert "You turn your own second factor off" in refused.text
        assert "take-second-factor" not in refused.text
        assert sign_in(accounts).get("/").status_code == 200
