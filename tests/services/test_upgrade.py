"""A store is migrated while the version before takes ballots in and counts them, as docs/operations.md promises."""

import ast
import json
import shutil
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared.database import MIGRATIONS, Database, alembic_config, upgrade
from shared.schema.election import ElectionBase
from shared.terms import Role
from tests.services.counting import Counting, DaemonProcess, Line, counting, new_lines, reference
from tests.services.station import MULTIPART, multipart
from tests.services.test_station_process import running, send
from tests.services.tokens import Keys, Token

PATIENCE = 240.0
# What a version may not do to a store that the version before still works on; it waits for the version after.
CONTRACTS = {"drop_table", "drop_column", "drop_constraint", "alter_column", "rename_table"}
# Plain national ids may not stay for one version more than they have to; docs/operations.md says what waits meanwhile.
DOES_SO = {"accounts-0005_the_citizens_register"}

# A migration as a later version may bring it: in every table a column that may be empty, and a table of its own.
EXPANDS = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", {head!r}, None, None


def upgrade() -> None:
    for table in {tables!r}:
        op.add_column(table, sa.Column("of_the_next_version", sa.Integer(), nullable=True))
    op.create_table("things_of_the_next_version", sa.Column("id", sa.Integer(), primary_key=True))
"""


def expand(url: str, folder: Path) -> None:
    """Migrate the store to what a version after this one would make of it."""
    shutil.copytree(MIGRATIONS / "election", folder, ignore=shutil.ignore_patterns("__pycache__"))
    head = sorted(path.name[:4] for path in (folder / "versions").glob("[0-9]*.py"))[-1]
    written = EXPANDS.format(head=head, tables=sorted(ElectionBase.metadata.tables))
    (folder / "versions" / "9999_the_next_version.py").write_text(written)
    config = alembic_config(url, "election")
    config.set_main_option("script_location", str(folder))
    upgrade(config)


class Official(threading.Thread):
    """Hands one file after the other in at a station, over HTTP, and sends again what was answered with 503."""

    def __init__(self, port: int, election: int, headers: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.stop = threading.Event()
        self.files: list[list[Line]] = []
        self.error: BaseException | None = None
        self._port = port
        self._path = f"/api/elections/{election}/batches"
        self._headers = headers

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                number = len(self.files)
                # Every third file begins with ballots of the one before.
                again = self.files[-1][:5] if number % 3 == 2 else []
                lines = [*again, *new_lines(60, seed=number)]
                body = multipart("".join(f"{guid},{poll}\n" for guid, poll in lines).encode())
                headers = {**self._headers, "Idempotency-Key": f"file {number}", "Content-Type": MULTIPART}
                while (answer := send(self._port, body, headers, self._path))[0] == 503:
                    time.sleep(0.2)
                assert answer[0] == 202, answer
                assert json.loads(answer[1])["lines"] == len(lines)
                self.files.append(lines)
                self.stop.wait(0.02)
        except BaseException as error:
            self.error = error

    def wait_for(self, more: int) -> None:
        """Until so many more files were accepted."""
        goal, deadline = len(self.files) + more, time.monotonic() + PATIENCE
        while len(self.files) < goal:
            if self.error:
                raise AssertionError("The official gave up.") from self.error
            assert time.monotonic() < deadline, "No file is accepted any more."
            time.sleep(0.05)

    def end(self) -> None:
        self.stop.set()
        self.join()
        self.wait_for(0)


@pytest.mark.parametrize("engine", ["mariadb", "mysql", "postgresql"])
def test_a_store_is_migrated_while_a_station_and_a_daemon_work_and_nothing_is_lost(
    election_database_url: str, redis_url: str, keys: Keys, token: Token, tmp_path: Path
) -> None:
    with counting(election_database_url, redis_url, partitions=2) as counted:
        election = counted.election()
        old = DaemonProcess(election_database_url, redis_url, 2)
        try:
            with running(redis_url, keys, 2_000_000) as (port, _):
                _wait_until_known(port, election, token(Role.OFFICIAL))
                official = Official(port, election, token(Role.OFFICIAL))
                official.start()
                official.wait_for(20)
                expand(election_database_url, tmp_path / "migrations")
                official.wait_for(20)
                _wait_until_recorded(counted, official.files[:])
                assert old.process.poll() is None, "The daemon did not outlive the migration."
                # One that dies and comes again, still of the version before.
                old.kill()
                again = DaemonProcess(election_database_url, redis_url, 2)
                try:
                    official.wait_for(20)
                    official.end()
                    _wait_until_recorded(counted, official.files)
                finally:
                    assert again.stop() == 0
        finally:
            old.end()
        assert counted.tally(election) == reference(official.files, 3)
        state = counted.state()
        assert sum(part[2] for part in state["parts"]) == sum(len(lines) for lines in official.files)
        assert len(state["refused"]) == sum(part[4] + part[5] + part[6] for part in state["parts"])
    assert "things_of_the_next_version" in _tables(election_database_url)


def _wait_until_known(port: int, election: int, headers: dict[str, str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        status, body = send(port, b"", headers, "/api/elections", method="GET")
        if status == 200 and any(one["id"] == election and one["open"] for one in json.loads(body)["items"]):
            return
        assert time.monotonic() < deadline, "The station does not learn of the election."
        time.sleep(0.2)


def _wait_until_recorded(counted: Counting, files: list[list[Line]]) -> None:
    """Until all that these files hold is in the store."""
    wanted, deadline = sum(len(lines) for lines in files), time.monotonic() + PATIENCE
    while sum(part[2] for part in counted.state()["parts"]) < wanted:
        assert time.monotonic() < deadline, "Not everything is recorded."
        time.sleep(0.2)


def _tables(url: str) -> list[str]:
    database = Database(url)
    try:
        return sa.inspect(database.engine).get_table_names()
    finally:
        database.close()


@pytest.mark.parametrize(
    "path", sorted(MIGRATIONS.glob("*/versions/*.py")), ids=lambda path: f"{path.parts[-3]}-{path.stem}"
)
def test_a_migration_takes_nothing_away_that_the_version_before_uses(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}

    def called(name: str) -> set[str]:
        calls = [node for node in ast.walk(functions[name]) if isinstance(node, ast.Call) and not _lets_be_empty(node)]
        return {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}

    assert bool(called("upgrade") & CONTRACTS) == (f"{path.parts[-3]}-{path.stem}" in DOES_SO)
    # The same look finds what there is to be found.
    assert called("downgrade") & CONTRACTS


def _lets_be_empty(call: ast.Call) -> bool:
    """Whether a call alters a column in nothing but that it may be empty, which takes nothing away."""
    said = {one.arg: one.value for one in call.keywords}
    allows = said.pop("nullable", None)
    is_told = isinstance(allows, ast.Constant) and allows.value is True
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "alter_column"
        and is_told
        and set(said) <= {"existing_type"}
    )
