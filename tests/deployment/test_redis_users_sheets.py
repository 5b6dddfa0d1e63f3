"""The rules of deploy/redis/users.acl for tally sheets: the station hands them in, and the daemon works them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.errors import Unavailable
from shared.queue import keys, sheet_copies, sheet_line, sheets, snapshot
from shared.sheets import Person
from tests.deployment.redis_users import Users, connected

PARTITIONS = 2


@pytest.fixture
def users(redis_url: str) -> Iterator[Users]:
    with connected(redis_url) as made:
        yield made


def test_a_station_takes_sheets_and_photographs_in_and_the_daemon_works_them(users: Users) -> None:
    users.daemon.set(keys.PARTITIONS, PARTITIONS)
    snapshot.write(users.daemon, [])
    snapshot.write_stations(users.daemon, "a", {7: "active"})
    snapshot.write_rolls(users.daemon, "a", {7: snapshot.Roll("Ада 1", "Ада", 500)}, {})
    entry = sheets.Sending("a" * 32, sheets.ENTRY, 1, 7, "vera@example.org", 3600, "print")
    photograph = replace(entry, id="b" * 32, kind=sheets.PHOTOGRAPH, content=b"\x89PNG" + bytes(100_000))
    for sending in (entry, photograph):
        receipt = sheets.accept(users.station, sending, sending.id, lambda _: sheets.Judged({}, {"a": 1}))
        again = sheets.accept(users.station, sending, sending.id, lambda _: sheets.Judged({}, {}))
        assert again == replace(receipt, repeated=True)
    # What a station asks after an answer was lost.
    assert sheets._settle(users.station, keys.sent(1, 7, "vera@example.org"), entry.id)
    with pytest.raises(Unavailable):
        sheets._settle(users.station, keys.sent(1, 7, "vera@example.org"), "c" * 32)
    waiting = sheet_line.front(users.daemon, 10)
    assert [item.id for item in waiting] == [entry.id, photograph.id]
    assert sheet_line.content(users.daemon, photograph.id) == photograph.content
    sheet_copies.write(users.daemon, {(1, 7): sheet_copies.SheetCopy(last=1, since=datetime.now(UTC))})
    sheet_copies.know(users.daemon, 1, "1:1")
    assert sheet_line.remove(users.daemon, [sheet_line.Done(item, {"state": "recorded"}) for item in waiting])
    sight = sheets.look(users.station, 1, 7, Person("vera@example.org"))
    assert [one.became for one in sight.own] == [{"state": "recorded"}] * 2
    assert (sight.copy.last, sight.waiting_bytes, sight.station) == (1, 0, "active")
    assert snapshot.stations(users.station, 1, [7])[0][1] == sight.roll
    assert sheet_copies.read_many(users.station, [(1, 7)]) == [sight.copy]
