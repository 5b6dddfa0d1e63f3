"""``python -m benchmarks.sheets FILE``: the tally sheets of a whole country, each entered by two officials.

Each sheet goes through the API of a voting station and into the store, with a daemon and a database as deployed. What
does not add up in the published file is refused, as it would be, and is not counted as a failure.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import sqlalchemy as sa

from benchmarks import engines
from benchmarks.declared import declared
from benchmarks.stations import DATA
from benchmarks.suite import Suite, running
from cli.demo import facts
from shared.auth import ACCESS_SECONDS, STATIONS_CLAIM
from shared.database import Database
from shared.queue import keys
from shared.schema.election import Constituency, PollingCentre, PollingStation, Region, TallySheet
from shared.sheets import Numbers, check
from shared.terms import Role, Severity
from tests.services.tokens import access_claims

_OFFICIALS_AT_ONCE = 16
_PATIENCE = 600.0


@dataclass(frozen=True)
class Entered:
    """How it went. ``answers`` counts each status, ``took`` are seconds of a request, sorted."""

    sheets: int
    answers: Counter[int]
    took: Sequence[float]
    recorded_after: float
    states: dict[str, int]


def body_of(numbers: Numbers) -> dict[str, Any]:
    """What an official sends, who explains whatever has to be."""
    codes = [finding.code for finding in check(numbers) if finding.severity is Severity.WARNING]
    return {**numbers.to_dict(), "explanations": dict.fromkeys(codes, "So it stands on the paper.")}


def enter_all(suite: Suite, sheets: Sequence[tuple[str, str, Numbers]]) -> Entered:
    """Let two officials of each station enter its sheet, and wait until the store has all that was accepted."""
    stations = _add_stations(suite, sheets)
    began = time.monotonic()
    answers: Counter[int] = Counter()
    took: list[float] = []
    for official in (1, 2):
        tokens = [_token(suite, official, station) for station in stations]
        work = zip(stations, tokens, (body_of(numbers) for _, _, numbers in sheets), strict=True)
        asyncio.run(_send(suite, list(work), answers, took))
        # The second official comes when the first entry is recorded, as at a polling station.
        _wait_until_empty(suite)
    recorded_after = time.monotonic() - began
    database = Database(suite.url)
    try:
        with database.reading() as session:
            rows = session.execute(sa.select(TallySheet.state, sa.func.count()).group_by(TallySheet.state))
            states = {row[0]: row[1] for row in rows}
    finally:
        database.close()
    return Entered(len(sheets), answers, sorted(took), recorded_after, states)


async def _send(
    suite: Suite, work: list[tuple[int, str, dict[str, Any]]], answers: Counter[int], took: list[float]
) -> None:
    waiting = iter(work)
    address = f"http://127.0.0.1:{suite.station.port}/api/elections/{suite.election}/stations"

    async def official(client: httpx.AsyncClient) -> None:
        for station, token, body in waiting:
            began = time.monotonic()
            answer = await client.post(
                f"{address}/{station}/sheet", json=body, headers={"Authorization": f"Bearer {token}"}
            )
            took.append(time.monotonic() - began)
            answers[answer.status_code] += 1

    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        await asyncio.gather(*(official(client) for _ in range(_OFFICIALS_AT_ONCE)))


def _add_stations(suite: Suite, sheets: Sequence[tuple[str, str, Numbers]]) -> list[int]:
    database = Database(suite.url)
    try:
        with database.writing() as session:
            region = Region(name="Serbia", key="r")
            session.add(region)
            session.flush()
            whole = Constituency(region_id=region.id, name="Serbia", key="c")
            session.add(whole)
            session.flush()
            places = sorted({place for place, _, _ in sheets})
            centres = {
                place: PollingCentre(constituency_id=whole.id, municipality=place, name=place, key=f"p{number}")
                for number, place in enumerate(places)
            }
            session.add_all(centres.values())
            session.flush()
            made = [
                PollingStation(centre_id=centres[place].id, code=code, registered=numbers.registered, key=f"s{number}")
                for number, (place, code, numbers) in enumerate(sheets)
            ]
            session.add_all(made)
            session.flush()
            found = [station.id for station in made]
    finally:
        database.close()
    deadline = time.monotonic() + _PATIENCE
    with suite.redis.client() as client:
        while client.hlen(keys.ROLLS) <= len(found):
            _look(suite, deadline)
    return found


def _wait_until_empty(suite: Suite) -> None:
    deadline = time.monotonic() + _PATIENCE
    with suite.redis.client() as client:
        while client.llen(keys.SHEETS):
            _look(suite, deadline)


def _look(suite: Suite, deadline: float) -> None:
    suite.check()
    if time.monotonic() > deadline:
        raise TimeoutError("What was waited for did not happen.")
    time.sleep(0.02)


def _token(suite: Suite, official: int, station: int) -> str:
    claims = access_claims(
        Role.OFFICIAL,
        email=f"official{official}.{station}@example.org",
        # Two persons, or the second entry would be refused.
        jmbg=f"{official}{station:012d}",
        forename="Vera",
        surname="Verić",
    )
    claims["exp"] += timedelta(seconds=11 * ACCESS_SECONDS)
    return jwt.encode({**claims, STATIONS_CLAIM: [station]}, suite.keys.private_pem, algorithm="EdDSA")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sheets", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=DATA, help="the polling stations of 2014, as CSV")
    parser.add_argument("--engine", choices=engines.ENGINES, default="postgresql")
    parser.add_argument("--stations", type=int, default=facts.POLLING_STATIONS, help="only so many of them")
    chosen = parser.parse_args(arguments)
    sheets = list(declared(chosen.file))[: chosen.stations]
    with engines.new_server(chosen.engine) as server, running(server, 1) as suite:
        found = enter_all(suite, sheets)
    sent = sum(found.answers.values())
    print(f"{found.sheets:,} sheets, {sent:,} entries on {chosen.engine}: {found.recorded_after:.1f} s in all,")
    print(f"{sent / found.recorded_after:,.0f} entries a second, recorded and told to the stations again.")
    print(f"An answer took {1000 * found.took[sent // 2]:.0f} ms, {1000 * found.took[99 * sent // 100]:.0f} ms at p99.")
    print(f"Answers: {dict(found.answers)}; sheets in the store: {found.states}.")
    # An entry is refused for what the file itself says; anything else is a fault.
    return 0 if set(found.answers) <= {202, 422} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
