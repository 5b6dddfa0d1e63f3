"""The pages of results in a real browser while votes are held back: voters cast ballots themselves in the election."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from results_service.rules.holding_back import UNTIL_FINAL
from shared.schema.election import Election
from tests.browser.looking import look_at
from tests.browser.test_results_pages import HOSTILE, NO_REDIS, RULES, Night
from tests.services.casting import key_text
from tests.services.recorded import Recorded
from tests.services.results import running_results
from tests.services.tokens import new_keys

NOW = datetime.now(UTC).replace(microsecond=0)
START = NOW - timedelta(hours=3)
LANGUAGES = ("en", "sr_Cyrl", "sr_Latn", "fr")
NAMES = ("Листа за реку, долину и све што је између њих", HOSTILE, "Citizens together")
# As many votes as nothing else on any page: 73,581 and 6,431, whose share is 91.96 percent.
VOTES = {1: 73_581, 2: 6_431}
TELLING = re.compile(r"73\D?581|6\D?431|91[.,]96")


@pytest.fixture
def night(tmp_path: Path, browser: Browser) -> Iterator[Night]:
    url = f"sqlite:///{tmp_path / 'election.db'}"
    recorded = Recorded(url)
    election = recorded.election(
        NAMES, hours=(START, NOW + timedelta(hours=1)), rules=RULES, title="Savet za reku", ballot_key=key_text()
    )
    stations = recorded.stations([120_000, 60_000, 40_000])
    with ExitStack() as stack:
        stack.callback(recorded.close)
        key = {"RECORD_SIGNING_KEY": new_keys().private_pem}
        service = stack.enter_context(running_results(url, NO_REDIS, new_keys().public_pem, **key))
        recorded.part(election, VOTES, received_at=START + timedelta(hours=1), station=stations[0])
        recorded.drained(NOW, NOW)
        made = Night(recorded, election, stations, browser, service)
        yield made
        for window in made.windows:
            window.close()


def test_every_page_says_why_there_are_no_votes_yet_and_everybody_can_use_it(night: Night) -> None:
    station = night.stations[0]
    views = [
        "",
        "why",
        "places",
        f"places/station/{station}",
        "map",
        "moments",
        "protocol",
        f"protocol/station/{station}",
    ]
    page = night.page()
    for place, view in enumerate([*views, "screen"]):
        # Each page in one of the languages, and so each language on some pages.
        page.goto(f"{night.address}/{view}?language={LANGUAGES[place % 4]}".replace("/?", "?"))
        expect(page.locator("#held-back")).to_be_visible()
        assert not TELLING.search(page.content())
        look_at(page, f"held-back-{(view or 'election').replace('/', '-')}", is_pressed=view != "screen")
    page.goto(night.address)
    expect(page.locator("#held-back")).to_contain_text(str(UNTIL_FINAL))
    expect(page.locator(".tiles .figure").nth(2)).to_have_text("80,012")
    page.goto(night.address.rpartition("/elections")[0])
    expect(page.get_by_text("Votes are held back until every ballot is counted.")).to_be_visible()
    look_at(page, "held-back-index")


def test_who_watches_is_told_how_many_ballots_there_are_and_the_votes_when_all_are_counted(night: Night) -> None:
    page, screen = night.page(), night.page()
    page.goto(night.address)
    screen.goto(f"{night.address}/screen")
    for one in (page, screen):
        expect(one.locator("#live")).to_have_text("Live")
    night.recorded.part(night.election, {2: 1}, received_at=START + timedelta(hours=2))
    expect(page.locator(".tiles .figure").nth(2)).to_have_text("80,013")
    expect(screen.locator(".screen-foot .figure").first).to_have_text("80,013")
    for one in (page, screen):
        expect(one.locator("#held-back")).to_be_visible()
        expect(one.locator("#lists, .screen-lists")).to_have_count(0)
    with night.recorded.database.writing() as session:
        session.get_one(Election, night.election).end = datetime.now(UTC) - timedelta(seconds=1)
    night.recorded.drained(datetime.now(UTC), datetime.now(UTC))
    expect(page.locator("#live")).to_have_text("Final")
    expect(page.locator("#list-1 td.number").nth(1)).to_have_text("73,581")
    expect(screen.locator(".screen-lists li")).to_have_count(3)
    for one in (page, screen):
        expect(one.locator("#held-back")).to_have_count(0)
