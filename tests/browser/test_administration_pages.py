"""The administration's pages in a real browser: the whole way, two at once, hostile names, the keyboard alone."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from cli.upload import hand_in, wait_for_outcome
from shared.database import Database
from shared.schema.election import DeadLetter
from tests.browser.conftest import OpenWindow
from tests.browser.looking import look_at
from tests.browser.signing_in import sign_in
from tests.journey.people import Journey, write_ballots
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
        look_at(page, "administration-candidate")
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
    look_at(second, "administration-somebody-was-faster")
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
    look_at(page, "account-of-another")
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("The account is refused")).to_be_visible()
    page.goto(
        f"{journey.suite.addresses.authentication}/accounts?search={journey.suite.facts['administrator']['email']}"
    )
    page.locator("tbody th a").first.click()
    page.get_by_role("link", name="Delete this account").click()
    page.get_by_role("button", name="Delete the account").click()
    expect(page.get_by_role("alert")).to_have_text("The last administrator has to stay one.")


@pytest.fixture
def dead_letter(journey: Journey) -> Iterator[str]:
    """The upload of a part that waits for an operator, and could belong to no election of the suite."""
    batch = uuid4().hex
    years_ago = datetime(2001, 1, 1, tzinfo=UTC)
    row = DeadLetter(
        batch_id=batch, part=0, partition=0, received_at=years_ago, reason="It cannot be read.", buried_at=years_ago
    )
    with closing(Database(f"sqlite:///{journey.suite.data / 'election.db'}")) as database:
        with database.writing() as session:
            session.add(row)
        yield batch
        with database.writing() as session:
            session.delete(session.get_one(DeadLetter, (batch, 0)))


def tie(journey: Journey, file: Path) -> int:
    """An election for one seat, which two lists have the same right to, and which ends in seconds."""
    rules = {
        "seats": 1,
        "method": "dhondt",
        "threshold": "0",
        "threshold_base": "valid_votes",
        "tie_policy": "lots",
        "waive_if_none_reach": True,
    }
    number = journey.open_election(("One", "Two"), rules=rules)
    write_ballots(file, [1, 2, 2, 1, 7])
    wait_for_outcome(journey.official, hand_in(journey.official, file, number)["id"], 60)
    path = f"/api/elections/{number}"
    tag = journey.admin.authorized("GET", "admin", path).headers["ETag"]
    journey.admin.authorized("POST", "admin", f"{path}/closing", headers={"If-Match": tag})
    return number


def test_everybody_can_use_the_pages_of_the_administration_and_of_accounts(
    journey: Journey, enter: Callable[..., Page], dead_letter: str, tmp_path: Path
) -> None:
    tied = tie(journey, tmp_path / "tied.csv")
    number, opened = draft(journey, f"{HOSTILE}"), journey.open_election()
    write_ballots(tmp_path / "<b>ballots.csv", [1, 2, 9])
    wait_for_outcome(journey.official, hand_in(journey.official, tmp_path / "<b>ballots.csv", opened)["id"], 60)
    party = journey.admin.authorized("POST", "admin", "/api/participants", body=named(HOSTILE)).json()["id"]
    body = {"participant_id": party, "forename": "Vera", "surname": HOSTILE}
    candidate = journey.admin.authorized("POST", "admin", "/api/candidates", body=body).json()["id"]
    page = enter()
    pages = {
        "administration-overview": "/",
        "administration-elections": "/elections",
        "administration-election": f"/elections/{opened}",
        "administration-election-new": "/elections/new",
        "administration-election-change": f"/elections/{number}/edit",
        "administration-ballot": f"/elections/{number}/ballot",
        "administration-publish": f"/elections/{number}/publish",
        "administration-delete": f"/elections/{number}/delete",
        "administration-cancel": f"/elections/{opened}/cancel",
        "administration-close": f"/elections/{opened}/close",
        "administration-uploads": f"/elections/{opened}/uploads",
        "administration-participants": "/participants",
        "administration-participant": f"/participants/{party}",
        "administration-participant-new": "/participants/new",
        "administration-participant-delete": f"/participants/{party}/delete",
        "administration-candidates": "/candidates",
        "administration-candidate-new": f"/candidates/new?participant={party}",
        "administration-candidate-whose": "/candidates/new",
        "administration-candidate-delete": f"/candidates/{candidate}/delete",
        "administration-journal": "/journal",
        "administration-dead-letters": "/dead-letters",
        "administration-lots": f"/elections/{tied}/lots",
    }
    # What the emptiest of them would not show.
    said = {
        "administration-uploads": "<b>ballots.csv",
        "administration-journal": f"candidate {candidate}",
        "administration-dead-letters": dead_letter,
        "administration-lots": "1 One, 2 Two",
    }
    for name, path in pages.items():
        page.goto(f"{journey.suite.addresses.admin}{path}")
        if name in said:
            expect(page.locator("main")).to_contain_text(said[name])
        look_at(page, name)
    for name, path in (
        ("accounts", "accounts"),
        ("accounts-1", "accounts/1"),
        ("accounts-1-delete", "accounts/1/delete"),
        ("accounts-journal", "journal"),
    ):
        page.goto(f"{journey.suite.addresses.authentication}/{path}")
        look_at(page, name)
