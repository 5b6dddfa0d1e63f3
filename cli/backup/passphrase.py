"""The passphrase of an archive: from a file, the environment or the keyboard, and never from the command line."""

import os
import sys
from pathlib import Path

import click

from cli.failure import USAGE, Failure

VARIABLE = "URNA_BACKUP_PASSPHRASE"
# Whoever has the archive may try as many as his machines can in his whole life; scrypt only makes each dear.
FEWEST_CHARACTERS = 12


def passphrase(file: Path | None, *, is_new: bool) -> str:
    """The passphrase; one that is ``new`` is asked for twice and has to be long enough."""
    if file is not None:
        try:
            found = file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise Failure(f"The passphrase cannot be read from {file}: {error}.", status=USAGE) from None
    elif VARIABLE in os.environ:
        found = os.environ[VARIABLE]
    elif sys.stdin.isatty():
        found = str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=is_new, err=True))
    else:
        raise Failure(
            f"Give the passphrase in a file (--passphrase-file) or in {VARIABLE}; nobody is here to type it.",
            status=USAGE,
        )
    if is_new and len(found) < FEWEST_CHARACTERS:
        raise Failure(
            f"A passphrase has at least {FEWEST_CHARACTERS} characters; six or more words taken by dice are good ones.",
            status=USAGE,
        )
    return found
