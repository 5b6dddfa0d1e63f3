"""The second factor over /api: set up, wanted at log-in, good once, demanded by roles, turned off, taken away."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from pydantic import SecretStr

from authentication_service.app import create_app
from authentication_service.prepare import prepare
from shared.schema.accounts import AccountsBase
from shared.terms import Outcome, Role
from tests.services.accounts import (
    ADMIN_EMAIL,
    ADMIN_PASSWORD,
    PASSWORD,
    REGISTER_KEY,
    Accounts,
    at_once,
    faulty_fields,
    problem,
    register,
    running,
)
from tests.services.second_factors import Device, Owner
from tests.services.tokens import Keys, ServiceSettings, bearer

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
STEP = timedelta(seconds=30)
EMAIL = "vera1@gmail.com"
CLASSIC = {"email": EMAIL, "password": PASSWORD}


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(NOON, tick=False) as found:
        yield found


@pytest.fixture
def owner(accounts: Accounts, clock: Any) -> Owner:
    """An official with a second factor, half a minute after it was set up."""
    register(accounts, 1, role="official")
    found = Owner(accounts, EMAIL)
    found.set_up(NOON)
    clock.shift(STEP)
    return found


@pytest.fixture
def demanding(sqlite_url: str, service_settings: ServiceSettings, keys: Keys) -> Iterator[Accounts]:
    """A service on which officials have to have a second factor."""
    with running(sqlite_url, service_settings, keys, second_factor_roles="auditor, official") as found:
        yield found


def test_a_log_in_takes_the_password_and_then_a_code_and_each_code_is_good_once(owner: Owner, clock: Any) -> None:
    begun = owner.begin()
    assert begun.status_code == 202
    assert {**begun.get_json(), "challenge": ""} == {"second_factor": "code", "challenge": "", "expires_in": 300}
    assert "token" not in begun.get_data(as_text=True)
    code = owner.device.code(NOON + STEP)
    tokens = owner.finish(code).get_json()
    assert set(tokens) == {"access_token", "refresh_token", "expires_in"}
    profile = owner.accounts.client.get("/api/profile", headers=bearer(tokens["access_token"])).get_json()
    assert profile["has_second_factor"]
    problem(owner.finish(code), 401)
    # Nor is the one before it, which was good until then.
    problem(owner.finish(owner.device.code(NOON)), 401)
    # A device whose clock is early shows the next one already.
    assert owner.finish(owner.device.code(NOON + 2 * STEP)).status_code == 200
    clock.shift(STEP)
    problem(owner.finish(owner.device.code(NOON + 2 * STEP)), 401)


def test_the_code_with_which_it_was_set_up_logs_nobody_in(accounts: Accounts, clock: Any) -> None:
    register(accounts, 1)
    owner = Owner(accounts, EMAIL)
    owner.set_up(NOON)
    problem(owner.finish(owner.device.code(NOON)), 401)
    assert owner.finish(owner.device.code(NOON + STEP)).status_code == 200


def test_a_recovery_code_is_good_once_and_the_journal_says_how_many_are_left(owner: Owner) -> None:
    assert len(set(owner.recovery_codes)) == 10
    assert owner.finish(owner.recovery_codes[3].upper().replace("-", " ")).status_code == 200
    problem(owner.finish(owner.recovery_codes[3]), 401)
    opened = [entry for entry in owner.accounts.journal() if entry.action == "session.opened"][-2:]
    assert [(entry.outcome, entry.actor) for entry in opened] == [(Outcome.DONE, EMAIL), (Outcome.REFUSED, "")]
    assert opened[0].details == '{"left":9,"second_factor":"recovery code"}'
    assert opened[1].reason.startswith("This code is wrong, or was used before.")
    for entry in owner.accounts.journal():
        assert owner.recovery_codes[3] not in f"{entry.details} {entry.reason} {entry.subject}"
        assert owner.device.secret not in f"{entry.details} {entry.reason}"


def test_a_challenge_ends_after_five_minutes_and_with_the_password(owner: Owner, clock: Any) -> None:
    late, changed = owner.challenge(), owner.challenge()
    clock.shift(timedelta(minutes=5))
    told = problem(owner.finish(owner.device.code(datetime.now(UTC)), late), 401)["detail"]
    assert told == ("This log-in took too long, or the account has changed meanwhile. Begin again with the password.")
    clock.move_to(NOON + 2 * STEP)
    tokens = owner.finish(owner.device.code(NOON + 2 * STEP)).get_json()
    body = {"password": "An0therPassword", "current_password": PASSWORD}
    headers = {**bearer(tokens["access_token"]), "If-Match": "*"}
    assert owner.accounts.client.patch("/api/profile", json=body, headers=headers).status_code == 200
    clock.shift(STEP)
    assert problem(owner.finish(owner.device.code(NOON + 3 * STEP), changed), 401)["detail"] == told
    owner.password = "An0therPassword"
    assert owner.finish(owner.device.code(NOON + 3 * STEP)).status_code == 200


@pytest.mark.parametrize("challenge", ["x", "é", "A" * 400, "A" * 3000])
def test_what_is_no_challenge_opens_nothing(owner: Owner, challenge: str) -> None:
    response = owner.finish(owner.device.code(NOON + STEP), challenge)
    assert response.status_code == (422 if len(challenge) > 2048 else 401)
    assert owner.finish(owner.device.code(NOON + STEP)).status_code == 200


def test_wrong_codes_count_like_wrong_passwords_and_right_passwords_do_not_wipe_them_out(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys, clock: Any
) -> None:
    with running(sqlite_url, service_settings, keys, login_failures=3) as accounts:
        register(accounts, 1)
        owner = Owner(accounts, EMAIL)
        owner.set_up(NOON)
        clock.shift(STEP)
        challenge = owner.challenge()
        for _ in range(3):
            problem(owner.finish("000000", owner.challenge()), 401)
        good = owner.device.code(NOON + STEP)
        refused = owner.finish(good, challenge)
        problem(refused, 429)
        assert refused.headers["Retry-After"] == "30"
        assert owner.begin().status_code == 429
        assert [entry.action for entry in accounts.journal()][-1] == "session.delayed"
        clock.shift(timedelta(seconds=31))
        assert owner.finish(owner.device.code(NOON + timedelta(seconds=61)), challenge).status_code == 200
        # A session of the owner's makes the place known and forgets what failed there.
        assert owner.begin().status_code == 202


def test_of_devices_that_use_one_code_at_the_same_instant_one_gets_in(accounts_anywhere: Accounts, clock: Any) -> None:
    register(accounts_anywhere, 1)
    owner = Owner(accounts_anywhere, EMAIL)
    owner.set_up(NOON)
    for number in range(1, 5):
        clock.move_to(NOON + number * STEP)
        code = owner.device.code(NOON + number * STEP) if number % 2 else owner.recovery_codes[number]
        challenges = [owner.challenge() for _ in range(4)]
        answers = at_once(*[lambda one=one, code=code: owner.finish(code, one) for one in challenges])
        assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    with accounts_anywhere.database.reading() as session:
        left = session.scalar(sa.text("SELECT count(*) FROM recovery_codes"))
    assert left == 8


def test_two_that_set_up_at_the_same_instant_leave_one_second_factor(accounts_anywhere: Accounts, clock: Any) -> None:
    register(accounts_anywhere, 1)
    headers = accounts_anywhere.logged_in(EMAIL, PASSWORD)

    def offer() -> dict[str, str]:
        made = accounts_anywhere.post("/api/second-factor", {"password": PASSWORD}, headers).get_json()
        return {"offer": made["offer"], "code": Device(made["secret"]).code(NOON)}

    bodies = [offer() for _ in range(3)]
    path = "/api/second-factor/confirmation"
    answers = at_once(*[lambda body=body: accounts_anywhere.post(path, body, headers) for body in bodies])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    standing = accounts_anywhere.client.get("/api/second-factor", headers=headers).get_json()
    assert standing == {"set_up_at": "2026-11-20T12:00:00Z", "recovery_codes_left": 10, "is_demanded": False}


def test_setting_up_needs_the_password_and_a_code_of_the_secret_and_ends_other_sessions(
    accounts: Accounts, clock: Any
) -> None:
    register(accounts, 1)
    classic, headers = accounts.tokens(EMAIL, PASSWORD), accounts.logged_in(EMAIL, PASSWORD)
    assert faulty_fields(accounts.post("/api/second-factor", {"password": "wrong"}, headers)) == ["password"]
    made = accounts.post("/api/second-factor", {"password": PASSWORD}, headers).get_json()
    path = "/api/second-factor/confirmation"
    for code in ("000000", "", "x"):
        assert faulty_fields(accounts.post(path, {"offer": made["offer"], "code": code}, headers)) == ["code"]
    good = {"offer": made["offer"], "code": Device(made["secret"]).code(NOON)}
    problem(accounts.post(path, {**good, "offer": "x"}, headers), 409)
    problem(accounts.post(path, good, accounts.logged_in()), 409)
    assert accounts.post("/api/login", {"login": EMAIL, "password": PASSWORD}).status_code == 200
    assert accounts.post(path, good, headers).status_code == 201
    problem(accounts.post(path, good, headers), 409)
    problem(accounts.post("/api/second-factor", {"password": PASSWORD}, headers), 409)
    assert accounts.post("/refresh", headers=bearer(classic["refreshToken"])).status_code == 401
    entry = next(entry for entry in accounts.journal()[::-1] if entry.outcome == Outcome.DONE)
    assert (entry.action, entry.subject, entry.actor) == ("second_factor.set_up", "account 2", EMAIL)
    assert entry.details == '{"sessions_ended":2}'


def test_the_classic_log_in_answers_its_own_words_and_locks_nobody_out(owner: Owner) -> None:
    for _ in range(12):
        response = owner.accounts.post("/login", CLASSIC)
        assert (response.status_code, response.get_json()) == (400, {"message": "Invalid credentials."})
    wrong = owner.accounts.post("/login", {**CLASSIC, "password": "wrong"})
    assert (wrong.status_code, wrong.get_json()) == (400, {"message": "Invalid credentials."})
    told = [entry.reason for entry in owner.accounts.journal() if entry.outcome == Outcome.REFUSED]
    assert told == ["A second factor is needed, which the classic API cannot ask for."] * 10 + ["Invalid credentials."]
    assert owner.finish(owner.device.code(NOON + STEP)).status_code == 200


def test_a_role_that_demands_one_lets_an_account_in_only_to_set_it_up(demanding: Accounts, clock: Any) -> None:
    register(demanding, 1, role="official")
    register(demanding, 2)
    owner = Owner(demanding, EMAIL)
    assert demanding.post("/login", CLASSIC).get_json() == {"message": "Invalid credentials."}
    assert Owner(demanding, "vera2@gmail.com").begin().status_code == 200
    begun = owner.begin().get_json()
    assert (begun["second_factor"], begun["expires_in"]) == ("set_up", 900)
    challenge = {"challenge": begun["challenge"]}
    problem(owner.finish("000000", begun["challenge"]), 401)
    made = demanding.post("/api/login/second-factor", challenge).get_json()
    path, body = "/api/login/second-factor/confirmation", {**challenge, "offer": made["offer"]}
    assert faulty_fields(demanding.post(path, {**body, "code": "000000"})) == ["code"]
    owner.device = Device(made["secret"])
    done = demanding.post(path, {**body, "code": owner.device.code(NOON)}).get_json()
    assert len(done["recovery_codes"]) == 10
    headers = bearer(done["access_token"])
    standing = demanding.client.get("/api/second-factor", headers=headers).get_json()
    assert (standing["recovery_codes_left"], standing["is_demanded"]) == (10, True)
    # Whoever knows the password alone cannot set up another one, and nobody turns it off.
    problem(demanding.post("/api/login/second-factor", challenge), 401)
    problem(demanding.post(path, {**body, "code": owner.device.code(NOON)}), 409)
    off = {"password": PASSWORD, "code": done["recovery_codes"][0]}
    problem(demanding.post("/api/second-factor/removal", off, headers), 409)
    clock.shift(STEP)
    assert owner.finish(owner.device.code(NOON + STEP)).status_code == 200


def test_a_session_from_before_the_role_that_demands_one_is_renewed_no_more(demanding: Accounts) -> None:
    register(demanding, 1)
    tokens = Owner(demanding, EMAIL).begin().get_json()
    tokens = demanding.post("/api/refresh", headers=bearer(tokens["refresh_token"])).get_json()
    classic = demanding.tokens(EMAIL, PASSWORD)
    demanding.change(EMAIL, roles=[Role.OFFICIAL])
    problem(demanding.post("/api/refresh", headers=bearer(tokens["refresh_token"])), 401)
    assert demanding.post("/refresh", headers=bearer(classic["refreshToken"])).status_code == 401


class TestOwner:
    """What the owner does with a second factor, by password and code."""

    @pytest.fixture(autouse=True)
    def _set_up(self, owner: Owner, clock: Any) -> None:
        self.owner, self.accounts = owner, owner.accounts
        tokens = owner.finish(owner.device.code(NOON + STEP)).get_json()
        self.headers = bearer(tokens["access_token"])
        clock.shift(STEP)
        self.code = owner.device.code(NOON + 2 * STEP)

    @pytest.mark.parametrize("path", ["/api/second-factor/recovery-codes", "/api/second-factor/removal"])
    def test_both_are_needed_and_the_code_is_used_up(self, path: str) -> None:
        body = {"password": PASSWORD, "code": self.code}
        assert faulty_fields(self.accounts.post(path, {**body, "password": "wrong"}, self.headers)) == ["password"]
        assert faulty_fields(self.accounts.post(path, {**body, "code": "000000"}, self.headers)) == ["code"]
        assert self.accounts.post(path, body, self.headers).status_code in (201, 204)
        assert self.accounts.post(path, body, self.headers).status_code in (409, 422)

    def test_new_recovery_codes_take_the_place_of_the_old_ones(self) -> None:
        body = {"password": PASSWORD, "code": self.owner.recovery_codes[0]}
        response = self.accounts.post("/api/second-factor/recovery-codes", body, self.headers)
        codes = response.get_json()["recovery_codes"]
        assert not set(codes) & set(self.owner.recovery_codes)
        problem(self.owner.finish(self.owner.recovery_codes[1]), 401)
        assert self.owner.finish(codes[1]).status_code == 200
        entry = [entry for entry in self.accounts.journal() if entry.action.startswith("second_factor")][-1]
        assert (entry.action, entry.subject) == ("second_factor.codes_renewed", "account 2")

    def test_turned_off_the_password_alone_logs_in_the_classic_way_too(self) -> None:
        body = {"password": PASSWORD, "code": self.code}
        assert self.accounts.post("/api/second-factor/removal", body, self.headers).status_code == 204
        assert self.owner.begin().status_code == self.accounts.post("/login", CLASSIC).status_code == 200
        problem(self.accounts.post("/api/second-factor/removal", body, self.headers), 409)

    def test_an_administrator_takes_it_away_sees_nothing_of_it_and_keeps_the_own_one(self, clock: Any) -> None:
        admin = Owner(self.accounts, ADMIN_EMAIL, ADMIN_PASSWORD)
        headers = admin.set_up(datetime.now(UTC))
        listed = self.accounts.client.get("/api/users", headers=headers).get_data(as_text=True)
        assert listed.count('"has_second_factor":true') == 2
        assert self.owner.device.secret not in listed
        version = self.accounts.client.get("/api/users/2", headers=headers).headers["ETag"]
        client = self.accounts.client
        problem(client.delete("/api/users/1/second-factor", headers=headers), 409)
        problem(client.delete("/api/users/99/second-factor", headers=headers), 404)
        problem(client.delete("/api/users/2/second-factor", headers=self.headers), 403)
        assert client.delete("/api/users/2/second-factor", headers=headers).status_code == 204
        assert client.get("/api/users/2", headers=headers).headers["ETag"] != version
        problem(client.delete("/api/users/2/second-factor", headers=headers), 409)
        assert self.owner.begin().status_code == 200
        entry = [entry for entry in self.accounts.journal() if entry.action == "second_factor.removed"][-2]
        assert (entry.subject, entry.actor, entry.details) == ("account 2", ADMIN_EMAIL, '{"sessions_ended":2}')

    def test_a_deleted_account_leaves_no_second_factor_behind(self) -> None:
        response = self.accounts.post("/delete", {"email": EMAIL}, self.accounts.logged_in())
        assert response.status_code == 200
        with self.accounts.database.reading() as session:
            for table in ("second_factors", "recovery_codes"):
                assert session.scalar(sa.text(f"SELECT count(*) FROM {table}")) == 0

    def test_the_store_has_neither_secret_nor_recovery_codes_in_plain_and_another_key_seals_anew(
        self, clock: Any
    ) -> None:
        plain = [self.owner.device.secret.encode(), *(code.encode() for code in self.owner.recovery_codes)]
        with self.accounts.database.reading() as session:
            for table in AccountsBase.metadata.sorted_tables:
                for row in session.execute(sa.select(table)):
                    kept = b" ".join(v if isinstance(v, bytes) else str(v).encode() for v in row)
                    assert not [one for one in plain if one in kept or one.replace(b"-", b"") in kept], table.name
        other = {"register_key": SecretStr("another key of the register, for the second half")}
        changed = self.accounts.settings.model_copy(update={**other, "register_key_former": SecretStr(REGISTER_KEY)})
        prepare(changed, wait_seconds=10)
        renewed = Accounts(create_app(changed), changed, self.accounts.keys)
        moved = Owner(renewed, EMAIL, device=self.owner.device)
        assert moved.finish(self.code).status_code == 200
        assert moved.finish(self.owner.recovery_codes[5]).status_code == 200
        renewed.database.close()
