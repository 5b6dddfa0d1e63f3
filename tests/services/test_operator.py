"""Whoever has both stores, Redis, all logs and the journals, and wants to know whose ballot is whose."""

import base64
import json
import random
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from cli.failure import SUCCESS
from daemon.relay import move
from shared.ballot_proofs import read_key
from tests.services.accounts import jmbg, register
from tests.services.operating import Record, bound, guesses, keys_of, lines_of, owned, rows_of, vectors
from tests.services.tokens import Keys, ServiceSettings, Token
from tests.services.voting import Voting, voters

VOTERS = range(1, 17)
NGINX = Path(__file__).parents[2] / "deploy/nginx/nginx.conf"
# The configuration has no address for these, and this for all others.
_NO_ADDRESS = re.findall(r'"~(\S+)" "";', NGINX.read_text().partition("$logged_address {")[2].partition("}")[0])


class Proxy:
    """What stands in front of the services, and logs what nginx would by its configuration."""

    def __init__(self) -> None:
        self.caller = ""
        self.lines: list[str] = []

    def __call__(self, name: str, environ: dict[str, Any]) -> None:
        path, request_id = f"/{name}{environ['PATH_INFO']}", uuid4().hex
        environ.update(REMOTE_ADDR=self.caller, HTTP_X_REQUEST_ID=request_id)
        line = {"time": datetime.now(UTC).isoformat(), "request_id": request_id, "method": environ["REQUEST_METHOD"]}
        address = "" if any(re.search(one, path) for one in _NO_ADDRESS) else self.caller
        line |= {"address": address, "path": re.sub("(/receipts/).*", r"\1", path)}
        self.lines.append(json.dumps(line))


@pytest.fixture
def everybody(
    tmp_path: Path,
    redis_url: str,
    service_settings: ServiceSettings,
    keys: Keys,
    token: Token,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[tuple[Voting, Proxy]]:
    """Voters, each with a network of their own, before services that log all that they do."""

    def talking(kind: Any, **values: Any) -> Any:
        return service_settings(kind, **{"log_level": "info", **values})

    with voters(tmp_path, redis_url, talking, keys, token, capsys) as voting:
        proxy = Proxy()
        voting.sees = proxy
        for voter in VOTERS[1:]:
            register(voting.accounts, voter, role="voter")
        yield voting, proxy


def vote(voting: Voting, proxy: Proxy, voter: int, *more: str) -> None:
    proxy.caller = f"10.0.0.{100 + voter}"
    assert voting.vote(random.randint(1, 3), *more, voter=voter)[0] == SUCCESS


@pytest.mark.parametrize("waits", [True, False])
def test_who_has_both_stores_redis_all_logs_and_the_journals_joins_nobody_who_waits_and_everybody_who_does_not(
    everybody: tuple[Voting, Proxy], waits: bool
) -> None:
    voting, proxy = everybody
    first, then = random.sample(VOTERS, len(VOTERS)), random.sample(VOTERS, len(VOTERS))
    if waits:
        for voter in first:
            vote(voting, proxy, voter, "--sign-only")
    asked = [base64.b64decode(voting.kept(voter)["blinded"]) for voter in first if waits]
    for voter in then:
        vote(voting, proxy, voter)
    queued = list(keys_of(voting.suite.redis))
    voting.suite.record_all()
    move(voting.suite.database, voting.suite.redis)
    voting.logs += voting.capsys.readouterr().err.splitlines()
    records = [*rows_of("accounts", voting.accounts.database), *rows_of("election", voting.suite.database), *queued]
    records += [*keys_of(voting.suite.redis), *lines_of("nginx", proxy.lines)]
    records += lines_of("log", [line for line in voting.logs if line.startswith("{") and "timestamp" in line])
    check_what_there_is(records)
    check_what_there_is_not(records)
    if waits:
        check_that_every_request_fits_every_ballot(asked, [voting.receipt(voter).signature for voter in VOTERS], voting)
    # In an order that says nothing of which is whose.
    truth = {UUID(voting.kept(voter)["guid"]).hex: place for place, voter in enumerate(VOTERS)}
    guids = sorted(truth)
    of_voters, marks_of_voters = owned(records, [f"vera{voter}@gmail.com" for voter in VOTERS])
    of_ballots, marks_of_ballots = owned(records, guids)
    # Nothing stands on both sides.
    known = {jmbg(voter) for voter in VOTERS} | {f"10.0.0.{100 + voter}" for voter in VOTERS}
    known |= {one.hex() for one in asked}
    assert [*((set.union(*marks_of_voters) | known) & set.union(*marks_of_ballots))][:5] == []
    tried = guesses(vectors(of_voters), vectors(of_ballots))
    owner = [truth[guid] for guid in guids]
    best, way = max(
        (sum(owner[ballot] == voter for voter, ballot in enumerate(one)), how) for one, how in tried.items()
    )
    enough = bound(len(tried), 1e-6)
    assert enough < len(VOTERS), len(tried)
    assert (best < enough) is waits, (best, enough, way)
    if not waits:
        assert best == len(VOTERS)


def check_what_there_is(records: list[Record]) -> None:
    """That the operator has what he is said to have: a test of less would show less."""
    sources = {record.source for record in records}
    accounts = {f"accounts.{one}" for one in ("users", "refresh_sessions", "ballot_signatures", "journal")}
    election = {f"election.{one}" for one in ("ballots", "batches", "parts", "journal")}
    assert sources >= {*accounts, *election, "redis", "nginx", "log"}
    paths = [str(record.values.get("path")) for record in records if record.source in ("log", "nginx")]
    for path in ("/api/login", "/api/elections/1/signature", "/api/elections/<int:election_id>/ballots"):
        assert paths.count(path) >= len(VOTERS), path
    assert paths.count("/station/api/elections/1/ballots") == len(VOTERS)
    assert sum(bool(record.values.get("address")) for record in records if record.source == "nginx") >= len(VOTERS)


def check_what_there_is_not(records: list[Record]) -> None:
    """Of who has got a signature there are days and no moments, and no entry of the journal."""
    signatures = [record.values for record in records if record.source == "accounts.ballot_signatures"]
    assert {type(value) for values in signatures for value in values.values()} <= {int, bytes, date}
    entries = [str(record.values["action"]) for record in records if record.source == "accounts.journal"]
    assert [action for action in entries if "signature" in action] == []


def check_that_every_request_fits_every_ballot(asked: list[bytes], signatures: list[bytes], voting: Voting) -> None:
    """For each pair there is one factor that would have blinded it so; all are as good as any."""
    n = read_key(voting.kept()["ballot_key"])._n
    assert len(asked) == len(signatures) == len(VOTERS)
    for blinded in asked:
        for signature in signatures:
            opened = pow(int.from_bytes(signature, "big"), 65537, n)
            assert 0 < int.from_bytes(blinded, "big") * pow(opened, -1, n) % n < n
