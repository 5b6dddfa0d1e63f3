"""The second factor in a real browser: set up, signed in with, and on paper."""

import re
import time
from datetime import UTC, datetime

from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.looking import assert_everybody_can_use, look_at, take_pictures
from tests.browser.signing_in import fill_in, sign_in
from tests.journey.people import PASSWORD, Journey
from tests.services.second_factors import Device


def test_a_second_factor_is_set_up_signed_in_with_renewed_and_turned_off(
    journey: Journey, open_window: OpenWindow
) -> None:
    where = journey.suite.addresses.authentication
    page = open_window().page()
    sign_in(page, journey, address=f"{where}/second-factor")
    look_at(page, "second-factor-none")
    page.locator("#set-up-password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    look_at(page, "second-factor-set-up")
    secret = page.locator("code.secret").inner_text().replace(" ", "")
    assert re.fullmatch("[A-Z2-7]{32}", secret)
    assert page.locator(".qr svg").bounding_box()
    device = Device(secret)
    # A wrong code leaves the same secret to be tried again.
    page.locator("#code").fill("000 000")
    page.get_by_role("button", name="Turn the second factor on").click()
    expect(page.get_by_role("alert")).to_contain_text("This is not the code that belongs to this secret.")
    assert page.locator("code.secret").inner_text().replace(" ", "") == secret
    used = datetime.now(UTC)
    page.locator("#code").fill(device.code(used))
    page.get_by_role("button", name="Turn the second factor on").click()
    look_at(page, "recovery-codes")
    codes = page.locator(".recovery-codes code").all_inner_texts()
    assert len(set(codes)) == 10
    page.emulate_media(media="print")
    expect(page.get_by_role("link", name="I have kept them; go on")).to_be_hidden()
    expect(page.get_by_text(codes[9])).to_be_visible()
    take_pictures(page, "recovery-codes-on-paper")
    page.emulate_media(media="screen")
    page.get_by_role("link", name="I have kept them; go on").click()
    expect(page.get_by_text("Recovery codes left")).to_be_visible()
    look_at(page, "second-factor")

    other = open_window(java_script_enabled=False).page()
    other.goto(f"{where}/sessions")
    fill_in(other, journey.person.email, PASSWORD)
    other.locator("#code").fill(device.code(used))
    other.locator("#sign-in-code button").click()
    expect(other.get_by_role("alert")).to_contain_text("This code is wrong, or was used before.")
    other.locator("summary", has_text="I do not have the device").click()
    other.locator("#recovery-code").fill(codes[0])
    other.get_by_role("button", name="Sign in with the recovery code").click()
    expect(other).to_have_url(f"{where}/sessions")

    page.get_by_role("button", name="Sign out").click()
    fill_in(page, journey.person.email, PASSWORD)
    look_at(page, "sign-in-code")
    page.locator("summary", has_text="I do not have the device").click()
    assert_everybody_can_use(page)
    # The code of the next half minute is good already, and the one of this may be the one that was used.
    page.locator("#code").fill(device.code(datetime.fromtimestamp(time.time() + 30, UTC)))
    page.locator("#sign-in-code button").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Vera Verić")
    page.get_by_role("link", name="Second factor").click()
    page.locator("#renew-password").fill(PASSWORD)
    page.locator("#renew-code").fill(codes[1])
    page.get_by_role("button", name="Make new recovery codes").click()
    fresh = page.locator(".recovery-codes code").all_inner_texts()
    assert not set(fresh) & set(codes)
    page.get_by_role("link", name="I have kept them; go on").click()
    page.locator("#off-password").fill(PASSWORD)
    page.locator("#off-code").fill(codes[2])
    page.get_by_role("button", name="Turn the second factor off").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.locator("#off-password").fill(PASSWORD)
    page.locator("#off-code").fill(fresh[2])
    page.get_by_role("button", name="Turn the second factor off").click()
    expect(page.get_by_text("Your second factor is turned off.")).to_be_visible()
