"""How deploy/secrets.sh changes a secret: the next one beside the one that is used, then in its place, then alone."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from shared.config import SERVICE_SETTINGS
from shared.errors import Misconfigured
from shared.signed_records import read_signing_key
from shared.token_keys import TokenKeys, signing_name
from tests.deployment.certificates import certify
from tests.deployment.test_files import COMPOSE, ROOT, STACK
from tests.left_out import leave_out

SCRIPT = ROOT / "deploy" / "secrets.sh"
DAY = 24 * 3600


class Secrets:
    """The directory of a deployment's secrets."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Call the script, which may refuse."""
        given = {"PATH": os.environ["PATH"], "SECRETS": str(self.directory), **environment}
        return subprocess.run([SCRIPT, *arguments], env=given, capture_output=True, text=True, timeout=60, check=False)

    def done(self, *arguments: str, **environment: str) -> str:
        """Call the script, which has to succeed; what it writes for a database."""
        done = self.run(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str) -> str:
        """Call the script, which has to refuse and to change nothing; its words."""
        before = self.contents()
        done = self.run(*arguments)
        assert done.returncode in (1, 2)
        assert done.stdout == ""
        assert self.contents() == before
        return done.stderr

    def contents(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.directory)): path.read_text()
            for path in self.directory.rglob("*")
            if path.is_file()
        }

    def of(self, name: str) -> str:
        return (self.directory / name).read_text()

    def names(self) -> list[str]:
        """The names of the public keys, the newest first."""
        return list(TokenKeys.of(self.of("jwt_public_key")).by_name)

    def signs(self) -> str:
        """The name of the key that signs; raises when nobody could check it."""
        return signing_name(self.of("jwt_private_key"), TokenKeys.of(self.of("jwt_public_key")))

    def let_pass(self, days: int) -> None:
        """Let the last change of the signing key be so many days longer ago."""
        since = self.directory / ".signing_key_since"
        since.write_text(str(int(since.read_text()) - days * DAY))


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    """The secrets of a new deployment."""
    if shutil.which("openssl") is None:
        leave_out("openssl", "install it with: apt-get install openssl")
    made = Secrets(tmp_path / "secrets")
    assert made.done() == ""
    return made


def test_a_signing_key_is_changed_in_three_steps_and_both_are_good_in_between(secrets: Secrets) -> None:
    old = secrets.signs()
    assert secrets.names() == [old]
    secrets.done("next", "signing_key")
    new, last = secrets.names()
    assert (last, secrets.signs()) == (old, old)
    secrets.done("switch", "signing_key")
    assert (secrets.names(), secrets.signs()) == ([new, old], new)
    secrets.let_pass(31)
    secrets.done("retire", "signing_key")
    assert (secrets.names(), secrets.signs()) == ([new], new)
    # Nothing of the old one is left, and nothing that no container takes.
    assert set(secrets.contents()) == set(COMPOSE["secrets"]) | {".signing_key_since"}


def test_each_step_of_a_signing_key_can_be_repeated_and_none_can_be_left_out(secrets: Secrets) -> None:
    assert "make it first: deploy/secrets.sh next signing_key" in secrets.refused("switch", "signing_key")
    secrets.done("next", "signing_key")
    after_next = secrets.contents()
    secrets.done("next", "signing_key")
    secrets.done()
    assert secrets.contents() == after_next
    assert "first: deploy/secrets.sh switch signing_key" in secrets.refused("retire", "signing_key")
    secrets.done("switch", "signing_key")
    assert "There is no next one" in secrets.refused("switch", "signing_key")
    assert "31 more days" in secrets.refused("retire", "signing_key")
    secrets.let_pass(30)
    assert "1 more days" in secrets.refused("retire", "signing_key")
    secrets.let_pass(1)
    secrets.done("retire", "signing_key")
    after_retire = secrets.contents()
    secrets.done("retire", "signing_key")
    assert secrets.contents() == after_retire


def test_a_key_may_be_changed_again_before_the_old_one_is_retired(secrets: Secrets) -> None:
    names = [secrets.signs()]
    for _ in range(2):
        secrets.done("next", "signing_key")
        secrets.done("switch", "signing_key")
        names.insert(0, secrets.signs())
    assert secrets.names() == names
    assert len(set(names)) == 3


