"""``urna election key`` and ``urna voters open`` against the real services: the key of an election, on both sides."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cli.app import main
from cli.failure import REFUSED, SUCCESS, USAGE
from shared.ballot_proofs import Hours, key_file, read_key, write_key
from shared.schema.accounts import VoterElection
from shared.schema.election import Election
from tests.servers import SQLite
from tests.services.accounts import ADMIN_EMAIL, ADMIN_PASSWORD, Accounts, jmbg
from tests.services.administration import Administration, running
from tests.services.casting import key_text, new_key
from tests.services.tokens import ServiceSettings, Token
from tests.services.voting import served

Run = Callable[..., tuple[int, str]]

# With seconds and what is less than one: both services have to keep them.
HOURS: dict[str, Any] = {"start": "2040-05-01T07:00:09.5Z", "end": "2040-05-01T20:00:00Z"}


@pytest.fixture
def admin(sqlite_files: SQLite, service_settings: ServiceSettings, token: Token) -> Iterator[Administration]:
    with running(sqlite_files.new_database(), service_settings, token) as service:
        yield service


@pytest.fixture
def run(
    admin: Administration, accounts: Accounts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Runs ``urna`` as the administrator; its exit status and what it wrote."""
    with ExitStack() as stack:
        for name, app in (("AUTHENTICATION", accounts.app), ("ADMIN", admin.app)):
            monkeypatch.setenv(f"URNA_{name}_URL", stack.enter_context(served(app)))
        monkeypatch.setenv("URNA_EMAIL", ADMIN_EMAIL)
        monkeypatch.setenv("URNA_PASSWORD", ADMIN_PASSWORD)

        def call(*arguments: Any) -> tuple[int, str]:
            status = main([*map(str, arguments)])
            written = capsys.readouterr()
            return status, written.out + written.err

        yield call


def test_a_key_leaves_alone_whether_choices_are_published_and_only_an_option_says_otherwise(
    admin: Administration, run: Run, tmp_path: Path
) -> None:
    number, files, hours = admin.election(**HOURS)["id"], [], Hours.read(*HOURS.values())
    for place, key in enumerate((new_key(1).public, new_key(2).public)):
        file = tmp_path / f"{place}.pem"
        file.write_text(key_file(key, number, hours))
        files.append((file, write_key(key)))
    (first, first_key), (second, second_key) = files

    def set_key(*words: Any) -> tuple[str | None, bool]:
        status, said = run("election", "key", number, *words, "--json")
        assert status == SUCCESS, said
        told, kept = json.loads(said), admin.get(f"/api/elections/{number}")
        assert (told["ballot_key"], told["choices_public"]) == (kept["ballot_key"], kept["choices_public"])
        return kept["ballot_key"], kept["choices_public"]

    # Without a key nothing can be published, so the order of the two is told.
    status, said = run("election", "key", number, "--publish-choices")
    assert (status, "needs a ballot key" in said) == (REFUSED, True)
    assert set_key(first) == (first_key, False)
    assert set_key(first, "--publish-choices") == (first_key, True)
    assert set_key(second) == (second_key, True)
    assert "everybody can read how each ballot was cast" in run("election", "show", number)[1]
    # The rule alone, too.
    assert set_key("--no-publish-choices") == (second_key, False)
    assert "nobody can read how each ballot was cast" in run("election", "show", number)[1]
    assert set_key("--publish-choices") == (second_key, True)
    assert set_key("--remove") == (None, False)
    for words in ((), (first, "--remove"), ("--remove", "--publish-choices"), ("--remove", "--no-publish-choices")):
        assert run("election", "key", number, *words)[0] == USAGE, words
    assert set_key(first) == (first_key, False)


def opened(run: Run, number: int, *words: Any) -> dict[str, Any]:
    status, said = run("voters", "open", number, *words, "--json")
    assert status == SUCCESS, said
    return dict(json.loads(said))


