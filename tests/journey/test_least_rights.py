"""The whole suite with the users of deploy/, each process with its own: the least rights are enough for the work."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from redis import Redis as Client

from cli import elections, participants
from cli.client import Addresses
from cli.demo.suite import EmbeddedSuite
from cli.results import wait_until_final
from cli.suite.ports import free_base
from cli.upload import hand_in, wait_for_outcome
from shared.database import Database
from shared.journal.store import check
from shared.queue import keys
from tests.deployment.least_rights import LeastRights
from tests.journey.command import Outcome, urna
from tests.journey.people import Journey, write_ballots
from tests.left_out import leave_out
from tests.servers import DatabaseServer, Redis
from tests.servers.nursling import Copied
from tests.services.tokens import new_keys
from tests.source import ROOT

SERVICES = {
    "authentication_service": "authentication",
    "admin_service": "administration",
    "voting_station_service": "station",
    "results_service": "results",
}
ADMINISTRATOR = {"email": "administrator@example.org", "password": "Password1"}


@dataclass
class Deployment:
    """Processes as the containers run them; to ``Journey`` they are a suite like any other."""

    addresses: Addresses
    facts: dict[str, Any]
    election: LeastRights
    redis_urls: dict[str, str]
    redis_server: Redis
    daemon_environment: dict[str, str]
    folder: Path

    def operator(self, *arguments: str) -> Outcome:
        """``urna queue`` as an operator calls it: the queue as the daemon's user, the store as his own."""
        where = {"REDIS_URL": self.redis_urls["daemon"], "ELECTION_DATABASE_URL": self.election.url("operator")}
        return urna("queue", *arguments, "--json", environment=where, seconds=400)

    def auditor(self, *arguments: str) -> Outcome:
        return urna(
            *arguments, "--json", environment={"ELECTION_DATABASE_URL": self.election.url("auditor")}, seconds=400
        )

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """A daemon for a while."""
        with (self.folder / "daemon.log").open("ab") as log:
            process = Copied(["daemon.app"], self.daemon_environment, log.fileno())
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(180) == 0


@pytest.fixture
def deployment(databases: DatabaseServer, redis_server: Redis, redis_url: str, tmp_path: Path) -> Iterator[Deployment]:
    assert redis_url == redis_server.url
    with ExitStack() as ending:
        # The users belong to the server, and both stores have one who prepares: so each store has a server.
        other = ending.enter_context(type(databases)())
        accounts = LeastRights(other, "accounts", tmp_path / "accounts")
        ending.callback(accounts.close)
        election = LeastRights(databases, "election", tmp_path / "election")
        ending.callback(election.close)
        redis_urls = ending.enter_context(_redis_users(redis_server))
        pair = new_keys()
        base = free_base("127.0.0.1", len(SERVICES))
        settings = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "PYTHONPATH": str(ROOT),
            "ENVIRONMENT": "production",
            "JWT_PUBLIC_KEY": pair.public_pem,
            "LEASE_SECONDS": "10",
            "PARTITIONS": "2",
        }
        own = {
            "authentication_service": {
                "ACCOUNTS_DATABASE_URL": accounts.url("authentication"),
                "JWT_PRIVATE_KEY": pair.private_pem,
                "ADMIN_EMAIL": ADMINISTRATOR["email"],
                "ADMIN_PASSWORD": ADMINISTRATOR["password"],
                "REGISTER_KEY": "the key of the register in this test",
                "REGISTRATION": "open",
            },
            "admin_service": {"ELECTION_DATABASE_URL": election.url("administration")},
            "voting_station_service": {"REDIS_URL": redis_urls["station"]},
            "results_service": {
                "ELECTION_DATABASE_URL": election.url("results"),
                "REDIS_URL": redis_urls["results"],
            },
        }
        prepare = {**settings, **own["authentication_service"], "ACCOUNTS_DATABASE_URL": accounts.url("prepare")}
        assert Copied(["authentication_service.prepare"], prepare).wait(600) == 0
        for place, service in enumerate(SERVICES):
            process = _serve(service, base + place, {**settings, **own[service]}, tmp_path / f"{service}.log")
            ending.callback(process.wait, 180)
            ending.callback(process.terminate)
        urls = [f"http://127.0.0.1:{base + place}" for place in range(len(SERVICES))]
        daemon = {
            **settings,
            "ELECTION_DATABASE_URL": election.url("daemon"),
            "REDIS_URL": redis_urls["daemon"],
        }
        facts = {"administrator": ADMINISTRATOR}
        made = Deployment(Addresses(*urls), facts, election, redis_urls, redis_server, daemon, tmp_path)
        with made.daemon():
            for url in urls:
                _wait_until_ready(url)
        yield made


