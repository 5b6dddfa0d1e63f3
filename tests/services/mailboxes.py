"""A real mail server on this machine, and an authentication service that writes to it."""

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from aiosmtpd.smtp import Session as SmtpSession
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from authentication_service.actions.outbox import mail_seal, send_due
from authentication_service.mailer import Post
from cli.suite.ports import free_base
from shared.config import MailerSettings
from tests.services.accounts import REGISTER_KEY, Accounts
from tests.services.tokens import ServiceSettings

SITE = "https://urna.example/authentication/"
SENDER = "elections@urna.example"
USER, PASSWORD = "urna", "the password of the sender"
_LINK = re.compile(re.escape(SITE) + r"reset-password\?token=([A-Za-z0-9_-]{43})&language=(\w+)")


@dataclass
class Mailbox:
    """What the mail server has taken, and what it says to the next mail (by ``answer``) when it does not take it."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    # To which command of SMTP it says what: RCPT or DATA.
    answer: dict[str, str] = field(default_factory=dict)
    was_secured: list[bool] = field(default_factory=list)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802 -- the library's name.
        if "RCPT" in self.answer:
            return self.answer["RCPT"].format(address=address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: SmtpSession, envelope: Envelope) -> str:  # noqa: N802
        if "DATA" in self.answer:
            return self.answer["DATA"]
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        assert envelope.mail_from == SENDER
        assert envelope.rcpt_tos == [message["To"]]
        self.mails.append(message)
        self.was_secured.append(session.ssl is not None)
        return "250 OK"


def text_of(mail: EmailMessage) -> str:
    """What a mail says."""
    return str(mail.get_content()).replace("\r\n", "\n")


def link_in(mail: EmailMessage) -> tuple[str, str]:
    """Token and language of the one link of a mail."""
    ((token, language),) = _LINK.findall(text_of(mail))
    return token, language


@contextmanager
def mail_server(*, security: str = "none", folder: Path | None = None, **options: Any) -> Iterator[Mailbox]:
    """A server that takes mails; with ``security`` its certificate stands in ``folder``."""
    box = Mailbox(free_base("127.0.0.1", 1))
    if security != "none":
        assert folder is not None
        options["ssl_context" if security == "tls" else "tls_context"] = _certified(folder)
        # The library does not count a way that was secured from its beginning.
        options["auth_require_tls"] = security == "starttls"
    controller = Controller(box, hostname="127.0.0.1", port=box.port, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def mail_settings() -> dict[str, Any]:
    """What the service and the sender are told."""
    return {
        "smtp_host": "127.0.0.1",
        "mail_sender": SENDER,
        "account_address": SITE,
        "help_contact": "office@urna.example",
    }


@dataclass
class Sender:
    """The sender, which sends when it is told to, at a moment that tests may put off."""

    accounts: Accounts
    settings: MailerSettings
    ahead: timedelta = timedelta()

    @classmethod
    def of(cls, accounts: Accounts, service_settings: ServiceSettings, port: int, **values: Any) -> "Sender":
        url = accounts.settings.accounts_database_url.get_secret_value()
        own = {"accounts_database_url": url, "register_key": REGISTER_KEY, "smtp_port": port, "smtp_security": "none"}
        return cls(accounts, service_settings(MailerSettings, **{**mail_settings(), **own, **values}))

    def send(self, send: Callable[[Any], None] | None = None) -> int:
        """Try what is due; how many mails were sent."""
        seal = mail_seal(self.settings.register_key.get_secret_value())
        return send_due(self.accounts.database, seal, send or Post(self.settings).send, self.now)

    def now(self) -> datetime:
        """The moment that the sender takes it to be."""
        return datetime.now(UTC) + self.ahead


def knows(user: str, password: str) -> Callable[..., AuthResult]:
    """A check of who logs in to the mail server."""

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, said: Any) -> AuthResult:
        is_right = isinstance(said, LoginPassword) and (said.login, said.password) == (user.encode(), password.encode())
        return AuthResult(success=is_right, handled=False)

    return check


def _certified(folder: Path) -> ssl.SSLContext:
    """A context of a server whose certificate, ``folder/ca.pem``, is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a mail server")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context
