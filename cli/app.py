"""The ``urna`` command: its group, its global option, and how every error ends."""

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path

import click

from cli import failure
from cli.failure import Failure
from cli.output import Output, output_of
from shared.errors import Misconfigured, Unavailable, UrnaError
from shared.version import VERSION

EPILOG = "Exit status: " + "; ".join(f"{status} {meaning}" for status, meaning in failure.EXIT_STATUSES.items()) + "."

# Where each command is. They are imported when they are asked for: `urna upload` needs no database driver and starts
# several times as fast without.
COMMANDS = {
    "up": "cli.suite.command:up",
    "demo": "cli.demo.command:demo",
    "upload": "cli.upload:upload",
    "results": "cli.results:results",
    "record": "cli.records:record",
    "elections": "cli.voting:own_elections",
    "vote": "cli.voting:vote",
    "verify": "cli.voting:verify",
    "register": "cli.registration:register_person",
    "login": "cli.login:login",
    "logout": "cli.login:logout",
    "election": "cli.elections:election",
    "official": "cli.officials:official",
    "participant": "cli.participants:participant",
    "sheet": "cli.sheets:sheet",
    "station": "cli.stations:station",
    "second-factor": "cli.second_factor:second_factor",
    "citizen": "cli.citizens:citizen",
    "voters": "cli.voters:voters",
    "supervise": "cli.supervision:supervise",
    "queue": "cli.queue:queue",
    "recount": "cli.recount.command:recount",
    "journal": "cli.journal:journal",
    "backup": "cli.backup.command:backup",
    "restore": "cli.backup.command:restore",
    "openapi": "cli.documents:openapi",
    "schema": "cli.documents:schema",
}
# What starts or describes the services, and is not there where they are not: in the operator's image.
OF_THE_SERVICES = {"up", "demo", "openapi", "schema"}
# Settings that commands take from the environment. Where they are secrets, they are read from the files that a service
# reads them from, so that nobody has to type one.
SECRET_FILES = ("ACCOUNTS_DATABASE_URL", "ELECTION_DATABASE_URL", "REDIS_URL")


class Commands(click.Group):
    """A group that imports a command when it is called or described."""

    def list_commands(self, _context: click.Context) -> list[str]:
        has_services = find_spec("authentication_service") is not None
        return [name for name in COMMANDS if has_services or name not in OF_THE_SERVICES]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 -- the table above names commands only.
        return command


def _show_version(context: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"urna {VERSION}")
        context.exit()


@click.group(
    cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs, one document a line.")
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Say which.")
@click.pass_context
def urna(context: click.Context, as_json: bool) -> None:
    """Urna takes ballots in, counts each exactly once, and shows results that anyone can check."""
    output_of(context).as_json |= as_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; every error becomes one sentence, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A name that the locale cannot write is no reason to end with a traceback.
            stream.reconfigure(errors="replace")
    _read_secret_files()
    chosen = list(sys.argv[1:] if arguments is None else arguments)
    # Also a wrong option has to be reported as JSON, and then no option has been read yet.
    output = Output(as_json="--json" in chosen)
    try:
        status = urna.main(chosen, prog_name="urna", standalone_mode=False, obj=output)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return failure.USAGE
    except click.ClickException as error:
        if not output.as_json and isinstance(error, click.UsageError) and error.ctx is not None:
            click.echo(error.ctx.get_usage(), err=True)
        return _fail(output, Failure(error.format_message(), status=error.exit_code))
    except (click.Abort, KeyboardInterrupt):
        return _fail(output, Failure("Interrupted.", status=failure.INTERRUPTED))
    except UrnaError as error:
        return _fail(output, Failure(error.message, status=_status(error)))
    except Failure as error:
        return _fail(output, error)
    except BrokenPipeError:
        # Whoever read our output has gone (`urna results 1 | head`). Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return failure.REFUSED
    return status if isinstance(status, int) else failure.SUCCESS


def _read_secret_files() -> None:
    """Take settings from the directory that ``SECRETS_DIR`` names, where the environment does not have them."""
    directory = os.environ.get("SECRETS_DIR")
    if not directory:
        return
    for name in SECRET_FILES:
        path = Path(directory) / name.lower()
        if name not in os.environ and path.is_file():
            os.environ[name] = path.read_text(encoding="utf-8").strip()


def _fail(output: Output, error: Failure) -> int:
    output.failure(error)
    return error.status


def _status(error: UrnaError) -> int:
    if isinstance(error, Unavailable):
        return failure.UNAVAILABLE
    return failure.CANNOT_START if isinstance(error, Misconfigured) else failure.REFUSED
