"""The pages of the accounts of others: only administrators see them, and nobody overwrites what another has done."""

import re

import pytest
from flask.testing import FlaskClient

from shared.terms import Role
from tests.services.accounts import ADMIN_EMAIL, ADMIN_PASSWORD, Accounts, person
from tests.services.signed_in import SignedIn, filled
from tests.services.test_account_pages import sign_in, submit, token_in


def number_of(accounts: Accounts, who: FlaskClient, email: str) -> int:
    shown = who.get("/accounts", query_string={"search": email})
    (number,) = re.findall(r'<th scope="row"><a href="/accounts/([0-9]+)"', shown.text)
    return int(number)


@pytest.fixture
def admin(waiting_accounts: Accounts) -> FlaskClient:
    return sign_in(waiting_accounts, ADMIN_EMAIL, ADMIN_PASSWORD)


@pytest.fixture
def vera(waiting_accounts: Accounts, admin: FlaskClient) -> str:
    """The path of the page of an official's account that waits; the name is hostile."""
    waiting_accounts.register(1, forename="<b>Vera</b>")
    return f"/accounts/{number_of(waiting_accounts, admin, person(1)['email'])}"


def test_who_waits_is_found_approved_and_given_polling_stations(
    waiting_accounts: Accounts, admin: FlaskClient, vera: str
) -> None:
    waiting = admin.get("/accounts?approval=waiting").text
    assert "1 account<" in waiting
    assert "&lt;b&gt;Vera" in waiting
    assert "<b>Vera" not in waiting
    browser = SignedIn(admin)
    form = {**filled(browser.see(vera), "approve"), "csrf_token": token_in(admin.get(vera))}
    assert browser.send(f"{vera}/approval", **{**form, "approval": ""}).status_code == 422
    assert "1 account<" in admin.get("/accounts?approval=waiting").text
    assert "The account is approved." in browser.done(browser.send(f"{vera}/approval", **form))
    assert "No account fits." in admin.get("/accounts?approval=waiting").text
    kept = {**filled(browser.see(vera), "roles"), "csrf_token": token_in(admin.get(vera))}
    assert kept["roles"] == "official"
    wrong = browser.send(vera, **{**kept, "stations": "twelve"})
    assert wrong.status_code == 422
    assert "Write the numbers of polling stations" in wrong.text
    changed = browser.done(browser.send(vera, **{**kept, "stations": "12, 305"}))
    assert 'value="12 305"' in changed
    # The page that was open before has an older version.
    late = browser.send(vera, **{**kept, "stations": "7"})
    assert late.status_code == 412
    for text in ("Stored now", "12 305", ">7<"):
        assert text in late.text
    assert browser.send(vera, **{**kept, "version": ""}).status_code == 428
    assert browser.send(vera, **{**kept, "roles": "emperor"}).status_code == 422
    assert sign_in(waiting_accounts).get("/").status_code == 200


def test_who_is_refused_is_signed_out(waiting_accounts: Accounts, admin: FlaskClient, vera: str) -> None:
    form = filled(admin.get(vera).text, "approve")
    submit(admin, f"{vera}/approval", vera, **form)
    other = sign_in(waiting_accounts)
    submit(admin, f"{vera}/approval", vera, **filled(admin.get(vera).text, "refuse"))
    assert other.get("/").status_code == 303


def test_an_account_is_deleted_after_a_question_and_the_last_administrator_never(
    waiting_accounts: Accounts, admin: FlaskClient, vera: str
) -> None:
    form = filled(admin.get(f"{vera}/delete").text, "delete")
    done = submit(admin, f"{vera}/delete", f"{vera}/delete", **form)
    assert done.headers["Location"] == "/accounts?notice=account-deleted"
    assert admin.get(vera).status_code == 404
    own = f"/accounts/{number_of(waiting_accounts, admin, ADMIN_EMAIL)}"
    assert "This is your own account." in admin.get(f"{own}/delete").text
    refused = submit(admin, f"{own}/delete", own, **filled(admin.get(f"{own}/delete").text, "delete"))
    assert refused.status_code == 409
    assert "The last administrator has to stay one." in refused.text
    kept = filled(admin.get(own).text, "roles")
    assert submit(admin, own, own, **{**kept, "roles": "auditor"}).status_code == 409


@pytest.mark.parametrize("role", [Role.OFFICIAL, Role.VOTER])
def test_nobody_else_sees_the_accounts_of_others(accounts: Accounts, role: Role) -> None:
    accounts.register(1, role=role.value)
    browser = sign_in(accounts)
    assert "/accounts" not in browser.get("/").text
    for path in ("/accounts", "/accounts/1", "/accounts/1/delete"):
        assert browser.get(path).status_code == 403
    for path in ("/accounts/1", "/accounts/1/approval", "/accounts/1/delete"):
        assert submit(browser, path, version="1", approval="refused", roles="voter").status_code == 403
