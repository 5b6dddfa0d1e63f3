"""What depends on the database engine: who wins a race, how texts compare, and what readiness sees."""

import json
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from authentication_service.app import create_app
from authentication_service.prepare import prepare
from shared.database import Database
from shared.errors import Misconfigured
from shared.schema.accounts import RefreshSession, User
from shared.sealing import NationalIds
from tests.servers.nursling import Copied
from tests.services.accounts import (
    ADMIN_EMAIL,
    PASSWORD,
    REGISTER_KEY,
    Accounts,
    at_once,
    authentication_settings,
    jmbg,
    person,
)
from tests.services.tokens import Keys, ServiceSettings, bearer

ROOT = Path(__file__).parents[2]


def count(database: Database, statement: sa.Select[Any]) -> int:
    """How many rows there are."""
    with database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(statement.subquery())) or 0


@pytest.mark.parametrize("route", ["/register", "/api/register"])
def test_of_registrations_of_one_address_at_the_same_instant_one_wins(accounts_anywhere: Accounts, route: str) -> None:
    accounts = accounts_anywhere
    for turn in range(3):
        spellings = [f"vera{turn}@gmail.com", f"VERA{turn}@gmail.com", f"Vera{turn}@Gmail.com", f"vera{turn}@gmail.com"]
        bodies = [person(10 * turn + index, email=email) for index, email in enumerate(spellings)]
        responses = at_once(*(lambda body=body: accounts.post(route, body) for body in bodies))
        statuses = sorted(response.status_code for response in responses)
        assert statuses == ([200, 400, 400, 400] if route == "/register" else [201, 409, 409, 409])
        refused = {
            response.get_json().get("message") or response.get_json()["detail"]
            for response in responses
            if response.status_code >= 400
        }
        assert refused == {"Email already exists."}
        assert count(accounts.database, sa.select(User).where(User.email_key == f"vera{turn}@gmail.com")) == 1


