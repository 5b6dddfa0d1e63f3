"""An access token that was found good is known until it expires; nothing else opens more than it did before."""

from datetime import UTC, datetime, timedelta

import time_machine

from shared import auth
from shared.terms import Role
from tests.services.bearers import claims, strangers
from tests.services.station import Station, running
from tests.services.tokens import Keys, ServiceSettings, Token, access_claims, bearer, new_keys, signed

ROUTE = "/api/elections"


def status(station: Station, header: dict[str, str]) -> int:
    return station.client.get(ROUTE, headers=header).status_code


def test_a_known_token_is_good_until_it_expires_and_not_longer(station: Station) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        header = station.token(Role.OFFICIAL)
        assert [status(station, header) for _ in range(3)] == [200] * 3
        clock.shift(timedelta(seconds=auth.ACCESS_SECONDS - 1))
        assert status(station, header) == 200
        clock.shift(timedelta(seconds=1))
        assert [status(station, header) for _ in range(3)] == [401] * 3
        assert status(station, station.token(Role.OFFICIAL)) == 200


def test_whoever_is_known_a_token_with_another_character_is_checked(station: Station) -> None:
    header = station.token(Role.OFFICIAL)
    assert status(station, header) == 200
    head, claims, signature = header["Authorization"].split(".")
    forged = access_claims(Role.ADMINISTRATOR, email="a@example.org", jmbg="0", forename="A", surname="A")
    other = signed(forged, new_keys().private_pem).split(".")
    for parts in ([head, other[1], signature], [head, claims, other[2]], [head, claims, ""]):
        for _ in range(2):
            assert status(station, {"Authorization": ".".join(parts)}) in (401, 422)
    assert status(station, header) == 200


def test_whoever_is_known_everything_that_only_looks_like_the_token_is_refused(station: Station, keys: Keys) -> None:
    good = signed(claims(), keys.private_pem)
    for caller in strangers(keys, good):
        if caller.refused is None:
            continue
        assert status(station, bearer(good)) == 200
        headers = {name: value.encode().decode("latin-1") for name, value in caller.headers.items()}
        assert status(station, headers) == 401, caller.name


def test_a_token_is_known_for_what_its_roles_open_and_for_nothing_else(station: Station) -> None:
    header = station.token(Role.AUDITOR)
    for _ in range(2):
        assert status(station, header) == 200
        assert station.send(b"", header=header).status_code == 403


def test_a_refresh_token_does_not_become_an_access_token(station: Station) -> None:
    header = station.token(Role.OFFICIAL, type="refresh")
    assert {status(station, header) for _ in range(3)} <= {401, 422}


def test_a_service_with_another_key_knows_none_of_the_tokens(
    station: Station, service_settings: ServiceSettings, token: Token, redis_url: str
) -> None:
    header = station.token(Role.OFFICIAL)
    assert status(station, header) == 200
    with running(redis_url, service_settings, token, jwt_public_key=new_keys().public_pem) as other:
        assert status(other, header) in (401, 422)
    assert status(station, header) == 200


def test_a_token_without_an_end_is_refused_each_time(station: Station, keys: Keys) -> None:
    claims = access_claims(Role.OFFICIAL, email="a@example.org", jmbg="0", forename="A", surname="A")
    del claims["exp"]
    header = bearer(signed(claims, keys.private_pem))
    assert [status(station, header) for _ in range(2)] == [401, 401]
    assert not station.app.extensions["known_tokens"]._claims


def test_however_many_tokens_come_only_so_many_are_known_and_none_by_its_text(station: Station) -> None:
    headers = [station.token(Role.OFFICIAL, email=f"official{number}@example.org") for number in range(30)]
    known = station.app.extensions["known_tokens"]._claims
    for header in headers:
        assert status(station, header) == 200
    assert len(known) == len(headers)
    assert all(isinstance(digest, bytes) and len(digest) == 32 for digest in known)
    known.update({number.to_bytes(32): {} for number in range(auth._MOST_KNOWN_TOKENS)})
    assert status(station, station.token(Role.OFFICIAL)) == 200
    assert len(known) == 1
    assert all(status(station, header) == 200 for header in headers)