def test_a_key_that_leaked_is_good_no_more_at_once(secrets: Secrets) -> None:
    old = secrets.signs()
    secrets.done("next", "signing_key")
    prepared = secrets.names()[0]
    secrets.done("revoke", "signing_key")
    assert secrets.names() == [secrets.signs()]
    assert secrets.signs() not in (old, prepared)
    assert "next/jwt_private_key" not in secrets.contents()
    assert "usage" in secrets.refused("revoke", "election_daemon")


def test_the_key_of_records_is_changed_and_the_old_records_can_be_checked_until_it_leaks(secrets: Secrets) -> None:
    def records() -> tuple[str, list[str]]:
        signer, keys = read_signing_key(secrets.of("record_signing_key"), secrets.of("record_public_key"))
        assert signer is not None
        return signer.name, list(keys.by_name)

    first, known = records()
    assert known == [first]
    assert first not in secrets.names()
    assert "make it first: deploy/secrets.sh next record_key" in secrets.refused("switch", "record_key")
    secrets.done("next", "record_key")
    secrets.done("next", "record_key")
    signs, known = records()
    assert (signs, known[1:]) == (first, [first])
    assert "first: deploy/secrets.sh switch record_key" in secrets.refused("retire", "record_key")
    secrets.done("switch", "record_key")
    second, known = records()
    assert known == [second, first]
    # Tokens and records have nothing to do with each other.
    assert "are kept" in secrets.refused("retire", "record_key")
    secrets.done("next", "record_key")
    prepared = records()[1][0]
    secrets.done("revoke", "record_key")
    third, known = records()
    assert known == [third, first]
    assert third not in (first, second, prepared)
    assert set(secrets.contents()) == set(COMPOSE["secrets"])
    # A deployment of an older version has none of it.
    for name in ("record_signing_key", "record_public_key"):
        (secrets.directory / name).unlink()
    secrets.done()
    assert records()[1] == [records()[0]]


def test_a_key_that_cannot_be_read_ends_a_change_before_anything_is_published(secrets: Secrets) -> None:
    for name, steps in (("signing_key", ("next",)), ("record_key", ("next", "revoke"))):
        file = f"next/{'jwt_private_key' if name == 'signing_key' else 'record_signing_key'}"
        secrets.done("next", name)
        _damage(secrets, file)
        for step in steps:
            assert file in secrets.refused(step, name)
    _damage(secrets, "record_signing_key")
    assert "record_signing_key" in secrets.refused()


def _damage(secrets: Secrets, file: str) -> None:
    (secrets.directory / file).unlink()
    (secrets.directory / file).write_text("")


def test_a_private_key_that_was_put_there_by_hand_gets_its_public_key(secrets: Secrets) -> None:
    old = secrets.signs()
    (secrets.directory / "jwt_private_key").unlink()
    with pytest.raises(FileNotFoundError):
        secrets.signs()
    secrets.done()
    assert secrets.names() == [secrets.signs()] != [old]


def test_a_next_key_is_in_no_file_that_a_container_or_the_swarm_is_given(secrets: Secrets) -> None:
    secrets.done("next", "signing_key")
    secrets.done("next", "election_daemon")
    next_key = secrets.of("next/jwt_private_key")
    assert load_pem_private_key(next_key.encode(), None)
    handed = [path for path in secrets.directory.iterdir() if path.is_file()]
    assert {path.name for path in handed} == set(COMPOSE["secrets"])
    assert all(next_key.splitlines()[1] not in path.read_text() for path in handed)
    assert stat.S_IMODE((secrets.directory / "next").stat().st_mode) == 0o700


def test_a_password_of_redis_stands_beside_the_old_one_until_that_is_retired(secrets: Secrets) -> None:
    old = secrets.of("redis_station_password")
    assert secrets.done("next", "redis_station") == ""
    assert secrets.of("redis_station_password").splitlines()[0] == old
    new = secrets.of("redis_station_password").splitlines()[1]
    assert f":{old}@" in secrets.of("redis_station_url")
    secrets.done("next", "redis_station")
    assert secrets.of("redis_station_password").splitlines() == [old, new]
    assert "first: deploy/secrets.sh switch redis_station" in secrets.refused("retire", "redis_station")
    secrets.done("switch", "redis_station")
    assert secrets.of("redis_station_password").splitlines() == [new, old]
    assert f":{new}@" in secrets.of("redis_station_url")
    assert "There is no next one" in secrets.refused("switch", "redis_station")
    secrets.done("retire", "redis_station")
    assert secrets.of("redis_station_password") == new
    assert set(secrets.contents()) == set(COMPOSE["secrets"])


