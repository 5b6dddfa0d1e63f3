"""Who may read the journal of the accounts: as everywhere in this service, whoever the store says still may."""

from sqlalchemy.orm import Session

from authentication_service.actions.accounts import own_user
from shared.auth import Identity
from shared.errors import Forbidden
from shared.terms import Role

READERS = {Role.ADMINISTRATOR.value, Role.AUDITOR.value}


def check_reader(session: Session, actor: Identity) -> None:
    """Refuse whose account was deleted, refused or given other roles since the token was signed."""
    if not READERS & {row.role for row in own_user(session, actor).roles}:
        raise Forbidden("This account is neither an administrator's nor an auditor's any more.")
