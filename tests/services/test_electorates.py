"""Who could vote where in an election: frozen when it opens, whatever is changed afterwards and by how many at once."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from admin_service.actions.electorates import changing_geography
from admin_service.rules.elections import NOTICE
from shared import electorate
from shared.schema.election import Electorate, Journal, PollingStation
from shared.terms import Role
from tests.services.administration import HOUR, Administration, answered, running
from tests.services.test_geography import FILE, bring
from tests.services.tokens import ServiceSettings, Token

REGISTERED = 700 + 650 + 12
ADA_1 = "/api/polling-stations/1"


@pytest.fixture
def admin(sqlite_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Administration]:
    with running(sqlite_url, service_settings, token) as service:
        yield service


@pytest.fixture
def anywhere(election_database_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Administration]:
    """The service on each database engine in turn."""
    with running(election_database_url, service_settings, token) as service:
        yield service


def electorate_of(admin: Administration, election: int) -> Any:
    return admin.get(f"/api/elections/{election}/electorate")


def frozen(admin: Administration) -> list[str]:
    """What the journal says was frozen, in the order of the entries."""
    with admin.database.reading() as session:
        entries = sa.select(Journal.subject).where(Journal.action == "electorate.frozen").order_by(Journal.sequence)
        return list(session.scalars(entries))


def enrol(session: Session, more: int = 1) -> None:
    """Change the electoral roll of the first station."""
    station = session.get_one(PollingStation, 1)
    station.registered += more


def everything(admin: Administration, election: int) -> tuple[Any, Any]:
    with admin.database.reading() as session:
        found = electorate.geography(session, election)
        return dict(found.stations), dict(found.constituencies)


CHANGES: dict[str, Callable[[Administration], Any]] = {
    "a station is changed": lambda admin: admin.patch(ADA_1, {"registered": 1}, 1),
    "a station is disabled": lambda admin: admin.patch(ADA_1, {"status": "disabled", "reason": "unsafe"}, 1),
    "a station is made": lambda admin: admin.post(
        "/api/polling-stations", {"centre_id": 1, "code": "Ада 9", "registered": 9}, 201
    ),
    "a station is deleted": lambda admin: answered(admin.call("DELETE", ADA_1), 204),
    "a centre is moved": lambda admin: admin.patch("/api/polling-centres/1", {"constituency_id": 2}, 1),
    "a constituency elects": lambda admin: admin.patch("/api/constituencies/1", {"seats": 5}, 1),
    "a region has another name": lambda admin: admin.patch("/api/regions/1", {"name": "Исток"}, 1),
    "a file is imported": lambda admin: bring(admin, FILE.replace("700", "710")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_changed_after_the_opening_the_electorate_is_that_of_the_opening(
    admin: Administration, change: str
) -> None:
    bring(admin, FILE)
    opened = admin.election()["id"]
    later = datetime.now(UTC) + 3 * HOUR
    scheduled = admin.election(start=later.isoformat(), end=(later + HOUR).isoformat())["id"]
    before = everything(admin, opened)
    assert electorate_of(admin, opened)["frozen_since"] is None
    CHANGES[change](admin)
    assert everything(admin, opened) == before
    assert everything(admin, scheduled) != before
    said = electorate_of(admin, opened)
    assert said["frozen_since"] is not None
    assert (said["stations"], said["active"], said["registered"], said["seats"]) == (3, 3, REGISTERED, None)
    assert [(one["name"], one["stations"], one["registered"]) for one in said["constituencies"]] == [
        ("Прва", 2, 1350),
        ("Друга", 1, 12),
    ]
    assert electorate_of(admin, scheduled)["frozen_since"] is None
    assert frozen(admin) == [f"election {opened}"]


def test_what_was_not_done_freezes_nothing(admin: Administration) -> None:
    bring(admin, FILE)
    opened = admin.election()["id"]
    admin.patch(ADA_1, {"registered": 1}, 7, 412)
    bring(admin, FILE + "Југ,Прва,Ада,Школа,45.8,20.13,Ада 3,many\n", 422)
    bring(admin, FILE, query="?preview=true")
    assert electorate_of(admin, opened)["frozen_since"] is None
    assert frozen(admin) == []


def test_elections_that_took_place_are_frozen_and_no_others_on_every_engine(anywhere: Administration) -> None:
    admin = anywhere
    bring(admin, FILE)
    parties = [{"participant_id": found} for found in admin.participants()]
    now = datetime.now(UTC)

    def election(hours: float, **fields: Any) -> int:
        start = now + hours * HOUR
        return int(
            admin.election(start=start.isoformat(), end=(start + HOUR / 2).isoformat(), entries=parties, **fields)["id"]
        )

    ended, opened, draft = election(-5), election(-0.25), election(-3, draft=True)
    scheduled, never = election(2), election(4)
    stopped = election(-1.25, jurisdiction_id=admin.post("/api/jurisdictions", {"name": "Град"}, 201)["id"])
    for cancelled in (stopped, never):
        admin.post(f"/api/elections/{cancelled}/cancellation", {"reason": "Поплава"}, match=1)
    admin.patch(ADA_1, {"registered": 701}, 1)
    # The one that was stopped keeps its votes, and so its places; the others never opened.
    assert frozen(admin) == [f"election {number}" for number in (ended, opened, stopped)]
    admin.patch(ADA_1, {"registered": 702}, 2)
    published = admin.post(f"/api/elections/{draft}/publication", match=1)["id"]
    assert electorate_of(admin, published)["registered"] == REGISTERED + 2
    admin.patch(ADA_1, {"registered": 703}, 3)
    registered = {number: electorate_of(admin, number)["registered"] for number in (ended, opened, draft, scheduled)}
    # What was published late opened with the geography of that moment.
    assert registered == {ended: REGISTERED, opened: REGISTERED, draft: REGISTERED + 2, scheduled: REGISTERED + 3}
    assert len(frozen(admin)) == 4


def test_a_change_that_begins_before_the_opening_and_would_be_done_after_it_begins_anew(
    anywhere: Administration,
) -> None:
    bring(anywhere, FILE)
    start = datetime.now(UTC) + NOTICE + timedelta(seconds=2)
    election = anywhere.election(start=start.isoformat(), end=(start + HOUR).isoformat())["id"]
    rolls: list[int] = []

    def work(session: Session) -> None:
        rolls.append(session.get_one(PollingStation, 1).registered)
        enrol(session)
        session.flush()
        while datetime.now(UTC) < start - NOTICE:
            time.sleep(0.05)

    changing_geography(anywhere.database, work)
    # Both attempts found what was before; what the first one had done is not there.
    assert rolls == [700, 700]
    said = electorate_of(anywhere, election)
    assert (said["registered"], said["frozen_since"] is None) == (REGISTERED, False)
    # It cannot be moved any more, or it would have to be frozen anew.
    anywhere.patch(f"/api/elections/{election}", {"title": "X"}, 1, 409)
    with anywhere.database.reading() as session:
        assert session.get_one(PollingStation, 1).registered == 701


def test_of_administrators_who_change_geography_at_once_after_the_opening_one_freezes_it(
    anywhere: Administration,
) -> None:
    bring(anywhere, FILE)
    election = anywhere.election()["id"]
    barrier = threading.Barrier(6)

    def change(_: int) -> None:
        barrier.wait(timeout=30)
        changing_geography(anywhere.database, enrol)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(change, range(6)))
    assert electorate_of(anywhere, election)["registered"] == REGISTERED
    with anywhere.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Electorate)) == 1
        assert session.get_one(PollingStation, 1).registered == 706
        (details,) = session.scalars(sa.select(Journal.details).where(Journal.action == "electorate.frozen"))
    assert json.loads(details) == {"stations": 3, "active": 3, "registered": REGISTERED}


def test_an_election_is_not_made_while_somebody_changes_geography(anywhere: Administration) -> None:
    """Published with a start that has passed, it would be open before the change that has not seen it is committed."""
    bring(anywhere, FILE)
    parties = [{"participant_id": found} for found in anywhere.participants()]
    working, may_end = threading.Event(), threading.Event()

    def work(session: Session) -> None:
        enrol(session)
        session.flush()
        working.set()
        assert may_end.wait(30)

    with ThreadPoolExecutor(2) as threads:
        change = threads.submit(changing_geography, anywhere.database, work)
        assert working.wait(30)
        made = threads.submit(anywhere.election, entries=parties)
        time.sleep(0.5)
        assert not made.done()
        may_end.set()
        change.result(30)
        election = made.result(30)["id"]
    said = electorate_of(anywhere, election)
    assert (said["registered"], said["frozen_since"]) == (REGISTERED + 1, None)
    changing_geography(anywhere.database, enrol)
    assert electorate_of(anywhere, election)["registered"] == REGISTERED + 1


def test_officials_and_auditors_read_the_electorate_and_one_of_no_election_is_not_found(admin: Administration) -> None:
    bring(admin, FILE)
    election = admin.election()["id"]
    for role in (Role.OFFICIAL, Role.AUDITOR):
        assert admin.get(f"/api/elections/{election}/electorate", role=role)["registered"] == REGISTERED
    assert admin.get("/api/elections/99/electorate", 404)["detail"] == "There is no election 99."
