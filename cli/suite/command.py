"""``urna up``: the whole suite on one machine, in the foreground."""

import ipaddress
import os
import socket
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from cli.failure import USAGE, Failure
from cli.output import Output, table, with_output
from cli.suite.directory import DataDirectory
from cli.suite.plan import Plan, make_plan, read_settings
from cli.suite.signals import StopRequests
from cli.suite.supervisor import Supervisor

TITLES = {
    "authentication_service": "Authentication",
    "admin_service": "Administration",
    "voting_station_service": "Voting station",
    "results_service": "Results",
}


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("var"),
    show_default=True,
    help="Directory of databases, queue, secrets and logs; made when it is missing, continued when it is there.",
)
@click.option(
    "--port-base",
    type=click.IntRange(0, 65532),
    default=5000,
    show_default=True,
    help="First of four ports: authentication, administration, voting station, results. 0 takes any that are free.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--classic",
    is_flag=True,
    help="Start with the classic contract's administrator (admin@admin.com, password 1), and with HS256 tokens when "
    "JWT_SECRET_KEY is set. For development only.",
)
@click.option("--until-input-ends", is_flag=True, hidden=True, help="Stop when standard input ends.")
@with_output
def up(output: Output, data: Path, port_base: int, host: str, classic: bool, until_input_ends: bool) -> int:
    """Run the whole suite on this machine until Ctrl-C.

    Settings are read from the environment and from .env in the current directory. Without ACCOUNTS_DATABASE_URL and
    ELECTION_DATABASE_URL the stores are SQLite files in the data directory, and without REDIS_URL a Redis of its own
    is started. With --json, one line is written when everything is ready.
    """
    _refuse_strange_host(host)
    directory = DataDirectory(data)
    requests = StopRequests(watch_input=until_input_ends)
    given = read_settings(Path.cwd(), os.environ)
    directory.open()
    try:
        plan = make_plan(directory, given, host=host, port_base=port_base, classic=classic)
        _warn(output, plan, host, classic=classic)
        supervisor = Supervisor(plan, directory, say=output.notice, wait=requests.wait)
        try:
            if not output.as_json:
                output.notice(f"Starting; data and logs are in {directory.path}.", style="dim")
            if supervisor.start():
                output.result(_facts(plan, directory), lambda console: _show(console, plan, directory))
                while not requests.wait(0.2):
                    supervisor.tend()
            if not output.as_json:
                output.notice("Stopping: services, daemon, Redis.", style="dim")
        finally:
            supervisor.stop()
    finally:
        directory.close()
    return 0


def _refuse_strange_host(host: str) -> None:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        raise Failure(f"{host} is no address of this machine; give one with --host.", status=USAGE) from None


def _warn(output: Output, plan: Plan, host: str, *, classic: bool) -> None:
    if classic:
        output.notice(
            f"FOR DEVELOPMENT ONLY: everybody knows the administrator {plan.administrator.email} with the password "
            f"{plan.administrator.password!r}. Tokens are signed with {plan.algorithm}.",
            style="bold white on red",
        )
    if not _is_loopback(host):
        output.notice(
            f"The suite listens on {host}, without TLS: everybody who reaches this machine reaches it. "
            "Use the Docker deployment behind nginx for anything but a trial.",
            style="bold white on red",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _facts(plan: Plan, directory: DataDirectory) -> dict[str, Any]:
    return {
        "ready": True,
        "process": os.getpid(),
        "data": str(directory.path),
        "addresses": plan.addresses,
        "administrator": {"email": plan.administrator.email, "password": plan.administrator.password},
    }


def _show(console: Console, plan: Plan, directory: DataDirectory) -> None:
    made = table("Urna is ready", "Service", "Pages", "Try its routes")
    for name, address in plan.addresses.items():
        made.add_row(TITLES[name], f"{address}/", f"{address}/api/docs")
    console.print(made)
    who = plan.administrator
    console.print(f"Administrator: {who.email}   password: {who.password}", style="bold")
    console.print(f"Data and logs: {directory.path}   Ctrl-C stops everything; the next start continues.")