@contextmanager
def _redis_users(server: Redis) -> Iterator[dict[str, str]]:
    """The users of deploy/redis/users.acl on a server, and the URL of each."""
    with server.client() as client:
        version = str(client.info("server")["redis_version"])
        if int(version.split(".")[0]) < 7:
            leave_out("Redis 7", f"{version} does not know rules for reading only; install a newer redis-server")
        urls = {}
        for line in (ROOT / "deploy" / "redis" / "users.acl").read_text().splitlines():
            _, name, *rules = line.split()
            if name not in {"default", "health"}:
                password = secrets.token_hex(16)
                client.execute_command("ACL", "SETUSER", name, "reset", f">{password}", *rules)
                urls[name] = f"redis://{name}:{password}@127.0.0.1:{server.port}/0"
        yield urls
        for name in urls:
            client.execute_command("ACL", "DELUSER", name)


def _serve(service: str, port: int, settings: dict[str, str], log: Path) -> Copied:
    command = ("gunicorn", "--no-control-socket", "--config", "python:shared.web.gunicorn")
    environment = {**settings, "BIND": "127.0.0.1", "PORT": str(port), "WEB_WORKERS": "1"}
    with log.open("wb") as written:
        return Copied([*command, f"{service}.app:create_app()"], environment, written.fileno())


def _wait_until_ready(url: str) -> None:
    """Until the service says that everything it needs is there: readiness is asked with its own rights."""
    deadline = time.monotonic() + 400
    while True:
        try:
            if httpx.get(f"{url}/health/ready", timeout=10).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, url
        time.sleep(0.2)


def until_buried(deployment: Deployment, count: int) -> list[dict[str, Any]]:
    """Wait until so many dead letters are shown."""
    deadline = time.monotonic() + 300
    while len(found := deployment.operator().json["dead_letters"]) != count:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return list(found)


