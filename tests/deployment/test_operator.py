"""The command urna as the operator's image has it: beside `shared` and the migrations, with its secrets in files."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.app import COMMANDS, OF_THE_SERVICES
from cli.failure import SUCCESS, UNAVAILABLE, USAGE
from shared.queue import keys
from shared.queue.connection import connect
from tests.source import ROOT

# The project is installed in the environment of the tests, as it is not in the image.
_START = """
import sys
sys.path = [sys.argv[1], *(path for path in sys.path if path and path != sys.argv[2])]
sys.meta_path = [one for one in sys.meta_path if "editable" not in repr(one)]
from cli.app import main
sys.exit(main(sys.argv[3:]))
"""


class Image:
    """A folder with what the image holds of the project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "image"
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        for name in ("cli", "shared", "migrations"):
            shutil.copytree(ROOT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))

    def call(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-P", "-c", _START, self.folder, ROOT, *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "SECRETS_DIR": str(self.secrets), **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(tmp_path)


def test_the_command_works_without_the_services_and_offers_nothing_that_needs_them(image: Image) -> None:
    done = image.call("--help")
    assert done.returncode == SUCCESS, done.stderr
    listed = done.stdout.partition("Commands:")[2].partition("Exit status")[0]
    offered = {line.split()[0] for line in listed.splitlines() if re.match("  [a-z]", line)}
    assert offered == set(COMMANDS) - OF_THE_SERVICES
    for name in sorted(OF_THE_SERVICES):
        done = image.call(name)
        assert (done.returncode, done.stderr.splitlines()[-1]) == (USAGE, f"Error: No such command '{name}'.")
    assert image.call("--version").stdout.startswith("urna ")


def test_every_command_of_the_image_can_be_imported_there(image: Image) -> None:
    for name in sorted(set(COMMANDS) - OF_THE_SERVICES):
        done = image.call(name, "--help")
        assert done.returncode == SUCCESS, done.stderr


def test_the_command_finds_its_secrets_in_files_and_the_environment_wins(image: Image, redis_url: str) -> None:
    assert image.call("queue").returncode == USAGE
    (image.secrets / "redis_url").write_text(redis_url + "\n")
    with connect(redis_url) as redis:
        redis.set(keys.PARTITIONS, 2)
    done = image.call("queue", "--json")
    assert done.returncode == SUCCESS, done.stderr
    assert '"partition": 1' in done.stdout
    assert image.call("queue", REDIS_URL="redis://127.0.0.1:1/0").returncode == UNAVAILABLE
    # Without a directory that is named, no file is looked for.
    assert image.call("queue", SECRETS_DIR="").returncode == USAGE
