"""The commands of docs/operations.md on Compose, in the order of the page, in a night whose every ballot is counted."""

import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deployment.certificates import certify
from tests.deployment.engine.compose import Compose
from tests.deployment.engine.deployment import until
from tests.deployment.engine.docker import docker
from tests.deployment.engine.letters import STRANGER, bury, wait_until_buried
from tests.deployment.engine.night import Night
from tests.deployment.engine.report import Report
from tests.operations_page import PASSPHRASE, Block, blocks

pytestmark = pytest.mark.release

_DAY = 24 * 3600


class Page:
    """The page's commands, and what has to be so before some of them are typed."""

    def __init__(self, compose: Compose, night: Night, folder: Path) -> None:
        self.compose = compose
        self.night = night
        self.folder = folder
        self.environment = {
            **compose.environment,
            "ELECTION": str(night.election),
            "URNA_BACKUP_PASSPHRASE": PASSPHRASE,
        }
        self.before: dict[str, Callable[[Block], None]] = {
            "Dead letters": self._bury,
            "Signing key": self._let_a_month_pass,
            "Certificate": self._have_a_certificate,
            "The day after": self._write_the_place_down,
            "Backup": self._name_the_newest_archive,
            "An empty deployment": self._lose_the_machine,
        }

    def type(self, block: Block) -> None:
        """What the page has to print is printed."""
        if prepare := self.before.get(block.heading):
            prepare(block)
        printed = block.run(self.compose.checkout, self.environment)
        missing = block.missing_in(printed)
        assert missing is None, f"{block.heading}:\n{block.script}\nprinted no line such as\n{missing}\nbut\n{printed}"

    def _bury(self, block: Block) -> None:
        """A dead letter that is there whenever one is shown, replayed or dismissed."""
        if "BATCH" in self.environment:
            wait_until_buried(self.compose)
        else:
            bury(self.compose)
            self.environment |= {"BATCH": STRANGER, "PART": "0"}

    def _let_a_month_pass(self, block: Block) -> None:
        if "retire" in block.script:
            (self.compose.secrets / ".signing_key_since").write_text(str(int(time.time()) - 32 * _DAY))

    def _have_a_certificate(self, block: Block) -> None:
        """nginx has one that was given to it, so that the page's is another."""
        self.night.stop()
        for name in ("first", "second"):
            certificate, key = certify(self.folder, name)
            self.environment |= {"CERTIFICATE": certificate, "KEY": key}
            if name == "first":
                self.script('deploy/secrets.sh tls "$CERTIFICATE" "$KEY"; deploy/restart.sh nginx')

    def _write_the_place_down(self, block: Block) -> None:
        said = self.compose.call("run", "--rm", "auditor", "urna", "journal", "verify", "--store", "election")
        self.environment["PLACE"] = said.partition("Write down: ")[2].split()[0]

    def _name_the_newest_archive(self, block: Block) -> None:
        self.environment["ARCHIVE"] = self.compose.newest_archive

    def _lose_the_machine(self, block: Block) -> None:
        """Nothing is left but the archive of the final state, and the certificate by which the officials know us."""
        self.type(next(one for one in blocks() if one.heading == "Backup" and one.kind == "compose"))
        self._name_the_newest_archive(block)
        self.compose.down()
        for name in ("accounts", "election", "queue"):
            docker("volume", "rm", f"{self.compose.project}_{name}")
        shutil.rmtree(self.compose.secrets)

    def script(self, script: str) -> None:
        """Commands that are not on the page."""
        Block("compose", "", script, ()).run(self.compose.checkout, self.environment)


@pytest.fixture
def page(compose: Compose, tmp_path: Path) -> Iterator[Page]:
    """The page on a running deployment, which afterwards has its certificate of its own again."""
    night = Night(compose)
    made = Page(compose, night, tmp_path)
    with night:
        yield made
    for name in ("tls_certificate", "tls_key"):
        path = compose.secrets / name
        path.chmod(0o644)
        path.write_text("")
        path.chmod(0o444)
    made.script("deploy/restart.sh nginx")


def test_every_command_of_the_page_does_what_the_page_says_and_no_ballot_is_lost(page: Page, report: Report) -> None:
    compose, night = page.compose, page.night
    everything = [block for block in blocks() if block.kind == "compose"]
    # What empties the deployment, ends tokens or takes the certificate by which officials know it, comes last.
    empty = [block for block in everything if block.heading == "An empty deployment"]
    ending = re.compile("(retire|revoke) signing_key|secrets.sh tls")
    last = [*empty, *(one for one in everything if ending.search(one.script))]
    took = []
    failures: list[str] = []
    for block in everything:
        if block in last:
            continue
        began = time.monotonic()
        seen = night.watch(lambda block=block: page.type(block))  # type: ignore[misc]  # Called at once.
        failures += [failure for one in seen.values() for failure in one.failures]
        took.append(f"{time.monotonic() - began:6.1f} s  {block.heading}: {block.script.splitlines()[0]}")
        night.let_pass(files=1)
    assert len({container for part in ("station",) for container in compose.containers(part)}) == 3
    # While keys and passwords were changed nobody was logged out: what failed was not yet there again.
    assert not [failure for failure in failures if ": 401 " in failure], failures
    night.stop()
    night.close_and_check()
    report.add("The page of operations under Compose", "\n".join(took))
    report.add(
        "The same night",
        f"{night.accepted} files, {night.ledger.ballots['received']} ballots, every count exact; "
        f"{len(failures)} requests of readers failed while their only container was started again, none with 401.",
    )
    for block in last:
        page.type(block)
        if block in empty:
            assert night.check()["certainty"] == "final"
        if block.heading == "Certificate":
            # Those who are served by what was there before go on with it for a moment.
            until(lambda: _is_served(page), "nginx does not show the certificate that it was given.")


def _is_served(page: Page) -> bool:
    served = ssl.get_server_certificate(("127.0.0.1", page.compose.ports.https), timeout=10)
    return served.split() == Path(page.environment["CERTIFICATE"]).read_text().split()


def test_a_database_is_told_nothing_when_the_step_before_has_failed(compose: Compose) -> None:
    for script, words in {
        "deploy/secrets.sh next election_nobody | deploy/sql.sh election": "Nothing was given to say.",
        "echo 'SELECT 1' | deploy/sql.sh nothing": "usage: deploy/sql.sh accounts|election",
        "echo 'SELECT nonsense' | deploy/sql.sh election": "Unknown column 'nonsense'",
        # Some Composes say it themselves: no such service: nobody.
        "deploy/restart.sh nobody": "nobody",
    }.items():
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=compose.checkout,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", **compose.environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode != 0, script
        assert words in done.stderr, done.stderr
