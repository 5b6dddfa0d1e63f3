"""Seats that are given in each constituency: lots, and how certain they are."""

from collections.abc import Callable

from flask.testing import FlaskClient

from shared.schema.election import Constituency, Election
from tests.services.places import HOURS, MINUTE, NOW, START, accept_sheet, asked, get
from tests.services.recorded import Recorded


def test_seats_are_given_in_each_constituency_and_lots_drawn_in_each(
    anywhere: Recorded, client_of: Callable[[Recorded], FlaskClient]
) -> None:
    night = anywhere
    rules = {
        "seats": 5,
        "method": "dhondt",
        "threshold": "0.1",
        "threshold_base": "valid_votes",
        "tie_policy": "lots",
        "apportioned": "constituency",
        "threshold_over": "constituency",
    }
    election = night.election(["Left", "Right", "Third"], hours=HOURS, rules=rules)
    stations = night.stations([100, 100, 100, 100], seats=(3, 2))
    in_first, in_second = (stations[0], stations[2]), (stations[1], stations[3])
    client = client_of(night)
    for number, votes in enumerate([{1: 10, 2: 10}, {1: 10, 2: 10, 3: 1}, {1: 5, 2: 10}, {2: 5}]):
        station = (*in_first, *in_second)[number]
        night.part(election, votes, received_at=START + number * MINUTE, partition=number % 2, station=station)
        get(client, election)
    night.drained(NOW, NOW)
    found = get(client, election)
    first, second = found["apportionment"]["constituencies"]
    assert [(one["name"], one["seats"], one["awarded"]) for one in (first, second)] == [
        ("Part 1", 3, 2),
        ("Part 2", 2, 2),
    ]
    assert {line["poll_number"]: line["seats"] for line in second["lists"]} == {1: 0, 2: 2, 3: 0}
    assert (first["tie"], first["threshold"]["excluded"][0]["poll_number"]) == (
        {"lists": [{"poll_number": 1, "name": "Left"}, {"poll_number": 2, "name": "Right"}], "seats_open": 1},
        3,
    )
    assert (found["certainty"], found["waits_for"]) == (
        "provisional",
        ["One seat is tied in Part 1 between the lists 1 (Left), 2 (Right); a lot has to be drawn."],
    )
    assert found["apportionment"]["threshold"] is None
    with night.database.writing() as session:
        session.get_one(Election, election).lots = {str(first["id"]): [2]}
    for one in (client, client_of(night)):
        drawn = get(one, election)
        assert (drawn["certainty"], drawn["apportionment"]["awarded"]) == ("final", 5)
        assert [line["seats"] for line in drawn["lists"]] == [1, 4, 0]
        assert drawn["apportionment"]["constituencies"][0]["lots"] == [2]
    assert client.get(f"/elections/{election}").status_code == 200
    tag = asked(client, election).headers["ETag"]
    with night.database.writing() as session:
        session.get_one(Constituency, first["id"]).name = "Part 1, West"
    renamed = client.get(f"/api/elections/{election}/results", headers={"If-None-Match": tag})
    assert [one["name"] for one in renamed.get_json()["apportionment"]["constituencies"]] == ["Part 1, West", "Part 2"]


def test_a_seat_is_not_called_certain_that_a_second_file_of_a_station_can_take(
    night: Recorded, client_of: Callable[[Recorded], FlaskClient]
) -> None:
    rules = {
        "seats": 2,
        "method": "dhondt",
        "threshold": "0",
        "threshold_base": "valid_votes",
        "apportioned": "constituency",
        "threshold_over": "constituency",
    }
    election = night.election(["Left", "Right"], hours=(START, NOW + 60 * MINUTE), rules=rules)
    first, second = night.stations([100, 100], seats=(1, 1))
    client = client_of(night)
    night.part(election, {1: 40}, received_at=START, station=first)
    night.part(election, {1: 60}, received_at=START, station=second)
    night.drained(NOW, NOW)
    found = get(client, election, "/certainty")
    # In the first constituency 60 ballots may come against 40, in the second 40 against 60.
    assert (found["outstanding"], found["certain"], found["open"]) == (100, 1, 1)
    assert [[one["least"] for one in part["lists"]] for part in found["closeness"]] == [[0, 0], [1, 0]]
    accept_sheet(night, election, first, voted=70, in_box=70)
    found = get(client_of(night), election, "/certainty")
    assert (found["outstanding"], found["certain"], found["open"]) == (30 + 40, 2, 0)
    # The report has the same, at every level.
    for level in ("region", "constituency", "municipality", "centre", "station"):
        report = client_of(night).get(f"/api/elections/{election}/results.nist.json?level={level}")
        assert report.status_code == 200, report.text
        contests = report.get_json()["Election"][0]["Contest"]
        assert [one["SummaryCounts"][0]["BallotsOutstanding"] for one in contests] == [30, 40]
