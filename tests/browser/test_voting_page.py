"""Voters cast their ballots in a browser: the whole way, the ways on which it breaks, and what must not be possible."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from playwright.sync_api import Locator, Page, Route, expect

from cli.failure import REFUSED, SUCCESS, USAGE
from shared.ballot_proofs import is_proven, read_key, write_key
from shared.blind_signatures import PrivateKey
from tests.browser.codes import modules_of, read_code
from tests.browser.conftest import OpenWindow
from tests.browser.looking import (
    assert_everybody_can_use,
    look_at,
    tab_through,
)
from tests.browser.signing_in import sign_in
from tests.browser.voting import LISTS, TITLE, Booth, fill_in, register, set_up_second_factor
from tests.journey.command import urna
from tests.services.citizens import citizen, national_id

RECEIPT = {"election", "ballot_key", "guid", "prefix", "signature"}


def kept(page: Page, booth: Booth) -> dict[str, Any]:
    """What the browser keeps of the ballot."""
    text = page.evaluate("(name) => localStorage.getItem(name)", f"urna:ballot:{booth.election}")
    found: dict[str, Any] = json.loads(text or "{}")
    return found


def shown(page: Page, text: str) -> Locator:
    """Where a text can be seen; the words of the script stand in the page, too."""
    return page.get_by_text(text).filter(visible=True)


def choose(page: Page, name: str = LISTS[0]) -> None:
    page.get_by_label(name).check()
    page.get_by_role("button", name="Go on", exact=True).click()
    expect(page.get_by_role("heading", name="You vote for")).to_be_focused()


def cast(page: Page) -> None:
    page.get_by_role("button", name="Cast the ballot").click()


def expect_receipt(page: Page, *, cast_before: bool = False) -> None:
    told = "This ballot was cast before; the first choice counts." if cast_before else "Your ballot is cast"
    expect(page.get_by_role("heading", name=told)).to_be_focused()


def expect_counted(page: Page, link: str) -> None:
    """Follow the link of a receipt until its ballot is recorded."""
    for _ in range(40):
        page.goto("about:blank")
        page.goto(link)
        expect(page.locator("#outcome .notice").first).to_be_visible()
        if shown(page, "The ballot is counted.").count():
            return
        page.wait_for_timeout(100)
    raise AssertionError(page.locator("#outcome").inner_text())


def until_released(page: Page) -> None:
    """Wait until no tab of this browser has an election open."""
    for _ in range(400):
        if not page.evaluate("async () => (await navigator.locks.query()).held.length"):
            return
        page.wait_for_timeout(50)
    raise AssertionError(page.evaluate("async () => (await navigator.locks.query()).held"))


def swallow(route: Route) -> None:
    """Let a request arrive, and lose its answer."""
    route.fetch()
    route.abort()


def test_a_voter_votes_in_a_browser_and_everybody_can_see_that_the_ballot_is_counted(
    booth: Booth, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(accept_downloads=True)
    # A cookie like any other of this host shows which requests go with one.
    window.context.add_cookies([{"name": "mark", "value": "m", "url": booth.address}])
    page, sent = window.page(), []
    page.on("request", lambda request: sent.append(request))
    page.goto(booth.address)
    names = ["Email, username or phone number", "Password", "Sign in", "A file of this page or of urna vote"]
    assert tab_through(page)[-5:-1] == names
    look_at(page, "voting-start")
    before = booth.counted()
    fill_in(page, booth.voters.pop())
    expect(page.get_by_role("heading", name="Your elections")).to_be_focused()
    look_at(page, "voting-elections")
    page.get_by_role("button", name=f"Go on: {TITLE}").press("Enter")
    key = read_key(booth.ballot_key)
    expect(page.locator("#signing").get_by_text(key.fingerprint)).to_be_visible()
    look_at(page, "voting-signing")
    page.get_by_role("button", name="Get the ballot signed").press("Enter")
    expect(shown(page, "you are signed out")).to_be_visible()
    expect(shown(page, "cast later, among those of others and from another network")).to_contain_text(" UTC")
    look_at(page, "voting-choice")
    signed_at = len(sent)
    # By the keyboard: the second list, whose name is no part of the page.
    page.get_by_label(LISTS[0]).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".chosen")).to_have_text(f"2 {LISTS[1]}")
    assert page.locator(".chosen").evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)") >= 40
    look_at(page, "voting-confirm")
    assert "poll" not in json.dumps(kept(page, booth))
    # It is said where the rules of the election publish choices, and nowhere else.
    expect(shown(page, "Whoever sees your receipt")).to_have_count(0)
    cast(page)
    expect_receipt(page)
    look_at(page, "voting-receipt")

    # Casting says nothing of who it is, and nobody who knows it is asked any more.
    (posted,) = [one for one in sent[signed_at:] if one.method == "POST"]
    headers = posted.all_headers()
    assert posted.url == f"{booth.address.removesuffix('/ballot')}/api/elections/{booth.election}/ballots"
    assert not {"cookie", "authorization", "referer"} & set(headers)
    assert sent[0].all_headers()["cookie"] == "mark=m"
    authentication = urlsplit(booth.journey.suite.addresses.authentication).port
    assert authentication in {urlsplit(one.url).port for one in sent[:signed_at]}
    assert authentication not in {urlsplit(one.url).port for one in sent[signed_at:]}
    stations = [one for one in sent if one.url.startswith(booth.address.removesuffix("/ballot"))]
    assert not [one.url for one in stations if "authorization" in one.headers]

    receipt = kept(page, booth)
    assert set(receipt) == RECEIPT
    guid, proof = UUID(receipt["guid"]), b"".join(base64.b64decode(receipt[name]) for name in ("prefix", "signature"))
    assert is_proven(key, booth.election, guid.bytes, proof)
    link = str(page.locator("#check").get_attribute("href"))
    assert link == drawn(page)
    assert "?" not in link
    assert str(guid) in link.partition("#")[2]
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the receipt as a file").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert json.loads(file.read_text()) == receipt
    page.emulate_media(media="print")
    assert page.get_by_role("button").count() == 0 or not page.get_by_role("button").first.is_visible()
    expect(page.locator("#code svg")).to_be_visible()

    # Everybody may look it up: by the link, by the file, by its number without a script, and at a terminal.
    looked = window.page()
    expect_counted(looked, link)
    expect(shown(looked, "The signature of the receipt is good")).to_be_visible()
    look_at(looked, "voting-looked-up")
    looked.goto(booth.receipts)
    look_at(looked, "receipts")
    looked.locator("#election").fill(str(booth.election))
    looked.locator("#guid").fill(guid.hex)
    looked.get_by_role("button", name="Look it up").click()
    expect(looked.get_by_role("heading", name="What became of the ballot")).to_be_focused()
    expect(shown(looked, "The ballot is counted.")).to_be_visible()
    looked.goto(booth.receipts)
    looked.locator("#receipt-file").set_input_files(file)
    expect(shown(looked, "The ballot is counted.")).to_be_visible()
    changed = link.replace(str(guid), str(uuid4()))
    looked.goto("about:blank")
    looked.goto(changed)
    expect(shown(looked, "The signature of the receipt is not one of this ballot")).to_be_visible()
    expect(shown(looked, "No ballot with this number is recorded")).to_be_visible()
    plain = open_window(java_script_enabled=False).page()
    plain.goto(booth.receipts)
    plain.locator("#election").fill(str(booth.election))
    plain.locator("#guid").fill(str(guid).upper())
    plain.get_by_role("button", name="Look it up").click()
    expect(shown(plain, "The ballot is counted.")).to_be_visible()
    assert plain.url == booth.receipts
    environment = booth.journey.environment()
    assert urna("verify", file, environment=environment).status == SUCCESS
    assert urna("verify", link, environment=environment).status == SUCCESS
    assert urna("verify", changed, environment=environment).status == REFUSED
    assert urna("verify", link[:-200], environment=environment).status in (USAGE, REFUSED)
    assert booth.counted() == before + 1


def drawn(page: Page) -> str:
    """The text of the code that a page shows."""
    size = int(str(page.locator("#code svg").get_attribute("viewBox")).split()[2])
    return read_code(modules_of(str(page.locator("#code path").get_attribute("d")), size))


def test_a_connection_that_is_lost_between_any_two_steps_loses_nothing_and_counts_once(
    booth: Booth, open_window: OpenWindow
) -> None:
    window = open_window()
    page, before, asked = window.page(), booth.counted(), []
    who = booth.sign_in(page)
    page.get_by_role("button", name=f"Go on: {TITLE}").click()
    page.on("request", lambda one: asked.append(one.post_data_json) if one.url.endswith("/signature") else None)
    # The signer has signed, and its answer is lost.
    page.route("**/signature", swallow)
    page.get_by_role("button", name="Get the ballot signed").click()
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("Your ballot is kept in this browser")
    expect(refusal).to_be_focused()
    made = kept(page, booth)
    assert "signature" not in made
    # The page is opened anew: the same ballot is signed, and nothing but that.
    page.unroute("**/signature")
    page.reload()
    page.get_by_role("button", name=f"Go on: {TITLE}").click()
    page.get_by_role("button", name="Get the ballot signed").click()
    expect(shown(page, "Sign in, so that the ballot can be signed.")).to_be_visible()
    fill_in(page, who)
    page.get_by_role("button", name="Get the ballot signed").click()
    expect(page.get_by_role("group", name="Your choice")).to_be_visible()
    assert [one["blinded"] for one in asked] == [made["blinded"]] * 2
    # Nobody answers; then the ballot arrives and its answer is lost; then it is sent again, by the same button.
    choose(page, LISTS[2])
    page.route("**/ballots", lambda route: route.abort())
    cast(page)
    expect(refusal).to_contain_text("nobody knows whether the ballot has arrived")
    page.unroute("**/ballots")
    page.route("**/ballots", swallow)
    refusal.get_by_role("button", name="Try again").click()
    expect(refusal).to_contain_text("nobody knows whether the ballot has arrived")
    assert {"sent": True, **kept(page, booth)} == kept(page, booth)
    page.unroute("**/ballots")
    # Opened anew, the page finds by itself that it has arrived.
    for _ in range(40):
        page.reload()
        page.get_by_role("button", name=f"Go on: {TITLE}").click()
        expect(page.locator("#receipt-title, #choice-title").locator("visible=true")).to_be_focused()
        if page.locator("#receipt").is_visible():
            break
        expect(shown(page, "This ballot was sent before")).to_be_visible()
        page.wait_for_timeout(100)
    expect_receipt(page, cast_before=True)
    assert set(kept(page, booth)) == RECEIPT
    assert booth.counted() == before + 1
    # What is kept of it can be deleted, which leaves the ballot counted.
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete it from this browser").locator("visible=true").click()
    expect(shown(page, "It is deleted from this browser.")).to_be_visible()
    assert kept(page, booth) == {}


def test_two_tabs_two_browsers_and_a_file_have_one_ballot_between_them(
    booth: Booth, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(accept_downloads=True)
    page, second = window.page(), window.page()
    who = booth.get_signed(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Take the ballot with you as a file").click()
    file = tmp_path / "ballot.json"
    download.value.save_as(file)
    # Another tab of this browser waits until the first is closed.
    second.goto(booth.address)
    second.get_by_role("button", name=f"Go on: {TITLE}").click()
    expect(second.get_by_role("alert")).to_contain_text("open in another tab")
    page.close()
    # A closed tab lets go of its ballot a moment later; somebody's hand is slower than that, a test is not.
    until_released(second)
    asked: list[str] = []
    second.on("request", lambda request: asked.append(request.url))
    second.get_by_role("button", name="Try again").click()
    expect(second.get_by_role("group", name="Your choice")).to_be_visible()
    # Another browser, which has no ballot, gets no second signature; with the file it goes on.
    other = open_window().page()
    booth.sign_in(other, who)
    expect(shown(other, "signature given")).to_be_visible()
    other.get_by_role("button", name=f"Go on: {TITLE}").click()
    expect(other.get_by_role("alert")).to_contain_text("for a ballot that is not in this browser")
    other.get_by_role("button", name="Sign out").click()
    other.locator("#file").set_input_files(file)
    before = booth.counted()
    choose(other)
    cast(other)
    expect_receipt(other)
    # The first browser, and a terminal, would cast it, too, for another list, and are told that this does not count.
    choose(second, LISTS[1])
    cast(second)
    expect_receipt(second, cast_before=True)
    assert kept(second, booth) == kept(other, booth)
    file.chmod(0o600)
    environment = booth.journey.environment()
    said = urna("vote", str(booth.election), "3", "--file", file, environment=environment)
    assert (said.status, "the first choice counts" in said.out) == (REFUSED, True), said
    assert urna("verify", file, environment=environment).status == SUCCESS
    booth.until_drained()
    assert booth.counted() == before + 1
    # From the opening of the signed ballot to the receipt nobody asks the service that knows who the voter is.
    assert any(one.endswith("/ballot-paper") for one in asked)
    assert not [one for one in asked if one.startswith(booth.journey.suite.addresses.authentication)]


def test_what_cannot_be_is_refused_in_sentences(booth: Booth, open_window: OpenWindow, tmp_path: Path) -> None:
    page = open_window().page()
    refusal = page.get_by_role("alert")
    page.goto(booth.address)
    fill_in(page, "nobody@example.org")
    expect(refusal).to_contain_text("There is no account with this name and this password.")
    fill_in(page, booth.journey.person.email)
    expect(refusal).to_contain_text("This account is not a voter's")
    born = datetime.now(UTC).date() - timedelta(days=17 * 366)
    row = citizen(9900, born_on=born.isoformat(), national_id=national_id(1, born))
    (young,) = register(booth.journey, [row])
    fill_in(page, young)
    here = page.get_by_role("listitem").filter(has_text=TITLE)
    expect(
        here.get_by_text("By the citizens' register you are not of age on the day of this election.")
    ).to_be_visible()
    assert page.get_by_role("button", name=f"Go on: {TITLE}").count() == 0
    no_ballot = tmp_path / "none.json"
    no_ballot.write_text("{}")
    page.get_by_role("button", name="Sign out").click()
    page.locator("#file").set_input_files(no_ballot)
    expect(refusal).to_contain_text("holds no ballot")

    # A key that this voter alone is shown marks the ballot: nothing is asked for then.
    who = booth.sign_in(page)
    page.route("**/api/voter-elections/*/key", _with(lambda said: {**said, "ballot_key": another_key()}))
    page.get_by_role("button", name=f"Go on: {TITLE}").click()
    expect(refusal).to_contain_text("show different ballot keys")
    page.unroute("**/api/voter-elections/*/key")
    coming = {"open": False, "start": "2999-01-01T08:00:00+00:00", "end": "2999-01-01T20:00:00+00:00"}
    page.route("**/ballot-paper", _with(lambda said: {**said, **coming}))
    page.get_by_role("button", name=f"Go on: {TITLE}").click()
    expect(refusal).to_contain_text("This election is not open yet. It opens on 1 Jan 2999, 08:00 UTC.")
    page.unroute("**/ballot-paper")

    page.get_by_role("button", name=f"Go on: {TITLE}").click()
    page.route(
        "**/signature", lambda route: route.continue_(headers={**route.request.headers, "authorization": "Bearer x"})
    )
    page.get_by_role("button", name="Get the ballot signed").click()
    expect(refusal).to_contain_text("Your session has ended")
    page.unroute("**/signature")
    fill_in(page, who)
    # A signer that signs something else gets nowhere with it.
    page.route("**/signature", _with(lambda said: {"signature": said["signature"][:-8] + "AAAAAAA="}))
    page.get_by_role("button", name="Get the ballot signed").click()
    expect(refusal).to_contain_text("is no signature of your ballot")
    page.unroute("**/signature")
    refusal.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("group", name="Your choice")).to_be_visible()

    # What the station itself says to a list that is not there, to a signature of something else, and in the end.
    choose(page)
    for changed, told in (
        ({"poll_number": 9}, "has no such list"),
        ({"guid": str(uuid4())}, "its signature is not one of this election"),
    ):
        page.route("**/ballots", _sent_with(changed))
        if not page.locator("#confirm").is_visible():
            choose(page)
        cast(page)
        expect(refusal).to_contain_text(told)
        page.unroute("**/ballots")
    over = {"open": False, "start": "2026-01-01T08:00:00+00:00", "end": "2026-01-01T20:00:00+00:00"}
    page.route("**/ballots", lambda route: route.fulfill(status=409, json={"detail": "The election is not open."}))
    page.route("**/ballot-paper", _with(lambda said: {**said, **over}))
    cast(page)
    expect(refusal).to_contain_text("This election has ended")
    page.unroute("**/ballots")
    page.unroute("**/ballot-paper")
    cast(page)
    expect_receipt(page)
    # A ballot that is not cast is no receipt, and the page for receipts says so.
    file = tmp_path / "open.json"
    file.write_text(json.dumps({**kept(page, booth), "inverse": "1", "blinded": "AA=="}))
    page.goto(booth.receipts)
    page.locator("#receipt-file").set_input_files(file)
    expect(shown(page, "Do not show it to anybody")).to_be_visible()


def another_key() -> str:
    return write_key(PrivateKey.generate()[0].public)


def _with(change: Callable[[Any], Any]) -> Callable[[Route], None]:
    """Let a request arrive, and change its answer."""

    def handle(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=change(answer.json()))

    return handle


def _sent_with(changed: dict[str, Any]) -> Callable[[Route], None]:
    """Change what is sent."""
    return lambda route: route.continue_(post_data=json.dumps({**(route.request.post_data_json or {}), **changed}))


def test_the_page_says_what_it_needs_and_who_is_signed_in_is_asked_to_sign_out_first(
    booth: Booth, open_window: OpenWindow
) -> None:
    plain = open_window(java_script_enabled=False).page()
    plain.goto(booth.address)
    expect(shown(plain, "That needs JavaScript, a newer browser")).to_be_visible()
    expect(plain.get_by_role("button", name="Sign in")).to_have_count(0)
    for language, told in (("sr_Cyrl", "Гласање"), ("sr_Latn", "Glasanje"), ("fr", "Voter")):
        plain.goto(f"{booth.address}?language={language}")
        expect(plain.get_by_role("heading", level=1)).to_have_text(told)
    page = open_window().page()
    sign_in(page, booth.journey)
    page.goto(booth.address)
    expect(shown(page, "Sign out there first")).to_be_visible()
    assert page.locator("#login").count() == 0
    assert_everybody_can_use(page)


def test_a_voter_with_a_second_factor_is_asked_for_its_code(booth: Booth, open_window: OpenWindow) -> None:
    page = open_window().page()
    refusal = page.get_by_role("alert")
    who = booth.voters.pop()
    used = datetime.now(UTC)
    device = set_up_second_factor(booth.journey, who, used)
    booth.sign_in(page, who)
    expect(refusal).to_contain_text("Write the code of your second factor, too.")
    code = page.locator("#second-code")
    expect(code).to_be_focused()
    assert_everybody_can_use(page)
    # Each code is good once, and that of setting up has been used.
    code.fill(device.code(used))
    code.press("Enter")
    expect(refusal).to_contain_text("This code is wrong, was used already, or came too late.")
    code.fill(device.code(used + timedelta(seconds=30)))
    code.press("Enter")
    expect(page.get_by_role("button", name=f"Go on: {TITLE}")).to_be_visible()
