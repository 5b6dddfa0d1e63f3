"""How people sign in, in a browser."""

from playwright.sync_api import Page, expect

from tests.journey.people import PASSWORD, Journey


def sign_in(page: Page, journey: Journey, *, as_administrator: bool = False, address: str = "") -> None:
    """Ask for a page (the own account, unless ``address`` names another one), and sign in where that is asked for."""
    login = journey.suite.facts["administrator"]
    email, password = (login["email"], login["password"]) if as_administrator else (journey.person.email, PASSWORD)
    page.goto(address or f"{journey.suite.addresses.authentication}/")
    fill_in(page, email, password)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def fill_in(page: Page, email: str, password: str) -> None:
    """Fill in the page to sign in, which has to be there, and send it."""
    page.locator("#login").fill(email)
    page.locator("#password").fill(password)
    page.locator("#sign-in button").click()
