"""The mails that this service writes, in the language of the request that they answer."""

from flask_babel import gettext

from authentication_service.actions.official_import import Invitations
from authentication_service.actions.outbox import Letter, mail_seal
from authentication_service.signing import parts
from shared.errors import Conflict
from shared.sealing import Seal
from shared.sentences import say
from shared.web.pages.language import ARGUMENT, current

RESET_PATH = "reset-password"


def sends_mail() -> bool:
    """Whether this installation sends mails."""
    return bool(parts().settings.smtp_host)


def without_mail() -> str:
    """What to do about a forgotten password where no mails are sent."""
    if contact := parts().settings.help_contact:
        return say("This installation sends no mail, so nobody can set a password anew here. Ask {who}.", who=contact)
    return say("This installation sends no mail, so nobody can set a password anew here. Ask an administrator.")


def require_mail() -> None:
    """Refuse what needs a mail where none are sent."""
    if not sends_mail():
        raise Conflict(without_mail())


def seal() -> Seal:
    """What mails are sealed with while they wait."""
    return mail_seal(parts().settings.register_key.get_secret_value())


def link_letter(token: str) -> Letter:
    """The mail with the link that sets a password anew."""
    link = f"{parts().settings.account_address}{RESET_PATH}?token={token}&{ARGUMENT}={current().code}"
    text = gettext(
        "Somebody, probably you, wants to set a new password for the account that has this address at %(site)s.\n"
        "\n"
        "Choose the new password here, within 30 minutes:\n"
        "\n"
        "%(link)s\n"
        "\n"
        "The link works once. Give it to nobody; nobody who works for the election will ask you for it.\n"
        "If it was not you, there is nothing to do: your password stays as it is.\n",
        site=_site(),
        link=link,
    )
    return Letter(gettext("Set a new password"), text)


def invitations() -> Invitations | None:
    """How officials are invited for whom an account is made; None where no mails are sent."""
    return Invitations(seal(), invitation_letter) if sends_mail() else None


def invitation_letter(token: str) -> Letter:
    """The mail to an official for whom an administrator has made an account, with the link to choose a password."""
    link = f"{_site()}{RESET_PATH}?token={token}&{ARGUMENT}={current().code}"
    text = gettext(
        "An administrator has made an account for you at %(site)s, because you are an election official.\n"
        "\n"
        "Choose your password here, within 7 days:\n"
        "\n"
        "%(link)s\n"
        "\n"
        "The link works once; after that, or later, ask for another one with your address at\n"
        "%(site)sforgotten-password. Give it to nobody; nobody who works for the election will ask you for it.\n",
        site=_site(),
        link=link,
    )
    return Letter(gettext("Your account as an election official"), text + _help())


def password_letter() -> Letter | None:
    """The mail that says that the password was set by such a link; None where no mails are sent."""
    if not sends_mail():
        return None
    text = gettext(
        "The password of the account that has this address at %(site)s was set anew, by a link in a mail to this "
        "address. All its sessions are ended.\n"
        "\n"
        "If it was not you, somebody else reads your mail. Change your mail's password first, then set another one "
        "for the account.\n",
        site=_site(),
    )
    return Letter(gettext("Your password was changed"), text + _help())


def address_letter() -> Letter | None:
    """The mail to an address that is an account's no more; None where no mails are sent."""
    if not sends_mail():
        return None
    text = gettext(
        "An administrator has given the account that had this address at %(site)s another address. From now on it "
        "signs in with that one, and mails about it go there.\n"
        "\n"
        "If you do not know why, ask at once.\n",
        site=_site(),
    )
    return Letter(gettext("Your account has another address"), text + _help())


def _site() -> str:
    return parts().settings.account_address


def _help() -> str:
    contact = parts().settings.help_contact
    return "\n" + gettext("Ask here: %(contact)s", contact=contact) + "\n" if contact else ""
