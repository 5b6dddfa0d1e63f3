"""Leaving out what this machine cannot run, never silently.

A fixture that needs a server, a browser or an engine calls `leave_out` when the machine lacks it. The summary at the
end of the run names every part that was left out and why. ``URNA_TEST_REQUIRE=all`` turns each of them into a failure,
for a machine that must run everything. ``URNA_TEST_WITHOUT`` names parts to leave out on purpose: ``mysql,redis``.
"""

import os
from typing import ClassVar, NoReturn, Protocol

import pytest

MARK = "Left out: "


class Needed(Protocol):
    """A kind of server, browser or engine that a machine may lack."""

    part: ClassVar[str]

    @classmethod
    def missing(cls) -> str | None:
        """Why it is not here and what to install, or None."""


def leave_out(part: str, reason: str) -> NoReturn:
    """End the running test because this machine lacks ``part``; ``reason`` says why and what to install."""
    if os.environ.get("URNA_TEST_REQUIRE") == "all":
        pytest.fail(f"URNA_TEST_REQUIRE=all, but {part} is not here: {reason}", pytrace=False)
    pytest.skip(f"{MARK}{part}: {reason}")


def needs(server: type[Needed]) -> None:
    """Leave the running test out if the developer asked for that or this machine cannot run it."""
    unwanted = os.environ.get("URNA_TEST_WITHOUT", "").lower().replace(" ", "").split(",")
    if server.part.lower() in unwanted:
        leave_out(server.part, "URNA_TEST_WITHOUT names it")
    if reason := server.missing():
        leave_out(server.part, reason)
