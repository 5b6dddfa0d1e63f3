"""What the tokens say, how long they are good, and which tokens are none."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from shared.schema.accounts import User
from shared.terms import Role
from tests.services.accounts import ADMIN_EMAIL, PASSWORD, Accounts, jmbg, running
from tests.services.tokens import Keys, ServiceSettings, access_claims, bearer, new_keys, signed

NOON = datetime(2026, 11, 20, 12, 0, 0, 999_999, tzinfo=UTC)
SECRET = "a secret of at least thirty-two characters"


@pytest.mark.parametrize(
    ("name", "kind", "seconds"), [("accessToken", "access", 3600), ("refreshToken", "refresh", 2_592_000)]
)
def test_a_token_has_exactly_the_claims_of_the_contract(accounts: Accounts, name: str, kind: str, seconds: int) -> None:
    accounts.register(1, forename="Đorđe", email="Dj@Gmail.com")
    claims = accounts.claims(accounts.tokens("dj@gmail.com", PASSWORD)[name])
    assert claims["exp"] - claims["nbf"] == seconds
    assert abs(claims["nbf"] - datetime.now(UTC).timestamp()) < 10
    assert len(claims.pop("jti")) == 36
    assert len(claims.pop("sid")) == 36
    for number in ("exp", "nbf", "iat"):
        assert isinstance(claims.pop(number), int)
    assert claims == {
        "type": kind,
        "fresh": False,
        "sub": "Dj@Gmail.com",
        "email": "Dj@Gmail.com",
        "jmbg": jmbg(1),
        "forename": "Đorđe",
        "surname": "Verić",
        "roles": ["official"],
    }


def test_the_first_administrator_is_the_classic_one(accounts: Accounts) -> None:
    claims = accounts.claims(accounts.tokens()["accessToken"])
    told = {name: claims[name] for name in ("sub", "jmbg", "forename", "surname", "roles")}
    assert told == {
        "sub": ADMIN_EMAIL,
        "jmbg": "0000000000000",
        "forename": "admin",
        "surname": "admin",
        "roles": ["administrator"],
    }


@pytest.mark.parametrize("microsecond", [0, 1, 500_000, 999_999])
def test_the_life_of_a_token_is_whole_at_any_part_of_a_second(accounts: Accounts, microsecond: int) -> None:
    with time_machine.travel(NOON.replace(microsecond=microsecond), tick=False):
        tokens = accounts.tokens()
    for name, seconds in (("accessToken", 3600), ("refreshToken", 2_592_000)):
        claims = accounts.claims(tokens[name])
        assert claims["exp"] - claims["nbf"] == seconds
        assert claims["nbf"] == int(NOON.timestamp())


def test_an_access_token_is_good_for_an_hour_and_not_longer(accounts: Accounts) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        headers = accounts.logged_in()
        clock.shift(3599)
        assert accounts.client.get("/api/profile", headers=headers).status_code == 200
        clock.shift(1)
        response = accounts.client.get("/api/profile", headers=headers)
        assert (response.status_code, response.content_type) == (401, "application/problem+json")
        response = accounts.post("/delete", {}, headers)
        assert (response.status_code, response.get_json()) == (401, {"msg": "Token has expired"})


def test_a_refresh_token_is_good_for_thirty_days_and_not_longer(accounts: Accounts) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        headers = bearer(accounts.tokens()["refreshToken"])
        clock.shift(2_592_000 - 1)
        assert accounts.post("/refresh", headers=headers).status_code == 200
        clock.shift(1)
        assert accounts.post("/refresh", headers=headers).status_code == 401
        # A later log-in forgets the session; its token stays of no use.
        accounts.tokens()
        clock.shift(-10)
        assert accounts.post("/refresh", headers=headers).status_code == 401


def administrators_claims() -> dict[str, Any]:
    """The claims of an access token that would open everything."""
    return access_claims(Role.ADMINISTRATOR, email=ADMIN_EMAIL, jmbg="0000000000000", forename="admin", surname="admin")


def test_a_token_signed_with_the_services_key_opens_the_list_of_accounts(accounts: Accounts, keys: Keys) -> None:
    """So that the forgeries below fail for the right reason."""
    headers = bearer(signed(administrators_claims(), keys.private_pem))
    assert accounts.client.get("/api/users", headers=headers).status_code == 200


def forgeries(keys: Keys) -> dict[str, str]:
    """Tokens with an administrator's claims that the service has not signed."""
    claims = administrators_claims()
    genuine = signed(claims, keys.private_pem)
    head, body, signature = genuine.split(".")
    raw_public_key = load_pem_public_key(keys.public_pem.encode()).public_bytes_raw()  # type: ignore[union-attr]  # It is Ed25519.
    return {
        "no algorithm": signed(claims, "", "none"),
        "no signature": f"{head}.{body}.",
        "another signature": f"{head}.{body}.{signature[::-1]}",
        "another key": signed(claims, new_keys().private_pem),
        "the raw public key as a secret": signed(claims, raw_public_key.hex(), "HS256"),
        "the public key as a secret": _signed_with_the_public_key(claims, keys),
        "another secret": signed(claims, SECRET, "HS256"),
        "no subject": signed({name: claims[name] for name in claims if name != "sub"}, keys.private_pem),
        "an empty type": signed({**claims, "type": ""}, keys.private_pem),
        "not yet good": signed({**claims, "nbf": datetime.now(UTC) + timedelta(minutes=5)}, keys.private_pem),
        "expired": signed({**claims, "exp": datetime.now(UTC) - timedelta(seconds=1)}, keys.private_pem),
    }