def test_one_command_lets_voters_vote_and_goes_on_after_a_break_at_any_step(
    admin: Administration, accounts: Accounts, run: Run, tmp_path: Path
) -> None:
    numbers = [admin.election(title=f"Election {place}", draft=True, **HOURS)["id"] for place in range(4)]
    headers = {**accounts.logged_in(), "If-Match": "*"}
    there = "there already"
    for steps, number in enumerate(numbers):
        path = f"/api/voter-elections/{number}"
        if steps > 0:
            said = {"title": "Before", "opens_at": HOURS["start"], "closes_at": HOURS["end"], "restriction": "citizens"}
            assert accounts.client.put(path, json=said, headers=headers).status_code == 201
        if steps > 1:
            assert accounts.client.post(f"{path}/key", headers=headers).status_code == 201
        if steps > 2:
            key = accounts.client.get(f"{path}/key").get_json()["ballot_key"]
            admin.patch(f"/api/elections/{number}", {"ballot_key": key}, "*")
        found = opened(run, number, "--region", " Јужни ", "--region", "Severni")
        assert list(found["done"].values()) == [
            "changed" if steps > 0 else "made",
            there if steps > 1 else "made",
            there if steps > 2 else "made",
        ]
        assert (found["title"], found["values"]) == (f"Election {steps}", ["Јужни", "Severni"])
        kept = admin.get(f"/api/elections/{number}")
        assert read_key(kept["ballot_key"]).fingerprint == found["fingerprint"]
        assert Hours.read(found["opens_at"], found["closes_at"]) == Hours.read(*HOURS.values())
        # Again, with or without saying for whom, it changes nothing.
        for words in ((), ("--region", "Јужни", "--region", "Severni")):
            assert opened(run, number, *words) == {**found, "done": dict.fromkeys(found["done"], there)}
        assert admin.get(f"/api/elections/{number}") == kept
    # For a list of citizens, and for everyone again.
    file = tmp_path / "chosen.csv"
    file.write_text(f"national_id\n{jmbg(1)}\n{jmbg(2)}\n")
    assert opened(run, numbers[0], "--citizens", file)["listed"] == 2
    assert opened(run, numbers[0])["listed"] == 2
    assert opened(run, numbers[0], "--everyone")["restriction"] == "everyone"
    assert run("voters", "open", numbers[0], "--everyone", "--citizens", file)[0] == USAGE
    text = run("voters", "open", numbers[0])[1]
    assert "Open 2040-05-01 07:00:09.5 – 2040-05-01 20:00:00 UTC." in text
    assert found["fingerprint"] != text.splitlines()[-1] == opened(run, numbers[0])["fingerprint"]


def test_what_cannot_be_opened_to_voters_is_refused_before_anything_is_changed(
    admin: Administration, accounts: Accounts, run: Run
) -> None:
    number = admin.election(**HOURS)["id"]

    def known(one: int) -> int:
        return accounts.client.get(f"/api/voter-elections/{one}", headers=accounts.logged_in()).status_code

    def refused(one: int, *words: str) -> str:
        before = known(one), admin.get(f"/api/elections/{one}"), len(accounts.journal())
        status, said = run("voters", "open", one, *words)
        assert status == REFUSED, said
        actions = {entry.action for entry in accounts.journal()[before[2] :]}
        assert (known(one), admin.get(f"/api/elections/{one}"), actions) == (*before[:2], {"session.opened"})
        return said

    # Another key there, which is none of the authentication service.
    admin.patch(f"/api/elections/{number}", {"ballot_key": key_text()}, "*")
    assert f"urna election key {number} --remove" in refused(number)
    assert run("election", "key", number, "--remove")[0] == SUCCESS
    # Hours that differ by a second, of what somebody has typed.
    accounts.make_known(number, opens_at="2040-05-01T07:00:08.5Z", closes_at=HOURS["end"])
    assert "(2040-05-01 07:00:08.5 – 2040-05-01 20:00:00 UTC)" in refused(number)
    listed = json.loads(run("voters", "list", "--json")[1])["items"]
    assert [(one["election_id"], one["hours_agree"]) for one in listed] == [(number, False)]
    assert f"Election {number}: the hours differ; in the administration" in run("voters", "list")[1]
    assert opened(run, number, "--take-hours")["done"]["known"] == "changed"
    assert "differ" not in run("voters", "list")[1]
    assert json.loads(run("voters", "list", "--json")[1])["items"][0]["hours_agree"] is True
    # One that has opened, and one that was called off.
    late = admin.election()["id"]
    assert f"Election {late} has opened" in refused(late)
    admin.post(f"/api/elections/{late}/cancellation", {"reason": "A"}, match="*")
    assert f"Election {late} was cancelled" in refused(late)
    # What has opened and is as it should be is only looked at.
    with admin.database.writing() as store, accounts.database.writing() as session:
        store.execute(sa.update(Election).where(Election.id == number).values(start=datetime(2020, 5, 1, tzinfo=UTC)))
        session.execute(sa.update(VoterElection).values(opens_at=datetime(2020, 5, 1, tzinfo=UTC)))
    assert set(opened(run, number)["done"].values()) == {"there already"}
    assert f"Election {number} has opened" in refused(number, "--region", "A")


def test_a_file_with_the_key_of_another_election_or_of_other_hours_is_not_taken(
    admin: Administration, run: Run, tmp_path: Path
) -> None:
    number, file = admin.election(**HOURS)["id"], tmp_path / "key.pem"
    own, key = Hours.read(*HOURS.values()), new_key().public
    other = Hours(own.opens_at, own.closes_at + timedelta(seconds=1))
    for election, hours, sentence in (
        (number + 1, own, f"of election {number + 1}, and not of election {number}."),
        (number, other, "Voters know other hours for this election"),
    ):
        file.write_text(key_file(key, election, hours))
        status, said = run("election", "key", number, file)
        assert (status, sentence in said) == (REFUSED, True), said
    assert admin.get(f"/api/elections/{number}")["ballot_key"] is None
    file.write_text(key_file(key, number, own))
    assert run("election", "key", number, file)[0] == SUCCESS
    assert admin.get(f"/api/elections/{number}")["ballot_key"] == key_text()
