"""Codes of second factors: the vectors of RFC 6238, the window, and what people type of recovery codes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authentication_service.rules import second_factor as rules
from authentication_service.second_factors import SecondFactors, matching_step
from shared.terms import Role

# RFC 6238, appendix B, for SHA-1: its codes have eight digits, ours are the last six of them.
SECRET = b"12345678901234567890"
VECTORS = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}


@pytest.mark.parametrize(("moment", "code"), VECTORS.items())
def test_the_codes_are_those_of_rfc_6238(moment: int, code: str) -> None:
    at = datetime.fromtimestamp(moment, UTC)
    assert matching_step(SECRET, code[-6:], at) == moment // 30
    assert matching_step(SECRET, f"{(int(code[-6:]) + 1) % 10**6:06d}", at) is None


def test_a_code_is_taken_half_a_minute_early_and_late_and_no_more() -> None:
    step = 1111111111 // 30
    taken = [offset for offset in range(-4, 5) if _is_taken(step, offset)]
    assert taken == [-1, 0, 1]
    # The first half minute of all has none before it.
    assert matching_step(SECRET, "755224", datetime.fromtimestamp(0, UTC)) == 0


def _is_taken(step: int, offset: int) -> bool:
    return matching_step(SECRET, "050471", datetime.fromtimestamp((step + offset) * 30 + 29, UTC)) == step


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("123456", "123456"),
        (" 123 456\n", "123456"),
        ("123-456", "123456"),
        ("12345", None),
        ("1234567", None),
        ("12345a", None),
        ("١٢٣٤٥٦", None),
        ("", None),
    ],
)
def test_six_digits_are_a_code_of_a_device(typed: str, digits: str | None) -> None:
    assert rules.device_code(typed) == digits


@given(st.binary(min_size=10, max_size=10))
def test_a_recovery_code_is_the_same_however_it_is_typed(random: bytes) -> None:
    code = rules.new_recovery_code(random)
    assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
    assert not set(code) & set("oilu")
    misread = code.upper().replace("-", "  ").replace("0", "O").replace("1", "l")
    digests = {rules.recovery_digest(7, typed) for typed in (code, misread, code.replace("-", ""))}
    assert len(digests) == 1
    assert rules.recovery_digest(8, code) not in digests
    assert rules.device_code(code) is None


def test_what_is_no_recovery_code_is_none() -> None:
    for typed in ("", "123456", "7hq2-x0zt-93kd-w5m", "7hq2-x0zt-93kd-w5mau", "7hq2-x0zt-93kd-w5mć"):
        assert rules.recovery_code(typed) is None


def test_one_demanding_role_is_enough() -> None:
    assert rules.must_have_one(["voter", "official"], [Role.ADMINISTRATOR, Role.OFFICIAL])
    assert not rules.must_have_one(["voter"], [Role.ADMINISTRATOR, Role.OFFICIAL])
    assert not rules.must_have_one(["administrator"], [])


def test_what_is_carried_between_two_requests_opens_only_here_in_time_and_for_what_it_is() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    factors, others = SecondFactors("k" * 32, frozenset()), SecondFactors("l" * 32, frozenset())
    challenge = factors.challenge(7, "$argon2id$a", now, sets_up=False)
    found = factors.read_challenge(challenge, now + timedelta(minutes=4, seconds=59))
    assert found is not None
    assert found.user_id == 7
    assert found.is_about("$argon2id$a")
    assert not found.is_about("$argon2id$b")
    offer = factors.offer(7, "vera@example.org", now)
    assert factors.read_offer(offer.carried, 7, now) is not None
    assert factors.read_offer(offer.carried, 8, now) is None
    assert factors.read_offer(offer.carried, 7, now + timedelta(minutes=15)) is None
    for text in ("", "ć", "AA==", challenge[:-4], offer.carried, offer.secret):
        assert factors.read_challenge(text, now) is None
    assert factors.read_offer(challenge, 7, now) is None
    assert others.read_challenge(challenge, now) is None
    assert factors.read_challenge(challenge, now + timedelta(minutes=5)) is None
    assert offer.uri.startswith("otpauth://totp/Urna:vera%40example.org?")
    assert {f"secret={offer.secret}", "issuer=Urna", "digits=6", "period=30", "algorithm=SHA1"} <= set(
        offer.uri.partition("?")[2].split("&")
    )