def test_a_password_of_a_database_is_changed_with_what_its_administrator_has_to_say(secrets: Secrets) -> None:
    old = secrets.of("election_daemon_password")
    said = secrets.done("next", "election_daemon")
    assert secrets.of("election_daemon_password") == old
    new = secrets.of("next/election_daemon_password")
    assert said == (
        f"ALTER USER 'daemon'@'%' IDENTIFIED BY '{old}'; "
        f"ALTER USER 'daemon'@'%' IDENTIFIED BY '{new}' RETAIN CURRENT PASSWORD;\n"
    )
    assert secrets.done("next", "election_daemon") == said
    assert "first: deploy/secrets.sh switch election_daemon" in secrets.refused("retire", "election_daemon")
    assert secrets.done("switch", "election_daemon") == ""
    assert secrets.of("election_daemon_password") == new
    assert f"daemon:{new}@" in secrets.of("election_daemon_url")
    assert secrets.done("retire", "election_daemon") == "ALTER USER 'daemon'@'%' DISCARD OLD PASSWORD;\n"
    assert set(secrets.contents()) == set(COMPOSE["secrets"])


def test_the_root_of_a_database_has_no_other_host_than_its_own(secrets: Secrets) -> None:
    assert "'root'@'localhost'" in secrets.done("next", "accounts_root")
    assert "'root'@'%'" not in secrets.done("next", "accounts_root")


def test_postgresql_is_told_at_the_switch_for_it_knows_one_password_only(secrets: Secrets) -> None:
    how = {"DATABASE": "postgresql"}
    assert secrets.done("next", "accounts_authentication", **how) == ""
    said = secrets.done("switch", "accounts_authentication", **how)
    assert said == f"ALTER ROLE \"authentication\" PASSWORD '{secrets.of('accounts_authentication_password')}';\n"
    assert secrets.done("retire", "accounts_authentication", **how) == ""


def test_what_is_no_secret_that_can_be_changed_is_refused(secrets: Secrets) -> None:
    for name in ("admin", "election_nobody", "redis_", "../secrets", "election_../../x", "signing_key2", "record_key2"):
        for step in ("next", "switch", "retire"):
            refused = secrets.refused(step, name)
            assert re.search("neither signing_key, record_key, register_key nor|There is no ", refused)
    assert "usage" in secrets.refused("next")
    assert secrets.run("next", "election_daemon", DATABASE="oracle").returncode == 1


def test_a_certificate_is_taken_with_its_own_key_only_and_into_the_files_that_containers_see(
    secrets: Secrets, tmp_path: Path
) -> None:
    pairs = {name: certify(tmp_path, name) for name in ("first", "second")}
    expired = certify(tmp_path, "expired", days=-1)
    inodes = {name: (secrets.directory / name).stat().st_ino for name in ("tls_certificate", "tls_key")}
    for name in ("first", "second"):
        secrets.done("tls", *pairs[name])
        assert secrets.of("tls_certificate") == Path(pairs[name][0]).read_text()
        assert secrets.of("tls_key") == Path(pairs[name][1]).read_text()
    assert inodes == {name: (secrets.directory / name).stat().st_ino for name in inodes}
    assert "is not the key of" in secrets.refused("tls", pairs["first"][0], pairs["second"][1])
    assert "is no certificate in PEM" in secrets.refused("tls", pairs["first"][1], pairs["first"][1])
    assert "has expired" in secrets.refused("tls", *expired)
    assert "is no certificate" in secrets.refused("tls", str(tmp_path / "none"), pairs["first"][1])


def test_a_service_takes_the_secrets_of_every_step(secrets: Secrets) -> None:
    # What the service itself refuses: a private key whose public key is not there.
    for step in ("next", "switch"):
        secrets.done(step, "signing_key")
        assert secrets.signs() in secrets.names()
    (secrets.directory / "jwt_public_key").write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    with pytest.raises(Misconfigured):
        secrets.signs()


def test_nobody_but_the_results_service_gets_the_key_that_signs_records() -> None:
    for file in (COMPOSE, STACK):
        targets = {
            name: {secret["target"] for secret in service.get("secrets", [])}
            for name, service in file["services"].items()
        }
        assert [name for name, found in targets.items() if "record_signing_key" in found] == ["results"]
        assert "record_public_key" in targets["results"]
    fields = [name for name, settings in SERVICE_SETTINGS.items() if "record_signing_key" in settings.model_fields]
    assert fields == ["results_service"]
