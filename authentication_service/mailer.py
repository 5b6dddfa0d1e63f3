"""Sends the mails that wait in the accounts store: ``python -m authentication_service.mailer``.

A program of its own, so that the service, which holds the key that signs tokens, needs no way out, and never waits for
a mail server. Any number of them may run. Where no mail server is named it waits and does nothing.
"""

import signal
import smtplib
import ssl
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError

from authentication_service.actions.outbox import NotNow, Outgoing, Undeliverable, mail_seal, send_due
from shared.config import MailerSettings, load
from shared.database import Database
from shared.errors import Misconfigured, Unavailable
from shared.logs import configure, reason

# How often the store is asked; a person who waits for a link looks at the inbox by then.
_ROUND_SECONDS = 2.0
# For each answer of the mail server. A mail has about nine, which all together have to come while it is claimed.
_ANSWER_SECONDS = 15.0

log = structlog.get_logger()


class Post:
    """The mail server of the settings."""

    def __init__(self, settings: MailerSettings) -> None:
        self._settings = settings
        self._context = ssl.create_default_context(cafile=settings.smtp_ca_file)
        self._domain = settings.mail_sender.rpartition("@")[2]

    def send(self, outgoing: Outgoing) -> None:
        """Hand one mail over.

        Raises ``Undeliverable`` when the server will never take it, and ``NotNow`` when it may later: of which neither
        repeats what the server has said, for that often holds the address.
        """
        server = self._connected()
        try:
            server.send_message(self._message(outgoing), self._settings.mail_sender, [outgoing.address])
        except smtplib.SMTPRecipientsRefused as error:
            ((code, _),) = error.recipients.values()
            raise _refusal(code) from None
        except smtplib.SMTPDataError as error:
            raise _refusal(error.smtp_code) from None
        except smtplib.SMTPSenderRefused as error:
            raise NotNow(f"The mail server refuses MAIL_SENDER with {error.smtp_code}.", is_server=True) from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotNow(f"The connection to the mail server failed: {type(error).__name__}.", is_server=True) from None
        finally:
            # The server has said yes or no by now; how it says goodbye changes nothing.
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
            server.close()

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        host, port = settings.smtp_host, settings.smtp_port
        server: smtplib.SMTP | None = None
        try:
            if settings.smtp_security == "tls":
                server = smtplib.SMTP_SSL(host, port, self._domain, timeout=_ANSWER_SECONDS, context=self._context)
            else:
                server = smtplib.SMTP(host, port, self._domain, timeout=_ANSWER_SECONDS)
            if settings.smtp_security == "starttls":
                server.starttls(context=self._context)
            if settings.smtp_user and settings.smtp_password is not None:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        except (smtplib.SMTPException, OSError) as error:
            if server is not None:
                server.close()
            raise NotNow(_why_no_server(error), is_server=True) from None
        return server

    def _message(self, outgoing: Outgoing) -> EmailMessage:
        message = EmailMessage()
        message["From"] = Address(addr_spec=self._settings.mail_sender)
        message["To"] = Address(addr_spec=outgoing.address)
        message["Subject"] = outgoing.letter.subject
        message["Date"] = format_datetime(datetime.now(UTC))
        # The same at each try, so that mailboxes can tell that a second one is the first.
        message["Message-ID"] = f"<{outgoing.id}@{self._domain}>"
        # RFC 3834: no absence notice answers this.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(outgoing.letter.text, cte="quoted-printable")
        return message


class Mailer:
    """Sends what waits, round after round, until it is told to stop."""

    def __init__(self, settings: MailerSettings, stop: threading.Event) -> None:
        self._settings = settings
        self._stop = stop
        self._database = Database(settings.accounts_database_url.get_secret_value(), pool_size=1)
        self._seal = mail_seal(settings.register_key.get_secret_value())
        self._post = Post(settings)

    def run(self) -> None:
        """Until it is told to stop; what is being sent then is sent to its end."""
        if not self._settings.smtp_host:
            log.info("sends no mail", reason="SMTP_HOST is not set.")
        try:
            while not self._stop.is_set():
                self._beat()
                if self._settings.smtp_host and self._round():
                    continue
                self._stop.wait(_ROUND_SECONDS)
        finally:
            self._database.close()

    def _round(self) -> bool:
        """Whether anything was sent, so that more may wait."""
        try:
            return send_due(self._database, self._seal, self._send, partial(datetime.now, UTC)) > 0
        except (Unavailable, SQLAlchemyError) as error:
            log.warning("the accounts store is away", reason=reason(error))
            return False

    def _send(self, outgoing: Outgoing) -> None:
        self._beat()
        self._post.send(outgoing)

    def _beat(self) -> None:
        if self._settings.heartbeat_file is not None:
            self._settings.heartbeat_file.touch()


def _refusal(code: int) -> Exception:
    """What an answer to one mail means (RFC 5321, section 4.2.1): 5yz is for good."""
    return Undeliverable(code) if 500 <= code < 600 else NotNow(f"The mail server answered {code}.")


def _why_no_server(error: Exception) -> str:
    match error:
        case smtplib.SMTPAuthenticationError():
            return f"The mail server refuses SMTP_USER and SMTP_PASSWORD with {error.smtp_code}."
        case smtplib.SMTPNotSupportedError():
            return "The mail server does not offer what SMTP_SECURITY or SMTP_USER wants."
        case ssl.SSLCertVerificationError():
            return f"The mail server's certificate is not to be trusted: {error.verify_message}."
        case smtplib.SMTPResponseException():
            return f"The mail server answered {error.smtp_code}."
        case _:
            return f"The mail server cannot be reached: {type(error).__name__}."


def main() -> int:
    """Send with the settings of the environment until SIGTERM or SIGINT; 1 when the settings do not allow a start."""
    try:
        settings = load(MailerSettings)
        configure("mailer", settings.log_level)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        Mailer(settings, stop).run()
    except Misconfigured as error:
        print(error.message, file=sys.stderr)
        return 1
    except OSError as error:
        # Only the file of SMTP_CA_FILE is opened here, and the heartbeat's.
        print(f"A file of the settings cannot be used: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
