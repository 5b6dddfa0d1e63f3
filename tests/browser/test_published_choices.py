"""Voters are told in the browser, before they vote, that it will be published how each ballot was cast."""

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import OpenWindow
from tests.browser.looking import look_at
from tests.browser.test_voting_page import cast, choose, expect_receipt, shown
from tests.browser.voting import TITLE, Booth


@pytest.mark.parametrize("who_says_so", ["station", "results"])
def test_a_voter_is_told_at_each_step_that_the_choice_will_be_published(
    booth: Booth, open_window: OpenWindow, who_says_so: str
) -> None:
    page = open_window().page()

    def publish(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "choices_public": True})

    # One service that says so is enough: another one that keeps silent cannot leave a voter unwarned.
    address = (
        booth.journey.suite.addresses.station if who_says_so == "station" else booth.journey.suite.addresses.results
    )
    path = f"/api/elections/{booth.election}"
    page.route(f"{address}{path}{'/ballot-paper' if who_says_so == 'station' else ''}", publish)
    warning = shown(page, "Whoever sees your receipt can then see how you voted.")
    booth.sign_in(page)
    page.get_by_role("button", name=f"Go on: {TITLE}").click()
    expect(warning).to_have_count(1)
    page.get_by_role("button", name="Get the ballot signed").click()
    expect(page.get_by_role("group", name="Your choice")).to_be_visible()
    expect(warning).to_have_count(1)
    choose(page)
    expect(warning).to_have_count(1)
    look_at(page, "voting-confirm-published")
    cast(page)
    expect_receipt(page)
    expect(warning).to_have_count(1)
    expect(shown(page, "It does not say how you voted.")).to_have_count(0)
    look_at(page, "voting-receipt-published")
