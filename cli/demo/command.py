"""``urna demo``: a real national election from the first file to the last seat."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.demo import facts, report
from cli.demo.ballots import write_files
from cli.demo.check import Expectation, differences
from cli.demo.run import Watcher, run
from cli.demo.scaling import scaled_votes
from cli.demo.suite import EmbeddedSuite
from cli.failure import REFUSED, SUCCESS
from cli.output import Output, is_terminal, with_output
from cli.suite.directory import Administrator


@click.command()
@click.option(
    "--scale",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help=f"Divide the votes by so much; 1 counts all {facts.VALID_VOTES:,}. The seats stay the official ones.",
)
@click.option(
    "--files",
    type=click.IntRange(1, facts.POLLING_STATIONS),
    help=f"CSV files to hand in: one for each of the {facts.MUNICIPALITIES} municipalities unless given.",
)
@click.option("--keep", is_flag=True, help="Leave the suite running afterwards, until Ctrl-C.")
@with_output
def demo(output: Output, scale: int, files: int | None, keep: bool) -> int:
    """Count the parliamentary election of 2014 in Serbia and compare everything with what has to come out.

    Starts a suite of its own in a temporary directory on free ports. The exit status is 0 only when the seats and
    every single count are exactly right.
    """
    votes = scaled_votes(facts.LISTS, scale)
    if files is None:
        files = min(facts.MUNICIPALITIES, -(-facts.POLLING_STATIONS // scale))
    folder = Path(tempfile.mkdtemp(prefix="urna-demo-"))
    finished = False
    try:
        # The files are made while the suite starts.
        with _every_end_like_ctrl_c(), _progress(output) as (bar, watcher), EmbeddedSuite(folder / "data") as suite:
            watcher.step("Starting the suite and writing the files of ballots")
            ballots = folder / "ballots"
            ballots.mkdir()
            expected = Expectation(
                votes, {one.poll_number: one.seats for one in facts.LISTS}, write_files(ballots, votes, files)
            )
            bar.update(bar.task_ids[0], total=expected.ballots["received"])
            bar.update(bar.task_ids[1], total=expected.ballots["received"])
            administrator = Administrator(**suite.facts["administrator"])
            happened = run(suite.addresses, administrator, expected.files, watcher)
            wrong = differences(expected, happened.result, happened.batches)
            if not happened.repeated_as_first:
                wrong.append("A file that was handed in twice did not get the receipt of the first time.")
            bar.stop()
            output.result(
                report.as_facts(scale, happened, expected, wrong),
                lambda console: report.show(console, happened, expected, wrong),
            )
            if not output.as_json:
                login = (administrator.email, administrator.password)
                report.show_where_to_look(output.console, suite.addresses, happened, login, running=keep)
            if keep:
                output.notice(f"It goes on, with its data in {folder}, until Ctrl-C.")
                _wait_for_ctrl_c()
        finished = not wrong
        return REFUSED if wrong else SUCCESS
    except KeyboardInterrupt:
        finished = True
        raise
    finally:
        if finished:
            shutil.rmtree(folder)
        else:
            output.notice(f"The data and logs are kept in {folder}.")


def _wait_for_ctrl_c() -> None:
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


@contextmanager
def _progress(output: Output) -> Iterator[tuple[Progress, Watcher]]:
    """Bars of the ballots uploaded and counted; without a terminal a line for each step."""
    shown = is_terminal() and not output.as_json
    bar = Progress(
        TextColumn("{task.description:9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=output.aside,
        disable=not shown,
        transient=True,
    )
    uploaded = bar.add_task("Uploaded", total=None)
    counted = bar.add_task("Counted", total=None)

    def say(sentence: str) -> None:
        if not output.as_json:
            output.notice(f"{sentence} …", style="dim")

    watcher = Watcher(
        step=say,
        uploaded=lambda more: bar.advance(uploaded, more),
        counted=lambda now: bar.update(counted, completed=now),
    )
    with bar:
        yield bar, watcher
