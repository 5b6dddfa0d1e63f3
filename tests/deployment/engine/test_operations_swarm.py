"""The commands of docs/operations.md on a swarm, in the order of the page, in a night whose every ballot is counted."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment.certificates import certify
from tests.deployment.engine.docker import attempt, docker
from tests.deployment.engine.night import Night
from tests.deployment.engine.report import Report
from tests.deployment.engine.swarm import Swarm, remove_stack
from tests.operations_page import PASSPHRASE, Block, blocks

pytestmark = pytest.mark.release

_NUMBERS = ("SIGNING_KEY_VERSION", "RECORD_KEY_VERSION", "CERTIFICATE_VERSION", "SECRETS_VERSION", "CONFIG_VERSION")
_AS_BEFORE = "printf '%s=%s\\n' " + " ".join(f'{name} "${name}"' for name in _NUMBERS) + ' > "$NUMBERS"\n'


class Page:
    """The page's commands, typed by somebody who keeps the numbers of secrets and configs in mind."""

    def __init__(self, swarm: Swarm, folder: Path) -> None:
        self.swarm = swarm
        certificate, key = certify(folder, "another")
        self.environment = {
            **swarm.settings,
            "SECONDS_TO_RUN": "600",
            "NODE": docker("info", "--format", "{{.Swarm.NodeID}}").strip(),
            "NUMBERS": str(folder / "numbers"),
            "URNA_BACKUP_PASSPHRASE": PASSPHRASE,
            "CERTIFICATE": certificate,
            "KEY": key,
        }

    def type(self, block: Block) -> None:
        """What the page has to print is printed."""
        if block.heading == "An empty deployment":
            self._lose_the_machine()
        numbered = Block(block.kind, block.heading, block.script + _AS_BEFORE, block.prints)
        printed = numbered.run(self.swarm.checkout, self.environment, seconds=1500)
        missing = block.missing_in(printed)
        assert missing is None, f"{block.heading}:\n{block.script}\nprinted no line such as\n{missing}\nbut\n{printed}"
        lines = Path(self.environment["NUMBERS"]).read_text().splitlines()
        self.environment |= dict(line.split("=") for line in lines)

    def _lose_the_machine(self) -> None:
        """Nothing is left but the archive of the final state, and the secrets as files."""
        self.type(next(one for one in blocks() if one.heading == "Backup" and one.kind == "swarm"))
        self.environment["ARCHIVE"] = self.swarm.newest_archive
        remove_stack()


@pytest.fixture
def page(swarm: Swarm, tmp_path: Path) -> Iterator[Page]:
    """The page on a running stack, which afterwards is as it was; the secrets and configs of other numbers are gone."""
    before = {path.name: path.read_bytes() for path in swarm.secrets.iterdir() if path.is_file()}
    made = Page(swarm, tmp_path)
    yield made
    for name, content in before.items():
        (swarm.secrets / name).unlink(missing_ok=True)
        (swarm.secrets / name).write_bytes(content)
    swarm.deploy()
    for kind in ("secret", "config"):
        for number in {made.environment[name] for name in _NUMBERS} | {"4712", "4713"}:
            if number != swarm.settings["SECRETS_VERSION"]:
                for name in docker(kind, "ls", "--quiet", "--filter", f"name=urna_v{number}_").split():
                    attempt(kind, "rm", name)


def test_every_command_of_the_page_does_what_the_page_says_and_nobody_is_logged_out(page: Page, report: Report) -> None:
    everything = [block for block in blocks() if block.kind == "swarm"]
    # What empties the deployment, or takes the certificate by which the officials know it, comes last.
    empty = [block for block in everything if block.heading == "An empty deployment"]
    last = [*empty, *(block for block in everything if block.heading == "Certificate")]
    took = []
    failures: list[str] = []
    with Night(page.swarm) as night:
        for block in everything:
            if block in last:
                continue
            began = time.monotonic()
            seen = night.watch(lambda block=block: page.type(block))  # type: ignore[misc]  # Called at once.
            failures += [failure for one in seen.values() for failure in one.failures]
            took.append(f"{time.monotonic() - began:6.1f} s  {block.heading}: {block.script.splitlines()[0]}")
            night.let_pass(files=1)
        assert not [failure for failure in failures if ": 401 " in failure], failures
        night.stop()
        night.close_and_check()
        report.add("The page of operations on a swarm", "\n".join(took))
        report.add(
            "The same night",
            f"{night.accepted} files, {night.ledger.ballots['received']} ballots, every count exact; "
            f"{len(failures)} requests of readers failed, none with 401.",
        )
        for block in last:
            page.type(block)
            if block in empty:
                assert night.check()["certainty"] == "final"
