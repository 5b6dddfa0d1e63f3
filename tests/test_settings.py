"""Settings: documented, without default secrets, and never shown."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from shared.config import (
    PROGRAM_SETTINGS,
    AdministrationSettings,
    AuthenticationSettings,
    CommonSettings,
    load,
)
from shared.errors import Misconfigured
from shared.settings_table import PROCESS_SETTINGS, is_secret, settings_table
from tests.source import ROOT, SERVICES, modules, tree

BEGIN, END = "<!-- settings -->\n", "<!-- /settings -->"
PEM = "-----BEGIN PUBLIC KEY-----"
URL = "sqlite:///somewhere.sqlite3"
ALL = sorted(PROGRAM_SETTINGS.items())


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The developer's own settings, .env file and secrets do not take part."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path / "no-secrets"))
    for kind in PROGRAM_SETTINGS.values():
        for name in kind.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)


def test_the_table_in_the_readme_is_what_the_code_says() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition(BEGIN)[2].partition(END)[0]
    assert table.strip() == settings_table().strip(), "Write it anew: python -m shared.settings_table"


def test_the_table_has_every_setting_once() -> None:
    rows = [line.split("`")[1] for line in settings_table().splitlines()[2:]]
    names = {name.upper() for kind in PROGRAM_SETTINGS.values() for name in kind.model_fields}
    assert len(rows) == len(set(rows))
    assert set(rows) == names | set(PROCESS_SETTINGS)


def test_what_is_read_from_the_environment_directly_stands_in_the_table_too() -> None:
    read = set()
    for path in modules("shared", *SERVICES).values():
        for node in ast.walk(tree(path)):
            subject: ast.expr | None = None
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.environ.get", "os.getenv"):
                subject = node.args[0]
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
                subject = node.slice
            if subject is not None:
                assert isinstance(subject, ast.Constant), f"{path}: a setting's name is written out."
                read.add(subject.value)
    assert read == set(PROCESS_SETTINGS)


@pytest.mark.parametrize(("service", "kind"), ALL)
def test_every_setting_says_in_a_sentence_what_it_is_for(service: str, kind: type[CommonSettings]) -> None:
    for name, field in kind.model_fields.items():
        assert (field.description or "").endswith("."), f"{service}: {name}"
        assert is_secret(field) == (field.description or "").startswith("Secret."), f"{service}: {name}"


@pytest.mark.parametrize(("service", "kind"), ALL)
def test_no_secret_has_a_default(service: str, kind: type[CommonSettings]) -> None:
    for name, field in kind.model_fields.items():
        sounds_secret = name.endswith(("_password", "_secret_key", "_private_key", "_url"))
        assert is_secret(field) >= sounds_secret, f"{service}: {name} is to be a SecretStr."
        if is_secret(field):
            assert field.is_required() or field.default is None, f"{service}: {name}"


@pytest.mark.parametrize(("service", "kind"), ALL)
def test_a_service_that_lacks_settings_names_all_of_them(service: str, kind: type[CommonSettings]) -> None:
    with pytest.raises(Misconfigured) as refused:
        load(kind)
    required = [name.upper() for name, field in kind.model_fields.items() if field.is_required()]
    for name in required:
        assert f"{name}: Field required" in refused.value.message, service


def test_the_keys_that_an_algorithm_needs_are_asked_for() -> None:
    with pytest.raises(Misconfigured, match="JWT_PUBLIC_KEY is needed while JWT_ALGORITHM is EdDSA"):
        load(AdministrationSettings, election_database_url=URL)
    with pytest.raises(Misconfigured, match="JWT_SECRET_KEY is needed while JWT_ALGORITHM is HS256"):
        load(AdministrationSettings, election_database_url=URL, jwt_algorithm="HS256")
    with pytest.raises(Misconfigured, match="JWT_PRIVATE_KEY is needed while JWT_ALGORITHM is EdDSA"):
        load(AuthenticationSettings, **authentication(jwt_public_key=PEM))


def test_a_short_shared_key_is_for_development_only() -> None:
    values = {"election_database_url": URL, "jwt_algorithm": "HS256", "jwt_secret_key": "k" * 31}
    assert load(AdministrationSettings, **values, environment="development").jwt_algorithm == "HS256"
    with pytest.raises(Misconfigured, match="at least 32 characters"):
        load(AdministrationSettings, **values)
    assert load(AdministrationSettings, **{**values, "jwt_secret_key": "k" * 32}).environment == "production"


def test_a_wrong_setting_is_named_without_any_value() -> None:
    values = authentication(
        accounts_database_url="mysql+pymysql://urna:hush-database@db/accounts",
        admin_password="hush-password",
        jwt_algorithm="HS256",
        jwt_secret_key="hush-key",
        registration="hush-registration",
        admin_jmbg="hush-jmbg",
    )
    with pytest.raises(Misconfigured) as refused:
        load(AuthenticationSettings, **values)
    for name in ("REGISTRATION", "ADMIN_JMBG"):
        assert name in refused.value.message
    assert "hush" not in refused.value.message
    assert refused.value.__cause__ is None
    with pytest.raises(Misconfigured) as refused:
        load(AuthenticationSettings, **{**values, "registration": "open", "admin_jmbg": "0" * 13})
    assert "JWT_SECRET_KEY" in refused.value.message
    assert "hush" not in refused.value.message


def test_a_time_zone_has_to_exist() -> None:
    values = {"election_database_url": URL, "jwt_public_key": PEM}
    assert load(AdministrationSettings, **values, election_timezone="Europe/Belgrade").election_timezone
    for name in ("Europe/Atlantis", "../etc/passwd", ""):
        with pytest.raises(Misconfigured, match="ELECTION_TIMEZONE: this has to be an IANA name"):
            load(AdministrationSettings, **values, election_timezone=name)


def test_secrets_are_read_from_files_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, value in authentication(jwt_public_key=PEM, jwt_private_key="from-a-file").items():
        # Editors and shells end files with a new line, which is no part of the secret.
        (folder / name).write_text(f"{value}\n", encoding="utf-8")
    monkeypatch.setenv("SECRETS_DIR", str(folder))
    settings = load(AuthenticationSettings)
    assert secret(settings.jwt_private_key) == "from-a-file"
    assert secret(settings.admin_password) == "Password1"
    assert settings.admin_email == "admin@example.org"
    monkeypatch.setenv("ADMIN_PASSWORD", "FromTheEnvironment1")
    assert secret(load(AuthenticationSettings).admin_password) == "FromTheEnvironment1"


def test_settings_are_read_from_a_file_in_the_working_directory(tmp_path: Path) -> None:
    written = f'ELECTION_DATABASE_URL={URL}\nJWT_PUBLIC_KEY="{PEM}"\nLOG_LEVEL=debug\nUNKNOWN=x\n'
    (tmp_path / ".env").write_text(written, encoding="utf-8")
    settings = load(AdministrationSettings)
    assert settings.log_level == "debug"
    assert secret(settings.election_database_url) == URL


def test_settings_that_are_printed_show_no_secret() -> None:
    settings = load(
        AuthenticationSettings,
        **authentication(
            jwt_public_key=PEM, jwt_private_key="hush", admin_password="hush", accounts_database_url="hush"
        ),
    )
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings.model_dump())


def authentication(**values: Any) -> dict[str, Any]:
    """Values for the authentication service, without keys unless they are given."""
    required = {"accounts_database_url": URL, "admin_email": "admin@example.org", "admin_password": "Password1"}
    return {**required, "register_key": "k" * 32, **values}


def secret(value: SecretStr | None) -> str:
    assert value is not None
    return value.get_secret_value()


def test_a_server_with_a_wrong_setting_ends_with_words_and_no_traceback(tmp_path: Path) -> None:
    command = ("-m", "gunicorn", "--config", "python:shared.web.gunicorn", "admin_service.app:create_app()")
    settings = {"ELECTION_DATABASE_URL": "sqlite://", "JWT_PUBLIC_KEY": "x", "ELECTION_TIMEZONE": "Mars/Base"}
    ended = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, **settings, "PYTHONPATH": str(ROOT), "PORT": "0"},
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "ELECTION_TIMEZONE" in ended.stderr
    assert "Traceback" not in ended.stderr
