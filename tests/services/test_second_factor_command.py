"""The own second factor at a terminal and for programs, before a service that talks HTTP."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.app import main
from cli.failure import NOT_ALLOWED, REFUSED, SUCCESS, USAGE
from tests.services.accounts import PASSWORD, Accounts, running
from tests.services.second_factors import Device
from tests.services.tokens import Keys, ServiceSettings
from tests.services.voting import served
from tests.source import ROOT

EMAIL = "vera1@gmail.com"


@pytest.fixture
def address(accounts: Accounts) -> Iterator[str]:
    accounts.register(1)
    with served(accounts.app) as found:
        yield found


def options(address: str) -> list[str]:
    return ["--authentication-url", address, "--email", EMAIL, "--password", PASSWORD, "--patience", "1"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Calls ``urna second-factor`` as a program does; its exit status, and what it says as JSON."""

    def called(address: str, *words: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        status = main(["--json", "second-factor", *words, *options(address)])
        said = capsys.readouterr()
        return status, json.loads((said.out or said.err).splitlines()[-1])

    return called


def now_and(seconds: float = 0) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_a_program_sets_one_up_in_two_steps_renews_the_codes_and_turns_it_off(address: str, run: Any) -> None:
    assert run(address, "show") == (
        SUCCESS,
        {"set_up_at": None, "recovery_codes_left": 0, "is_demanded": False},
    )
    status, offer = run(address, "set-up")
    assert (status, set(offer)) == (SUCCESS, {"secret", "uri", "offer"})
    device = Device(offer["secret"])
    wrong = "000000" if device.code(now_and()) != "000000" else "111111"
    assert run(address, "confirm", offer["offer"], wrong)[0] == REFUSED
    status, told = run(address, "confirm", offer["offer"], device.code(now_and()))
    codes = told["recovery_codes"]
    assert (status, len(codes)) == (SUCCESS, 10)
    # The log-in and what is asked for want one code each; nobody is there who could be asked for the second.
    assert run(address, "recovery-codes", "--login-code", device.code(now_and(30)))[0] == USAGE
    status, told = run(address, "recovery-codes", "--login-code", codes[0], "--code", codes[1])
    assert (status, set(told["recovery_codes"]) & set(codes)) == (SUCCESS, set())
    assert run(address, "remove", "--login-code", codes[2], "--code", codes[3])[0] == NOT_ALLOWED
    codes = told["recovery_codes"]
    assert run(address, "remove", "--login-code", codes[0], "--code", codes[1]) == (SUCCESS, {"removed": True})
    assert run(address, "show")[1]["set_up_at"] is None


def test_an_account_of_which_a_role_demands_one_sets_it_up_before_it_can_do_anything(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys, run: Any
) -> None:
    with running(sqlite_url, service_settings, keys, second_factor_roles="official") as accounts:
        accounts.register(1)
        with served(accounts.app) as address:
            status, said = run(address, "show")
            assert (status, "urna second-factor set-up" in said["error"]) == (NOT_ALLOWED, True)
            offer = run(address, "set-up")[1]
            words = ["confirm", offer["offer"], Device(offer["secret"]).code(now_and())]
            status, told = run(address, *words, "--challenge", offer["challenge"])
            assert (status, set(told)) == (SUCCESS, {"recovery_codes"})
            status, found = run(address, "show", "--login-code", told["recovery_codes"][0])
            assert (status, found["recovery_codes_left"], found["is_demanded"]) == (SUCCESS, 9, True)
            assert run(address, "set-up", "--login-code", told["recovery_codes"][1])[0] == REFUSED


def test_at_a_terminal_the_code_is_drawn_and_the_next_one_asked_for(address: str, run: Any) -> None:
    controlling, terminal = pty.openpty()
    command = [sys.executable, "-m", "cli", "second-factor", "set-up", *options(address)]
    environment = {**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, cwd=ROOT, env=environment
    ) as process:
        os.close(terminal)
        shown = read_until(controlling, "device shows now")
        (secret,) = re.findall(r"Secret: ([A-Z2-7]{32})", shown)
        assert shown.count("█") > 100, "A QR code is drawn of blocks."
        os.write(controlling, f"{Device(secret).code(now_and())}\n".encode())
        codes = re.findall(
            r"^([0-9a-z]+(?:-[0-9a-z]+)+)\r?$", read_until(controlling, ""), re.MULTILINE | re.IGNORECASE
        )
        assert process.wait(60) == SUCCESS
    os.close(controlling)
    assert len(codes) == 10
    assert run(address, "show", "--login-code", codes[0])[1]["recovery_codes_left"] == 9


def read_until(controlling: int, words: str) -> str:
    """What a terminal shows up to some words; to its end, for none."""
    shown = b""
    while not words or words.encode() not in shown:
        try:
            read = os.read(controlling, 65536)
        except OSError:
            # So Linux says that nobody writes any more.
            break
        if not read:
            break
        shown += read
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode(errors="replace"))
