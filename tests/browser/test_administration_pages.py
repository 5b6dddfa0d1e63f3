"""The administration's pages in a real browser: the whole way, two at once, hostile names, the keyboard alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.looking import assert_everybody_can_use, assert_targets_are_large, take_pictures
from tests.browser.signing_in import sign_in
from tests.journey.people import Journey
from tests.services.pictures import picture

HOSTILE = "<script>alert('List')</script>"


def heading(page: Page) -> Any:
    return page.get_by_role("heading", level=1)


@pytest.fixture
def enter(journey: Journey, open_window: OpenWindow) -> Callable[..., Page]:
    """Opens a page of the administration, signed in as its administrator, in a window of its own."""

    def enter_at(path: str = "/", **options: object) -> Page:
        page = open_window(**options).page()
        sign_in(page, journey, as_administrator=True, address=f"{journey.suite.addresses.admin}{path}")
        return page

    return enter_at


def draft(journey: Journey, title: str, names: tuple[str, ...] = ("One", "Two")) -> int:
    """A draft in a jurisdiction of its own."""
    day = datetime.now(UTC) + timedelta(days=30)
    lists = [journey.admin.authorized("POST", "admin", "/api/participants", body=named(name)) for name in names]
    body = {
        "title": title,
        "kind": "parliamentary",
        "draft": True,
        "jurisdiction_id": journey.new_area(),
        "start": day.isoformat(),
        "end": (day + timedelta(hours=13)).isoformat(),
        "entries": [{"participant_id": one.json()["id"]} for one in lists],
    }
    return int(journey.admin.authorized("POST", "admin", "/api/elections", body=body).json()["id"])


def named(name: str) -> dict[str, object]:
    return {"name": name, "individual": False}


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_an_administrator_makes_an_election_from_its_participants_to_its_publication(
    journey: Journey, enter: Callable[..., Page], java_script_enabled: bool, tmp_path: Path
) -> None:
    page = enter("/participants", java_script_enabled=java_script_enabled)
    mark = uuid4().hex[:6]
    for name in (f"List {mark}", f"{HOSTILE} {mark}"):
        page.goto(f"{journey.suite.addresses.admin}/participants/new")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Sort").select_option("party")
        page.get_by_role("button", name="Make it known").click()
        expect(heading(page)).to_have_text(name)
    # A candidate with a picture, and the decision.
    page.get_by_role("link", name="Put a candidate forward").click()
    page.get_by_label("Forename").fill("Vera")
    page.get_by_label("Surname").fill(HOSTILE)
    page.get_by_role("button", name="Put forward").click()
    expect(heading(page)).to_have_text(f"Vera {HOSTILE}")
    sent = tmp_path / "<img src=x>.jpg"
    sent.write_bytes(picture(kind="JPEG"))
    page.get_by_label("File", exact=True).set_input_files(sent)
    page.get_by_role("button", name="Store the picture").click()
    shown = page.get_by_role("img", name=f"Picture of Vera {HOSTILE}")
    expect(shown).to_be_visible()
    if java_script_enabled:
        assert shown.evaluate("image => image.decode().then(() => image.naturalHeight)") == 800
        take_pictures(page, "administration-candidate")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("The candidate is approved.")).to_be_visible()
    # The draft, its ballot, and its publication.
    area = journey.new_area()
    page.goto(f"{journey.suite.addresses.admin}/elections/new")
    page.get_by_label("Title").fill(f"Election {mark}")
    page.get_by_label("Jurisdiction").select_option(str(area))
    page.get_by_label("Opens").fill("2033-05-01T07:00")
    page.get_by_label("Ends").fill("2033-05-01T06:00")
    page.get_by_label("Rules", exact=True).select_option("serbia_2020")
    page.get_by_role("button", name="Make the draft").click()
    expect(page.get_by_text("An election ends after it has started.").first).to_be_visible()
    expect(page.get_by_label("Title")).to_have_value(f"Election {mark}")
    page.get_by_label("Ends").fill("2033-05-01T20:00")
    page.get_by_role("button", name="Make the draft").click()
    page.get_by_role("searchbox").fill(mark)
    page.get_by_role("button", name="Search").click()
    for name in (f"List {mark}", f"{HOSTILE} {mark}"):
        page.get_by_label(name).check()
    page.get_by_role("button", name="Save the ballot").click()
    expect(page.get_by_text("The ballot is changed.")).to_be_visible()
    page.get_by_label(f"{HOSTILE} {mark} is exempt from the threshold").check()
    page.get_by_label(f"Poll number of {HOSTILE} {mark}").fill("0")
    page.get_by_role("button", name="Save the ballot").click()
    page.get_by_role("link", name="To the election").click()
    rows = page.get_by_role("table", name="Who stands in it").locator("tbody tr")
    expect(rows).to_have_text([f"1{HOSTILE} {mark}exempt", f"2List {mark}holds"])
    expect(page.get_by_text("quotients are multiplied by 1.35")).to_be_visible()
    page.get_by_role("link", name="Publish").click()
    expect(page.get_by_text("it cannot be deleted any more")).to_be_visible()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("The election is published.")).to_be_visible()
    expect(page.locator("h1 + .badge")).to_have_text("scheduled")


def test_the_second_of_two_administrators_sees_what_the_first_changed_and_decides(
    journey: Journey, enter: Callable[..., Page]
) -> None:
    number = draft(journey, "Before")
    first, second = enter(f"/elections/{number}/edit"), enter(f"/elections/{number}/edit")
    first.get_by_label("Title").fill("The first one's title")
    first.get_by_role("button", name="Save").click()
    expect(first.get_by_text("The election is changed.")).to_be_visible()
    second.get_by_label("Title").fill("The second one's title")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_role("heading", name="Somebody was faster")).to_be_visible()
    row = second.get_by_role("row", name="Title")
    expect(row.locator("td")).to_have_text(["The first one's title", "The second one's title"])
    take_pictures(second, "administration-somebody-was-faster")
    assert_everybody_can_use(second)
    first.reload()
    expect(heading(first)).to_have_text("The first one's title")
    second.get_by_role("button", name="Save").click()
    expect(heading(second)).to_have_text("The second one's title")


def test_an_election_is_cancelled_with_the_keyboard_alone(journey: Journey, enter: Callable[..., Page]) -> None:
    number = journey.open_election()
    page = enter(f"/elections/{number}")
    page.get_by_role("link", name="Cancel the election").focus()
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text("Cancel this election?")
    page.get_by_role("link", name="Skip to the content").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Why it is cancelled")).to_be_focused()
    page.keyboard.type("A flood.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The election is cancelled.")).to_be_visible()
    expect(page.get_by_text("A flood.")).to_be_visible()


def test_an_account_is_given_roles_and_the_last_administrator_stays(
    journey: Journey, enter: Callable[..., Page]
) -> None:
    page = enter()
    page.goto(f"{journey.suite.addresses.authentication}/accounts?search={journey.person.email}")
    page.get_by_role("link", name="Vera Verić").click()
    page.get_by_label("Polling stations of an official").fill("12 305")
    page.get_by_role("region", name="What it may do").get_by_role("button", name="Save").click()
    expect(page.get_by_text("The account is changed.")).to_be_visible()
    expect(page.get_by_label("Polling stations of an official")).to_have_value("12 305")
    take_pictures(page, "account-of-another")
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("The account is refused")).to_be_visible()
    page.goto(
        f"{journey.suite.addresses.authentication}/accounts?search={journey.suite.facts['administrator']['email']}"
    )
    page.locator("tbody th a").first.click()
    page.get_by_role("link", name="Delete this account").click()
    page.get_by_role("button", name="Delete the account").click()
    expect(page.get_by_role("alert")).to_have_text("The last administrator has to stay one.")


def test_everybody_can_use_every_page_of_the_administration(journey: Journey, enter: Callable[..., Page]) -> None:
    number, opened = draft(journey, f"{HOSTILE}"), journey.open_election()
    page = enter()
    pages = {
        "overview": "/",
        "elections": "/elections",
        "election": f"/elections/{opened}",
        "election-new": "/elections/new",
        "election-change": f"/elections/{number}/edit",
        "ballot": f"/elections/{number}/ballot",
        "publish": f"/elections/{number}/publish",
        "cancel": f"/elections/{opened}/cancel",
        "uploads": f"/elections/{opened}/uploads",
        "participants": "/participants",
        "participant": "/participants/1",
        "candidates": "/candidates",
        "candidate-new": "/candidates/new?participant=1",
        "candidate-whose": "/candidates/new",
        "journal": "/journal",
        "dead-letters": "/dead-letters",
    }
    for name, path in pages.items():
        page.goto(f"{journey.suite.addresses.admin}{path}")
        take_pictures(page, f"administration-{name}")
        assert_everybody_can_use(page)
        assert_targets_are_large(page)
    for name in ("accounts", "accounts/1", "accounts/1/delete"):
        page.goto(f"{journey.suite.addresses.authentication}/{name}")
        take_pictures(page, name.replace("/", "-"))
        assert_everybody_can_use(page)
