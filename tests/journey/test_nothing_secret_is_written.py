"""The logs of the whole suite, at their most talkative, and its refusals hold no secret, national id or ballot."""

import json
import os
import re
import signal
import sqlite3
import time
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from cli.demo.people import jmbg_of_birth
from cli.demo.suite import EmbeddedSuite
from cli.upload import hand_in, wait_for_outcome
from shared.queue import keys
from tests.journey.command import urna
from tests.journey.conftest import StartSuite
from tests.journey.people import PASSWORD, Journey, read_result, write_ballots
from tests.journey.test_dead_letters import frozen_daemon
from tests.journey.test_restarts import running, until

WRONG_PASSWORD = "MarkedWr0ngPassword"
# Of whoever is refused: the national id in a wrong place, an address that nobody has.
JMBG = jmbg_of_birth(450)
_TRACEBACK = re.compile(r"Traceback|^\s+File \"", re.MULTILINE)


@pytest.fixture
def suite(start_suite: StartSuite) -> EmbeddedSuite:
    made = start_suite(LOG_LEVEL="debug", REGISTRATION="open")
    made.wait_until_ready()
    return made


def refusals(journey: Journey, file: Path, election: int) -> list[httpx.Response]:
    """What goes wrong day by day, sent with everything that must not be repeated."""
    where = journey.suite.addresses
    token = journey.official.authorized("GET", "authentication", "/api/profile").request.headers["Authorization"]
    bearer = {"Authorization": token}
    person = {"email": "x@example.org", "password": WRONG_PASSWORD, "forename": "A", "surname": "B", "jmbg": JMBG + "1"}
    bad = file.read_text() + f"{uuid4()},not a number\n"
    with httpx.Client(timeout=60) as client:
        return [
            client.post(f"{where.authentication}/login", json={"email": "x@example.org", "password": WRONG_PASSWORD}),
            client.post(f"{where.authentication}/api/login", json={"login": JMBG, "password": WRONG_PASSWORD}),
            client.post(f"{where.authentication}/api/login", json={"login": [JMBG], "password": {"a": WRONG_PASSWORD}}),
            client.post(f"{where.authentication}/api/register", json=person),
            client.post(f"{where.authentication}/register", json=person),
            client.get(f"{where.authentication}/api/profile", headers={"Authorization": token[:-4]}),
            client.get(f"{where.authentication}/api/users?search={JMBG}", headers=bearer),
            client.post(f"{where.admin}/createParticipant", json={"name": JMBG}, headers=bearer),
            client.post(f"{where.station}/vote", files={"file": ("a.csv", bad)}, headers=bearer),
            client.post(
                f"{where.station}/api/elections/{election}/batches", files={"file": ("a.csv", bad)}, headers=bearer
            ),
            client.post(f"{where.station}/vote", content=bad, headers=bearer),
            client.get(f"{where.results}/api/elections/{election}/results?token={token[7:]}"),
        ]


def break_and_mend(journey: Journey, file: Path, election: int) -> list[str]:
    """Accepted files while a part is damaged, the database is locked and Redis is killed; the batches."""
    suite = journey.suite
    batches = []
    with frozen_daemon(suite) as redis:
        batches.append(hand_in(journey.official, file, election)["id"])
        payload = keys.payload(keys.job_id(batches[0], 0))
        whole = redis.get(payload)
        assert isinstance(whole, bytes)
        redis.set(payload, whole[:-1])
        foreign = keys.job_id(uuid4().hex, 0)
        redis.hset(keys.job(foreign), mapping={"data": WRONG_PASSWORD, "origin": file.read_text()[:36]})
        redis.rpush(keys.queue(0), foreign)
    until(lambda: len(urna("queue", "--data", suite.data, "--json").json["dead_letters"]) == 2, "No dead letters.")
    with frozen_daemon(suite) as redis:
        redis.set(payload, whole)
    assert urna("queue", "replay", batches[0], "0", "--data", suite.data, "--json").status == 0
    wait_for_outcome(journey.official, batches[0], 60)

    # Somebody else writes, for longer than anybody waits for a lock: the counting stops and goes on.
    database = sqlite3.connect(suite.data / "election.db", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    batches.append(hand_in(journey.official, file, election)["id"])
    daemon_log = suite.data / "logs" / "daemon.log"
    until(
        lambda: "stopped by a fault" in daemon_log.read_text(),
        "The daemon does not notice that the database is locked.",
    )
    database.execute("ROLLBACK")
    database.close()
    wait_for_outcome(journey.official, batches[1], 60)

    os.kill(running(suite)["processes"]["redis"], signal.SIGKILL)
    deadline = time.monotonic() + 60
    while True:
        assert time.monotonic() < deadline
        try:
            batches.append(hand_in(journey.official, file, election)["id"])
            break
        except Exception:
            time.sleep(0.2)
    wait_for_outcome(journey.official, batches[2], 60)
    return batches


def secrets_of(suite: EmbeddedSuite, journey: Journey) -> dict[str, str]:
    """Everything that no line may hold, by what it is."""
    found = {
        "wrong password": WRONG_PASSWORD,
        "password": PASSWORD,
        "administrator's password": str(suite.facts["administrator"]["password"]),
        "national id": journey.person.jmbg,
        "refused national id": JMBG,
        "Redis's password": str(running(suite)["redis_url"]).partition("@")[0].rpartition(":")[2],
    }
    for path in sorted((suite.data / "secrets").iterdir()):
        for number, line in enumerate(path.read_text().splitlines()):
            # The armour of a key is no secret, and neither is the public one.
            if len(line) >= 12 and "-----" not in line and "public" not in path.name:
                found[f"{path.name}, line {number}"] = line
    return found


def test_logs_and_refusals_hold_no_secret_no_national_id_and_no_ballot(suite: EmbeddedSuite, tmp_path: Path) -> None:
    file = tmp_path / "ballots.csv"
    with Journey(suite) as journey:
        election = journey.open_election()
        guids = write_ballots(file, [1, 2, 3, 3, 9])
        batches = break_and_mend(journey, file, election)
        refused = refusals(journey, file, election)
        token = journey.official.authorized("GET", "authentication", "/api/profile").request.headers["Authorization"]
        assert read_result(journey.admin, election)["ballots"]["counted"] == 4
        forbidden = secrets_of(suite, journey)
    forbidden |= {f"ballot {place}": guid for place, guid in enumerate(guids)}
    forbidden |= {f"ballot {place}, packed": guid.replace("-", "") for place, guid in enumerate(guids)}
    forbidden["token"] = token.rpartition(".")[2]

    written = {path.name: path.read_text() for path in (suite.data / "logs").iterdir()}
    written["urna up"] = suite.said()
    assert {"daemon.log", "voting_station_service.log", "authentication_service.log"} <= set(written)
    # What is looked through says enough to be worth it: every request, the dead letters, the lock, and Redis's death.
    events = {
        json.loads(line).get("event") for text in written.values() for line in text.splitlines() if line.startswith("{")
    }
    assert {"request", "partition claimed", "stopped by a fault"} <= events
    assert any(batch in written["daemon.log"] for batch in batches)
    assert {answer.status_code // 100 for answer in refused} >= {4}
    for name, text in written.items():
        assert not _TRACEBACK.search(text), f"{name}: {text[-3000:]}"
        for what, value in forbidden.items():
            assert value not in text, f"{name} holds the {what}"
    for answer in refused:
        said = f"{answer.headers} {answer.text}" if answer.status_code >= 400 else ""
        assert not _TRACEBACK.search(said)
        for what, value in forbidden.items():
            assert value not in said, f"{answer.request.url} answers with the {what}"
