"""A deployment to back up and another to restore into, with what the tests of both compare."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from admin_service.store import electorates
from cli.backup import restoring, stores, taking
from cli.backup.archive import Summary
from cli.backup.places import Places
from cli.backup.restoring import Checked, Restored
from cli.backup.sealing import SealingWriter
from daemon import actions, relay
from shared.database import Database, migrate
from shared.queue import work
from shared.queue.connection import connect
from shared.queue.work import DamagedPart
from shared.schema.accounts import (
    Attempt,
    BallotSignature,
    Citizen,
    RecoveryCode,
    RefreshSession,
    SecondFactor,
    User,
    UserRole,
    VoterElection,
    VoterElectionCitizen,
)
from shared.schema.election import (
    Candidate,
    CandidatePicture,
    Constituency,
    DeadLetter,
    Election,
    Jurisdiction,
    Participant,
    PollingCentre,
    PollingStation,
    Region,
)
from shared.terms import Role
from tests.services import casting
from tests.services.counting import Counting, new_lines
from tests.services.station import contents

WORD = "six words that dice have chosen"
AWKWARD = "Ž\t'quoted'\n\\N \\x41 \"%s\" 100 % {} \N{BALLOT BOX WITH BALLOT}"


def nothing(_name: str, _number: int) -> None:
    """Nobody watches the progress."""


def url_of(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


@dataclass
class Steps:
    """A backup step by step, so that a test can let something happen in between."""

    backup: taking.Backup

    def first_look(self) -> None:
        self.backup.first_look()

    def hold(self) -> None:
        self.backup.hold()

    def rest(self) -> taking.Done:
        self.backup.complete()
        self.backup.write_stores()
        return self.backup.finish([])


@contextmanager
def steps(places: Places, file: Path) -> Iterator[Steps]:
    """A backup into ``file`` whose passphrase costs a test nothing."""
    with file.open("wb") as target, ExitStack() as held:
        yield Steps(taking.Backup(places, SealingWriter(target, WORD, cost=2), nothing, held))


def back_up(places: Places, file: Path) -> taking.Done:
    with steps(places, file) as backup:
        backup.first_look()
        backup.hold()
        return backup.rest()


def check(file: Path) -> Checked:
    return restoring.check(file, WORD, nothing)


def restore(places: Places, file: Path) -> Restored:
    return restoring.restore(places, file, WORD, check(file), nothing)


def summaries(places: Places) -> list[Summary]:
    """The rows and the checksum of every table but the journals, to which a restore adds an entry."""
    found = []
    for store in ("accounts", "election"):
        with closing(Database(places.url(store), pool_size=1)) as database, database.engine.connect() as connection:
            found += [
                stores.checksum(connection, store, table)
                for table in stores.tables(store)
                if not table.name.startswith("journal")
            ]
    return found


def fill_accounts(url: str) -> None:
    """Accounts with everything that a column may hold, and numbers that do not begin at 1."""
    migrate(url, "accounts")
    now = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
    with closing(Database(url)) as database, database.writing() as session:
        for number in (41, 57):
            session.add(
                User(
                    id=number,
                    email=f"vera{number}@example.org",
                    email_key=f"vera{number}@example.org",
                    forename=AWKWARD,
                    surname="",
                    password_hash="$argon2id$" + "x" * 80,
                    created_at=now,
                    roles=[UserRole(role=role.value) for role in (Role.OFFICIAL, Role.CAMPAIGN_DIRECTOR)],
                )
            )
        session.add(
            Citizen(
                id=1_000_003,
                jmbg_key=bytes(range(32)),
                jmbg_sealed=b"\x01\x00" + bytes(range(220, 256)),
                forename=AWKWARD,
                surname="",
                name_key="veric vera",
                born_on=date(1912, 2, 29),
                birthplace="",
                address=AWKWARD,
                region="",
                federal_unit="",
                status="moved_away",
                imported_at=now,
            )
        )
        session.add(
            VoterElection(
                election_id=7,
                title=AWKWARD,
                opens_at=now,
                closes_at=now.replace(microsecond=1),
                restriction="citizens",
                restriction_values=[AWKWARD],
                private_key_sealed=bytes(range(256)),
                created_at=now,
            )
        )
        session.flush()
        session.add(VoterElectionCitizen(election_id=7, citizen_id=1_000_003))
        session.add(
            BallotSignature(
                election_id=7, citizen_id=1_000_003, blinded_digest=b"\x00" * 32, signed_on=date(9999, 12, 31)
            )
        )
        session.add(
            RefreshSession(id="0f0e0d0c-0000-4000-8000-000000000001", user_id=41, created_at=now, expires_at=now)
        )
        session.add(
            SecondFactor(user_id=41, secret_sealed=b"\x01" + bytes(range(48)), last_step=2**31 - 1, set_up_at=now)
        )
        session.flush()
        session.add_all([RecoveryCode(user_id=41, digest=bytes([number]) * 32) for number in (0, 255)])
        session.add(Attempt(key="0" * 64, tried_at=now.replace(microsecond=1)))


def _fill_geography(session: Session) -> None:
    session.add(Region(id=70, name=AWKWARD, key="r"))
    session.flush()
    session.add(Constituency(id=80, region_id=70, name="x", seats=None, key="k"))
    session.flush()
    for number, place in ((90, (None, None)), (91, (44.123_456_789_012_345, -179.999_999_999_999_9))):
        latitude, longitude = place
        where = {"latitude": latitude, "longitude": longitude, "municipality": AWKWARD, "name": "x"}
        session.add(PollingCentre(id=number, constituency_id=80, key=f"c{number}", **where))
    session.flush()
    session.add(PollingStation(id=95, centre_id=91, code=AWKWARD[:64], registered=0, note=AWKWARD, key="s"))


def fill_election(suite: Counting) -> int:
    """An election with every kind of row; some parts wait, and one is a dead letter. Returns its number."""
    election = suite.election()
    with suite.database.writing() as session:
        party = Participant(id=300, name=AWKWARD, individual=False, created_at=datetime.now(UTC))
        session.add_all([party, Jurisdiction(id=9, name="Vojvodina")])
        session.flush()
        person = Candidate(
            participant_id=300, forename=AWKWARD, surname="x", biography=AWKWARD * 50, created_at=datetime.now(UTC)
        )
        session.add(person)
        session.flush()
        looks = {"large": bytes(range(256)) * 40, "small": b"\0\xff", "sha256": "ab" * 32}
        session.add(CandidatePicture(candidate_id=person.id, created_at=datetime.now(UTC), **looks))
        _fill_geography(session)
        electorates.freeze(session, [election], datetime.now(UTC))
        session.get_one(Election, election).ballot_key = casting.key_text()
    suite.accept(new_lines(400, seed=1), max_part=60, key="first")
    own = [(casting.signed(election), number) for number in (1, 2)]
    casting.enqueue(suite, election, own)
    suite.accept([*new_lines(100, seed=1), *new_lines(50, seed=2, poll_numbers=6)], max_part=60)
    suite.record_all()
    relay.move(suite.database, suite.redis)
    bury(suite, new_lines(7, seed=3))
    suite.accept([*new_lines(30, seed=1), *new_lines(200, seed=4)], max_part=40, key="waiting")
    # Ballots that voters have cast wait, too: one of them for the second time, and one without a good signature.
    foreign = casting.signed(election, key=casting.new_key(2))
    casting.enqueue(suite, election, [own[0], (foreign, 2), (casting.signed(election), 3)])
    return election


def bury(suite: Counting, lines: list[tuple[str, int]]) -> None:
    """Accept a file and lay its parts aside; nothing else may wait."""
    suite.accept(lines)
    for number in range(suite.partitions):
        claim = suite.claim(number)
        for part in suite.front(number):
            actions.bury(
                suite.database,
                suite.redis,
                claim,
                DamagedPart(
                    part.job_id, "A test wants it.", part.batch.id, part.part, part.batch.received_at, part.ballots
                ),
                datetime.now(UTC),
            )


def record(suite: Counting, number: int) -> None:
    """Count what waits in one partition."""
    parts = suite.front(number)
    if parts:
        work.finish(suite.redis, number, actions.record(suite.database, suite.claim(number), parts, datetime.now(UTC)))


def dead_letters(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(DeadLetter)) or 0


def in_redis(url: str) -> dict[bytes, Any]:
    """Everything in a Redis but what daemons say of themselves, and moments that are given anew."""
    redis = connect(url)
    try:
        found = contents(redis)
        found[b"journal"] = redis.lrange("urna:journal", 0, -1)
    finally:
        redis.close()
    passing = (
        b"urna:clock",
        b"urna:latest",
        b"urna:elections",
        b"urna:lists",
        b"urna:provisional:",
        b"urna:uploads:",
        b"urna:daemons",
        b"urna:lease:",
    )
    return {key: value for key, value in found.items() if not key.startswith(passing)}
