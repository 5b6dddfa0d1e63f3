"""Debian's Chromium, driven by Playwright, as the tests of the pages start it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from playwright.sync_api import Browser, sync_playwright

from tests.servers import find_program


class Chromium:
    """What a machine needs to run these tests."""

    part: ClassVar[str] = "Chromium"

    @classmethod
    def missing(cls) -> str | None:
        """Why there is none here, or None."""
        return None if find_program("chromium") else "no chromium is installed (Debian: apt-get install chromium)"

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Browser]:
        """A browser without a window, which ends with the block."""
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=str(find_program("chromium")),
                # Tests may run as root and in a container with little shared memory; they open no page but our own.
                args=["--no-sandbox", "--disable-dev-shm-usage"],
            )
            yield browser
            browser.close()
