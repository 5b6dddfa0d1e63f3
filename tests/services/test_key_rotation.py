"""The key that signs tokens is changed while people work: nobody is logged out, and the old key ends when it shall."""

from contextlib import AbstractContextManager

import jwt
import pytest

from authentication_service.app import create_app
from shared.errors import Misconfigured
from shared.terms import Role
from shared.token_keys import TokenKeys
from tests.services import accounts, station
from tests.services.accounts import Accounts, authentication_settings
from tests.services.bearers import BAD_SIGNATURE, naming
from tests.services.station import file_of
from tests.services.tokens import Keys, ServiceSettings, Token, access_claims, bearer, new_keys, signed


@pytest.fixture(scope="module")
def new() -> Keys:
    """The pair that takes the place of the session's ``keys``."""
    return new_keys()


def serving(url: str, service_settings: ServiceSettings, signs: Keys, *known: Keys) -> AbstractContextManager[Accounts]:
    """The authentication service that signs with one pair and takes tokens of all that are ``known``."""
    public = "".join(pair.public_pem for pair in known)
    return accounts.running(url, service_settings, signs, jwt_public_key=public)


def kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def name_of(keys: Keys) -> str:
    return next(iter(TokenKeys.of(keys.public_pem).by_name))


def logged_in_pair(service: Accounts) -> dict[str, str]:
    """Access and refresh token of an official, which is registered where it is not yet known."""
    email = accounts.person(1)["email"]
    if service.post("/api/login", {"login": email, "password": accounts.PASSWORD}).status_code != 200:
        service.register(1)
    answer = service.post("/api/login", {"login": email, "password": accounts.PASSWORD})
    assert answer.status_code == 200
    found: dict[str, str] = answer.get_json()
    return found


def refreshed(service: Accounts, token: str) -> dict[str, str]:
    answer = service.post("/api/refresh", headers=bearer(token))
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: dict[str, str] = answer.get_json()
    return found


def refuses(service: Accounts, token: str) -> bool:
    answer = service.client.get("/api/profile", headers=bearer(token))
    return answer.status_code == 401 and answer.get_json()["detail"] == BAD_SIGNATURE


def opens(service: Accounts, token: str) -> bool:
    return service.client.get("/api/profile", headers=bearer(token)).status_code == 200


def test_every_token_names_the_key_that_signed_it(accounts: Accounts, keys: Keys) -> None:
    tokens = [*accounts.tokens().values()]
    tokens += [value for name, value in logged_in_pair(accounts).items() if name.endswith("_token")]
    assert len(tokens) == 4
    assert {kid(token) for token in tokens} == {name_of(keys)}


def test_nobody_is_logged_out_while_the_key_is_changed_and_the_old_one_ends_when_it_is_taken_away(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys, new: Keys
) -> None:
    with serving(sqlite_url, service_settings, keys, keys) as service:
        before = logged_in_pair(service)
        unnamed = signed(jwt.decode(before["access_token"], options={"verify_signature": False}), keys.private_pem)
    # The new public key is made known, and the old private one still signs.
    with serving(sqlite_url, service_settings, keys, new, keys) as service:
        meanwhile = logged_in_pair(service)
        assert kid(meanwhile["access_token"]) == name_of(keys)
        for token in (before["access_token"], unnamed, meanwhile["access_token"]):
            assert opens(service, token)
        before = refreshed(service, before["refresh_token"])
    # The new one signs; tokens of the old one are as good as before, and renewed they are of the new one.
    with serving(sqlite_url, service_settings, new, new, keys) as service:
        after = logged_in_pair(service)
        assert kid(after["access_token"]) == kid(after["refresh_token"]) == name_of(new)
        for token in (before["access_token"], unnamed, meanwhile["access_token"], after["access_token"]):
            assert opens(service, token)
        before = refreshed(service, before["refresh_token"])
        assert kid(before["access_token"]) == kid(before["refresh_token"]) == name_of(new)
    # The old one is taken away.
    with serving(sqlite_url, service_settings, new, new) as service:
        for token in (before["access_token"], after["access_token"]):
            assert opens(service, token)
        for token in (unnamed, meanwhile["access_token"]):
            assert refuses(service, token)
        assert service.post("/api/refresh", headers=bearer(meanwhile["refresh_token"])).status_code == 401
        assert refreshed(service, before["refresh_token"])


