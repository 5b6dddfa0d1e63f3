"""The rows of the table of rights about second factors, and who has one in its world."""

from datetime import UTC, datetime, timedelta

from authentication_service.rules.second_factor import recovery_digest
from authentication_service.second_factors import SecondFactors
from authentication_service.store import second_factors
from shared.schema.accounts import User
from tests.services.access_rows import ADMINISTRATOR, ANY_ACCOUNT, EVERYBODY, Row
from tests.services.accounts import REGISTER_KEY, Accounts

_RECOVERY_CODE = "7hq2-x0zt-93kd-w5ma"
_OWN = "/api/second-factor"
_HOLDER = "/api/users/{holder}/second-factor"
_BOTH = {"password": "x", "code": "x"}

SECOND_FACTOR_ROWS = [
    Row("POST /api/login/code", EVERYBODY, 200, body={"challenge": "{challenge}", "code": _RECOVERY_CODE}),
    Row("POST /api/login/second-factor", EVERYBODY, 200, body={"challenge": "{victim_challenge}"}, is_trial=True),
    # What is shown for a moment cannot stand in a table, so these say what is wrong with something else.
    Row(
        "POST /api/login/second-factor/confirmation",
        EVERYBODY,
        409,
        body={"challenge": "{victim_challenge}", "offer": "x", "code": "x"},
        is_trial=True,
    ),
    Row(f"GET {_OWN}", ANY_ACCOUNT, 200),
    Row(f"POST {_OWN}", ANY_ACCOUNT, 422, body={"password": "x"}, is_trial=True),
    Row(f"POST {_OWN}/confirmation", ANY_ACCOUNT, 409, body={"offer": "x", "code": "x"}, is_trial=True),
    Row(f"POST {_OWN}/recovery-codes", ANY_ACCOUNT, 409, body=_BOTH, is_trial=True),
    Row(f"POST {_OWN}/removal", ANY_ACCOUNT, 409, body=_BOTH, is_trial=True),
    Row("DELETE /api/users/{user_id}/second-factor", ADMINISTRATOR, 204, _HOLDER),
]


def have_a_holder(service: Accounts, victim: int) -> dict[str, object]:
    """An account with a second factor, and log-ins to it and to ``victim`` that last for the whole test."""
    holder = service.user_id(service.register(801)["email"])
    factors, tomorrow = SecondFactors(REGISTER_KEY, frozenset()), datetime.now(UTC) + timedelta(days=1)
    with service.database.writing() as session:
        second_factors.add(session, holder, factors.close(holder, bytes(20)), 0, tomorrow)
        second_factors.replace_recovery_codes(session, holder, [recovery_digest(holder, _RECOVERY_CODE)])
        hashes = {number: session.get_one(User, number).password_hash for number in (holder, victim)}
    return {
        "holder": holder,
        "challenge": factors.challenge(holder, hashes[holder], tomorrow, sets_up=False),
        "victim_challenge": factors.challenge(victim, hashes[victim], tomorrow, sets_up=True),
    }
