"""What every scenario is given: the engine with its server, how much is measured, and where the figures go."""

from dataclasses import dataclass, field

from benchmarks.engines import Databases
from benchmarks.report import Report
from benchmarks.stations import PollingStations


@dataclass(frozen=True)
class Size:
    """How much is measured; ``rounds`` are the pieces of ``total_ballots`` whose costs are compared."""

    forms_ballots: int
    baseline_ballots: int
    large_files: int
    large_lines: int
    stations: int
    total_ballots: int
    rounds: int
    upload_bytes: int
    lone_uploads: int
    requests: int
    request_seconds: float
    watchers: int
    watched_uploads: int
    demonstration: bool
    cast_ballots: int
    electors: int
    citizens: int


FULL = Size(
    forms_ballots=200_000,
    baseline_ballots=5_000,
    large_files=10,
    large_lines=100_000,
    stations=8_387,
    total_ballots=10_000_000,
    rounds=10,
    upload_bytes=100_000_000,
    lone_uploads=200,
    requests=1_000,
    request_seconds=5.0,
    watchers=2_000,
    watched_uploads=12,
    demonstration=True,
    cast_ballots=5_000,
    electors=100_000,
    citizens=1_000_000,
)
QUICK = Size(
    forms_ballots=2_000,
    baseline_ballots=100,
    large_files=10,
    large_lines=2_000,
    stations=200,
    total_ballots=60_000,
    rounds=10,
    upload_bytes=2_000_000,
    lone_uploads=20,
    requests=100,
    request_seconds=0.5,
    watchers=50,
    watched_uploads=3,
    demonstration=False,
    cast_ballots=400,
    electors=60,
    citizens=1_000,
)


@dataclass
class Bench:
    """One run on one engine; ``speeds`` are those of the scenarios in ballots a second, ``ballots`` their numbers."""

    engine: str
    databases: Databases
    partitions: int
    transaction: int
    size: Size
    stations: PollingStations
    report: Report
    speeds: dict[str, float] = field(default_factory=dict)
    ballots: dict[str, int] = field(default_factory=dict)
