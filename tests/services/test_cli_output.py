"""What commands say when there is no terminal, no Redis, an old locale, or a name that means harm."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.app import urna
from cli.failure import CANNOT_START, UNAVAILABLE, USAGE, Failure
from cli.file_sending import digest_of
from cli.output import Output, table
from cli.suite.ports import is_free

ROOT = Path(__file__).parents[2]


def command(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run the command with no terminal, nobody's account and these settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("URNA_")}
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**inherited, **settings},
        check=False,
        timeout=60,
    )


def test_a_command_that_can_ask_nobody_says_which_settings_it_needs() -> None:
    done = command("--json", "participant", "list")
    assert done.returncode == USAGE
    assert "URNA_EMAIL and URNA_PASSWORD" in json.loads(done.stderr)["error"]
    assert done.stdout == ""


def test_an_operator_is_told_that_redis_is_away_and_not_what_a_sender_is_told() -> None:
    done = command("queue", "--redis-url", "redis://127.0.0.1:1")
    assert done.returncode == UNAVAILABLE
    assert "The queues cannot be read" in done.stderr
    assert "Send it again" not in done.stderr


def test_a_pipe_is_refused_with_what_to_do_instead() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    with pytest.raises(Failure, match="pipe"):
        digest_of(Path(f"/dev/fd/{reader}"))
    os.close(reader)


def test_an_old_locale_gets_question_marks_and_no_traceback() -> None:
    done = command("--help", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    code = "from cli.app import main; main(['--version']); print('Јединствена листа')"
    old = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=False,
        timeout=60,
    )
    assert old.returncode == 0, old.stderr
    assert "??????????? ?????" in old.stdout


def test_a_name_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    made = table("", "List")
    made.add_row("\x1b[31mred\x07\x9b2J list")
    output = Output()
    output.console.print(made)
    output.notice("\x1b]0;title\x07")
    said = "".join(capsys.readouterr())
    assert "red" in said
    assert not set(said) & {"\x1b", "\x07", "\x9b"}


def test_an_address_of_another_machine_is_not_called_a_taken_port() -> None:
    with pytest.raises(Failure, match="no address of this machine") as refused:
        is_free("203.0.113.5", 15_000)
    assert refused.value.status == CANNOT_START


@pytest.mark.parametrize("arguments", [("results", "0"), ("election", "show", "0"), ("upload", "--election", "0", "x")])
def test_a_number_that_no_election_has_is_a_wrong_call(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(urna, list(arguments)).exit_code == USAGE
