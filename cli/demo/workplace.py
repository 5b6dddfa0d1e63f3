"""Where a demonstration works: a folder that is kept only when something was wrong, until whatever end."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.output import Output


@dataclass
class Workplace:
    """The folder; ``finished`` says that nobody needs what is in it any more."""

    folder: Path
    finished: bool = False


@contextmanager
def workplace(output: Output) -> Iterator[Workplace]:
    """A folder for a demonstration; every order to end is like Ctrl-C in it."""
    here = Workplace(Path(tempfile.mkdtemp(prefix="urna-demo-")))
    try:
        with _every_end_like_ctrl_c():
            yield here
    except KeyboardInterrupt:
        here.finished = True
        raise
    finally:
        if here.finished:
            shutil.rmtree(here.folder)
        else:
            output.notice(f"The data and logs are kept in {here.folder}.")


def wait_for_ctrl_c() -> None:
    """Wait until somebody wants it to end."""
    try:
        signal.pause()
    except KeyboardInterrupt:
        return


@contextmanager
def _every_end_like_ctrl_c() -> Iterator[None]:
    """Let an order to end, or the end of the terminal, leave as little behind as Ctrl-C does.

    SIGINT is among them because a shell that starts a command in the background lets it ignore that.
    """
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [(number, signal.signal(number, signal.default_int_handler)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
