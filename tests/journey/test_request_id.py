"""One upload, followed by the id of its request: the station's line, the daemon's when it commits, and the journal."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from cli.upload import wait_for_outcome
from tests.journey.command import urna
from tests.journey.people import Journey, write_ballots
from tests.journey.test_restarts import until


def lines(journey: Journey, process: str, request_id: str) -> list[dict[str, Any]]:
    """The lines of a process's log that bear this id; every line of it has to be JSON."""
    written = (journey.suite.data / "logs" / f"{process}.log").read_text()
    said = [json.loads(line) for line in written.splitlines()]
    return [line for line in said if line.get("request_id") == request_id]


def test_the_id_of_a_request_follows_the_upload_to_its_commit_and_into_the_journal(
    journey: Journey, tmp_path: Path
) -> None:
    election = journey.open_election()
    file = tmp_path / "ballots.csv"
    guids = write_ballots(file, [1, 2, 3, 4])
    request_id, other = uuid4().hex, uuid4().hex
    where = f"{journey.suite.addresses.station}/api/elections/{election}/batches"
    bearer = journey.official.authorized("GET", "authentication", "/api/profile").request.headers["Authorization"]
    answers = [
        httpx.post(
            where,
            headers={"Authorization": bearer, "X-Request-ID": its_id},
            files={"file": ("ballots.csv", content)},
            timeout=60,
        )
        for its_id, content in ((request_id, file.read_bytes()), (other, f"{guids[0]},1\n".encode()))
    ]
    assert [(answer.status_code, answer.headers["X-Request-ID"]) for answer in answers] == [
        (202, request_id),
        (202, other),
    ]
    batch = answers[0].json()["id"]
    wait_for_outcome(journey.official, batch, 60)
    until(lambda: len(lines(journey, "daemon", request_id)) > 0, "The daemon does not say what it has committed.")

    (asked,) = lines(journey, "voting_station_service", request_id)
    assert (asked["event"], asked["status"]) == ("request", 202)
    (committed,) = lines(journey, "daemon", request_id)
    assert (committed["event"], committed["batch"], committed["parts"]) == ("ballots recorded", batch, [0])
    assert (committed["counted"], committed["invalid"], committed["repeated"]) == (3, 1, False)
    assert not set(guids) & set(json.dumps(committed).split('"'))

    def noted() -> list[dict[str, Any]]:
        told = urna("journal", "list", "--action", "batch.accepted", "--data", journey.suite.data, "--json").json
        return [one for one in told["items"] if one["request_id"] == request_id]

    until(lambda: len(noted()) == 1, "The journal does not tell of the upload.")
    assert noted()[0]["subject"] == f"batch {batch}"
