"""``urna login`` and what comes after it: the session in its file, renewed, shared, ended, and good at one service."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.app import main
from cli.failure import NOT_ALLOWED, REFUSED, SUCCESS, UNAVAILABLE, USAGE
from cli.session import KeptSession
from tests.services.accounts import ADMIN_EMAIL, ADMIN_PASSWORD, PASSWORD, Accounts, at_once, jmbg, running
from tests.services.second_factors import Device
from tests.services.tokens import Keys, ServiceSettings, bearer, signed
from tests.services.voting import NOBODY, served
from tests.source import ROOT

EMAIL = "vera1@gmail.com"


@dataclass
class Terminal:
    """A terminal on which nobody names an account but to log in."""

    accounts: Accounts
    address: str
    kept: KeptSession
    capsys: pytest.CaptureFixture[str]

    def run(self, *words: str, address: str = "") -> tuple[int, dict[str, Any]]:
        """Call ``urna``; its exit status, and what it says as JSON."""
        where = [] if words[0] == "logout" else ["--authentication-url", address or self.address]
        self.capsys.readouterr()
        status = main(["--json", *words, *where, "--patience", "0.1"])
        said = self.capsys.readouterr()
        return status, json.loads((said.out or said.err).splitlines()[-1])

    def log_in(self, *more: str, email: str = EMAIL, password: str = PASSWORD) -> tuple[int, dict[str, Any]]:
        return self.run("login", "--email", email, "--password", password, *more)

    def let_expire(self) -> None:
        """Put an access token that has run out in the place of the one that is kept."""
        session = self.kept.read()
        assert session is not None
        over = datetime.now(UTC) - timedelta(minutes=1)
        claims = {**self.accounts.claims(session.access_token), "exp": over}
        self.kept.write(replace(session, access_token=signed(claims, self.accounts.keys.private_pem)))

    def refreshes(self) -> bool:
        """Whether the session that is kept still refreshes; afterwards it does not any more."""
        session = self.kept.read()
        assert session is not None
        return self.accounts.post("/api/refresh", headers=bearer(session.refresh_token)).status_code == 200


@pytest.fixture
def terminal(
    accounts: Accounts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Terminal]:
    monkeypatch.delenv("URNA_SESSION", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    accounts.register(1)
    with served(accounts.app) as address:
        yield Terminal(accounts, address, KeptSession(), capsys)


def test_commands_act_for_who_has_logged_in_and_only_the_owner_may_read_the_tokens(
    terminal: Terminal, tmp_path: Path
) -> None:
    status, said = terminal.log_in()
    path = tmp_path / "state" / "urna" / "session.json"
    assert (status, said) == (
        SUCCESS,
        {"email": EMAIL, "roles": ["official"], "service": terminal.address, "session": str(path)},
    )
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [one for one in path.parent.iterdir() if one != path] == []
    assert terminal.run("second-factor", "show")[0] == SUCCESS
    # Whoever is named goes before; so does a wrong password of that one.
    assert terminal.run("second-factor", "show", "--email", EMAIL, "--password", "wrong")[0] == NOT_ALLOWED


def test_without_a_log_in_nobody_is_acted_for_and_the_command_says_what_to_do(terminal: Terminal) -> None:
    status, said = terminal.run("second-factor", "show")
    assert (status, "`urna login`" in said["error"]) == (USAGE, True)


def test_who_may_not_log_in_leaves_the_session_of_before_as_it_was(terminal: Terminal) -> None:
    terminal.log_in()
    before = terminal.kept.path.read_bytes()
    assert terminal.log_in(password="Wr0ngPassword")[0] == NOT_ALLOWED
    assert terminal.kept.path.read_bytes() == before
    assert terminal.run("second-factor", "show")[0] == SUCCESS


def test_another_log_in_takes_the_place_of_the_one_before_which_ends(terminal: Terminal) -> None:
    terminal.log_in()
    former = terminal.kept.read()
    assert former is not None
    terminal.log_in(email=ADMIN_EMAIL, password=ADMIN_PASSWORD)
    assert terminal.run("official", "list")[0] == SUCCESS
    assert terminal.accounts.post("/api/refresh", headers=bearer(former.refresh_token)).status_code == 401


def test_a_log_out_ends_the_session_at_the_service_and_here(terminal: Terminal) -> None:
    terminal.log_in()
    session = terminal.kept.read()
    assert session is not None
    assert terminal.run("logout") == (SUCCESS, {"logged_out": EMAIL})
    assert not terminal.kept.path.exists()
    assert terminal.accounts.post("/api/refresh", headers=bearer(session.refresh_token)).status_code == 401
    assert terminal.run("logout") == (SUCCESS, {"logged_out": None})
    assert terminal.run("second-factor", "show")[0] == USAGE


def test_a_log_out_that_the_service_has_not_heard_of_can_be_repeated(terminal: Terminal) -> None:
    terminal.log_in()
    session = terminal.kept.read()
    assert session is not None
    terminal.kept.write(replace(session, authentication=NOBODY))
    assert terminal.run("logout")[0] == UNAVAILABLE
    terminal.kept.write(session)
    assert terminal.run("logout") == (SUCCESS, {"logged_out": EMAIL})


def test_a_session_that_has_ended_already_is_logged_out(terminal: Terminal) -> None:
    terminal.log_in()
    headers = terminal.accounts.logged_in(EMAIL, PASSWORD)
    assert terminal.accounts.client.delete("/api/sessions", headers=headers).status_code == 204
    assert terminal.run("logout") == (SUCCESS, {"logged_out": EMAIL})


def test_a_session_is_used_with_the_authentication_service_that_gave_it_alone(terminal: Terminal) -> None:
    terminal.log_in()
    with served(terminal.accounts.app) as other:
        status, said = terminal.run("second-factor", "show", address=other)
        assert (status, terminal.address in said["error"]) == (USAGE, True)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_session_that_others_may_read_or_write_is_not_used(terminal: Terminal, mode: int) -> None:
    terminal.log_in()
    terminal.kept.path.chmod(mode)
    for words in (["second-factor", "show"], ["logout"], ["login", "--email", EMAIL, "--password", PASSWORD]):
        status, said = terminal.run(*words)
        assert (status, str(terminal.kept.path) in said["error"]) == (NOT_ALLOWED, True)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"authentication": "http://127.0.0.1:1"', "\0\xff"])
def test_a_file_that_is_no_session_is_named(terminal: Terminal, content: str) -> None:
    terminal.log_in()
    terminal.kept.path.write_text(content)
    status, said = terminal.run("second-factor", "show")
    assert (status, said["error"]) == (
        NOT_ALLOWED,
        f"{terminal.kept.path} is no session; remove it and log in again.",
    )


def test_a_folder_in_which_nothing_can_be_kept_is_named(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    status, said = terminal.log_in()
    assert (status, "URNA_SESSION" in said["error"]) == (NOT_ALLOWED, True)


def test_a_session_that_cannot_be_kept_is_ended_at_the_service(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The file beside it, in which it is written first, would have a name that is too long by one character.
    monkeypatch.setenv("URNA_SESSION", str(tmp_path / ("s" * 246)))
    status, said = terminal.log_in()
    assert (status, "cannot be written" in said["error"]) == (NOT_ALLOWED, True)
    here = terminal.accounts.logged_in(EMAIL, PASSWORD)
    (own,) = terminal.accounts.client.get("/api/sessions", headers=here).get_json()["items"]
    assert own["current"]


def test_a_log_out_waits_for_whoever_changes_the_session(terminal: Terminal) -> None:
    terminal.log_in()
    with terminal.kept.alone():
        logout = subprocess.Popen([sys.executable, "-m", "cli", "logout"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            logout.wait(3)
        terminal.kept.forget()
    assert logout.communicate(timeout=30)[0] == "Nobody is logged in here.\n"
    assert logout.returncode == SUCCESS


def test_an_access_token_that_has_run_out_is_renewed_and_the_new_one_kept(terminal: Terminal) -> None:
    terminal.log_in()
    terminal.let_expire()
    before = terminal.kept.path.read_bytes()
    for _ in range(2):
        assert terminal.run("second-factor", "show")[0] == SUCCESS
    assert terminal.kept.path.read_bytes() != before
    assert terminal.refreshes()


def test_programs_at_the_same_instant_renew_it_once_and_none_ends_the_session(terminal: Terminal) -> None:
    terminal.log_in()
    terminal.let_expire()
    command = [sys.executable, "-m", "cli", "second-factor", "show", "--authentication-url", terminal.address]

    def show() -> int:
        return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode

    programs: list[Callable[[], int]] = [show] * 4
    assert at_once(*programs) == [SUCCESS] * 4
    assert terminal.refreshes()


def test_a_session_that_was_ended_elsewhere_is_forgotten_and_the_command_says_so(terminal: Terminal) -> None:
    terminal.log_in()
    terminal.let_expire()
    headers = terminal.accounts.logged_in(EMAIL, PASSWORD)
    assert terminal.accounts.client.delete("/api/sessions", headers=headers).status_code == 204
    status, said = terminal.run("second-factor", "show")
    assert (status, "log in again" in said["error"]) == (NOT_ALLOWED, True)
    assert not terminal.kept.path.exists()


def test_a_code_of_the_second_factor_is_asked_for_once_for_all_commands(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys, terminal: Terminal
) -> None:
    terminal.log_in()
    offer = terminal.run("second-factor", "set-up", "--password", PASSWORD)[1]
    device = Device(offer["secret"])
    status, told = terminal.run("second-factor", "confirm", offer["offer"], device.code(datetime.now(UTC)))
    codes = told["recovery_codes"]
    assert (status, terminal.log_in()[0]) == (SUCCESS, USAGE)
    assert terminal.log_in("--login-code", codes[0])[0] == SUCCESS
    # The session stands for the first code; the password and another one are wanted for what changes it.
    status, told = terminal.run("second-factor", "recovery-codes", "--password", PASSWORD, "--code", codes[1])
    assert (status, len(told["recovery_codes"])) == (SUCCESS, 10)
    terminal.let_expire()
    assert terminal.run("second-factor", "show")[1]["recovery_codes_left"] == 10


def test_who_must_set_up_a_second_factor_first_is_told_so_and_nothing_is_kept(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys, terminal: Terminal, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/demanding.db"
    with running(url, service_settings, keys, second_factor_roles="official") as accounts:
        accounts.register(1)
        with served(accounts.app) as address:
            status, said = replace(terminal, address=address).log_in()
    assert (status, "urna second-factor set-up" in said["error"]) == (NOT_ALLOWED, True)
    assert not terminal.kept.path.exists()


PERSON = ("--forename", "Vera", "--surname", "Verić")


@pytest.mark.parametrize("role", ["voter", "candidate", "campaign_director"])
def test_people_register_at_a_terminal_and_log_in_by_another_name(terminal: Terminal, role: str) -> None:
    who = ("--jmbg", jmbg(2), "--username", "vera.two", "--phone", "+381641234567", "--role", role)
    status, made = terminal.run("register", "vera2@gmail.com", *PERSON, *who, "--password", PASSWORD)
    assert (status, made["roles"], made["username"]) == (SUCCESS, [role], "vera.two")
    for name in ("vera.two", "+381641234567"):
        assert terminal.log_in(email=name)[1]["email"] == "vera2@gmail.com"


def test_who_registers_is_a_voter_by_default_and_told_what_is_wrong(terminal: Terminal) -> None:
    who = ("--jmbg", jmbg(2), "--password", PASSWORD)
    assert terminal.run("register", "vera2@gmail.com", *PERSON, *who)[1]["roles"] == ["voter"]
    status, said = terminal.run("register", "vera2@gmail.com", *PERSON, "--jmbg", jmbg(3), "--password", PASSWORD)
    assert (status, said["http_status"]) == (REFUSED, 409)
    status, said = terminal.run("register", "vera4@gmail.com", *PERSON, "--jmbg", jmbg(4), "--password", "short")
    assert (status, [one["field"] for one in said["fields"]]) == (REFUSED, ["password"])
    assert terminal.run("register", "a@b.rs", *PERSON, *who, "--role", "administrator")[0] == USAGE


def test_a_person_reads_who_is_logged_in_and_where(terminal: Terminal) -> None:
    environment = {**os.environ, "URNA_EMAIL": EMAIL, "URNA_PASSWORD": PASSWORD}
    where = ["--authentication-url", terminal.address]
    said = [
        subprocess.run(
            [sys.executable, "-m", "cli", *words],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for words in (["login", *where], ["logout"], ["logout"])
    ]
    assert said == [
        f"{EMAIL} is logged in at {terminal.address}; `urna logout` ends it.\n",
        f"{EMAIL} is logged out.\n",
        "Nobody is logged in here.\n",
    ]
