"""A real Prometheus asks a real suite: every alert fires in a fault staged for it, and every dashboard shows something.

The rules are those of the deployment but for the time for which each waits; thresholds and windows are their own.
"""

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa
from redis import Redis as RedisClient
from sqlalchemy.orm import Session

from cli.demo.suite import EmbeddedSuite
from cli.upload import wait_for_outcome
from shared.journal.events import event
from shared.queue import inspection, keys, sheets
from shared.schema.accounts import Mail
from tests.journey.command import urna
from tests.journey.people import Journey
from tests.left_out import needs
from tests.observability.rules import CONFIGURATION, FOLDER, alerts, impatient
from tests.servers import MariaDB, Redis, free_port
from tests.servers.prometheus import Prometheus
from tests.source import ROOT

DASHBOARDS = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))
JOBS = {
    "authentication": "authentication_service",
    "administration": "admin_service",
    "station": "voting_station_service",
    "results": "results_service",
}
SECONDS = 300.0
WATCHERS, QUEUED = 5, 50


@dataclass
class Stage:
    """The suite on servers that a test may break, who uses it, and who looks on."""

    suite: EmbeddedSuite
    journey: Journey
    database: MariaDB
    accounts: str
    store: str
    server: Redis
    redis: RedisClient
    prometheus: Prometheus
    election: int

    def process(self, name: str) -> int:
        running = json.loads((self.suite.data / "suite.json").read_text())
        return int(running["processes"][name])

    def bearer(self, who: str) -> dict[str, str]:
        client = self.journey.official if who == "official" else self.journey.admin
        header = client.authorized("GET", "authentication", "/api/profile").request.headers["Authorization"]
        return {"Authorization": header}

    def upload(self, ballots: int, bearer: dict[str, str]) -> httpx.Response:
        """Send a file of new ballots, once, whatever is answered."""
        content = "".join(f"{uuid4()},1\n" for _ in range(ballots))
        where = f"{self.suite.addresses.station}/api/elections/{self.election}/batches"
        return httpx.post(where, headers=bearer, files={"file": ("ballots.csv", content)}, timeout=90)

    def fires(self, *names: str) -> None:
        until(lambda: set(names) <= self.prometheus.firing(), f"{names} do not fire")

    def rests(self, *names: str) -> None:
        until(lambda: not set(names) & self.prometheus.firing(), f"{names} do not end")


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    for kind in (MariaDB, Redis, Prometheus):
        needs(kind)
    with ExitStack() as stack:
        database, server = stack.enter_context(MariaDB()), stack.enter_context(Redis())
        accounts, store, port = database.new_database(), database.new_database(), free_port()
        suite = stack.enter_context(
            EmbeddedSuite(
                tmp_path_factory.mktemp("suite"),
                ACCOUNTS_DATABASE_URL=accounts,
                ELECTION_DATABASE_URL=store,
                REDIS_URL=server.url,
                PARTITIONS="2",
                METRICS_PORT=str(port),
                LIVE_WATCHERS=str(WATCHERS),
                MAX_QUEUED_BALLOTS=str(QUEUED),
            )
        )
        suite.wait_until_ready()
        targets = {job: [urlsplit(suite.facts["addresses"][name]).netloc] for job, name in JOBS.items()}
        prometheus = stack.enter_context(
            Prometheus(
                configuration=CONFIGURATION, targets={**targets, "daemon": [f"127.0.0.1:{port}"]}, rules=impatient()
            )
        )
        journey = stack.enter_context(Journey(suite))
        redis = stack.enter_context(RedisClient.from_url(server.url))
        election = journey.open_election()
        made = Stage(suite, journey, database, accounts, store, server, redis, prometheus, election)
        # One of each, before anything goes wrong.
        batch = made.upload(20, made.bearer("official")).json()["id"]
        wait_for_outcome(journey.official, batch, SECONDS)
        httpx.get(f"{suite.addresses.results}/api/elections/{election}/results", timeout=60)
        until(lambda: len(prometheus.query("up == 1")) == 5, "Not every part is asked.")
        yield made


def expressions(dashboard: Path) -> list[str]:
    """What a dashboard asks Prometheus."""
    board = json.loads(dashboard.read_text(encoding="utf-8"))
    return [
        target["expr"].replace("$__range", "1h")
        for panel in board["panels"]
        for target in panel["targets"]
        if target["datasource"]["type"] == "prometheus"
    ]


