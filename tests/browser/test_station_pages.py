"""The pages of the voting station in a real browser: an official's journey, and what goes wrong on the way."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.looking import NARROW, look_at
from tests.browser.polling import ballots, prepare, write_file
from tests.browser.signing_in import fill_in
from tests.journey.people import PASSWORD, Journey
from tests.services.sheets import picture
from tests.services.wire import Wire

# In the order of the paper: what adds up, and what has to be explained.
NUMBERS = ["500", "300", "500", "200", "300", "4", "2", "150", "100", "44"]
FEWER = ["500", "310", "500", "190", "300", "4", "2", "150", "100", "44"]
SWAPPED = "1,9e3779b9-7f4a-7c15-f39c-c0605cedc835"


def row(page: Page, name: str) -> Locator:
    """The row of a chosen file."""
    return page.locator(".chosen > .file").filter(has=page.locator(".file-head", has_text=name))


def type_sheet(page: Page, numbers: list[str]) -> None:
    """Type the numbers of a sheet by the keyboard alone, from the first one on."""
    expect(page.locator("#registered")).to_be_focused()
    for number in numbers:
        page.keyboard.type(number)
        page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Hand in the tally sheet")).to_be_focused()


def test_an_official_chooses_a_station_and_hands_in_files(
    journey: Journey, open_window: OpenWindow, tmp_path: Path
) -> None:
    polling = prepare(journey, count=2)
    page = open_window().page()
    polling.sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Your polling stations")
    look_at(page, "station-start")
    # Other elections may be open in the suite as well.
    page.locator(f"a[href$='/elections/{polling.election}/files?station={polling.numbers[0]}']").click()
    expect(page).to_have_url(polling.files)
    look_at(page, "station-files")

    good = write_file(tmp_path, "morning.csv", ballots(40))
    wrong = write_file(tmp_path, "noon.csv", [*ballots(2), SWAPPED, *ballots(1), "x,1"])
    repeats = write_file(tmp_path, "evening.csv", [*good.read_text().split()[:3], *ballots(5), *ballots(1, (77,))])
    page.locator("#file").set_input_files([good, wrong, repeats])
    page.get_by_role("button", name="Check all, and store nothing").click()
    expect(row(page, "morning.csv")).to_contain_text("The file is good: 40 ballots.")
    expect(row(page, "noon.csv")).to_contain_text("The second value is no poll number.")
    expect(row(page, "evening.csv")).to_contain_text("no list with these poll numbers: 77")
    # A name is text, whatever is in it.
    expect(row(page, "morning.csv")).to_contain_text("2. <script>alert(1)</script>")
    look_at(page, "station-files-checked")
    assert journey.admin.get("admin", f"/api/elections/{polling.election}/batches")["items"] == []

    page.get_by_role("button", name="Hand in · morning.csv").click()
    morning = row(page, "morning.csv")
    expect(morning.locator(".outcome .badge", has_text=re.compile("^counted$"))).to_be_visible()
    expect(morning.locator(".sum-counted")).to_contain_text("40")
    page.get_by_role("button", name="Hand in all").click()
    expect(row(page, "noon.csv")).to_contain_text("The file was refused, and nothing of it is stored.")
    evening = row(page, "evening.csv")
    expect(evening.get_by_text("This ballot was received before.")).to_have_count(3)
    expect(evening.get_by_text("The election has no list with this poll number.")).to_have_count(1)
    look_at(page, "station-files-sent")
    evening.get_by_role("link", name="Receipt").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Receipt")
    look_at(page, "station-receipt")
    page.get_by_role("link", name="My files").click()
    names = page.locator("tbody th")
    expect(names).to_have_text(["evening.csv", "morning.csv"])
    look_at(page, "station-own-files")


def test_without_a_script_a_file_is_handed_in_and_its_page_tells_of_it(
    journey: Journey, open_window: OpenWindow, tmp_path: Path
) -> None:
    polling = prepare(journey)
    page = open_window(java_script_enabled=False).page()
    polling.sign_in(page, polling.files)
    wrong = write_file(tmp_path, "wrong.csv", [SWAPPED])
    page.locator("#file").set_input_files(wrong)
    page.get_by_role("button", name="Check, and store nothing").click()
    expect(page.get_by_text("the columns are swapped")).to_be_visible()
    page.locator("#file").set_input_files(write_file(tmp_path, "right.csv", ballots(7)))
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Receipt")
    # It reloads by itself.
    expect(page.locator(".sum-counted dd")).to_have_text("7")
    page.goto(polling.sheet)
    for name, number in zip(("registered", "voted", "received", "unused", "in_box"), NUMBERS, strict=False):
        page.locator(f"#{name}").fill(number)
    page.get_by_role("button", name="Hand in the tally sheet").click()
    expect(page.get_by_text("This number is missing")).to_have_count(5)
    expect(page.locator("#voted")).to_have_value("300")


def test_a_file_whose_connection_breaks_twice_is_counted_once(
    journey: Journey, open_window: OpenWindow, tmp_path: Path
) -> None:
    polling = prepare(journey)
    window = open_window()
    page = window.page()
    polling.sign_in(page, polling.files)
    file = write_file(tmp_path, "<img src=x onerror=alert(1)>.csv", ballots(30_000))
    with Wire(urlsplit(polling.site).port or 0) as wire:
        window.hosts.add(f"127.0.0.1:{wire.port}")
        page.goto(polling.files.replace(polling.site, f"http://127.0.0.1:{wire.port}"))
        page.locator("#file").set_input_files(file)
        sent = row(page, "<img")
        # First in the middle of the upload, then after it: the station has the file, and the answer is lost.
        wire.lose = b'name="key"'
        page.get_by_role("button", name="Hand in all").click()
        expect(sent).to_contain_text("the connection broke")
        wire.lose_answer_to, wire.lose = file.read_bytes()[-40:-4], None
        expect(sent).to_contain_text(re.compile(r"\(attempt [3-9]\)"))
        wire.lose_answer_to = None
        expect(sent.locator(".sum-counted dd")).to_have_text("30,000", timeout=30_000)
        expect(sent).to_contain_text("The station had this file already")
        expect(sent.locator(".file-name").first).to_have_text("<img src=x onerror=alert(1)>.csv")
    (batch,) = journey.admin.get("admin", f"/api/elections/{polling.election}/batches")["items"]
    assert (batch["received"], batch["counted"]) == (30_000, 30_000)


def test_sending_waits_while_there_is_no_connection_and_can_be_paused(
    journey: Journey, open_window: OpenWindow, tmp_path: Path
) -> None:
    polling = prepare(journey)
    window = open_window()
    page = window.page()
    polling.sign_in(page, polling.files)
    page.locator("#file").set_input_files(write_file(tmp_path, "a.csv", ballots(9)))
    window.context.set_offline(True)
    page.get_by_role("button", name="Hand in all").click()
    expect(page.get_by_text("There is no connection.")).to_be_visible()
    page.get_by_role("button", name="Pause · a.csv").click()
    expect(row(page, "a.csv")).to_contain_text("paused; go on to hand it in")
    expect(page.get_by_role("button", name="Go on · a.csv")).to_be_focused()
    page.keyboard.press("Enter")
    expect(row(page, "a.csv")).to_contain_text("waits for the connection")
    look_at(page, "station-files-offline")
    window.context.set_offline(False)
    expect(row(page, "a.csv").locator(".sum-counted dd")).to_have_text("9")


def test_two_officials_enter_a_sheet_by_the_keyboard_and_the_second_sees_only_where_they_differ(
    journey: Journey, open_window: OpenWindow
) -> None:
    polling = prepare(journey)
    page = open_window().page()
    polling.sign_in(page, polling.sheet)
    expect(page.get_by_role("heading", name="First entry")).to_be_visible()
    look_at(page, "station-sheet")
    page.reload()
    type_sheet(page, [*NUMBERS[:4], "301", *NUMBERS[5:]])
    expect(page.get_by_text("differs from the box by 1: the parts do not add up")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The parts do not add up, so nothing was stored.")).to_be_visible()
    look_at(page, "station-sheet-refused")
    page.reload()
    page.goto(polling.sheet)
    type_sheet(page, FEWER)
    page.keyboard.press("Enter")
    expect(page.get_by_text("W203", exact=True)).to_be_visible()
    look_at(page, "station-sheet-explained")
    # Enter in the marked number goes to what is asked about it.
    expect(page.locator("#in_box")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("Ten voters took theirs away.")
    page.keyboard.press("Tab")
    for _ in NUMBERS[5:]:
        page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(".own-entry .badge")).to_have_text("recorded")
    expect(page.get_by_text("entered once")).to_be_visible()
    look_at(page, "station-sheet-entered")

    other = open_window(viewport=NARROW).page()
    polling.sign_in(other, polling.sheet, polling.ana.email)
    expect(other.get_by_role("heading", name="Second entry")).to_be_visible()
    assert "310" not in other.locator("main").inner_text()
    type_sheet(other, NUMBERS)
    other.keyboard.press("Enter")
    expect(other.locator(".differing li")).to_have_text(["Voters who voted", "Unused ballot papers"])
    expect(other.get_by_text("entries differ", exact=True)).to_be_visible()
    assert "310" not in other.locator("main").inner_text()
    look_at(other, "station-sheet-differing")


def test_a_photograph_is_sent_from_the_page_and_a_script_is_none(
    journey: Journey, open_window: OpenWindow, tmp_path: Path
) -> None:
    polling = prepare(journey)
    page = open_window(viewport=NARROW).page()
    polling.sign_in(page, polling.sheet)
    script = tmp_path / "sheet.jpg"
    script.write_text("<script>alert(1)</script>")
    page.locator("#file").set_input_files(script)
    page.get_by_role("button", name="Send the photograph").click()
    expect(page.get_by_text("This is no photograph that can be taken")).to_be_visible()
    script.write_bytes(picture(size=(1200, 900)))
    page.locator("#file").set_input_files(script)
    page.get_by_role("button", name="Send the photograph").click()
    expect(page.locator(".photographs .badge")).to_have_text("recorded")
    look_at(page, "station-photograph")


def test_a_session_that_ends_in_the_middle_of_a_sheet_keeps_its_numbers(
    journey: Journey, open_window: OpenWindow, tmp_path: Path
) -> None:
    polling = prepare(journey)
    window = open_window()
    page = window.page()
    polling.sign_in(page, polling.sheet)
    type_sheet(page, NUMBERS)
    photograph = tmp_path / "sheet.jpg"
    photograph.write_bytes(picture())
    page.locator("#file").set_input_files(photograph)
    # The photograph is sent by a script while the numbers are on the page only, and then the numbers themselves.
    for button in ("Send the photograph", "Hand in the tally sheet"):
        window.context.clear_cookies(name="__Host-urna")
        page.get_by_role("button", name=button).click()
        expect(page.get_by_text("Your session had ended, so the form was not done. Sign in")).to_be_visible()
        fill_in(page, journey.person.email, PASSWORD)
        expect(page).to_have_url(polling.sheet)
        expect(page.locator("[name='votes.3']")).to_have_value("44")
    page.get_by_role("button", name="Hand in the tally sheet").click()
    expect(page.locator(".own-entry .badge")).to_have_text("recorded")
    for name, address, language in (
        ("sheet", f"{polling.sheet}?language=sr_Cyrl", "sr_Cyrl"),
        ("files", f"{polling.files}&language=fr", "fr"),
    ):
        page.goto(address)
        look_at(page, f"station-{name}-{language}")
