"""Results per place at the size of a country: the 8,387 polling stations of 2014 with their votes.

``python -m benchmarks.places sqlite mariadb`` imports the stations, writes what the daemon would have recorded of their
files, and says in milliseconds what a first look, one after another file, each level and a moment of the night take.
"""

import csv
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask.testing import FlaskClient

from admin_service.actions.electorates import changing_geography
from admin_service.actions.station_import import import_stations
from benchmarks import engines
from benchmarks.stations import DATA
from cli.demo import facts
from results_service import actions
from results_service.app import create_app
from shared.apportionment import SERBIA_2014
from shared.config import ResultsSettings
from shared.database import Database
from shared.schema.election import Batch, Election, Entry, Part, Participant, Partition, PollingStation, Tally
from tests.services.tokens import new_keys

# SQLite has one, all others as many as the daemon is told.
PARTITIONS = 4
_NIGHT = timedelta(hours=3)
_END = datetime(2026, 3, 16, 19, tzinfo=UTC)
_START = _END - timedelta(hours=13)


def main() -> None:
    """Measure on each engine that is named."""
    for engine in sys.argv[1:] or ["sqlite"]:
        with engines.new_server(engine) as server, engines.new_database(server) as url:
            print(engine)
            for name, milliseconds in _measure(url):
                print(f"  {name:<52}{milliseconds:>10,.1f} ms", flush=True)


def _measure(url: str) -> Iterator[tuple[str, float]]:
    database = Database(url)
    content = DATA.read_bytes()
    began = time.process_time()
    yield "import of the stations", _took(lambda: import_stations(database, content, preview=False))
    yield "the same, of the importing process's processor", (time.process_time() - began) * 1000
    election = _record(database)
    yield "freezing the electorate", _took(lambda: changing_geography(database, lambda _: None))
    desk_of = _service(url)
    client, desk = desk_of.test_client(), desk_of.extensions["desk"]

    def look(path: str) -> Callable[[], None]:
        return lambda: _get(client, f"/api/elections/{election}{path}")

    yield "first result of a process", _took(look("/results"))
    yield "result, nothing new", _median(look("/results"))
    yield "first places of a process (municipalities)", _took(look("/results/places?level=municipality&per_page=500"))
    for level in ("region", "constituency", "municipality", "centre", "station"):
        yield f"places: {level}, nothing new", _median(look(f"/results/places?level={level}&per_page=500"))
    yield "one municipality with its centres", _median(look(_first(client, election)))
    for number in range(7):
        _one_more(database, election, number)
        after = "after one more file"
        if number == 6:
            yield f"result {after}", _took(look("/results"))
            yield f"places: municipality {after}", _took(look("/results/places?level=municipality&per_page=500"))
        else:
            look("/results")()
    middle = (_START + _NIGHT / 2).isoformat().replace("+00:00", "Z")
    yield "result as of the middle of the night, first", _took(look(f"/results?as_of={middle}"))
    yield "the same again", _median(look(f"/results?as_of={middle}"))
    yield "municipalities as of then", _took(look(f"/results/places?level=municipality&per_page=500&as_of={middle}"))
    late = (_START + _NIGHT).isoformat().replace("+00:00", "Z")
    yield "result as of the end of the night, first", _took(look(f"/results?as_of={late}"))
    yield "time line", _took(look("/results/timeline"))
    assert isinstance(desk, actions.Desk)  # noqa: S101 -- create_app has put it there.
    desk_of.extensions["database"].close()
    database.close()


def _partitions(database: Database) -> int:
    return 1 if database.dialect == "sqlite" else PARTITIONS