def test_a_real_prometheus_reads_what_the_suite_counts(stage: Stage) -> None:
    prometheus = stage.prometheus
    until(lambda: bool(prometheus.query("sum(urna_ballots_judged_total) >= 20")), "The ballots are not seen.")
    assert prometheus.query('urna_ballots_received_total{job="station"} == 20')
    (lag,) = prometheus.query("max(urna_watermark_lag_seconds)")
    assert float(lag["value"][1]) < 60
    assert {one["metric"]["partition"] for one in prometheus.query("urna_partition_worked == 1")} == {"0", "1"}
    asked = prometheus.query('urna_http_requests_total{job="station",method="POST",status="202"}')
    assert [one["metric"]["route"] for one in asked] == ["/api/elections/<int:election_id>/batches"]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: str(path.stem))
def test_every_expression_of_a_dashboard_is_understood_and_names_metrics_that_exist(
    stage: Stage, dashboard: Path
) -> None:
    found = expressions(dashboard)
    assert found
    for expression in found:
        stage.prometheus.query(expression)
        named = set(re.findall(r"\burna_\w+", expression))
        assert named | set(re.findall(r"\b(?:up|ALERTS)\b", expression)), expression
        assert named <= stage.prometheus.names(), expression


def test_every_rule_names_metrics_that_exist(stage: Stage) -> None:
    named = {name: set(re.findall(r"\burna_\w+", rule["expr"])) for name, rule in alerts().items()}
    assert {name: found for name, found in named.items() if not found <= stage.prometheus.names()} == {}


def test_each_alert_fires_in_a_fault_that_is_staged_for_it(stage: Stage) -> None:
    fired: set[str] = set()
    for fault in (
        a_part_is_laid_aside,
        a_table_is_missing,
        a_table_is_locked,
        no_mail_is_sent,
        everybody_watches,
        daemons_of_another_number,
        the_daemon_stands_still,
        the_database_is_away,
        redis_is_full,
    ):
        names = fault(stage)
        assert not fired & names
        fired |= names
    assert fired == set(alerts())
    # By now everything that may be shown is there.
    for dashboard in DASHBOARDS:
        for expression in expressions(dashboard):
            assert stage.prometheus.query(expression), expression


def a_part_is_laid_aside(stage: Stage) -> set[str]:
    stage.rests("UrnaDeadLetters")
    stage.redis.lpush(keys.queue(0), "no job of ours")
    stage.fires("UrnaDeadLetters")
    (letter,) = inspection.buried(stage.redis)
    where = {"REDIS_URL": stage.server.url, "ELECTION_DATABASE_URL": stage.store}
    settled = urna("queue", "dismiss", letter.batch_id, str(letter.part), "--reason", "Staged.", environment=where)
    assert settled.status == 0, settled.err
    stage.rests("UrnaDeadLetters")
    return {"UrnaDeadLetters"}


@contextmanager
def administrator(stage: Stage) -> Iterator[sa.Connection]:
    """Somebody in the election store who may do anything."""
    engine = sa.create_engine(stage.store)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def a_table_is_missing(stage: Stage) -> set[str]:
    stage.rests("UrnaUnexpectedErrors")
    bearer = stage.bearer("admin")
    where = f"{stage.suite.addresses.admin}/api/candidates"
    with administrator(stage) as store:
        store.execute(sa.text("RENAME TABLE candidates TO candidates_elsewhere"))
        try:
            assert httpx.get(where, headers=bearer, timeout=60).status_code == 500
        finally:
            store.execute(sa.text("RENAME TABLE candidates_elsewhere TO candidates"))
    assert httpx.get(where, headers=bearer, timeout=60).status_code == 200
    stage.fires("UrnaUnexpectedErrors", "UrnaDatabaseErrors")
    return {"UrnaUnexpectedErrors", "UrnaDatabaseErrors"}


def a_table_is_locked(stage: Stage) -> set[str]:
    stage.rests("UrnaSlow")
    bearer = stage.bearer("admin")
    where = f"{stage.suite.addresses.admin}/api/candidates"
    statuses: list[int] = []
    callers = [
        threading.Thread(target=lambda: statuses.append(httpx.get(where, headers=bearer, timeout=90).status_code))
        for _ in range(6)
    ]
    with administrator(stage) as store:
        store.execute(sa.text("LOCK TABLES candidates WRITE"))
        for caller in callers:
            caller.start()
        time.sleep(4)
        store.execute(sa.text("UNLOCK TABLES"))
    for caller in callers:
        caller.join()
    assert statuses == [200] * len(callers)
    stage.fires("UrnaSlow")
    return {"UrnaSlow"}


def no_mail_is_sent(stage: Stage) -> set[str]:
    stage.rests("UrnaMailsWait")
    put = datetime.now(UTC) - timedelta(seconds=601)
    engine = sa.create_engine(stage.accounts)
    try:
        with Session(engine) as store:
            # For nobody; and this suite has no mail server, so that nothing takes it.
            mail = Mail(id=str(uuid4()), sealed=b"", created_at=put, due_at=put, good_until=put + timedelta(days=2))
            store.add(mail)
            store.commit()
            stage.fires("UrnaMailsWait")
            store.delete(mail)
            store.commit()
    finally:
        engine.dispose()
    stage.rests("UrnaMailsWait")
    return {"UrnaMailsWait"}


