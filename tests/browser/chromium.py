"""Debian's Chromium, driven by Playwright, as the tests of the pages start it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from playwright.sync_api import Browser, sync_playwright

from tests.servers import find_program

# Debian's package of Chromium without its windows takes half the processor; on other systems there is the whole one.
_PROGRAMS = ("chromium-headless-shell", "chromium")


class Chromium:
    """What a machine needs to run these tests."""

    part: ClassVar[str] = "Chromium"

    @classmethod
    def missing(cls) -> str | None:
        """Why there is none here, or None."""
        return None if _program() else "no chromium is installed (Debian: apt-get install chromium-headless-shell)"

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Browser]:
        """A browser without a window, which ends with the block."""
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=_program(),
                # Tests may run as root and in a container with little shared memory; they open no page but our own.
                args=["--no-sandbox", "--disable-dev-shm-usage"],
            )
            yield browser
            browser.close()


def _program() -> str | None:
    return next((str(found) for name in _PROGRAMS if (found := find_program(name))), None)