def test_a_page_stays_signed_in_while_the_key_is_changed(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys, new: Keys
) -> None:
    def sees(service: Accounts, cookie: str) -> bool:
        return service.app.test_client(use_cookies=False).get("/", headers={"Cookie": cookie}).status_code == 200

    with serving(sqlite_url, service_settings, keys, keys) as service:
        form = {"login": accounts.ADMIN_EMAIL, "password": accounts.ADMIN_PASSWORD}
        answer = service.client.post("/sign-in", data=form, headers={"Origin": "http://localhost"})
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        assert kid(cookie.partition("=")[2]) == name_of(keys)
        assert sees(service, cookie)
    with serving(sqlite_url, service_settings, new, new, keys) as service:
        assert sees(service, cookie)
    with serving(sqlite_url, service_settings, new, new) as service:
        assert not sees(service, cookie)


def test_a_station_takes_ballots_with_tokens_of_both_keys_while_it_knows_both(
    redis_url: str, service_settings: ServiceSettings, token: Token, keys: Keys, new: Keys
) -> None:
    claims = access_claims(Role.OFFICIAL, email="vera@example.org", jmbg="0", forename="V", surname="V")

    def named(pair: Keys) -> dict[str, str]:
        return bearer(jwt.encode(claims, pair.private_pem, algorithm="EdDSA", headers={"kid": name_of(pair)}))

    known = {"before": keys.public_pem, "both": new.public_pem + keys.public_pem, "after": new.public_pem}
    answers = {}
    for step, public in known.items():
        with station.running(redis_url, service_settings, token, jwt_public_key=public) as made:
            answers[step] = [
                made.send(file_of(2, number), header=header).status_code
                for number, header in enumerate([named(keys), named(new), bearer(signed(claims, keys.private_pem))])
            ]
    # Why the new public key is made known first: who does not know it yet takes no token of it.
    assert answers == {"before": [202, 401, 202], "both": [202, 202, 202], "after": [401, 202, 401]}


def test_a_retiring_key_opens_nothing_under_the_name_of_the_new_one(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys, new: Keys
) -> None:
    third = new_keys()
    with serving(sqlite_url, service_settings, new, new, keys) as service:
        for pair in (keys, new):
            assert opens_users(service, naming(pair, name_of(pair))) == 200
        for pair, other in ((keys, new), (new, keys), (third, new), (third, keys), (third, third), (keys, third)):
            assert opens_users(service, naming(pair, name_of(other))) == 401
        # Without a name the oldest is meant, and no other is tried.
        unnamed = jwt.decode(naming(keys, name_of(keys)), options={"verify_signature": False})
        assert opens_users(service, signed(unnamed, keys.private_pem)) == 200
        assert opens_users(service, signed(unnamed, new.private_pem)) == 401


def opens_users(service: Accounts, token: str) -> int:
    return service.client.get("/api/users", headers=bearer(token)).status_code


def test_the_service_does_not_start_with_a_private_key_whose_tokens_nobody_could_check(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys, new: Keys
) -> None:
    settings = authentication_settings(sqlite_url, service_settings, keys, jwt_public_key=new.public_pem)
    with pytest.raises(Misconfigured, match="lacks the public key of JWT_PRIVATE_KEY"):
        create_app(settings)
    both = {"jwt_public_key": new.public_pem + keys.public_pem}
    create_app(authentication_settings(sqlite_url, service_settings, keys, **both)).extensions["database"].close()