def _record(database: Database) -> int:
    """The votes of all stations as the daemon leaves them behind, each file cut into as many parts as partitions."""
    numbers = [one.poll_number for one in facts.LISTS]
    with database.writing() as session:
        election = Election(
            kind="parliamentary",
            individual=False,
            start=_START,
            end=_END,
            stage="published",
            rules=SERBIA_2014.to_dict(),
            created_at=_START,
        )
        for number in numbers:
            party = Participant(name=f"List {number}", individual=False, created_at=_START)
            session.add(party)
            session.flush()
            election.entries.append(Entry(poll_number=number, participant_id=party.id))
        session.add(election)
        session.add_all(Partition(partition=number, watermark=_END) for number in range(_partitions(database)))
        session.flush()
        identity = election.id
        stations = list(session.scalars(sa.select(PollingStation.id).order_by(PollingStation.id)))
    rows: dict[Any, list[dict[str, Any]]] = {Batch: [], Part: [], Tally: []}
    with DATA.open(encoding="utf-8", newline="") as file:
        for place, (station, row) in enumerate(zip(stations, csv.DictReader(file), strict=True), 1):
            votes = {number: int(row[f"list_{number}"]) for number in numbers}
            moment = _START + _NIGHT * place / len(stations)
            _file(rows, _partitions(database), identity, station, place, votes, int(row["invalid"]), moment)
    with database.writing() as session:
        for table, found in rows.items():
            for start in range(0, len(found), 5000):
                session.execute(sa.insert(table), found[start : start + 5000])
        session.execute(sa.update(Partition).values(sequence=len(stations)))
    return identity


def _file(
    rows: dict[Any, list[dict[str, Any]]],
    partitions: int,
    election: int,
    station: int,
    place: int,
    votes: dict[int, int],
    invalid: int,
    moment: datetime,
) -> None:
    batch = f"{place:032x}"
    rows[Batch].append(
        {
            "id": batch,
            "election_id": election,
            "official_email": "o@example.org",
            "official_jmbg": "0" * 13,
            "file_name": "station.csv",
            "sha256": "0" * 64,
            "station_id": station,
            "parts": PARTITIONS,
            "lines": sum(votes.values()) + invalid,
            "received_at": moment,
        }
    )
    for partition in range(partitions):
        own = {number: (found + partition) // partitions for number, found in votes.items()}
        refused = (invalid + partition) // partitions
        counted = sum(own.values())
        rows[Part].append(
            {
                "batch_id": batch,
                "part": partition,
                "partition": partition,
                "sequence": place,
                "election_id": election,
                "received_at": moment,
                "recorded_at": moment,
                "payload": b"",
                "received": counted + refused,
                "counted": counted,
                "duplicate": 0,
                "invalid": refused,
                "outside": 0,
            }
        )
        rows[Tally] += [
            {
                "election_id": election,
                "partition": partition,
                "sequence": place,
                "poll_number": number,
                "votes": found,
            }
            for number, found in own.items()
            if found
        ]


def _one_more(database: Database, election: int, number: int) -> None:
    """Another file of a station is recorded."""
    rows: dict[Any, list[dict[str, Any]]] = {Batch: [], Part: [], Tally: []}
    with database.writing() as session:
        place = (session.scalar(sa.select(sa.func.max(Partition.sequence))) or 0) + 1
        votes = {one.poll_number: 8 for one in facts.LISTS}
        _file(
            rows,
            _partitions(database),
            election,
            number + 1,
            place,
            votes,
            0,
            _START + _NIGHT + timedelta(seconds=number + 1),
        )
        for table, found in rows.items():
            session.execute(sa.insert(table), found)
        session.execute(sa.update(Partition).values(sequence=place))


def _service(url: str) -> Any:
    settings: dict[str, Any] = {"election_database_url": url, "redis_url": "redis://127.0.0.1:1/0"}
    return create_app(ResultsSettings(**settings, jwt_public_key=new_keys().public_pem, log_level="warning"))


def _first(client: FlaskClient, election: int) -> str:
    found = client.get(f"/api/elections/{election}/results/places?level=municipality").get_json()["items"][0]
    return f"/results/places/municipality/{found['id']}"


def _get(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    if answer.status_code != 200:
        raise SystemExit(f"{path}: {answer.status_code} {answer.text}")


def _took(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _median(work: Callable[[], object], times: int = 9) -> float:
    return statistics.median(_took(work) for _ in range(times))


if __name__ == "__main__":
    main()
