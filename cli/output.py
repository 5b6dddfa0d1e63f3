"""Where a command writes: results to standard output, everything else to standard error.

With ``--json`` standard output carries JSON alone, one document a line, and standard error one JSON object a line.
"""

import json
import sys
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, ParamSpec, TypeVar

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.failure import Failure

P = ParamSpec("P")
R = TypeVar("R")


# Codes that move the cursor, recolour or silence a terminal have no place in what others called their lists.
_UNSEEN = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}


class _SafeConsole(Console):
    """A console on which no text, whoever wrote it, controls the terminal."""

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(text.translate(_UNSEEN), **how)


class Output:
    """What a command says, for people or, with ``json``, for programs."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        # What is printed may be somebody's name or file name, which must not be taken for markup.
        self.console = _SafeConsole(highlight=False, markup=False, emoji=False, width=_width())
        # Progress and notices must not end up in a file that somebody redirected the result to.
        self.aside = _SafeConsole(stderr=True, highlight=False, markup=False, emoji=False)

    def result(self, value: Any, show: Callable[[Console], None]) -> None:
        """Say a result: ``value`` as one line of JSON, or what ``show`` prints."""
        if self.as_json:
            click.echo(json.dumps(value, ensure_ascii=not _writes_unicode()))
        else:
            show(self.console)

    def notice(self, message: str, *, style: str | None = None) -> None:
        """Say something beside the result."""
        if self.as_json:
            click.echo(json.dumps({"notice": message}, ensure_ascii=not _writes_unicode()), err=True)
        else:
            self.aside.print(message, style=style, soft_wrap=True)

    def failure(self, error: Failure) -> None:
        """Say why a command did not succeed."""
        if self.as_json:
            body = {"error": error.message, "exit_status": error.status, **error.details}
            click.echo(json.dumps(body, ensure_ascii=not _writes_unicode()), err=True)
            return
        self.aside.print("Error: ", style="bold red", end="")
        self.aside.print(error.message, soft_wrap=True)


def json_option(command: Callable[P, R]) -> Callable[P, R]:
    """Let a command take ``--json`` after its name too; it sets the same switch as before the name."""

    def switch(context: click.Context, _parameter: click.Parameter, chosen: bool) -> None:
        if chosen:
            output_of(context).as_json = True

    return click.option("--json", is_flag=True, expose_value=False, callback=switch, help="Write JSON for programs.")(
        command
    )


def output_of(context: click.Context) -> Output:
    """The output of the running command; a command that is called without its group gets one of its own."""
    return context.ensure_object(Output)


def with_output(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command its ``Output`` as the first argument, and the ``--json`` option."""

    def called(*args: Any, **kwargs: Any) -> R:
        return command(output_of(click.get_current_context()), *args, **kwargs)

    return json_option(update_wrapper(called, command))


def table(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table; the columns named in ``right`` hold numbers."""
    made = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def _width() -> int | None:
    """Where nobody's terminal sets the width, tables get enough for a GUID beside other columns."""
    return None if sys.stdout.isatty() else 120


def is_terminal() -> bool:
    """Whether somebody is looking at standard error, where progress is shown."""
    return sys.stderr.isatty()


def _writes_unicode() -> bool:
    """Whether every character can be written; in an old locale JSON has to escape the others."""
    return all((stream.encoding or "").lower().replace("-", "") == "utf8" for stream in (sys.stdout, sys.stderr))
