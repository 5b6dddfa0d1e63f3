"""``urna demo --with-sheets``, from the file of the polling stations to the last check."""

import time
from collections.abc import Mapping
from pathlib import Path

from cli.demo.ballots import BallotFile, write_station
from cli.demo.country import check, night, report
from cli.demo.country.night import Night
from cli.demo.country.plan import Plan, read_plan
from cli.demo.report import show_where_to_look
from cli.demo.suite import EmbeddedSuite
from cli.demo.workplace import wait_for_ctrl_c, workplace
from cli.failure import REFUSED, SUCCESS
from cli.output import Output
from cli.suite.directory import Administrator

# Whose log-in data are shown at the end.
_SHOWN_OFFICIALS = 4
# All officials register from this machine within a minute.
_SETTINGS = {"REGISTRATION": "approval", "REGISTRATIONS_PER_HOUR": "1000"}


def hold(output: Output, stations_file: Path, every: int, *, keep: bool) -> int:
    """Hold the election of every so manieth polling station of the file; the exit status."""
    began = time.perf_counter()
    plan = read_plan(stations_file, every)

    def say(sentence: str) -> None:
        if not output.as_json:
            output.notice(f"{sentence} …", style="dim")

    with workplace(output) as here, EmbeddedSuite(here.folder / "data", **_SETTINGS) as suite:
        # The files are made while the suite starts.
        say("Starting the suite and writing the files of ballots")
        stations = here.folder / "stations.csv"
        plan.csv(stations)
        files = write_ballots(here.folder / "ballots", plan)
        administrator = Administrator(**suite.facts["administrator"])
        happened = night.hold(suite.addresses, administrator, plan, files, stations, say)
        status = conclude(output, plan, files, happened, every, time.perf_counter() - began)
        if not output.as_json:
            login, number = (administrator.email, administrator.password), int(happened.election["id"])
            some = happened.officials[:_SHOWN_OFFICIALS]
            show_where_to_look(output.console, suite.addresses, number, login, some, running=keep)
        if keep:
            output.notice(f"It goes on, with its data in {here.folder}, until Ctrl-C.")
            wait_for_ctrl_c()
        here.finished = status == SUCCESS
    return status


def conclude(
    output: Output, plan: Plan, files: Mapping[str, BallotFile], happened: Night, every: int, seconds: float
) -> int:
    """Check everything and say what holds; the exit status."""
    made = check.checks(plan, files, happened)
    output.result(
        report.as_facts(plan, happened, every, made, seconds),
        lambda console: report.show(console, happened, made, seconds),
    )
    return REFUSED if any(one.wrong for one in made) else SUCCESS


def write_ballots(folder: Path, plan: Plan) -> dict[str, BallotFile]:
    """The ballots of each polling station that has any, a file for each; by code."""
    folder.mkdir()
    return {
        one.code: write_station(folder / f"{place + 1:04d}.csv", place, one.votes, one.invalid)
        for place, one in enumerate(plan.stations)
        if one.cast
    }