def test_of_registrations_of_one_jmbg_at_the_same_instant_one_wins(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    bodies = [person(1, email=f"vera{index}@gmail.com") for index in range(4)]
    responses = at_once(*(lambda body=body: accounts.post("/register", body) for body in bodies))
    refused = [response.get_json() for response in responses if response.status_code != 200]
    assert refused == [{"message": "JMBG already exists."}] * 3
    assert (
        count(accounts.database, sa.select(User).where(User.jmbg_key == NationalIds(REGISTER_KEY).key_of(jmbg(1)))) == 1
    )


def test_crosswise_registrations_at_the_same_instant_leave_one_of_each(accounts_anywhere: Accounts) -> None:
    """Each of the two has what the other one has: whoever loses must be told so, and not that there was a deadlock."""
    accounts = accounts_anywhere
    for turn in range(3):
        one, other = 10 * turn + 1, 10 * turn + 2
        first = person(one, email=f"vera{one}@gmail.com", username=f"vera{other}")
        second = person(other, email=f"vera{other}@gmail.com", username=f"vera{other}")
        second["jmbg"] = first["jmbg"]
        responses = at_once(
            *(lambda body=body: accounts.post("/api/register", body) for body in (first, second, first, second))
        )
        assert sorted(response.status_code for response in responses) == [201, 409, 409, 409]


def test_two_administrators_cannot_delete_each_other_at_the_same_instant(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    first, second = accounts.logged_in(), accounts.administrator(1)
    responses = at_once(
        lambda: accounts.post("/delete", {"email": "vera1@gmail.com"}, first),
        lambda: accounts.post("/delete", {"email": ADMIN_EMAIL}, second),
    )
    # The slower one is not an administrator any more when its turn comes.
    assert sorted(response.status_code for response in responses) == [200, 401]


def test_two_administrators_cannot_demote_each_other_at_the_same_instant(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    first, second = accounts.logged_in(), accounts.administrator(1)
    ids = accounts.user_id(ADMIN_EMAIL), accounts.user_id("vera1@gmail.com")
    responses = at_once(
        lambda: accounts.client.patch(
            f"/api/users/{ids[1]}", json={"roles": ["voter"]}, headers={**first, "If-Match": "*"}
        ),
        lambda: accounts.client.patch(
            f"/api/users/{ids[0]}", json={"approval": "refused"}, headers={**second, "If-Match": "*"}
        ),
    )
    assert sorted(response.status_code for response in responses) == [200, 403]


def test_of_two_changes_of_one_account_at_the_same_instant_one_is_refused(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    accounts.register(1)
    admin = {**accounts.logged_in(), "If-Match": '"1"'}
    own = {**accounts.logged_in("vera1@gmail.com", PASSWORD), "If-Match": '"1"'}
    path = f"/api/users/{accounts.user_id('vera1@gmail.com')}"
    responses = at_once(
        lambda: accounts.client.patch(path, json={"roles": ["auditor"]}, headers=admin),
        lambda: accounts.client.patch(path, json={"roles": ["voter"]}, headers=admin),
        lambda: accounts.client.patch("/api/profile", json={"forename": "Ana"}, headers=own),
    )
    assert sorted(response.status_code for response in responses) == [200, 412, 412]


def test_log_ins_at_the_same_instant_all_succeed(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    assert len(at_once(*[accounts.tokens] * 8)) == 8
    assert count(accounts.database, sa.select(RefreshSession)) == 8


def test_texts_of_any_script_are_kept_and_found(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    accounts.register(1, forename="Ђорђе 🗳️", surname="李" * 256, password="Лозинка1🗳️")
    claims = accounts.claims(accounts.tokens("vera1@gmail.com", "Лозинка1🗳️")["accessToken"])
    assert (claims["forename"], claims["surname"]) == ("Ђорђе 🗳️", "李" * 256)
    response = accounts.client.get("/api/users?search=Ђорђе", headers=accounts.logged_in())
    assert [item["email"] for item in response.get_json()["items"]] == ["vera1@gmail.com"]


def test_addresses_that_only_look_alike_are_different_accounts(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    for number, local in enumerate(["a-b", "a_b", "a.b", "ab", "a'b", "a+b", "a%b"]):
        accounts.register(number, email=f"{local}@gmail.com")
    for address in ["jöhn@gmail.com", "admın@admin.com"]:
        assert accounts.post("/login", {"email": address, "password": "1"}).get_json() == {"message": "Invalid email."}
    for name in ["ádmin@admin.com", "admin@admin.com ", "%", "_"]:
        assert accounts.post("/api/login", {"login": name, "password": "1"}).status_code == 401


def test_the_whole_life_of_an_account(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    for _ in range(2):
        accounts.register(1)
        tokens = accounts.tokens("vera1@gmail.com", PASSWORD)
        profile = accounts.client.get("/api/profile", headers=bearer(tokens["accessToken"]))
        changed = accounts.client.patch(
            "/api/profile",
            json={"username": "vera", "password": "N3wPassword", "current_password": PASSWORD},
            headers={**bearer(tokens["accessToken"]), "If-Match": profile.headers["ETag"]},
        )
        assert changed.status_code == 200
        assert accounts.post("/refresh", headers=bearer(tokens["refreshToken"])).status_code == 401
        accounts.change("vera1@gmail.com", roles=["campaign_director"])
        session = accounts.post("/api/login", {"login": "vera", "password": "N3wPassword"}).get_json()
        refresh = bearer(session["refresh_token"])
        renewed = accounts.post("/api/refresh", headers=refresh).get_json()["access_token"]
        assert accounts.claims(renewed)["roles"] == ["campaign_director"]
        assert accounts.post("/delete", {"email": "vera1@gmail.com"}, accounts.logged_in()).status_code == 200
        assert accounts.post("/api/refresh", headers=refresh).status_code == 401
        assert accounts.post("/api/logout", headers=refresh).status_code == 204


def test_a_service_is_ready_when_its_schema_is_there(
    accounts_database_url: str, service_settings: ServiceSettings, keys: Keys
) -> None:
    settings = authentication_settings(accounts_database_url, service_settings, keys)
    app = create_app(settings)
    database = app.extensions["database"]
    client = app.test_client()
    try:
        assert client.get("/health/live").status_code == 200
        response = client.get("/health/ready")
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
        prepare(settings, wait_seconds=10)
        assert client.get("/health/ready").get_json() == {"status": "ready"}
        with database.writing() as session:
            session.execute(sa.text("DROP TABLE attempts"))
        assert client.get("/health/ready").status_code == 503
    finally:
        database.close()


def test_two_that_prepare_the_store_at_the_same_instant_make_one_administrator(
    accounts_database_url: str, service_settings: ServiceSettings, keys: Keys
) -> None:
    settings = authentication_settings(accounts_database_url, service_settings, keys)
    environment = {
        **os.environ,
        "ACCOUNTS_DATABASE_URL": accounts_database_url,
        "ADMIN_EMAIL": settings.admin_email,
        "ADMIN_PASSWORD": settings.admin_password.get_secret_value(),
        "JWT_PUBLIC_KEY": keys.public_pem,
        "JWT_PRIVATE_KEY": keys.private_pem,
        "REGISTER_KEY": REGISTER_KEY,
        "PASSWORD_MEMORY_KIB": "8",
    }
    with ExitStack() as stack:
        logs = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        processes = [Copied(["authentication_service.prepare"], environment, log.fileno()) for log in logs]
        statuses = [process.wait(60) for process in processes]
        said = [os.pread(log.fileno(), 100_000, 0).decode() for log in logs]
    outcomes = list(zip(said, statuses, strict=True))
    assert [status for _, status in outcomes] == [0, 0, 0], outcomes
    told = sorted(json.loads(errors.splitlines()[-1])["first_administrator"] for errors, _ in outcomes)
    assert told == ["created", "present", "present"]
    database = Database(accounts_database_url)
    try:
        assert count(database, sa.select(User)) == 1
    finally:
        database.close()


def test_the_administrator_is_made_only_where_none_can_log_in(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    other = accounts.settings.model_copy(update={"admin_email": "other@admin.com", "admin_jmbg": "1111111111111"})
    prepare(other, wait_seconds=10)
    assert accounts.post("/login", {"email": "other@admin.com", "password": "1"}).status_code == 400
    with accounts.database.writing() as session:
        session.execute(sa.update(User).values(approval="refused"))
    # Whose address and JMBG the settings name cannot be made again, and is not simply let in.
    with pytest.raises(Misconfigured, match="ADMIN_EMAIL"):
        prepare(accounts.settings, wait_seconds=10)
    prepare(other, wait_seconds=10)
    assert accounts.tokens("other@admin.com", "1")
