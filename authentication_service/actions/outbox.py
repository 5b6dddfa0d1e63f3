"""Mails: put into the store with what they tell of, so that both are there or neither; taken out by who sends them.

Any number of senders may run. A mail is claimed by one of them for a while; one that dies meanwhile loses the claim,
and another tries again. So a mail is sent at least once, and twice only if a sender dies between the server's yes and
the end.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from authentication_service.rules.mails import CLAIM, pause_after
from authentication_service.store import password_resets as store
from shared.database import Database
from shared.errors import Misconfigured
from shared.schema.accounts import Mail
from shared.sealing import MAILS, Seal

# So many are looked up at once.
_AT_ONCE = 50

log = structlog.get_logger()


@dataclass(frozen=True)
class Letter:
    """What a mail says."""

    subject: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True)
class Outgoing:
    """A mail that is to be sent now: its id, the account that it is for, its address and what it says."""

    id: str
    account: int
    address: str = field(repr=False)
    letter: Letter = field(repr=False)


class Undeliverable(Exception):
    """The mail server will not take this mail, now or later; ``code`` is its answer's."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class NotNow(Exception):
    """The mail could not be sent, and may be later; ``why`` names no address.

    ``is_server``: no other mail could be sent now either.
    """

    def __init__(self, why: str, *, is_server: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.is_server = is_server


def mail_seal(secret: str) -> Seal:
    """What mails are sealed with, from the secret of the store."""
    return Seal(secret, MAILS)


def put(
    session: Session, seal: Seal, user_id: int | None, address: str, letter: Letter, good_until: datetime, now: datetime
) -> None:
    """Put a mail into this transaction; one for nobody (None) is thrown away later instead of being sent."""
    mail_id = str(uuid.uuid4())
    sealed = seal.close(json.dumps({"address": address, **asdict(letter)}).encode(), mail_id.encode())
    session.add(Mail(id=mail_id, user_id=user_id, sealed=sealed, created_at=now, due_at=now, good_until=good_until))


def waiting(database: Database, now: datetime) -> tuple[int, float]:
    """How many mails wait, and since how many seconds the first of them does; 0 where none does.

    Mails for nobody are among them, so that the number does not tell whether a name has an account.
    """
    with database.reading() as session:
        number, oldest = store.waiting_mails(session)
    return number, max(0.0, (now - oldest).total_seconds()) if oldest else 0.0


def send_due(database: Database, seal: Seal, send: Callable[[Outgoing], None], now: Callable[[], datetime]) -> int:
    """Try every mail that may be tried now, with ``send``; how many were sent.

    ``send`` raises ``Undeliverable`` or ``NotNow``. What is given up is logged with the number of the account and
    without its address.
    """
    with database.reading() as session:
        due = [(mail.id, mail.tries) for mail in store.due_mails(session, now(), _AT_ONCE)]
    sent = 0
    for mail_id, tries in due:
        outgoing = _claimed(database, seal, mail_id, tries, now())
        if outgoing is None:
            continue
        try:
            send(outgoing)
        except Undeliverable as error:
            log.warning("mail given up", mail=mail_id, account=outgoing.account, code=error.code, tries=tries + 1)
        except NotNow as error:
            log.warning("mail put off", mail=mail_id, account=outgoing.account, reason=error.why, tries=tries + 1)
            with database.writing() as session:
                store.put_mail_off(session, mail_id, now() + pause_after(tries + 1))
            if error.is_server:
                break
            continue
        else:
            sent += 1
            log.info("mail sent", mail=mail_id, account=outgoing.account, tries=tries + 1)
        _forget(database, mail_id)
    return sent


def _claimed(database: Database, seal: Seal, mail_id: str, tries: int, now: datetime) -> Outgoing | None:
    """The mail, for this caller alone; None when another has it, or it is not to be sent at all."""
    with database.writing() as session:
        if not store.claim_mail(session, mail_id, tries, now, now + CLAIM):
            return None
        mail = session.get_one(Mail, mail_id)
        account, sealed, is_late = mail.user_id, mail.sealed, mail.good_until <= now
    if account is None:
        _forget(database, mail_id)
        return None
    if is_late:
        log.warning("mail given up", mail=mail_id, account=account, reason="It is of no use any more.", tries=tries)
        _forget(database, mail_id)
        return None
    try:
        said = json.loads(seal.open(sealed, mail_id.encode()))
    except Misconfigured:
        log.error("mail put off", mail=mail_id, account=account, reason="It is sealed with another REGISTER_KEY.")
        return None
    return Outgoing(mail_id, account, said["address"], Letter(said["subject"], said["text"]))


def _forget(database: Database, mail_id: str) -> None:
    with database.writing() as session:
        store.delete_mail(session, mail_id)
