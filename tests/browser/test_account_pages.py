"""The pages of the own account and the frame of all pages, in a real browser against a running suite."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.looking import assert_everybody_can_use, look_at, tab_through, take_pictures
from tests.browser.signing_in import fill_in, sign_in
from tests.journey.people import PASSWORD, Journey


def test_who_signs_in_sees_the_own_account_and_signs_out_again(journey: Journey, open_window: OpenWindow) -> None:
    page = open_window().page()
    sign_in(page, journey)
    expect(page.get_by_role("heading", level=1)).to_have_text("Vera Verić")
    # An official gets to the station, and not to the administration.
    services = page.get_by_role("navigation", name="Services").get_by_role("link")
    assert services.all_inner_texts() == ["Results", "Voting station", "Account"]
    page.get_by_role("link", name="Sessions").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your sessions")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.goto(f"{journey.suite.addresses.authentication}/sessions")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_wrong_password_is_refused_in_words(journey: Journey, open_window: OpenWindow) -> None:
    page = open_window().page()
    page.goto(f"{journey.suite.addresses.authentication}/sessions")
    fill_in(page, journey.person.email, "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("#login")).to_have_value(journey.person.email)
    expect(page.locator("#password")).to_have_value("")
    look_at(page, "sign-in-refused")
    fill_in(page, journey.person.email, PASSWORD)
    # To the page that was asked for.
    expect(page).to_have_url(f"{journey.suite.addresses.authentication}/sessions")


def test_the_language_is_chosen_once_for_all_services(journey: Journey, open_window: OpenWindow) -> None:
    page = open_window(locale="fr-FR").page()
    journey.open_election()
    page.goto(f"{journey.suite.addresses.authentication}/sign-in")
    # The browser's own language, until somebody chooses another one.
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page.get_by_role("heading", level=1)).to_have_text("Se connecter")
    take_pictures(page, "sign-in-french")
    page.locator("details.languages summary").click()
    page.get_by_role("link", name="Српски").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Пријава")
    fill_in(page, journey.person.email, PASSWORD)
    expect(page.locator("html")).to_have_attribute("lang", "sr-Cyrl")
    expect(page.get_by_role("button", name="Промени лозинку")).to_be_visible()
    take_pictures(page, "account-serbian")
    # The results are the same for everybody, so their language stands in the address.
    page.get_by_role("link", name="Резултати").click()
    expect(page).to_have_url(re.compile(r"\?language=sr_Cyrl$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Избори")
    page.locator("main h2 a, main table a").first.click()
    expect(page.get_by_text("Резултат је привремен.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?language=sr_Cyrl$"))
    page.locator("details.languages summary").click()
    page.get_by_role("link", name="Srpski").click()
    expect(page.get_by_text("Rezultat je privremen.")).to_be_visible()
    page.get_by_role("link", name="Prijava").click()
    expect(page.get_by_role("button", name="Promeni lozinku")).to_be_visible()


def test_a_session_that_was_ended_elsewhere_leads_from_its_form_to_signing_in_and_back(
    journey: Journey, open_window: OpenWindow
) -> None:
    page = open_window().page()
    sign_in(page, journey)
    other = open_window().page()
    sign_in(other, journey, address=f"{journey.suite.addresses.authentication}/sessions")
    other.get_by_role("button", name="End all others").click()
    expect(other.get_by_text("All your other sessions are ended.")).to_be_visible()
    for name in ("current_password", "new_password", "repeated_password"):
        page.locator(f"#{name}").fill("Another1Password")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your session had ended, so the form was not done. Sign in")).to_be_visible()
    fill_in(page, journey.person.email, PASSWORD)
    expect(page.get_by_text("Fill it in and send it once more.")).to_be_visible()
    expect(page).to_have_url(f"{journey.suite.addresses.authentication}/")
    expect(page.locator("#new_password")).to_have_value("")


def test_nobody_is_led_elsewhere_by_a_link_to_the_page_to_sign_in(journey: Journey, open_window: OpenWindow) -> None:
    where = journey.suite.addresses.authentication
    for elsewhere in (
        "https://attacker.example/",
        "//attacker.example/",
        "/\\attacker.example/",
        f"{journey.suite.addresses.station}@attacker.example/",
        f"{journey.suite.addresses.station}.attacker.example/",
        "javascript:alert(1)",
    ):
        # The window would note a request to another host.
        page = open_window().page()
        page.goto(f"{where}/sign-in")
        page.evaluate("address => { location.href = '/sign-in?next=' + encodeURIComponent(address); }", elsewhere)
        page.wait_for_url("**/sign-in?next=*")
        fill_in(page, journey.person.email, PASSWORD)
        expect(page).to_have_url(f"{where}/")


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_everything_can_be_done_with_the_keyboard_alone(
    journey: Journey, open_window: OpenWindow, java_script_enabled: bool
) -> None:
    page = open_window(java_script_enabled=java_script_enabled).page()
    page.goto(f"{journey.suite.addresses.authentication}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type(journey.person.email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Vera Verić")
    if java_script_enabled:
        stops = tab_through(page)
        for stop in ("Skip to the content", "Results", "Sign out", "Sessions", "New password", "Change password"):
            assert stop in stops


PAGES = {"account": "/", "sessions": "/sessions", "sessions-ended": "/sessions?notice=session-ended"}


def test_everybody_can_use_every_page_of_the_account(journey: Journey, open_window: OpenWindow) -> None:
    window = open_window()
    page = window.page()
    where = journey.suite.addresses.authentication
    page.goto(f"{where}/sign-in?notice=session-over")
    look_at(page, "sign-in")
    sign_in(open_window().page(), journey)
    sign_in(page, journey)
    for name, path in PAGES.items():
        page.goto(where + path)
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        look_at(page, name)
    page.locator("#end-others button").click()
    expect(page.get_by_text("All your other sessions are ended.")).to_be_visible()
    # What cannot be done is said on a page, too.
    page.goto(f"{where}/")
    page.evaluate("document.querySelector('#change-password [name=csrf_token]').value = 'another'")
    for name in ("current_password", "new_password", "repeated_password"):
        page.locator(f"#{name}").fill("Another1Password")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("This form did not come from a page of this service.")).to_be_visible()
    look_at(page, "refusal")


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_everybody_can_read_the_results(journey: Journey, open_window: OpenWindow, java_script_enabled: bool) -> None:
    election = journey.open_election(["List for the river", "<script>alert(1)</script>", "Citizens together"])
    window = open_window(java_script_enabled=java_script_enabled)
    page = window.page()
    page.goto(f"{journey.suite.addresses.results}/elections/{election}")
    expect(page.get_by_text("The result is provisional.")).to_be_visible()
    expect(
        page.get_by_role("cell", name="<script>alert(1)</script>").or_(page.get_by_role("rowheader", name="<script>"))
    ).to_be_visible()
    if java_script_enabled:
        look_at(page, "result")
    page.get_by_role("link", name="Results").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Elections")
    if java_script_enabled:
        look_at(page, "elections")
        page.goto(f"{journey.suite.addresses.results}/elections/999999")
        expect(page.get_by_text("There is no election 999999.")).to_be_visible()
        assert_everybody_can_use(page)