def everybody_watches(stage: Stage) -> set[str]:
    stage.rests("UrnaWatchersNearLimit")
    where = f"{stage.suite.addresses.results}/api/elections/{stage.election}/live"
    with ExitStack() as streams, httpx.Client(timeout=60) as client:
        for _ in range(WATCHERS):
            assert streams.enter_context(client.stream("GET", where)).status_code == 200
        stage.fires("UrnaWatchersNearLimit")
    stage.rests("UrnaWatchersNearLimit")
    return {"UrnaWatchersNearLimit"}


def daemons_of_another_number(stage: Stage) -> set[str]:
    stage.rests("UrnaPartitionUnworked")
    stage.redis.set(keys.PARTITIONS, 3)
    try:
        stage.fires("UrnaPartitionUnworked")
    finally:
        stage.redis.set(keys.PARTITIONS, 2)
    stage.rests("UrnaPartitionUnworked")
    return {"UrnaPartitionUnworked"}


def the_daemon_stands_still(stage: Stage) -> set[str]:
    seen = {
        "UrnaPartGone",
        "UrnaReplicaGone",
        "UrnaNothingIsCounted",
        "UrnaQueueFillsUp",
        "UrnaUploadsTurnedAway",
    }
    stage.rests(*seen)
    bearer = stage.bearer("official")
    os.kill(stage.process("daemon"), signal.SIGSTOP)
    try:
        # Up to the limit, which is looked at before a file is taken; the next is turned away.
        accepted = [stage.upload(QUEUED // 2 + 1, bearer) for _ in range(2)]
        assert [answer.status_code for answer in accepted] == [202, 202]
        assert stage.upload(1, bearer).status_code == 503
        stage.fires(*seen)
    finally:
        os.kill(stage.process("daemon"), signal.SIGCONT)
    for answer in accepted:
        wait_for_outcome(stage.journey.official, answer.json()["id"], SECONDS)
    stage.rests("UrnaPartGone", "UrnaReplicaGone", "UrnaNothingIsCounted", "UrnaQueueFillsUp")
    return seen


def the_database_is_away(stage: Stage) -> set[str]:
    seen = {"UrnaNotReady", "UrnaPartWaitsLong", "UrnaWatermarkBehind", "UrnaJournalWaits", "UrnaSheetsWait"}
    stage.rests(*seen)
    bearer = stage.bearer("official")
    stage.database.kill()
    try:
        answer = stage.upload(10, bearer)
        assert answer.status_code == 202, "Uploads need no database."
        told = event("batch.refused", "upload", reason="Staged.")
        stamp = int(time.time() * 1_000_000)
        stage.redis.rpush(keys.JOURNAL, *(f"{stamp} {entry}" for entry in entries(told, 1001)))
        # Of a polling station that there is not; it is refused when its turn comes.
        sending = sheets.Sending(uuid4().hex, sheets.ENTRY, stage.election, 1, "vera@example.org", 3600, "staged")
        sheets.accept(stage.redis, sending, None, lambda _: sheets.Judged({"numbers": {}}, {}))
        stage.fires(*seen)
    finally:
        stage.database.start()
    wait_for_outcome(stage.journey.official, answer.json()["id"], SECONDS)
    stage.rests(*seen)
    return seen


def entries(told: Any, count: int) -> list[str]:
    """So many entries of the stations' list, each under an id of its own."""
    return [re.sub(r'"id":"\w+"', f'"id":"{uuid4().hex}"', told.to_json()) for _ in range(count)]


def redis_is_full(stage: Stage) -> set[str]:
    stage.rests("UrnaRedisFull")
    bearer = stage.bearer("official")
    stage.redis.config_set("maxmemory", "1")
    try:
        assert stage.upload(5, bearer).status_code == 503
    finally:
        stage.redis.config_set("maxmemory", "0")
    assert stage.upload(5, bearer).status_code == 202
    stage.fires("UrnaRedisFull", "UrnaRedisErrors")
    return {"UrnaRedisFull", "UrnaRedisErrors"}


def test_the_dashboards_are_those_that_the_deployment_hands_over() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for path in DASHBOARDS:
        assert path.relative_to(ROOT).as_posix() in compose
        board = json.loads(path.read_text(encoding="utf-8"))
        assert board["uid"].startswith("urna-")
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert [path.stem for path in DASHBOARDS] == ["election-night", "operators"]
