"""Recovery of MySQL up to a moment, with the commands of docs/backup.md: a dump, and what the binary log has since."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import make_url

from cli.recount.command import recounted
from tests.left_out import leave_out, needs
from tests.servers import MySQL
from tests.services.counting import counting, new_lines, reference
from tests.source import ROOT

BINARY_LOG = ("log-bin=binlog", "server-id=1")


class Tools:
    """MySQL's own programs, called as an operator calls them, against one server."""

    def __init__(self, folder: Path, server: MySQL) -> None:
        self._folder = folder
        address = make_url(server.url)
        self._options = folder / f"{address.port}.cnf"
        self._options.touch(mode=0o600)
        self._options.write_text(
            f"[client]\nhost=127.0.0.1\nport={address.port}\nuser={address.username}\npassword={address.password}\n"
        )

    def call(self, name: str, *arguments: str | Path, given: bytes | None = None) -> bytes:
        done = subprocess.run(
            [self._program(name), f"--defaults-file={self._options}", *arguments],
            input=given,
            capture_output=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def _program(self, name: str) -> Path:
        prefix = Path(os.environ.get("URNA_TEST_MYSQL") or MySQL.CACHE)
        found = [path for path in (prefix / "bin" / name, prefix / "usr" / "bin" / name) if path.exists()]
        if not found:
            leave_out("mysqlbinlog", f"{prefix} holds no bin/{name}; unpack a whole MySQL")
        wrapper = prefix / "bin" / "mysqldump"
        if found[0].parent == wrapper.parent or not wrapper.read_bytes().startswith(b"#!"):
            return found[0]
        # The laboratory wraps the programs that it thought of; this one needs the same libraries.
        made = self._folder / name
        made.write_text(wrapper.read_text().replace("/usr/bin/mysqldump", f"/usr/bin/{name}"))
        made.chmod(0o755)
        return made


@pytest.fixture
def servers() -> Iterator[tuple[MySQL, MySQL]]:
    needs(MySQL)
    with MySQL(settings=BINARY_LOG) as first, MySQL() as second:
        yield first, second


def test_the_servers_of_the_deployment_keep_their_binary_log_durable_for_a_week() -> None:
    settings = dict(re.findall(r"^(\w+) *= *(\S+)", (ROOT / "deploy/mysql/common.cnf").read_text(), re.MULTILINE))
    assert settings["sync_binlog"] == settings["innodb_flush_log_at_trx_commit"] == "1"
    assert int(settings["binlog_expire_logs_seconds"]) == 7 * 24 * 3600
    for file in (ROOT / "deploy/mysql").glob("*.cnf"):
        # It is on unless somebody turns it off, and complete only as rows.
        assert not re.search(r"skip.log.bin|disable.log.bin|binlog_format|gtid", file.read_text()), file


def test_what_an_accident_did_is_left_out_and_everything_before_and_after_it_is_kept(
    servers: tuple[MySQL, MySQL], redis_url: str, tmp_path: Path
) -> None:
    first, second = servers
    files = [new_lines(300, seed=1), [*new_lines(50, seed=1), *new_lines(200, seed=2)], new_lines(100, seed=3)]
    url = first.new_database()
    name = str(make_url(url).database)
    tools, others = Tools(tmp_path, first), Tools(tmp_path, second)
    with counting(url, redis_url, partitions=2) as suite:
        election = suite.election()
        suite.accept(files[0])
        suite.record_all()
        dump = tools.call(
            "mysqldump", "--single-transaction", "--source-data=2", "--no-tablespaces", "--hex-blob", name
        )
        suite.accept(files[1])
        suite.record_all()
        with suite.database.engine.begin() as connection:
            for statement in ("DELETE FROM tallies", "UPDATE ballots SET poll_number = 1"):
                connection.execute(sa.text(statement))
        suite.accept(files[2])
        suite.record_all()
        assert not recounted(url, election, 5)["agrees"]

    log, start = _place_of(dump.decode(errors="replace"))
    path = first.directory / "data" / log
    listing = tools.call("mysqlbinlog", "--base64-output=decode-rows", "--verbose", path).decode(errors="replace")
    accident = _transaction_with(listing, f"DELETE FROM `{name}`.`tallies`")
    others.call("mysql", "--execute", f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    others.call("mysql", name, given=dump)
    before = tools.call("mysqlbinlog", f"--start-position={start}", f"--stop-position={accident.start}", path)
    after = tools.call("mysqlbinlog", f"--start-position={accident.stop}", path)
    for changes in (before, after):
        others.call("mysql", name, given=changes)

    recovered = make_url(second.url).set(database=name).render_as_string(hide_password=False)
    found = recounted(recovered, election, 5)
    assert found["agrees"], found["findings"]
    votes: dict[int, Any] = {one["poll_number"]: one["committed"] for one in found["lists"]}
    assert votes == reference(files, 3)


def _place_of(dump: str) -> tuple[str, int]:
    """The file and the place of the binary log at which a dump was made, as its beginning says."""
    found = re.search(r"SOURCE_LOG_FILE='([^']+)', SOURCE_LOG_POS=(\d+);", dump)
    assert found is not None
    return found[1], int(found[2])


def _transaction_with(listing: str, words: str) -> range:
    """From where to where the transaction goes in which these words stand; both places are given as `# at` lines."""
    places: list[int] = []
    begins: int | None = None
    inside, ended = False, True
    for line in listing.splitlines():
        if found := re.fullmatch(r"# at (\d+)", line):
            places.append(int(found[1]))
            if inside and begins is not None and ended:
                return range(begins, places[-1])
        if line == "BEGIN":
            begins, ended = places[-1], False
        if words in line:
            inside = True
        if line.startswith("COMMIT"):
            ended = True
    raise AssertionError(f"{words} stands in no transaction with another one after it.")


def test_the_places_of_a_recovery_are_those_of_the_transaction_and_of_no_other() -> None:
    said = ("# at 4", "BEGIN", "# at 10", "x", "COMMIT/*!*/;", "# at 20", "BEGIN", "# at 30", "### DELETE")
    listing = "\n".join([*said, "# at 35", "COMMIT/*!*/;", "# at 40", "BEGIN"])
    assert _transaction_with(listing, "DELETE") == range(20, 40)
    with pytest.raises(AssertionError):
        _transaction_with(listing, "UPDATE")