def _signed_with_the_public_key(claims: dict[str, Any], keys: Keys) -> str:
    """PyJWT refuses to sign with a public key's text; an attacker's program would not."""

    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    seconds = {name: int(value.timestamp()) if isinstance(value, datetime) else value for name, value in claims.items()}
    text = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + "." + part(json.dumps(seconds).encode())
    return text + "." + part(hmac.digest(keys.public_pem.encode(), text.encode(), hashlib.sha256))


@pytest.mark.parametrize("forgery", list(forgeries(new_keys())))
def test_a_forged_token_opens_nothing(accounts: Accounts, keys: Keys, forgery: str) -> None:
    headers = bearer(forgeries(keys)[forgery])
    response = accounts.client.get("/api/users", headers=headers)
    assert (response.status_code, response.content_type) == (401, "application/problem+json")
    response = accounts.post("/delete", {"email": ADMIN_EMAIL}, headers)
    assert (response.status_code, list(response.get_json())) == (401, ["msg"])


@pytest.mark.parametrize("subject", [1, None, ["admin@admin.com"], {}])
def test_a_token_whose_subject_is_no_text_is_refused(accounts: Accounts, keys: Keys, subject: Any) -> None:
    headers = bearer(signed({**administrators_claims(), "sub": subject}, keys.private_pem, "EdDSA"))
    assert accounts.client.get("/api/users", headers=headers).status_code == 401


@pytest.mark.parametrize("roles", [None, "administrator", {"administrator": True}, [["administrator"]], 1])
def test_a_token_whose_roles_are_no_list_of_names_has_none(accounts: Accounts, keys: Keys, roles: Any) -> None:
    headers = bearer(signed({**administrators_claims(), "roles": roles}, keys.private_pem))
    assert accounts.client.get("/api/users", headers=headers).status_code == 403


def test_a_refresh_token_without_a_session_refreshes_nothing(accounts: Accounts, keys: Keys) -> None:
    for identifier in ({}, {"jti": None}, {"jti": 1}, {"jti": "x" * 1000}, {"jti": "\0"}):
        claims = {**administrators_claims(), "type": "refresh", **identifier}
        headers = bearer(signed(claims, keys.private_pem))
        assert accounts.post("/refresh", headers=headers).status_code == 401
        assert accounts.post("/api/refresh", headers=headers).status_code == 401


class TestHS256:
    """Tokens for old clients, which share a secret."""

    @pytest.fixture(autouse=True)
    def _running(self, sqlite_url: str, service_settings: ServiceSettings, keys: Keys) -> Iterator[None]:
        values = {"jwt_algorithm": "HS256", "jwt_secret_key": SECRET, "jwt_public_key": None, "jwt_private_key": None}
        with running(sqlite_url, service_settings, keys, **values) as self.accounts:
            yield

    def test_tokens_are_signed_with_the_secret(self) -> None:
        for token in self.accounts.tokens().values():
            assert jwt.get_unverified_header(token)["alg"] == "HS256"
            assert jwt.decode(token, SECRET, algorithms=["HS256"])["roles"] == ["administrator"]

    def test_they_open_what_they_should_and_refresh(self) -> None:
        tokens = self.accounts.tokens()
        assert self.accounts.client.get("/api/users", headers=bearer(tokens["accessToken"])).status_code == 200
        assert self.accounts.post("/refresh", headers=bearer(tokens["refreshToken"])).status_code == 200

    def test_tokens_of_another_algorithm_open_nothing(self, keys: Keys) -> None:
        for forged in (signed(administrators_claims(), keys.private_pem), forgeries(keys)["no algorithm"]):
            assert self.accounts.client.get("/api/users", headers=bearer(forged)).status_code == 401


def test_a_hash_of_older_parameters_is_replaced_at_the_next_log_in(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys
) -> None:
    with running(sqlite_url, service_settings, keys) as accounts:
        cheap = _stored_hash(accounts)
    with running(sqlite_url, service_settings, keys, password_memory_kib=16) as accounts:
        assert _stored_hash(accounts) == cheap
        headers = accounts.logged_in()
        dear = _stored_hash(accounts)
        assert "$argon2id$v=19$m=8,t=2,p=1$" in cheap
        assert "$argon2id$v=19$m=16,t=2,p=1$" in dear
        accounts.tokens()
        assert _stored_hash(accounts) == dear
        # It is the same account with the same password: nobody's If-Match fails because of it.
        assert accounts.client.get("/api/profile", headers=headers).headers["ETag"] == '"1"'


def _stored_hash(accounts: Accounts) -> str:
    with accounts.database.reading() as session:
        user = session.get(User, 1)
        assert user is not None
        return user.password_hash
