"""Officials hand in, on the station's page, the ballots of real polling stations: Serbia, 16 March 2014."""

import csv
import random
import re
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.polling import prepare
from tests.browser.signing_in import fill_in
from tests.journey.people import PASSWORD, Journey
from tests.left_out import leave_out
from tests.services.declared import SERBIA

LISTS = 19
# A poll number of nobody, for the ballots that were invalid on paper.
NOBODY = 99
LARGEST = "Нови Сад"
HANDFUL = 3


@dataclass(frozen=True)
class Counted:
    """What the official figures say of one polling station, or of some together."""

    name: str
    votes: dict[int, int]
    invalid: int

    @property
    def valid(self) -> int:
        return sum(self.votes.values())

    def write(self, folder: Path) -> Path:
        """A file with a ballot for each vote and each invalid ballot, under GUIDs that are the same in every run."""
        numbers = [number for number, count in self.votes.items() for _ in range(count)] + [NOBODY] * self.invalid
        drawn = random.Random(self.name)
        drawn.shuffle(numbers)
        path = folder / f"{self.name}.csv"
        path.write_text("".join(f"{UUID(int=drawn.getrandbits(128), version=4)},{number}\n" for number in numbers))
        return path


def of_lines(name: str, lines: list[dict[str, str]]) -> Counted:
    votes = {number: sum(int(line[f"list_{number}"]) for line in lines) for number in range(1, LISTS + 1)}
    return Counted(name, votes, sum(int(line["invalid"]) for line in lines))


@pytest.fixture(scope="module")
def official() -> list[Counted]:
    """Three stations, whose figures add up, and then all stations of the largest municipality in one."""
    if not SERBIA.exists():
        leave_out("the election of 2014", "its file is not beside the checkout")
    with SERBIA.open(encoding="utf-8", newline="") as text:
        lines = list(csv.DictReader(text))
    found = [of_lines(f"{line['municipality']} {line['station_number']}", [line]) for line in lines[:HANDFUL]]
    return [*found, of_lines(LARGEST, [line for line in lines if line["municipality"] == LARGEST])]


def drop(page: Page, files: list[Path]) -> None:
    """Let go of files over the place for them, as whoever drags them from another window does."""
    page.evaluate(
        """() => {
          const files = { type: "file", id: "dragged", multiple: true };
          document.body.append(Object.assign(document.createElement("input"), files));
        }"""
    )
    page.locator("#dragged").set_input_files(files)
    carried = page.evaluate_handle(
        """() => {
          const carried = new DataTransfer();
          for (const file of document.querySelector("#dragged").files) carried.items.add(file);
          document.querySelector("#dragged").remove();
          return carried;
        }"""
    )
    zone = page.locator("[data-drop]")
    for kind in ("dragenter", "dragover"):
        zone.dispatch_event(kind, {"dataTransfer": carried})
    expect(zone).to_have_class(re.compile(r"\bover\b"))
    zone.dispatch_event("drop", {"dataTransfer": carried})
    expect(zone).not_to_have_class(re.compile(r"\bover\b"))


def row(page: Page, file: Path) -> Locator:
    return page.locator(".chosen > .file").filter(has=page.locator(".file-name", has_text=re.compile(f"^{file.name}$")))


def expect_sums(place: Locator, counted: int, before: int, invalid: int) -> None:
    """The figures of a file on its page: counted, received before, with a poll number of nobody."""
    # The largest one takes the daemon some seconds.
    expect(place.locator(".sum-counted dd")).to_have_text(f"{counted:,}", timeout=60_000)
    expect(place.locator(".sums dd")).to_have_text(
        [f"{counted + before + invalid:,}", f"{counted:,}", f"{before:,}", f"{invalid:,}", "0"], timeout=60_000
    )


def votes_on(page: Page) -> dict[int, int]:
    """The votes of each list in the table of the lists, by poll number."""
    rows = page.locator("tr:has(> th .named):has(.bar)").evaluate_all(
        "rows => rows.map(row => [0, 1].map(place => row.querySelectorAll('td')[place].innerText.replaceAll(',', '')))"
    )
    return {int(number): int(votes) for number, votes in rows}


def test_files_of_real_stations_are_dropped_and_counted_as_they_were_although_the_session_ends_between_them(
    journey: Journey, open_window: OpenWindow, official: list[Counted], tmp_path: Path
) -> None:
    polling = prepare(journey, lists=[f"Листа {number}" for number in range(1, LISTS + 1)])
    window = open_window()
    page = window.page()
    polling.sign_in(page, polling.files)
    files = [one.write(tmp_path) for one in official]
    assert files[-1].stat().st_size > 6 << 20
    drop(page, files)
    for file in files:
        expect(row(page, file)).to_be_visible()
    first, *others = zip(official, files, strict=True)
    page.get_by_role("button", name=f"Hand in · {first[1].name}").click()
    expect_sums(row(page, first[1]), first[0].valid, 0, first[0].invalid)
    # The session ends before the second file, which leads to signing in, and asks nobody whether to leave the others;
    # the station has the first one alone.
    window.context.clear_cookies(name="__Host-urna")
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.type))
    page.get_by_role("button", name="Hand in all").click()
    expect(page.get_by_text("Your session had ended, so the form was not done. Sign in")).to_be_visible()
    fill_in(page, journey.person.email, PASSWORD)
    expect(page).to_have_url(polling.files)
    assert asked == []
    (batch,) = journey.admin.get("admin", f"/api/elections/{polling.election}/batches")["items"]
    assert batch["received"] == first[0].valid + first[0].invalid

    # Whoever does not know what had arrived hands everything in again: nothing is lost, and nothing is there twice.
    drop(page, files)
    page.get_by_role("button", name="Hand in all").click()
    for counted, file in others:
        expect_sums(row(page, file), counted.valid, 0, counted.invalid)
    expect_sums(row(page, files[0]), 0, first[0].valid + first[0].invalid, 0)

    page.goto(f"{journey.suite.addresses.results}/elections/{polling.election}")
    expected = {number: sum(one.votes[number] for one in official) for number in range(1, LISTS + 1)}
    expect(page.locator("#list-1 td.number").nth(1)).to_have_text(f"{expected[1]:,}")
    assert votes_on(page) == expected


def test_the_page_of_a_real_station_shows_its_official_numbers(
    journey: Journey, open_window: OpenWindow, official: list[Counted], tmp_path: Path
) -> None:
    polling = prepare(journey, count=HANDFUL, lists=[f"Листа {number}" for number in range(1, LISTS + 1)])
    page = open_window().page()
    polling.sign_in(page)
    for station, counted in zip(polling.numbers, official, strict=False):
        file = counted.write(tmp_path)
        page.goto(f"{polling.site}/elections/{polling.election}/files?station={station}")
        drop(page, [file])
        page.get_by_role("button", name=f"Hand in · {file.name}").click()
        expect_sums(row(page, file), counted.valid, 0, counted.invalid)
    for station, counted in zip(polling.numbers, official, strict=False):
        page.goto(f"{journey.suite.addresses.results}/elections/{polling.election}/places/station/{station}")
        assert votes_on(page) == counted.votes
