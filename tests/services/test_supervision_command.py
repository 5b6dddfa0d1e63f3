"""``urna supervise`` against the real services: what it shows, what it does, and how it ends."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from cli.app import main
from cli.failure import REFUSED, SUCCESS, USAGE
from tests.servers import SQLite
from tests.services.accounts import ADMIN_EMAIL, ADMIN_PASSWORD, Accounts
from tests.services.administration import running
from tests.services.recorded import Recorded
from tests.services.supervising import Night, night
from tests.services.tokens import ServiceSettings, Token

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def evening(sqlite_files: SQLite, service_settings: ServiceSettings, token: Token) -> Iterator[Night]:
    url = sqlite_files.new_database()
    with closing(Recorded(url)) as recorded, running(url, service_settings, token, prepared=False) as service:
        yield night(service, recorded)


@pytest.fixture
def run(
    evening: Night, accounts: Accounts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Runs the command as the administrator; its exit status and what it wrote."""
    with ExitStack() as stack:
        for name, app in (("AUTHENTICATION", accounts.app), ("ADMIN", evening.admin.app)):
            server = make_server("127.0.0.1", 0, app, threaded=True)
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            stack.callback(server.server_close)
            monkeypatch.setenv(f"URNA_{name}_URL", f"http://127.0.0.1:{server.port}")
        monkeypatch.setenv("URNA_EMAIL", ADMIN_EMAIL)
        monkeypatch.setenv("URNA_PASSWORD", ADMIN_PASSWORD)

        def call(*arguments: Any) -> tuple[int, str]:
            status = main(["supervise", *map(str, arguments)])
            written = capsys.readouterr()
            return status, written.out + written.err

        yield call


def test_sheets_are_found_decided_and_opened_again(evening: Night, run: Run) -> None:
    election = evening.election
    evening.differ(1)
    evening.wait(2)
    evening.wait(3)
    status, shown = run("board", election)
    assert status == SUCCESS
    assert [line.split()[0] for line in shown.splitlines() if line.strip()[:1].isdigit()][:4] == ["4", "1", "2", "3"]
    assert "0 of 4 stations have an accepted sheet." in shown
    status, told = run("board", election, "--state", "differing", "--state", "waiting_for_review", "--json")
    assert [one["station_id"] for one in json.loads(told)["items"]] == [1, 2, 3]
    status, shown = run("show", election, 1)
    assert "votes.1" in shown
    assert run("resolve", election, 1, "--reason", "The paper.")[0] == USAGE
    status, shown = run("resolve", election, 1, "--choose", 2, "--reason", "The paper.")
    assert (status, "Ада 1 (1): accepted" in shown, f"3. resolution by {ADMIN_EMAIL}: The paper." in shown) == (
        *(SUCCESS, True, True),
    )
    status, refused = run("accept", election, 2, 4)
    assert (status, "no sheet waits for review: 4" in refused) == (REFUSED, True)
    status, shown = run("accept", election, "--all")
    assert (status, shown.strip()) == (SUCCESS, "2 accepted of 2.")
    assert run("reopen", election, 3, "--reason", "A mistake.")[0] == SUCCESS
    assert [row["state"] for row in evening.board("order=station")["items"]] == [
        *("accepted", "accepted", "reopened", "empty")
    ]
    status, refused = run("resolve", election, 2, "--discard", "--reason", "No.")
    assert (status, "do not differ" in refused) == (REFUSED, True)


def test_differences_are_listed_explained_and_written_for_a_spreadsheet(
    evening: Night, run: Run, tmp_path: Path
) -> None:
    election = evening.election
    evening.enter(1)
    evening.files(1, {1: 59, 2: 41})
    status, shown = run("differences", election)
    assert (status, "Ада 1 (1), list.1: The sheet has 60 votes" in shown) == (SUCCESS, True)
    assert run("explain", election, 1, "invalid", "--reason", "None.")[0] == REFUSED
    status, shown = run("explain", election, 1, "list.1", "--reason", "A slip.")
    assert (status, f"A slip. ({ADMIN_EMAIL})" in shown) == (SUCCESS, True)
    status, shown = run("differences", election, "--show", "lacking", "--search", "бор")
    assert "missing: sheet, files." in shown
    for command, columns in (("board", "station_id,code"), ("differences", "station_id,code")):
        file = tmp_path / f"{command}.csv"
        assert run(command, election, "--csv", file)[0] == SUCCESS
        assert file.read_text(encoding="utf-8-sig").startswith(columns)
