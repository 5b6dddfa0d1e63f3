"""One deployment at a time: starting another ends the one before, so that a run starts each once, and never two."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from tests.deployment.engine.compose import Compose
from tests.deployment.engine.deployment import Deployment, copy_checkout
from tests.deployment.engine.report import Report

D = TypeVar("D", bound=Deployment)

# How the names of the tests' projects begin, so that nobody's are touched.
PROJECT = "urna-test-"


class Stage:
    """Holds the deployment that runs; ``folder`` is where checkouts with secrets of their own are made."""

    def __init__(self, folder: Path, report: Report, version: str) -> None:
        self.folder = folder
        self.report = report
        self.version = version
        self._name = ""
        self._running: Deployment | None = None
        self._stack = ExitStack()

    def enter(self, name: str, start: "Callable[[Stage, str], AbstractContextManager[D]]") -> D:
        """The deployment of this name, started unless it runs."""
        if self._name != name:
            self.clear()
            self._running = self._stack.enter_context(start(self, name))
            self._name = name
        return self._running  # type: ignore[return-value]  # A name always goes with the same way to start.

    def clear(self) -> None:
        """End whatever runs, and remove its data."""
        self._name, self._running = "", None
        self._stack.close()

    def new_checkout(self, name: str) -> Path:
        """The project's files as in a fresh clone."""
        return copy_checkout(self.folder / name)


@contextmanager
def composed(stage: Stage, name: str, overrides: Sequence[str] = (), **settings: str) -> Iterator[Compose]:
    """The suite as Compose runs it, from a fresh clone with the two commands of the documentation, until it is ended.

    ``settings`` are for `make secrets`.
    """
    made = Compose(stage.new_checkout(name), f"{PROJECT}{name}", stage.version, overrides)
    made.make_secrets(**settings)
    try:
        with stage.report.timed(f"docker compose build ({name})"):
            made.build()
        with stage.report.timed(f"docker compose up --build --wait ({name})"):
            made.up()
        yield made
    finally:
        with stage.report.timed(f"docker compose down ({name})"):
            made.remove()