def administer(journey: Journey) -> None:
    """Make, change and remove one of everything that the administration keeps."""
    admin = journey.admin

    def ask(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = admin.authorized(method, "admin", path, **({} if body is None else {"body": body}))
        assert answer.is_success, answer.text
        return dict(answer.json()) if answer.content else {}

    def change(path: str, body: dict[str, Any], method: str = "PATCH") -> None:
        tag = admin.authorized("GET", "admin", path.removesuffix("/approval").removesuffix("/publication"))
        changed = admin.authorized(method, "admin", path, body=body, headers={"If-Match": tag.headers["ETag"]})
        assert changed.is_success, changed.text

    party = int(ask("POST", "/api/participants", {"name": "A list", "individual": False})["id"])
    change(f"/api/participants/{party}", {"name": "The list"})
    texts = {"participant_id": party, "forename": "Ana", "surname": "Anić"}
    candidate = int(ask("POST", "/api/candidates", texts)["id"])
    change(f"/api/candidates/{candidate}", {"biography": "Long."})
    change(f"/api/candidates/{candidate}/approval", {"decision": "approved"}, "POST")
    now = datetime.now(UTC)
    period = {"start": (now + timedelta(days=1)).isoformat(), "end": (now + timedelta(days=2)).isoformat()}
    entries = [{"participant_id": party}]
    draft = {"kind": "parliamentary", "jurisdiction_id": journey.new_area(), "draft": True, **period}
    number = int(ask("POST", "/api/elections", {**draft, "entries": entries})["id"])
    change(f"/api/elections/{number}", {"title": "Changed", "entries": []})
    ask("DELETE", f"/api/elections/{number}")
    ask("DELETE", f"/api/candidates/{candidate}")
    ask("DELETE", f"/api/participants/{party}")
    scheduled = {"kind": "parliamentary", "jurisdiction_id": journey.new_area(), **period}
    other = [{"participant_id": participants.create(admin, name)["id"]} for name in ("One", "Two")]
    number = int(ask("POST", "/api/elections", {**scheduled, "entries": other})["id"])
    change(f"/api/elections/{number}/cancellation".removesuffix("/cancellation"), {"title": "Off"})
    elections._change(admin, number, "cancellation", {"reason": "For the test."})
    assert admin.get("admin", "/api/elections", state="cancelled")["total"] == 1


@pytest.mark.parametrize("engine", ["mariadb", "postgresql"])
def test_from_registration_to_the_final_result_the_least_rights_are_enough(
    deployment: Deployment, tmp_path: Path
) -> None:
    with ExitStack() as ending:
        with deployment.daemon():
            journey = ending.enter_context(Journey(cast("EmbeddedSuite", deployment)))
            administer(journey)
            election = journey.open_election()
            first, second, third = (tmp_path / f"{name}.csv" for name in ("first", "second", "third"))
            guids = write_ballots(first, [1] * 50 + [2] * 30 + [3] * 10 + [9])
            write_ballots(second, [2] * 20, guids[:5])
            write_ballots(third, [3] * 4)
            outcomes = [
                wait_for_outcome(journey.official, hand_in(journey.official, file, election)["id"], 300)
                for file in (first, second)
            ]
            assert [(one["counted"], one["duplicate"], one["invalid"]) for one in outcomes] == [(90, 0, 1), (15, 5, 0)]

        # A part is damaged while it waits, and a stranger's job comes behind it.
        batch = hand_in(journey.official, third, election)["id"]
        with Client.from_url(deployment.redis_server.url) as redis:
            payload = keys.payload(keys.job_id(batch, 0))
            whole = redis.get(payload)
            assert isinstance(whole, bytes)
            redis.set(payload, whole[:-1])
            redis.rpush(keys.queue(0), "a stranger's")
            with deployment.daemon():
                letters = until_buried(deployment, 2)
                assert {one["batch_id"] for one in letters} == {batch, "a stranger's"}
                redis.set(payload, whole)
                assert deployment.operator("replay", batch, "0").status == 0
                assert wait_for_outcome(journey.official, batch, 300)["counted"] >= 1
                elections.close(journey.admin, election)
                time.sleep(6)
                dismissed = deployment.operator("dismiss", "a stranger's", "0", "--reason", "Nobody's.")
                assert dismissed.status == 0, dismissed.err
                result = wait_until_final(journey.admin, election, 300)
        assert [one["votes"] for one in result["lists"]] == [50, 45, 14]

        refused = journey.admin.authorized("GET", "results", f"/api/elections/{election}/refused-ballots")
        assert refused.json()["total"] == 6
        batches = journey.admin.get("admin", f"/api/elections/{election}/batches")
        assert sorted(one["counted"] for one in batches["items"]) == [4, 15, 90]
        classic = journey.admin.authorized("GET", "admin", f"/getResults?id={election}")
        assert classic.status_code == 200, classic.text

        recounted = deployment.auditor("recount", str(election))
        assert recounted.status == 0, (recounted.out, recounted.err)
        database = Database(deployment.election.url("auditor"))
        with database.reading() as session:
            newest, findings = check(session)
        database.close()
        assert findings == []
        assert newest.sequence > 20
