"""The program that sends mails, against a real mail server: what it says and to whom, and when it gives up."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from authentication_service.actions.outbox import Letter, NotNow, Outgoing, mail_seal, put
from authentication_service.mailer import Post
from cli.suite.ports import free_base
from shared.config import MailerSettings
from shared.errors import Misconfigured
from shared.logs import configure
from shared.schema.accounts import Mail
from tests.services.accounts import REGISTER_KEY, Accounts, register
from tests.services.mailboxes import PASSWORD, USER, Mailbox, Sender, knows, mail_server, mail_settings, text_of
from tests.services.tokens import ServiceSettings
from tests.source import ROOT

VERA = "vera1@gmail.com"
LETTER = Letter("Нова лозинка", "Изаберите је овде:\n\nhttps://urna.example/?" + "x" * 90 + "\n")


def write(accounts: Accounts, minutes: float = 30) -> None:
    """Let a mail for Vera wait."""
    now = datetime.now(UTC)
    with accounts.database.writing() as session:
        seal = mail_seal(REGISTER_KEY)
        put(session, seal, accounts.user_id(VERA), VERA, LETTER, now + timedelta(minutes=minutes), now)


def waiting(accounts: Accounts) -> int:
    with accounts.database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Mail)) or 0


@pytest.fixture
def vera(accounts: Accounts) -> Accounts:
    register(accounts, 1)
    return accounts


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server() as made:
        yield made


def test_a_mail_is_sent_once_with_what_it_says_as_it_was_written(
    vera: Accounts, box: Mailbox, service_settings: ServiceSettings
) -> None:
    sender = Sender.of(vera, service_settings, box.port)
    write(vera)
    assert [sender.send(), sender.send(), waiting(vera)] == [1, 0, 0]
    (mail,) = box.mails
    assert text_of(mail) == LETTER.text
    assert (mail["From"], mail["To"], mail["Subject"]) == ("elections@urna.example", VERA, LETTER.subject)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@urna.example>")


def test_the_service_tells_how_many_mails_wait_and_since_when(
    vera: Accounts, box: Mailbox, service_settings: ServiceSettings
) -> None:
    assert told(vera) == {"urna_mails_waiting": 0, "urna_mails_oldest_age_seconds": 0}
    write(vera)
    with vera.database.writing() as session:
        before = datetime.now(UTC) - timedelta(minutes=7)
        session.execute(sa.update(Mail).values(created_at=before))
    write(vera)
    found = told(vera)
    assert found["urna_mails_waiting"] == 2
    assert 420 <= found["urna_mails_oldest_age_seconds"] < 480
    assert Sender.of(vera, service_settings, box.port).send() == 2
    assert told(vera) == {"urna_mails_waiting": 0, "urna_mails_oldest_age_seconds": 0}


def told(accounts: Accounts) -> dict[str, float]:
    """What the service tells Prometheus of mails."""
    families = text_string_to_metric_families(accounts.client.get("/metrics").text)
    return {one.name: one.samples[0].value for one in families if one.name.startswith("urna_mails")}


# The library warns of what it calls no TLS, and what is secured from the beginning.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_the_password_goes_over_a_secured_way_alone_to_a_server_with_a_good_certificate(
    vera: Accounts, service_settings: ServiceSettings, tmp_path: Path, security: str
) -> None:
    with mail_server(
        security=security, folder=tmp_path, authenticator=knows(USER, PASSWORD), auth_required=True
    ) as box:
        told = {"smtp_security": security, "smtp_user": USER, "smtp_password": PASSWORD}
        good = {**told, "smtp_ca_file": tmp_path / "ca.pem"}
        write(vera)
        for wrong, why in (
            (told, "certificate is not to be trusted"),
            ({**good, "smtp_password": "another"}, "refuses SMTP_USER and SMTP_PASSWORD with 535"),
            ({**good, "smtp_user": ""}, "MAIL_SENDER with 530"),
        ):
            with pytest.raises(NotNow, match=why) as refused:
                _try(Sender.of(vera, service_settings, box.port, **wrong))
            assert refused.value.is_server
        assert box.mails == []
        assert Sender.of(vera, service_settings, box.port, **good).send() == 1
        # Of a way that was secured from its beginning the library does not say so.
        assert box.was_secured == [security == "starttls"]
    # To a server that offers no STARTTLS nothing is told.
    with mail_server() as plain:
        other = Sender.of(vera, service_settings, plain.port, **{**good, "smtp_security": "starttls"})
        with pytest.raises(NotNow, match="does not offer"):
            _try(other)


def _try(sender: Sender) -> None:
    Post(sender.settings).send(Outgoing("1", 1, VERA, LETTER))


def test_what_cannot_be_sent_is_tried_again_after_growing_pauses_until_it_is_of_no_use(
    vera: Accounts, service_settings: ServiceSettings, capfd: pytest.CaptureFixture[str]
) -> None:
    configure("mailer", "info")
    sender = Sender.of(vera, service_settings, free_base("127.0.0.1", 1))
    write(vera)
    for pause in (15, 30, 60, 120):
        assert sender.send() == 0
        sender.ahead += timedelta(seconds=pause - 3)
        assert _due(sender) == 0
        sender.ahead += timedelta(seconds=3)
        assert _due(sender) == 1
    with mail_server() as box:
        late = Sender.of(vera, service_settings, box.port)
        late.ahead = timedelta(minutes=31)
        assert (late.send(), waiting(vera), box.mails) == (0, 0, [])
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if '"event": "mail' in line]
    told = [(line["event"], line["tries"]) for line in lines]
    assert told == [("mail put off", number) for number in (1, 2, 3, 4)] + [("mail given up", 4)]
    assert "cannot be reached" in lines[0]["reason"]
    assert "vera1" not in json.dumps(lines)


def _due(sender: Sender) -> int:
    with sender.accounts.database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).where(Mail.due_at <= sender.now())) or 0


@pytest.mark.parametrize(
    ("command", "answer", "is_kept"),
    [
        ("RCPT", "550 no such user {address}", False),
        ("RCPT", "452 mailbox of {address} is full", True),
        ("DATA", "554 looks like rubbish", False),
        ("DATA", "451 later", True),
    ],
)
def test_what_a_server_never_takes_is_given_up_and_logged_without_the_address(
    vera: Accounts,
    box: Mailbox,
    service_settings: ServiceSettings,
    capfd: pytest.CaptureFixture[str],
    command: str,
    answer: str,
    is_kept: bool,
) -> None:
    configure("mailer", "info")
    box.answer[command] = answer
    sender = Sender.of(vera, service_settings, box.port)
    write(vera)
    assert (sender.send(), waiting(vera)) == (0, int(is_kept))
    output = capfd.readouterr().err
    assert "vera1" not in output
    assert ("mail put off" if is_kept else "mail given up") in output
    assert f'"account": {vera.user_id(VERA)}' in output
    # Another mail is not kept from its way by this one.
    box.answer.clear()
    write(vera)
    assert sender.send() == 1


def test_a_mail_of_a_sender_that_died_is_sent_by_another(
    vera: Accounts, box: Mailbox, service_settings: ServiceSettings
) -> None:
    sender = Sender.of(vera, service_settings, box.port)
    write(vera)

    def dies(_outgoing: Outgoing) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sender.send(dies)
    assert sender.send() == 0
    sender.ahead = timedelta(minutes=3, seconds=1)
    assert sender.send() == 1


def test_the_program_sends_and_ends_when_it_is_told_to(vera: Accounts, box: Mailbox, tmp_path: Path) -> None:
    heartbeat = tmp_path / "heartbeat"
    told = {
        **mail_settings(),
        "accounts_database_url": vera.settings.accounts_database_url.get_secret_value(),
        "register_key": REGISTER_KEY,
        "smtp_port": box.port,
        "smtp_security": "none",
        "heartbeat_file": heartbeat,
    }
    environment = {**os.environ, **{name.upper(): str(value) for name, value in told.items()}, "PYTHONPATH": str(ROOT)}
    write(vera)
    program = subprocess.Popen(
        [sys.executable, "-m", "authentication_service.mailer"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE
    )
    try:
        assert program.stderr is not None
        line = program.stderr.readline().decode()
        assert json.loads(line)["event"] == "mail sent"
        assert VERA not in line
    finally:
        program.send_signal(signal.SIGTERM)
        assert program.wait(30) == 0
        program.communicate()
    assert len(box.mails) == 1
    assert heartbeat.exists()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"mail_sender": ""}, "MAIL_SENDER"),
        ({"mail_sender": "a@b\nBcc: c@d"}, "MAIL_SENDER"),
        ({"account_address": ""}, "ACCOUNT_ADDRESS"),
        ({"account_address": "/authentication/"}, "ACCOUNT_ADDRESS"),
        ({"smtp_user": "urna"}, "SMTP_PASSWORD"),
        ({"smtp_user": "urna", "smtp_password": "x", "smtp_security": "none", "environment": "production"}, "SECURITY"),
    ],
)
def test_settings_with_which_no_mail_could_be_written_or_a_password_be_told_to_all_are_refused(
    service_settings: ServiceSettings, values: dict[str, str], named: str
) -> None:
    good = {"accounts_database_url": "sqlite://", "register_key": REGISTER_KEY, **mail_settings()}
    assert service_settings(MailerSettings, **good).smtp_port == 587
    with pytest.raises(Misconfigured, match=named):
        service_settings(MailerSettings, **{**good, **values})
