"""A ballot key on pages, in a real browser: made at the authentication service, carried to the administration."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.looking import look_at
from tests.browser.signing_in import sign_in
from tests.browser.test_administration_pages import draft
from tests.journey.people import Journey

HOSTILE = "<script>alert('Key')</script>"


@pytest.fixture
def enter(journey: Journey, open_window: OpenWindow) -> Callable[[str], Page]:
    """Opens a page as the administrator, in a window of its own."""

    def enter_at(address: str) -> Page:
        page = open_window(accept_downloads=True).page()
        sign_in(page, journey, as_administrator=True, address=address)
        return page

    return enter_at


def test_a_key_is_made_at_one_service_and_carried_to_the_other_where_it_can_be_compared(
    journey: Journey, enter: Callable[[str], Page], tmp_path: Path
) -> None:
    where, title = journey.suite.addresses, f"{HOSTILE} {uuid4().hex[:6]}"
    number = draft(journey, title)
    election = journey.admin.get("admin", f"/api/elections/{number}")
    hours = {"opens_at": election["start"], "closes_at": election["end"]}
    body = {"title": title, "restriction": "everyone", "values": [], **hours}
    path = f"/api/voter-elections/{number}"
    journey.admin.authorized("PUT", "authentication", path, body=body, headers={"If-Match": "*"})

    page = enter(f"{where.authentication}/voters/{number}")
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    look_at(page, "voter-election-without-key")
    page.get_by_role("button", name="Make the ballot key").click()
    expect(page.get_by_text("The ballot key is made.")).to_be_visible()
    fingerprint = page.locator("#fingerprint").inner_text()
    expect(page.get_by_role("button", name="Make the ballot key")).to_have_count(0)
    look_at(page, "voter-election-with-key")
    with page.expect_download() as download:
        page.get_by_role("link", name="Public half of the ballot key (PEM)").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)

    page.goto(f"{where.admin}/elections/{number}")
    page.get_by_role("link", name="Ballot key").click()
    expect(page.get_by_text("It has none: voters do not cast ballots themselves.")).to_be_visible()
    look_at(page, "ballot-key-none")
    page.get_by_label("Or the key itself").fill("no key")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Or the key itself")).to_have_attribute("aria-invalid", "true")
    look_at(page, "ballot-key-refused")
    page.get_by_label("Or the key itself").fill("")
    page.get_by_label("File of the key").set_input_files(file)
    page.get_by_label("Publish how each ballot was cast").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The ballot key is set.")).to_be_visible()
    expect(page.locator("#fingerprint")).to_have_text(fingerprint)
    expect(page.get_by_text("everybody can read how each ballot was cast, by its GUID.")).to_be_visible()
    look_at(page, "ballot-key-set")
    # The rule alone, with the keyboard.
    page.get_by_label("Publish how each ballot was cast").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("How a ballot was cast is never shown with its GUID.")).to_be_visible()
    expect(page.locator("#fingerprint")).to_have_text(fingerprint)
    page.get_by_role("button", name="Take the key away").click()
    expect(page.get_by_text("The election has no ballot key any more.")).to_be_visible()

    page.goto(f"{where.admin}/elections/{journey.open_election()}/key")
    expect(page.locator("#frozen")).to_contain_text("It is frozen with the ballot since")
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    look_at(page, "ballot-key-frozen")
