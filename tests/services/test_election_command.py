"""``urna election key`` against the real services: a key alone changes no rule about what is published."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cli.app import main
from cli.failure import REFUSED, SUCCESS, USAGE
from shared.ballot_proofs import key_file, write_key
from tests.servers import SQLite
from tests.services.accounts import ADMIN_EMAIL, ADMIN_PASSWORD, Accounts
from tests.services.administration import Administration, running
from tests.services.casting import new_key
from tests.services.test_voting_command import served
from tests.services.tokens import ServiceSettings, Token

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def admin(sqlite_files: SQLite, service_settings: ServiceSettings, token: Token) -> Iterator[Administration]:
    with running(sqlite_files.new_database(), service_settings, token) as service:
        yield service


@pytest.fixture
def run(
    admin: Administration, accounts: Accounts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Runs ``urna election`` as the administrator; its exit status and what it wrote."""
    with ExitStack() as stack:
        for name, app in (("AUTHENTICATION", accounts.app), ("ADMIN", admin.app)):
            monkeypatch.setenv(f"URNA_{name}_URL", stack.enter_context(served(app)))
        monkeypatch.setenv("URNA_EMAIL", ADMIN_EMAIL)
        monkeypatch.setenv("URNA_PASSWORD", ADMIN_PASSWORD)

        def call(*arguments: Any) -> tuple[int, str]:
            status = main(["election", *map(str, arguments)])
            written = capsys.readouterr()
            return status, written.out + written.err

        yield call


def test_a_key_leaves_alone_whether_choices_are_published_and_only_an_option_says_otherwise(
    admin: Administration, run: Run, tmp_path: Path
) -> None:
    hours: dict[str, Any] = {"start": "2040-05-01T07:00:00Z", "end": "2040-05-01T20:00:00Z"}
    number, files = admin.election(**hours)["id"], []
    for place, key in enumerate((new_key(1).public, new_key(2).public)):
        file = tmp_path / f"{place}.pem"
        file.write_text(key_file(key))
        files.append((file, write_key(key)))
    (first, first_key), (second, second_key) = files

    def set_key(*words: Any) -> tuple[str | None, bool]:
        status, said = run("key", number, *words, "--json")
        assert status == SUCCESS, said
        told, kept = json.loads(said), admin.get(f"/api/elections/{number}")
        assert (told["ballot_key"], told["choices_public"]) == (kept["ballot_key"], kept["choices_public"])
        return kept["ballot_key"], kept["choices_public"]

    # Without a key nothing can be published, so the order of the two is told.
    status, said = run("key", number, "--publish-choices")
    assert (status, "needs a ballot key" in said) == (REFUSED, True)
    assert set_key(first) == (first_key, False)
    assert set_key(first, "--publish-choices") == (first_key, True)
    assert set_key(second) == (second_key, True)
    assert "everybody can read how each ballot was cast" in run("show", number)[1]
    # The rule alone, too.
    assert set_key("--no-publish-choices") == (second_key, False)
    assert "nobody can read how each ballot was cast" in run("show", number)[1]
    assert set_key("--publish-choices") == (second_key, True)
    assert set_key("--remove") == (None, False)
    for words in ((), (first, "--remove"), ("--remove", "--publish-choices"), ("--remove", "--no-publish-choices")):
        assert run("key", number, *words)[0] == USAGE, words
    assert set_key(first) == (first_key, False)
