"""``python -m benchmarks.first_paint ADDRESS``: when a browser that knows nothing yet shows a page, and what it loads.

The suite has to run already, for instance by ``urna demo --with-sheets --keep``; ADDRESS is a page of it. Each time the
page is opened by a new visitor, without a cache. *Compressed* is what gzip makes of the same bytes, as the nginx in
front of a deployment does it; the embedded suite sends them as they are.
"""

import argparse
import gzip
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from playwright.sync_api import Browser, Page, Response

from tests.browser.chromium import Chromium

_HEIGHT = 844
_PAINTED = "() => performance.getEntriesByName('first-contentful-paint').length > 0"
_WHEN = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"


@dataclass(frozen=True)
class Visit:
    """One opening of the page: milliseconds until something is painted, and the bytes of each file, and compressed."""

    first_paint: float
    files: dict[str, tuple[int, int]]


def visit(browser: Browser, address: str, width: int) -> Visit:
    """Open the page as somebody who was never there."""
    context = browser.new_context(viewport={"width": width, "height": _HEIGHT})
    try:
        page = context.new_page()
        answers: list[Response] = []

        # The library cannot keep a method of a list.
        def note(answer: Response) -> None:
            answers.append(answer)

        page.on("response", note)
        page.goto(address, wait_until="load")
        return Visit(_first_paint(page), {one.url: _sizes(one) for one in answers if _has_body(one)})
    finally:
        context.close()


def _first_paint(page: Page) -> float:
    page.wait_for_function(_PAINTED)
    return float(page.evaluate(_WHEN))


def _has_body(answer: Response) -> bool:
    # A stream of live results has no end.
    return answer.ok and "text/event-stream" not in (answer.header_value("Content-Type") or "")


def _sizes(answer: Response) -> tuple[int, int]:
    content = answer.body()
    return len(content), len(gzip.compress(content))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_paint", description=__doc__)
    parser.add_argument("address", help="the page")
    parser.add_argument("--width", type=int, action="append", help="of the window in pixels; default: 390 and 1440")
    parser.add_argument("--times", type=int, default=7, help="how often it is opened at each width")
    chosen = parser.parse_args(arguments)
    if why := Chromium.missing():
        print(why, file=sys.stderr)
        return 1
    with Chromium.running() as browser:
        for width in chosen.width or (390, 1440):
            visits = [visit(browser, chosen.address, width) for _ in range(chosen.times)]
            took = sorted(one.first_paint for one in visits)
            print(f"{width} px: first paint after {median(took):.0f} ms, {took[0]:.0f} to {took[-1]:.0f} ms.")
    files = visits[-1].files
    for name, (size, compressed) in files.items():
        print(f"{size:9,} bytes, {compressed:9,} compressed  {name}")
    whole, small = (sum(one[place] for one in files.values()) for place in (0, 1))
    print(f"{whole:9,} bytes, {small:9,} compressed  in all")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
