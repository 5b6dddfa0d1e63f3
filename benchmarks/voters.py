"""Voters' own ballots through one station: cast with their signatures over HTTP, counted, every one exactly once."""

import base64
import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from benchmarks.ballots import Ballots, Source, right
from benchmarks.bench import Bench
from benchmarks.report import Target
from benchmarks.store import Recorded, differences
from benchmarks.suite import Suite, running
from shared.ballot_proofs import write_key
from shared.blind_signatures import PREFIX_BYTES, PrivateKey, ballot_message, new_prefix, prepare
from shared.database import Database
from shared.queue import keys
from shared.schema.election import Batch, Election
from tests.servers import ServerError

SCENARIO = "voters"
CAST = Target("voters' ballots cast through one station", 100.0, "/s", at_least=True)
_VOTERS = 16
_PSS = padding.PSS(padding.MGF1(hashes.SHA384()), 48)


def measure(bench: Bench) -> None:
    """Cast prepared ballots on some connections at once, as fast as answers come, until all are counted."""
    count = bench.size.cast_ballots
    bench.report.begin(f"Voters: {count:,} ballots with signatures through one station, {_VOTERS} connections")
    with running(bench.databases, bench.partitions) as suite, Recorded(suite) as recorded:
        ballots = Source(11).new(count)
        bodies = _bodies(suite, ballots)
        used = suite.seconds()
        began = time.monotonic()
        with ThreadPoolExecutor(_VOTERS) as voters:
            shares = [bodies[number::_VOTERS] for number in range(_VOTERS)]
            took = [seconds for some in voters.map(lambda share: _cast(suite, share), shares) for seconds in some]
        accepted = time.monotonic() - began
        seconds = recorded.wait_for(count) - began
        processor = {kind: spent - used[kind] for kind, spent in suite.seconds().items()}
        facts = {
            "ballots": count,
            "cast ballots/s": count / accepted,
            "cast and counted ballots/s": count / seconds,
            "slowest answer in ms": 1000 * max(took),
            "uploads that they were joined to": uploads(suite),
            "processor seconds per million ballots": {
                kind: 1e6 * spent / count for kind, spent in processor.items() if spent
            },
        }
        bench.report.add(SCENARIO, facts)
        bench.report.hold(CAST, count / accepted)
        bench.report.check(SCENARIO, differences(suite, right(ballots)))


def _bodies(suite: Suite, ballots: Ballots) -> list[bytes]:
    """Give the election a key, and each ballot a signature of it: unblinded ones are those that RSA itself makes."""
    private, der = PrivateKey.generate()
    signer = serialization.load_der_private_key(der, None)
    if not isinstance(signer, rsa.RSAPrivateKey):
        raise TypeError("The key is one of RSA.")
    database = Database(suite.url)
    try:
        with database.writing() as session:
            session.get_one(Election, suite.election).ballot_key = write_key(private.public)
    finally:
        database.close()
    _wait_for_key(suite, write_key(private.public))
    bodies = []
    for guid, number in zip(ballots.guid_list(), ballots.poll_numbers, strict=True):
        prefix = new_prefix()
        signature = signer.sign(prepare(ballot_message(suite.election, guid), prefix), _PSS, hashes.SHA384())
        said = {
            "guid": str(UUID(bytes=guid)),
            "poll_number": number,
            "prefix": base64.b64encode(prefix[:PREFIX_BYTES]).decode(),
            "signature": base64.b64encode(signature).decode(),
        }
        bodies.append(json.dumps(said).encode())
    return bodies


def _wait_for_key(suite: Suite, key: str) -> None:
    deadline = time.monotonic() + 30
    with suite.redis.client() as client:
        while key not in str(client.get(keys.ELECTIONS)):
            if time.monotonic() > deadline:
                raise ServerError(f"The stations were not told of the key.\n{suite.log_tails()}")
            time.sleep(0.05)


def _cast(suite: Suite, bodies: list[bytes]) -> list[float]:
    """Cast on one connection; the seconds that each took."""
    connection = http.client.HTTPConnection("127.0.0.1", suite.station.port, timeout=120)
    took = []
    for body in bodies:
        began = time.monotonic()
        connection.request(
            "POST", f"/api/elections/{suite.election}/ballots", body, {"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 202:
            raise ServerError(f"The station answered {answer.status}: {said[:300].decode(errors='replace')}")
        took.append(time.monotonic() - began)
    connection.close()
    return took


def uploads(suite: Suite) -> int:
    """Uploads in the store, to each of which the ballots of a moment were joined."""
    database = Database(suite.url)
    try:
        with database.reading() as session:
            return session.scalar(sa.select(sa.func.count()).select_from(Batch)) or 0
    finally:
        database.close()
