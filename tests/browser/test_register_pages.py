"""The citizens' register and the page to register, in a real browser against a running suite."""

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.looking import look_at
from tests.browser.signing_in import fill_in, sign_in
from tests.browser.voting import announce
from tests.journey.people import PASSWORD, Journey
from tests.services.citizens import citizen, csv_of

NUMBER = 9_500


def test_a_register_is_imported_and_a_voter_registers_by_it(journey: Journey, open_window: OpenWindow) -> None:
    rows = [citizen(NUMBER, surname="Новић"), citizen(NUMBER + 1, born_on="1990-13-01")]
    page = open_window().page()
    address = journey.suite.addresses.authentication
    sign_in(page, journey, as_administrator=True, address=f"{address}/citizens/import")
    look_at(page, "citizens-import-empty")
    page.locator("#file").set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": csv_of(rows)})
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("heading", name="2. Look at what would become of it")).to_be_visible()
    expect(page.get_by_text("A date of birth is written as in 1990-12-31.")).to_be_visible()
    look_at(page, "citizens-import")
    page.get_by_label("Leave the wrong lines out and import the others").check()
    # The form still has the file.
    page.get_by_role("button", name="Import 1 citizen").click()
    expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    page.get_by_role("link", name="To the citizens' register").click()
    page.get_by_label("Beginning of a surname, or a whole JMBG").fill("novic ve")
    page.get_by_role("button", name="Search").click()
    look_at(page, "citizens")
    page.get_by_role("link", name="Новић Vera").click()
    expect(page.get_by_text(rows[0]["national_id"])).to_be_visible()
    look_at(page, "citizen")
    page.goto(f"{address}/voters/new")
    look_at(page, "voters-new")
    # Officials and their polling stations are imported likewise.
    page.goto(f"{address}/officials/import")
    file = f"account,station_id\n{journey.person.email},17\nnobody@example.org,17\n"
    page.locator("#file").set_input_files({"name": "o.csv", "mimeType": "text/csv", "buffer": file.encode()})
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_text("There is no account 'nobody@example.org'")).to_be_visible()
    expect(page.get_by_role("cell", name="17", exact=True)).to_be_visible()
    look_at(page, "officials-import")

    voter = open_window().page()
    voter.goto(f"{address}/sign-in")
    voter.get_by_role("link", name="Register", exact=True).click()
    look_at(voter, "sign-up")
    for label, text in (
        ("Forename", "Vera"),
        ("Surname", "Novic"),
        ("National id (JMBG)", rows[0]["national_id"]),
        ("Email", "novic@example.org"),
        ("Password", PASSWORD),
        ("Password again", PASSWORD),
    ):
        voter.get_by_label(label, exact=True).fill(text)
    voter.locator("#sign-up").get_by_role("button", name="Register").click()
    expect(voter.get_by_text("You are registered. Sign in.")).to_be_visible()
    fill_in(voter, "novic@example.org", PASSWORD)
    expect(voter.get_by_role("heading", level=1)).to_have_text(re.compile("Vera Novic"))


def test_the_page_of_an_election_with_a_ballot_key_fits_a_phone(journey: Journey, open_window: OpenWindow) -> None:
    opens = datetime.now(UTC) + timedelta(days=1)
    # Not the title of the election in which the tests of the page of voters vote, on the same suite.
    announce(journey, NUMBER, opens, opens + timedelta(hours=1), title="Council of the hill")
    page = open_window().page()
    address = f"{journey.suite.addresses.authentication}/voters/{NUMBER}"
    sign_in(page, journey, as_administrator=True, address=address)
    expect(page.locator("#fingerprint")).to_be_visible()
    look_at(page, "voters-election")
    page.goto(f"{journey.suite.addresses.authentication}/voters")
    expect(page.get_by_role("link", name="Council of the hill")).to_be_visible()
    look_at(page, "voters")
