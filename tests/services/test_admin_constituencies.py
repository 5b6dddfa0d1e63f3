"""Elections in which each constituency elects for itself, in the administration: publication, lots, classic results."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared.terms import State
from tests.services.administration import Administration, running
from tests.services.recorded import EVENING, NOON, Recorded
from tests.services.tokens import ServiceSettings, Token

RULES: dict[str, Any] = {
    "seats": 5,
    "method": "dhondt",
    "threshold": "0",
    "threshold_base": "valid_votes",
    "tie_policy": "lots",
    "apportioned": "constituency",
    "threshold_over": "constituency",
}


@pytest.fixture
def recorded(election_database_url: str) -> Iterator[Recorded]:
    made = Recorded(election_database_url)
    yield made
    made.close()


@pytest.fixture
def admin(
    recorded: Recorded, election_database_url: str, service_settings: ServiceSettings, token: Token
) -> Iterator[Administration]:
    with running(election_database_url, service_settings, token, prepared=False) as service:
        yield service


def refusal(admin: Administration, **fields: Any) -> tuple[str, str]:
    (error,) = admin.election(422, **fields)["errors"]
    return error["field"], error["message"]


def test_it_is_published_once_its_constituencies_elect_what_the_rules_say(
    admin: Administration, recorded: Recorded
) -> None:
    recorded.stations([100, 100], seats=(3, None))
    draft = admin.election(rules=RULES, draft=True)
    path = f"/api/elections/{draft['id']}"
    seats = admin.get(f"{path}/electorate")["seats"]
    assert seats == {"to_give": 5, "elected": 3, "add_up": False, "without_seats": ["Part 2"]}
    assert refusal(admin, rules=RULES)[0] == "rules.apportioned"
    refused = admin.post(f"{path}/publication", None, 422, match=1)
    assert "“Part 2” have no seats" in refused["errors"][0]["message"]
    admin.patch("/api/constituencies/2", {"seats": 3}, 1)
    assert admin.post(f"{path}/publication", None, 422, match=1)["errors"][0]["field"] == "rules.seats"
    admin.patch("/api/constituencies/2", {"seats": 2}, 2)
    assert admin.get(f"{path}/electorate")["seats"]["add_up"]
    assert admin.post(f"{path}/publication", match=1)["state"] == State.OPEN
    assert admin.get(path)["rules"]["apportioned"] == "constituency"


def test_lots_are_drawn_in_each_constituency_and_classic_results_are_sums_over_them(
    admin: Administration, recorded: Recorded
) -> None:
    stations = recorded.stations([100, 100], seats=(3, 2))
    election = recorded.election(["Left", "Right"], rules=RULES)
    recorded.part(election, {1: 10, 2: 10}, station=stations[0])
    recorded.part(election, {1: 2, 2: 20}, station=stations[1], partition=1)
    recorded.drained(EVENING, EVENING)
    lots, classic = f"/api/elections/{election}/lots", f"/getResults?id={election}"
    first, second = (one["id"] for one in admin.get(f"/api/elections/{election}/electorate")["constituencies"])
    assert admin.get(classic, 400)["message"] == "Election is ongoing."
    for body, status in (
        ({"poll_numbers": [1]}, 422),
        ({"poll_numbers": [1], "constituency_id": 99}, 422),
        ({"poll_numbers": [1], "constituency_id": second}, 409),
        ({"poll_numbers": [1, 2], "constituency_id": first}, 422),
    ):
        admin.post(lots, body, status, match=1)
    drawn = admin.post(lots, {"poll_numbers": [2], "constituency_id": first}, match=1)
    assert drawn["lots"] == {str(first): [2]}
    again = admin.post(lots, {"poll_numbers": [1], "constituency_id": first}, 409, match=2)
    assert "lots of this constituency are drawn already" in again["detail"]
    # One seat and the lot here, and both seats there.
    assert [one["result"] for one in admin.get(classic)["participants"]] == [1, 4]
    # Over the whole 30 votes of 42 would have won three or four of five seats; a place was named that there is not.
    whole = recorded.election(rules={**RULES, "apportioned": "whole", "threshold_over": "whole"}, hours=(NOON, EVENING))
    assert admin.post(f"/api/elections/{whole}/lots", {"poll_numbers": [1], "constituency_id": first}, 422, match=1)
