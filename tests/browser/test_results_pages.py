"""The pages of results in a real browser: what the whole country looks at when the votes are counted."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from cli.failure import SUCCESS
from shared.schema.election import CANCELLED, Election
from tests.browser.conftest import OpenWindow
from tests.browser.looking import Window, look_at, take_pictures
from tests.journey.command import urna
from tests.journey.people import Journey, write_ballots
from tests.services.places import accept_sheet
from tests.services.recorded import Recorded
from tests.services.results import Results, running_results
from tests.services.standing import approve
from tests.services.tokens import new_keys
from tests.services.wire import Wire

# The lists of the parliamentary election of 2014 in Serbia with their votes, and those of national minorities.
VOTES = [
    *(1736920, 484607, 152436, 120879, 75294, 72303, 109167, 216634, 128458, 35157),
    *(204767, 16206, 6388, 3983, 74973, 3182, 4514, 6547, 24301),
]
MINORITIES = (5, 10, 13, 14, 18, 19)
RULES = {
    "seats": 250,
    "method": "dhondt",
    "threshold": "0.05",
    "threshold_base": "ballots_cast",
    "tie_policy": "more_votes",
    "waive_if_none_reach": True,
}
HOSTILE = "<script>alert(1)</script>"
VIEWS = {
    "results-election": "",
    "results-candidates": "candidates",
    "results-why-undecided": "why",
    "results-places": "places",
    "results-map": "map",
    "results-moments": "moments",
    "results-corrections": "corrections",
    "results-protocol": "protocol",
}
# Ballots by the one accepted sheet, which are 1.17 % of those in the box.
BLANK = 12_903
NO_REDIS = "redis://127.0.0.1:1/0"
NOW = datetime.now(UTC).replace(microsecond=0)
START = NOW - timedelta(hours=3)


@dataclass
class Night:
    """An election of 19 lists at eight stations, half of which have sent; a results service that shows it."""

    recorded: Recorded
    election: int
    stations: list[int]
    browser: Browser
    service: Results
    windows: list[Window] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.service.port}/elections/{self.election}"

    def page(self, **options: Any) -> Page:
        self.windows.append(Window.open(self.browser, {urlsplit(self.address).netloc}, **options))
        return self.windows[-1].page()

    def send(self, station: int, share: float, after: timedelta) -> None:
        votes = {number: int(count * share) for number, count in enumerate(VOTES, 1)}
        self.recorded.part(self.election, votes, received_at=START + after, station=self.stations[station])


@pytest.fixture
def night(tmp_path: Path, browser: Browser) -> Iterator[Night]:
    url = f"sqlite:///{tmp_path / 'election.db'}"
    recorded = Recorded(url)
    names = [f"Листа број {number} – за боље сутра, праведну и уређену земљу" for number in range(1, 20)]
    names[18] = HOSTILE
    election = recorded.election(
        names, hours=(START, NOW + timedelta(hours=1)), exempt=MINORITIES, rules=RULES, title="Избори за посланике"
    )
    stations = recorded.stations([1_800_000, 1_700_000, 1_400_000, 1_000_000, 30_000, 25_000, 20_000, 15_000])
    with ExitStack() as stack:
        stack.callback(recorded.close)
        key = {"RECORD_SIGNING_KEY": new_keys().private_pem}
        service = stack.enter_context(running_results(url, NO_REDIS, new_keys().public_pem, **key))
        made = Night(recorded, election, stations, browser, service)
        for station, share in enumerate((0.3, 0.25, 0.2, 0.15)):
            made.send(station, share, timedelta(minutes=20 * (station + 1)))
        recorded.drained(NOW, NOW)
        at, of_box = NOW - timedelta(hours=1), {"invalid": 24_310, "blank": BLANK}
        accept_sheet(recorded, election, stations[0], at, voted=1_100_000, in_box=1_100_000, **of_box)
        yield made
        for window in made.windows:
            window.close()


def test_the_page_changes_while_files_are_counted_even_by_a_cut_connection_and_nobody_loses_the_place(
    journey: Journey, open_window: OpenWindow, tmp_path: Path
) -> None:
    election = journey.open_election([HOSTILE, "Second", "Third"])
    window = open_window()
    page = window.page()
    live, votes = page.locator("#live"), page.locator("#list-2 td.number").nth(1)

    def send(ballots: list[int]) -> None:
        file = tmp_path / "ballots.csv"
        write_ballots(file, ballots)
        sent = urna("upload", file, "--election", str(election), environment=journey.environment())
        assert sent.status == SUCCESS, sent.err

    with Wire(urlsplit(journey.suite.addresses.results).port or 0) as wire:
        window.hosts.add(f"127.0.0.1:{wire.port}")
        page.goto(f"http://127.0.0.1:{wire.port}/elections/{election}")
        expect(live).to_have_text("Live")
        page.evaluate("window.sameDocument = true")
        link = page.locator("#lists thead a").nth(2)
        link.focus()
        scrolled = page.evaluate("scrollTo(0, 300), scrollY")
        send([1] * 7 + [2] * 3)
        expect(votes).to_have_text("3")
        expect(page.locator("#news")).to_contain_text("The result has changed.")
        # What is counted while the connection is away is there when it is back, on the page that was never left.
        wire.cut = True
        expect(live).to_have_text("Reconnecting…")
        send([2] * 30)
        expect(votes).to_have_text("3")
        wire.cut = False
        expect(live).to_have_text("Live")
        expect(votes).to_have_text("33")
        expect(page.locator(".headline")).to_contain_text("Second leads with 33 votes")
        assert page.evaluate("window.sameDocument && document.activeElement.matches('#lists thead a')")
        assert page.evaluate("scrollY") == scrolled
        assert page.locator("#list-1 th").inner_text().strip().startswith(HOSTILE)
        # The browser asks no more, before the wire is taken away.
        page.goto("about:blank")


def test_a_connection_that_is_dropped_is_said_and_comes_back(night: Night) -> None:
    page = night.page()
    page.goto(night.address)
    live = page.locator("#live")
    expect(live).to_have_text("Live")
    # The one worker is killed, and its master cannot start another one yet.
    master = night.service.process.pid
    (worker,) = map(int, Path(f"/proc/{master}/task/{master}/children").read_text().split())
    os.kill(master, signal.SIGSTOP)
    try:
        os.kill(worker, signal.SIGKILL)
        expect(live).to_have_text("Reconnecting…")
        take_pictures(page, "results-reconnecting")
        night.send(4, 0.05, timedelta(hours=2))
    finally:
        os.kill(master, signal.SIGCONT)
    expect(live).to_have_text("Live")
    expect(page.locator(".tiles .figure").first).to_have_text("5 of 8")
    # So does the loss of the network alone.
    page.context.set_offline(True)
    expect(live).to_have_text("Reconnecting…")
    page.context.set_offline(False)
    expect(live).to_have_text("Live")
    # At the end the page says so and asks for nothing any more.
    with night.recorded.database.writing() as session:
        found = session.get_one(Election, night.election)
        found.end = datetime.now(UTC) - timedelta(seconds=1)
    night.recorded.drained(datetime.now(UTC), datetime.now(UTC))
    expect(live).to_have_text("Final")


def test_one_looks_back_to_any_moment_of_the_night(night: Night) -> None:
    page = night.page()
    page.goto(f"{night.address}/moments")
    slider = page.get_by_role("slider")
    expect(page.locator(".tiles .figure").first).to_have_text("4 of 8")
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator(".as-of")).to_contain_text("As it stood at")
    expect(page.locator(".headline")).to_have_text("No votes are counted yet.")
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    expect(page.locator(".tiles .figure").first).to_have_text("2 of 8")
    assert "as_of=" in page.url
    look_at(page, "results-as-of")
    plain = night.page(java_script_enabled=False)
    plain.goto(page.url)
    expect(plain.locator(".tiles .figure").first).to_have_text("2 of 8")
    plain.locator("#as_of").select_option(index=1)
    plain.get_by_role("button", name="Show").click()
    expect(plain.locator(".headline")).to_have_text("No votes are counted yet.")
    plain.get_by_role("link", name="To the result now").click()
    expect(plain.locator(".tiles .figure").first).to_have_text("4 of 8")


def test_one_asks_why_a_seat_went_where_it_did(night: Night) -> None:
    page = night.page()
    page.goto(night.address)
    page.get_by_role("link", name="Why these seats").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Why these seats")
    expect(page.locator(".lead")).to_contain_text("Seat 250 went to list")
    expect(page.locator("td.q.last small")).to_have_text("250")
    expect(page.locator("td.q.next")).to_have_count(1)
    assert page.locator("td.q.won").count() == 250
    look_at(page, "results-why")
    page.locator("#seat").fill("1")
    page.get_by_role("button", name="Why this seat").click()
    expect(page.locator(".lead")).to_contain_text("Seat 1 went to list 1")


def test_everybody_can_use_every_page_in_one_language_or_another(night: Night) -> None:
    languages = ["en", "sr_Cyrl", "sr_Latn", "fr"]
    views = {
        **VIEWS,
        "results-municipality": "places/municipality/1:A",
        "results-station": f"places/station/{night.stations[0]}",
        "results-protocol-station": f"protocol/station/{night.stations[0]}",
        "results-screen": "screen",
    }
    page = night.page()
    for place, (name, view) in enumerate(views.items()):
        # Each page in one of the languages, and so each language on some pages.
        page.goto(f"{night.address}/{view}?language={languages[place % 4]}".replace("/?", "?"))
        if view in ("", "screen"):
            shown = page.locator("main").inner_text()
            assert ("1,17" if view else "12,903 (1.17%)") in shown
        look_at(page, name, is_pressed=view != "screen")
    page.goto(night.address.rpartition("/elections")[0])
    look_at(page, "results-index")


def test_everybody_sees_who_stands_with_words_and_photographs(night: Night) -> None:
    approve(
        night.recorded,
        night.election,
        1,
        "Вера",
        "Верић",
        post="Посланица",
        has_picture=True,
        biography="Рођена у Ади.",
    )
    long = "Born in Ada, where the river is wide. " * 12
    approve(night.recorded, night.election, 1, "Milan", HOSTILE, place=2, post="Deputy", biography=f"{long}\n{HOSTILE}")
    approve(night.recorded, night.election, 19, "Zoe", "W" * 80, has_picture=True)
    page = night.page(java_script_enabled=False)
    page.goto(night.address)
    page.get_by_role("navigation", name="Pages of the election").get_by_role("link", name="Candidates").click()
    expect(page.get_by_role("heading", level=3)).to_have_text(["Вера Верић", f"Milan {HOSTILE}", f"Zoe {'W' * 80}"])
    page.get_by_role("table", name="Lists").get_by_role("link", name="Листа број 1 –").click()
    expect(page.get_by_role("heading", level=3)).to_have_text(["Вера Верић", f"Milan {HOSTILE}"])
    page.get_by_role("link", name="Candidates of all lists").click()
    looked = night.page()
    looked.goto(page.url)
    picture = looked.locator("img.portrait").first
    assert picture.evaluate("image => image.decode().then(() => image.naturalHeight)") == 120
    look_at(looked, "results-candidates-standing")


def test_no_page_needs_a_script(night: Night) -> None:
    page = night.page(java_script_enabled=False)
    page.goto(night.address)
    for name, heading in (
        ("Candidates", "Candidates"),
        ("Why these seats", "Why these seats"),
        ("Places", "Results per place"),
        ("Map", "Municipalities by leading list"),
        ("Corrections", "Corrections"),
        ("Protocol", "Избори за посланике"),
        ("Result", "Избори за посланике"),
    ):
        page.get_by_role("navigation", name="Pages of the election").get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    page.locator("#lists").get_by_role("link", name="Votes").click()
    votes = [int(text.replace(",", "")) for text in page.locator("#lists tbody td:nth-child(3)").all_inner_texts()]
    assert votes == sorted(votes, reverse=True)
    page.goto(f"{night.address}/map")
    page.locator(".map a").first.click()
    expect(page.get_by_role("navigation", name="Where this place lies")).to_be_visible()
    # The picture of the seats says what the table says.
    page.goto(night.address)
    # A list's bar wears its pattern, too; the first of eight has none.
    bars = page.locator("#lists .bar rect:not(.track)").evaluate_all(
        "bars => bars.map(bar => bar.getAttribute('fill'))"
    )
    assert bars[:3] == [None, "url(#look-1-1-bar)", "url(#look-2-2-bar)"]
    assert page.locator("#look-1-1-bar path").count() == 2
    said = page.locator("#seats-desc").text_content() or ""
    for row in page.locator("#lists tbody tr").all():
        number, seats = row.locator("td").first.inner_text(), row.locator("td.strong").inner_text()
        if seats.isdigit() and int(seats):
            assert f"{number} " in said
            assert f": {seats} seat" in said


def test_an_election_that_is_cancelled_while_somebody_watches_is_not_called_final(night: Night) -> None:
    page = night.page()
    page.goto(night.address)
    live = page.locator("#live")
    expect(live).to_have_text("Live")
    with night.recorded.database.writing() as session:
        found = session.get_one(Election, night.election)
        found.stage, found.cancelled_at, found.cancelled_reason = CANCELLED, datetime.now(UTC), "A flood."
    expect(live).to_have_text("Cancelled")
    expect(page.locator("#news")).to_contain_text("Cancelled")
    expect(page.locator(".notice.bad")).to_contain_text("A flood.")


def test_the_page_of_an_election_is_light_on_a_phone(night: Night) -> None:
    page = night.page(viewport={"width": 390, "height": 844})
    page.goto(night.address, wait_until="load")
    expect(page.locator("#live")).to_have_text("Live")
    loaded = page.evaluate(
        """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
          .filter((one) => one.initiatorType !== "other")
          .map((one) => [new URL(one.name).pathname, one.decodedBodySize])"""
    )
    sizes = dict(loaded)
    print(json.dumps(loaded), page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime"))
    # Before anybody compresses it; nginx sends about a quarter of this.
    assert sum(sizes.values()) < 90_000, sizes
    assert len(sizes) <= 6
