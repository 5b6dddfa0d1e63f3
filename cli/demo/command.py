"""``urna demo``: a real national election from the first file to the last seat."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.demo import facts, report
from cli.demo.ballots import write_files
from cli.demo.check import Expectation, differences
from cli.demo.country import command as country
from cli.demo.country.plan import DATA
from cli.demo.run import Watcher, run
from cli.demo.scaling import scaled_votes
from cli.demo.suite import EmbeddedSuite
from cli.demo.workplace import wait_for_ctrl_c, workplace
from cli.failure import REFUSED, SUCCESS, USAGE, Failure
from cli.output import Output, is_terminal, with_output
from cli.suite.directory import Administrator


@click.command()
@click.option(
    "--scale",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help=f"Divide the votes by so much; 1 counts all {facts.VALID_VOTES:,}. The seats stay the official ones. With "
    "--with-sheets every so manieth polling station is taken, with all its voters and ballots.",
)
@click.option(
    "--files",
    type=click.IntRange(1, facts.POLLING_STATIONS),
    help=f"CSV files to hand in: one for each of the {facts.MUNICIPALITIES} municipalities unless given.",
)
@click.option(
    "--with-sheets",
    is_flag=True,
    help="Through the pages, too: polling stations are imported, officials approved, each tally sheet is entered twice "
    "and accepted, and held against the ballots. Needs the file of the polling stations of 2014.",
)
@click.option(
    "--stations-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DATA,
    help="That file, as CSV. Default: shared/data/serbia-2014-parliamentary.csv beside the checkout.",
)
@click.option("--keep", is_flag=True, help="Leave the suite running afterwards, until Ctrl-C.")
@with_output
def demo(output: Output, scale: int, files: int | None, with_sheets: bool, stations_file: Path, keep: bool) -> int:
    """Count the parliamentary election of 2014 in Serbia and compare everything with what has to come out.

    Starts a suite of its own in a temporary directory on free ports. The exit status is 0 only when the seats and
    every single count are exactly right.
    """
    if with_sheets:
        if files is not None:
            raise Failure("With --with-sheets each polling station has its own file; leave --files out.", status=USAGE)
        return country.hold(output, stations_file, scale, keep=keep)
    votes = scaled_votes(facts.LISTS, scale)
    if files is None:
        files = min(facts.MUNICIPALITIES, -(-facts.POLLING_STATIONS // scale))
    with (
        workplace(output) as here,
        _progress(output) as (bar, watcher),
        # The files are made while the suite starts.
        EmbeddedSuite(here.folder / "data") as suite,
    ):
        watcher.step("Starting the suite and writing the files of ballots")
        ballots = here.folder / "ballots"
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
            login, number = (administrator.email, administrator.password), int(happened.election["id"])
            report.show_where_to_look(output.console, suite.addresses, number, login, happened.officials, running=keep)
        if keep:
            output.notice(f"It goes on, with its data in {here.folder}, until Ctrl-C.")
            wait_for_ctrl_c()
        here.finished = not wrong
    return REFUSED if wrong else SUCCESS


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
