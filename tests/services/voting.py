"""Voters at a terminal, before services that talk HTTP, with one election from the register to the receipts."""

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from apiflask import APIFlask
from werkzeug.serving import make_server

from cli.app import main
from daemon import actions
from results_service.app import create_app as create_results
from shared.config import ResultsSettings, StationSettings
from shared.schema.accounts import VoterElection
from shared.schema.election import Election
from tests.services import accounts as accounts_service
from tests.services.accounts import PASSWORD, Accounts, register
from tests.services.casting import Signed
from tests.services.counting import Counting, counting
from tests.services.station import Station
from tests.services.station import running as running_station
from tests.services.tokens import Keys, ServiceSettings, Token

NOBODY = "http://127.0.0.1:1"


@contextmanager
def served(app: APIFlask, sees: Callable[[dict[str, Any]], None] = lambda _: None) -> Iterator[str]:
    """The address of a service that answers over HTTP; ``sees`` is what stands in front and may change a request."""

    def within_its_body(environ: Any, start: Any) -> Any:
        # As gunicorn has it: the body ends where it ends, and not with the connection.
        length = int(environ.get("CONTENT_LENGTH") or 0)
        seen = environ | {"wsgi.input": io.BytesIO(environ["wsgi.input"].read(length))}
        sees(seen)
        return app(seen, start)

    server = make_server("127.0.0.1", 0, within_its_body, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Voting:
    """All services, an open election with its key carried from one store to the other, and a terminal."""

    accounts: Accounts
    suite: Counting
    station: Station
    election: int
    directory: Path
    addresses: dict[str, str]
    capsys: pytest.CaptureFixture[str]
    sees: Callable[[str, dict[str, Any]], None] = lambda _, __: None
    """What stands in front of a service, by its name, and sees each request."""
    logs: list[str] = field(default_factory=list)
    """What commands and services have written beside results."""
    aside: str = ""
    """What the last command said beside its result."""

    def see(self, name: str, environ: dict[str, Any]) -> None:
        """Show a request to whatever stands in front of the service at this moment."""
        self.sees(name, environ)

    def run(self, *words: str, voter: int = 1, **addresses: str) -> tuple[int, dict[str, Any]]:
        """Call ``urna`` as a voter; its exit status, and what it says as JSON."""
        where = {**self.addresses, **addresses}
        asked = {"verify": ["results"], "elections": ["authentication"]}.get(words[0], where)
        options = [word for name in asked for word in (f"--{name}-url", where[name])]
        who = [] if words[0] == "verify" else ["--email", f"vera{voter}@gmail.com", "--password", PASSWORD]
        self.capsys.readouterr()
        status = main(["--json", *words, *options, *who, "--patience", "0.1"])
        said = self.capsys.readouterr()
        self.aside = said.err
        self.logs += said.err.splitlines()
        lines = (said.out or said.err).splitlines()
        return status, json.loads(lines[-1])

    def vote(self, poll_number: int, *more: str, voter: int = 1, **addresses: str) -> tuple[int, dict[str, Any]]:
        file = str(self.file(voter))
        return self.run("vote", str(self.election), str(poll_number), "--file", file, *more, voter=voter, **addresses)

    def file(self, voter: int = 1) -> Path:
        return self.directory / f"ballot-{voter}.json"

    def kept(self, voter: int = 1) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file(voter).read_text())
        return found

    def receipt(self, voter: int = 1) -> Signed:
        kept = self.kept(voter)
        prefix, signature = (base64.b64decode(kept[name]) for name in ("prefix", "signature"))
        return Signed(self.election, UUID(kept["guid"]), prefix, signature)


@contextmanager
def voters(
    directory: Path,
    redis_url: str,
    settings: ServiceSettings,
    keys: Keys,
    token: Token,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Voting]:
    """All of it, with the stores in a directory; a ballot is taken as often as where nobody sets it."""
    accounts_url, election_url = (f"sqlite:///{directory}/{name}.db" for name in ("accounts", "election"))
    with ExitStack() as stack:
        accounts = stack.enter_context(accounts_service.running(accounts_url, settings, keys))
        suite = stack.enter_context(counting(election_url, redis_url, partitions=2))
        often = StationSettings.model_fields["ballot_repetitions_per_minute"].default
        station = stack.enter_context(
            running_station(redis_url, settings, token, prepared=False, ballot_repetitions_per_minute=often)
        )
        results = create_results(settings(ResultsSettings, election_database_url=election_url, redis_url=redis_url))
        stack.callback(results.extensions["database"].close)
        election = suite.election()
        made = Voting(accounts, suite, station, election, directory, {}, capsys)
        for name, app in (("authentication", accounts.app), ("station", station.app), ("results", results)):
            made.addresses[name] = stack.enter_context(served(app, partial(made.see, name)))
        carry_key(made)
        register(accounts, 1, role="voter")
        yield made


def carry_key(voting: Voting) -> None:
    """What an administrator does: the election is made known to voters, and its key to the administration."""
    now, path = datetime.now(UTC), f"/api/voter-elections/{voting.election}"
    headers = {**voting.accounts.logged_in(), "If-Match": "*"}
    hours = {"opens_at": now + timedelta(hours=1), "closes_at": now + timedelta(hours=2)}
    body = {"title": "A", **{name: moment.isoformat() for name, moment in hours.items()}}
    assert voting.accounts.client.put(path, json=body, headers=headers).status_code == 201
    key = voting.accounts.client.post(f"{path}/key", headers=headers).get_json()["ballot_key"]
    with voting.accounts.database.writing() as session:
        session.execute(sa.update(VoterElection).values(opens_at=now - timedelta(hours=1)))
    with voting.suite.database.writing() as session:
        session.get_one(Election, voting.election).ballot_key = key
    actions.publish_elections(voting.suite.database, voting.suite.redis, now, timedelta(days=30))
