"""The journal of the accounts store, searched, for whom the store still takes for an administrator or an auditor."""

from flask import Response

from authentication_service.actions.journal import check_reader
from authentication_service.pages.own import page, renewed, signed_in
from shared.terms import Role
from shared.web.cookies import page_requires
from shared.web.pages import page_blueprint
from shared.web.pages.journal import TEMPLATE, searched
from shared.web.pages.navigation import other_page

journal = page_blueprint("journal_page", __name__)


@journal.get("/journal")
@page_requires(Role.ADMINISTRATOR, Role.AUDITOR)
@journal.doc(summary="A page of the journal of the accounts")
def index() -> Response:
    account = signed_in()
    found, refused = searched(check_reader)
    shown = page(TEMPLATE, refused, frame="account_page.html", account=account, other_page=other_page, **found)
    return renewed(account, shown)
