"""How the tests look at a page: what it asks for and says, whether everybody can use it, and pictures of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from tests.browser.pictures import is_of_its_page
from tests.source import ROOT

# Every rule of WCAG 2.2 up to AA, and what its makers recommend besides.
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What the width of a window can break: what lies on what, what is pressed, what has to be scrolled. The others ask for
# names, roles and headings, which are the same on a phone.
_OF_WIDTH = ["color-contrast", "target-size", "scrollable-region-focusable"]
_AXE = Axe()
# In milliseconds. Other tests use the same processors, and who waits for longer only fails later.
_PATIENCE = 20_000
expect.set_options(timeout=_PATIENCE)
WIDE, NARROW = {"width": 1440, "height": 1000}, {"width": 390, "height": 844}


@dataclass
class Window:
    """A window of a browser of its own, which notes whatever no page of the suite may do."""

    context: BrowserContext
    hosts: set[str]
    # Requests to elsewhere, breaches of the policy, errors of scripts.
    wrong: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, browser: Browser, hosts: set[str], **options: Any) -> "Window":
        """``hosts`` are the names and ports that its pages may ask; ``options`` are Playwright's for a context."""
        defaults: dict[str, Any] = {"viewport": WIDE, "locale": "en-GB", "reduced_motion": "reduce"}
        made = cls(browser.new_context(**{**defaults, **options}), hosts)
        made.context.set_default_timeout(_PATIENCE)
        made.context.on("request", made._note_request)
        made.context.on("console", made._note_console)
        made.context.on("weberror", lambda error: made.wrong.append(f"An error of a script: {error.error}"))
        return made

    def page(self) -> Page:
        """A new page in it."""
        return self.context.new_page()

    def close(self) -> None:
        """Close it, and fail when a page did what none may do."""
        self.context.close()
        assert not self.wrong, self.wrong

    def _note_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.netloc not in self.hosts:
            self.wrong.append(f"A request to elsewhere: {request.url}")

    def _note_console(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "violates" in message.text:
            self.wrong.append(f"A breach of the policy: {message.text}")


def look_at(page: Page, name: str, *, is_pressed: bool = True) -> None:
    """All that is looked at on every page: what axe finds, wide and as on a phone, targets, and pictures of this name.

    A name of ``PICTURES`` is for the page that it shows there. ``is_pressed`` is False for what only hangs on a wall.
    """
    assert is_of_its_page(name, page.url), f"{name} is no picture of {page.url}."
    assert_everybody_can_use(page)
    if is_pressed:
        assert_targets_are_large(page)
    take_pictures(page, name)
    before = page.viewport_size
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]  # Playwright's type for a width and a height.
    found = _broken(page, "on a phone", {"type": "rule", "values": _OF_WIDTH})
    if before:
        page.set_viewport_size(before)
    assert not found, "\n".join(found)


def assert_everybody_can_use(page: Page) -> None:
    """No rule of axe is broken in light, and none about colours, which is all that changes, in dark."""
    found = []
    every_rule = {"type": "tag", "values": _TAGS}
    of_colours = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
    # Axe's own way to run sends and reads in its half a megabyte each time.
    page.evaluate(_AXE.axe_script)
    for scheme, rules in (("light", every_rule), ("dark", of_colours)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # One of the two that it knows.
        found += _broken(page, scheme, rules)
    page.emulate_media(color_scheme="light")
    assert not found, "\n".join(found)


def _broken(page: Page, where: str, rules: Mapping[str, object]) -> list[str]:
    """What breaks these rules of axe, which has to be in the page already; a sentence for each element."""
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    answer = page.evaluate("async (options) => (await axe.run(options)).violations", options)
    return [
        f"{where}: {one['id']}: {one['help']}: {node['html']} {node.get('failureSummary', '')}"
        for one in answer
        for node in one["nodes"]
    ]


def take_pictures(page: Page, name: str) -> None:
    """Keep what the page looks like, wide and as on a phone, where it must not run over the side.

    With ``URNA_SCREENSHOTS``, the folder in which somebody wants them, also wide in dark.
    """
    asked = os.environ.get("URNA_SCREENSHOTS")
    folder = Path(asked or ROOT / "build" / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    before = page.viewport_size
    in_dark = [(WIDE, "dark", "1440-dark")] if asked else []
    for size, scheme, suffix in ((WIDE, "light", "1440"), *in_dark, (NARROW, "light", "390")):
        page.set_viewport_size(size)  # type: ignore[arg-type]  # Playwright's type for a width and a height.
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # One of the two that it knows.
        page.screenshot(path=folder / f"{name}-{suffix}.png", full_page=True)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"], f"{name} is {width} px wide in a window of {size['width']} px."
    page.emulate_media(color_scheme="light")
    if before:
        page.set_viewport_size(before)


def focused(page: Page) -> str:
    """What the keyboard is at: its text, label or name; empty for nothing."""
    return str(
        page.evaluate(
            """() => {
              const one = document.activeElement;
              if (!one || one === document.body) return "";
              const label = one.labels && one.labels.length ? one.labels[0].innerText : "";
              return (label || one.getAttribute("aria-label") || one.innerText || one.name || one.tagName).trim();
            }"""
        )
    )


def tab_through(page: Page) -> list[str]:
    """Everything that the Tab key comes to, in its order; each has to show that the keyboard is at it."""
    page.evaluate("() => { document.activeElement?.blur(); window.scrollTo(0, 0); }")
    found: list[str] = []
    seen: set[str] = set()
    for _ in range(200):
        page.keyboard.press("Tab")
        place = page.evaluate(
            """() => {
              const one = document.activeElement;
              if (!one || one === document.body) return null;
              const shown = getComputedStyle(one).outlineStyle !== "none";
              return [String([...document.querySelectorAll("*")].indexOf(one)), shown];
            }"""
        )
        if place is None or place[0] in seen:
            break
        seen.add(place[0])
        assert place[1], f"Nothing shows that the keyboard is at {focused(page)!r}."
        found.append(focused(page))
    return found


def assert_targets_are_large(page: Page) -> None:
    """Everything that is pressed, but a link within a sentence, is at least 24 px wide and high."""
    small = page.evaluate(
        """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, summary")]
          .filter((one) => one.checkVisibility() && !(one.tagName === "A" && one.closest("p")) && !one.matches(".skip"))
          .map((one) => [one.outerHTML.slice(0, 120), one.getBoundingClientRect()])
          .filter(([, box]) => box.width < 24 || box.height < 24)
          .map(([text, box]) => `${Math.round(box.width)} x ${Math.round(box.height)}: ${text}`)"""
    )
    assert not small, small
