"""What the tests measured, as it is printed at the end of a run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class Report:
    """Sections of text in the order in which they were made."""

    def __init__(self) -> None:
        self._sections: list[tuple[str, str]] = []
        self._times: list[tuple[str, float]] = []

    def add(self, title: str, text: str) -> None:
        self._sections.append((title, text))

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Note how long something took, also when it failed."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._times.append((what, time.monotonic() - began))

    def write(self, terminal: pytest.TerminalReporter) -> None:
        """Print everything."""
        for title, text in self._sections:
            terminal.section(title)
            terminal.write_line(text)
        if self._times:
            terminal.section("How long it took")
            for what, seconds in self._times:
                terminal.write_line(f"{seconds:6.1f} s  {what}")


REPORT = Report()
