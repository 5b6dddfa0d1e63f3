"""How much memory a worker of the station needs for the largest files."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import processes
from benchmarks.ballots import Source
from benchmarks.bench import Bench
from benchmarks.counting import count
from benchmarks.report import Target
from benchmarks.store import Recorded, differences
from benchmarks.suite import running
from benchmarks.uploads import Uploads

SCENARIO = "memory"
_EVERY = 0.01
# What a line takes on the average: a GUID, a comma, one or two digits and the end of the line.
_LINE_BYTES = 39.1

PEAK = Target("peak memory of a station worker, 100 MB upload", 150.0, "MB", at_least=False)


def measure(bench: Bench) -> None:
    """One upload of 100 MB."""
    ballots = Source(6).new(int(bench.size.upload_bytes / _LINE_BYTES))
    bench.report.begin(f"Memory of a station worker: one file of {len(ballots):,} ballots")
    with Uploads() as uploads, running(bench.databases, bench.partitions) as suite, Recorded(suite) as recorded:
        upload = uploads.add(ballots)
        workers = processes.family(suite.station.process_id)[1:]
        before = max(processes.memory_kib(worker, "VmRSS") for worker in workers)
        for worker in workers:
            processes.forget_peak(worker)
        with _most_anonymous(workers) as anonymous:
            counted = count(suite, recorded, uploads, [upload], 1)
        peak = max(processes.memory_kib(worker, "VmHWM") for worker in workers)
        bench.report.add(
            SCENARIO,
            {
                "bytes of the upload": upload.file.length,
                "ballots": counted.ballots,
                "seconds until it was accepted": counted.accepted_seconds,
                "MB of a worker before": before * 1024 / 1e6,
                "MB of the worker at its peak, all resident (VmHWM)": peak * 1024 / 1e6,
                "MB of the worker at its peak, its own (RssAnon)": max(anonymous) * 1024 / 1e6,
            },
        )
        bench.report.hold(PEAK, peak * 1024 / 1e6)
        bench.report.check(SCENARIO, differences(suite, counted.outcome))


@contextmanager
def _most_anonymous(workers: list[int]) -> Iterator[list[int]]:
    """Samples of the memory, in KiB, that no file stands behind; of the worker that has most of it."""
    samples = [0]
    over = threading.Event()

    def sample() -> None:
        while not over.wait(_EVERY):
            samples.append(max(processes.memory_kib(worker, "RssAnon") for worker in workers))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()
