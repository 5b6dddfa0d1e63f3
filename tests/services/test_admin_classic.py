"""The classic routes of the administration: every message, in the order of the contract's checks."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared.terms import Role
from tests.services.administration import Administration, answered, running
from tests.services.tokens import ServiceSettings, Token

START, END = "2030-05-01T07:00:00", "2030-05-01T20:00:00"
DATE = "Invalid date and time."
PARTICIPANTS = "Invalid participants."
CLASSIC_ROUTES = [
    ("POST", "/createParticipant"),
    ("GET", "/getParticipants"),
    ("POST", "/createElection"),
    ("GET", "/getElections"),
    ("GET", "/getResults"),
]


@pytest.fixture
def admin(sqlite_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Administration]:
    with running(sqlite_url, service_settings, token, election_timezone="Europe/Belgrade") as service:
        yield service


def refused(admin: Administration, path: str, body: Any) -> str:
    """The message of a classic refusal."""
    answer = admin.post(path, body, 400)
    assert list(answer) == ["message"]
    return str(answer["message"])


def election(participants: Any, **changed: Any) -> dict[str, Any]:
    return {"start": START, "end": END, "individual": False, "participants": participants, **changed}


@pytest.mark.parametrize(("method", "path"), CLASSIC_ROUTES)
def test_without_a_token_or_with_another_role_the_header_is_missing(
    admin: Administration, method: str, path: str
) -> None:
    for role in (None, *(role for role in Role if role is not Role.ADMINISTRATOR)):
        response = admin.call(method, path, role=role)
        assert (response.status_code, response.get_json()) == (401, {"msg": "Missing Authorization Header"})


@pytest.mark.parametrize("header", ["Bearer ", "Bearer a.b.c", "Bearer", "Basic YTpi", "nonsense"])
def test_a_token_that_is_none_is_refused_with_a_msg(admin: Administration, header: str) -> None:
    response = admin.app.test_client().get("/getElections", headers={"Authorization": header})
    assert response.status_code in (401, 422)
    assert isinstance(response.get_json()["msg"], str)


def test_participants_are_made_and_listed(admin: Administration) -> None:
    assert admin.post("/createParticipant", {"name": "Зелени", "individual": False}) == {"id": 1}
    assert admin.post("/createParticipant", {"name": " ", "individual": True}) == {"id": 2}
    assert admin.post("/createParticipant", {"name": "N" * 256, "individual": False, "more": 1}) == {"id": 3}
    assert admin.get("/getParticipants") == {
        "participants": [
            {"id": 1, "name": "Зелени", "individual": False},
            {"id": 2, "name": " ", "individual": True},
            {"id": 3, "name": "N" * 256, "individual": False},
        ]
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Field name is missing."),
        ({"name": ""}, "Field name is missing."),
        ({"individual": True}, "Field name is missing."),
        ({"name": "", "individual": ""}, "Field name is missing."),
        ({"name": "A"}, "Field individual is missing."),
        ({"name": "A", "individual": ""}, "Field individual is missing."),
        ({"name": 5}, "Field individual is missing."),
        ({"name": "N" * 257}, "Field individual is missing."),
        ({"name": "N" * 257, "individual": True}, "Invalid name."),
        ({"name": "A\0B", "individual": True}, "Invalid name."),
        ({"name": 5, "individual": "x"}, "Invalid name."),
        ({"name": None, "individual": True}, "Invalid name."),
        ({"name": ["A"], "individual": True}, "Invalid name."),
        ({"name": {}, "individual": True}, "Invalid name."),
        ({"name": "A", "individual": "true"}, "Invalid individual."),
        ({"name": "A", "individual": 1}, "Invalid individual."),
        ({"name": "A", "individual": None}, "Invalid individual."),
        ({"name": "A", "individual": []}, "Invalid individual."),
        ([], "Field name is missing."),
        ("name", "Field name is missing."),
        (7, "Field name is missing."),
    ],
)
def test_a_participant_with_a_fault_is_refused_with_the_first_message(
    admin: Administration, body: Any, message: str
) -> None:
    assert refused(admin, "/createParticipant", body) == message
    assert admin.get("/getParticipants") == {"participants": []}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"name=A&individual=true", b"\xff\xfe\x00", b"[" * 100_000, b"1" * 5_000, b'{"name": "A"'],
    ids=["nothing", "cut off", "form", "bytes", "bottomless", "endless number", "unclosed"],
)
def test_a_body_that_is_not_json_counts_as_empty(admin: Administration, body: bytes) -> None:
    for path, field in (("/createParticipant", "name"), ("/createElection", "start")):
        answer = answered(admin.call("POST", path, data=body), 400)
        assert answer == {"message": f"Field {field} is missing."}


def test_a_name_of_half_a_character_is_refused(admin: Administration) -> None:
    answer = answered(admin.call("POST", "/createParticipant", data=b'{"name": "\\ud800", "individual": true}'), 400)
    assert answer == {"message": "Invalid name."}


def test_poll_numbers_follow_the_order_of_the_ids_sent(admin: Administration) -> None:
    first, second, third = admin.participants(3)
    assert admin.post("/createElection", election([third, first, second])) == {"pollNumbers": [1, 2, 3]}
    assert admin.get("/getElections") == {
        "elections": [
            {
                "id": 1,
                "start": START,
                "end": END,
                "individual": False,
                "participants": [
                    {"id": third, "name": "Participant 3"},
                    {"id": first, "name": "Participant 1"},
                    {"id": second, "name": "Participant 2"},
                ],
            }
        ]
    }


def test_a_get_request_may_carry_a_body(admin: Administration) -> None:
    for path in ("/getParticipants", "/getElections"):
        answered(admin.call("GET", path, {}), 200)
        answered(admin.call("GET", path, data=b"no json"), 200)


MISSING = ["start", "end", "individual", "participants"]


@pytest.mark.parametrize("field", MISSING)
def test_a_missing_field_of_an_election_is_named_before_every_other_fault(admin: Administration, field: str) -> None:
    body = election([99], start="no date", end=5, individual="perhaps")
    for name in MISSING[MISSING.index(field) :]:
        for absent in ({key: value for key, value in body.items() if key != name}, {**body, name: ""}):
            assert refused(admin, "/createElection", absent) == f"Field {name} is missing."
        # With a later one missing as well, the earlier one is named.
        both = {key: value for key, value in body.items() if key not in (field, name)}
        assert refused(admin, "/createElection", both) == f"Field {field} is missing."


@pytest.mark.parametrize(
    "date",
    [
        "202106-16T15:55:46+0100",
        "2021-06-16T1555460100",
        " ",
        "yesterday",
        5,
        None,
        True,
        [],
        {},
        ["2021-06-16"],
        1e300,
    ],
)
def test_what_is_no_date_is_said_before_wrong_participants(admin: Administration, date: Any) -> None:
    for wrong in (election([99], start=date), election([99], end=date), election("x", start=date, individual="x")):
        assert refused(admin, "/createElection", wrong) == DATE


def test_an_election_that_does_not_start_before_its_end_is_refused(admin: Administration) -> None:
    parties = admin.participants()
    assert refused(admin, "/createElection", election(parties, end=START)) == DATE
    assert refused(admin, "/createElection", election(parties, start=END, end=START)) == DATE
    # The same moment in two ways of writing.
    assert refused(admin, "/createElection", election(parties, end="2030-05-01T06:00:00+0100")) == DATE
    assert admin.get("/getElections") == {"elections": []}


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (START, END),
        ("2030-05-01T08:00:00", "2030-05-01T09:00:00"),
        ("2030-05-01T06:00:00", "2030-05-01T21:00:00"),
        ("2030-05-01T06:00:00", "2030-05-01T08:00:00"),
        ("2030-05-01T19:00:00", "2030-05-01T21:00:00"),
        (END, "2030-05-01T21:00:00"),
        ("2030-05-01T06:00:00", START),
        ("2030-05-01T19:59:59.999999", "2030-05-01T21:00:00"),
        ("2030-05-01T18:00:00Z", "2030-05-01T19:00:00Z"),
    ],
    ids=["same", "within", "around", "into", "out of", "from its end", "to its start", "last moment", "other zone"],
)
def test_a_second_election_in_the_period_is_refused_before_its_participants_are_looked_at(
    admin: Administration, start: str, end: str
) -> None:
    admin.post("/createElection", election(admin.participants()))
    assert refused(admin, "/createElection", election([99], start=start, end=end)) == DATE
    assert refused(admin, "/createElection", election("x", start=start, end=end, individual=5)) == DATE
    assert len(admin.get("/getElections")["elections"]) == 1


def test_an_election_may_start_a_second_after_anothers_end(admin: Administration) -> None:
    parties = admin.participants()
    admin.post("/createElection", election(parties))
    admin.post("/createElection", election(parties, start="2030-05-01T20:00:01", end="2030-05-01T21:00:00"))
    admin.post("/createElection", election(parties, start="2030-05-01T05:00:00", end="2030-05-01T06:59:59"))


@pytest.mark.parametrize("value", ["true", 1, 0, None, [], {}])
def test_an_individual_that_is_no_truth_value_is_refused_before_the_participants(
    admin: Administration, value: Any
) -> None:
    assert refused(admin, "/createElection", election([99], individual=value)) == "Invalid individual."
    assert refused(admin, "/createElection", election("x", individual=value)) == "Invalid individual."


@pytest.mark.parametrize(
    "participants",
    [
        [],
        [1],
        [1, 1],
        [1, 2, 1],
        [1, 99],
        [0, 1],
        [-1, 1],
        [1, 3],
        [1, 2, 3],
        [1, True],
        [True, 2],
        [1, 2.0],
        ["1", "2"],
        [1, None],
        [1, [2]],
        [1, {"id": 2}],
        [1, 10**12],
        [1, 10**30],
        list(range(1, 5000)),
        "1,2",
        "ab",
        {"1": 2},
        5,
        None,
        True,
        " ",
    ],
    ids=str,
)
def test_participants_that_cannot_stand_are_refused(admin: Administration, participants: Any) -> None:
    admin.participants(2)
    admin.participants(1, individual=True)
    assert refused(admin, "/createElection", election(participants)) == PARTICIPANTS
    assert admin.get("/getElections") == {"elections": []}


def test_only_individuals_stand_in_a_presidential_election(admin: Administration) -> None:
    party, *_ = admin.participants(2)
    ada, boris = admin.participants(2, individual=True)
    assert refused(admin, "/createElection", election([ada, party], individual=True)) == PARTICIPANTS
    assert refused(admin, "/createElection", election([ada, boris], individual=False)) == PARTICIPANTS
    assert admin.post("/createElection", election([boris, ada], individual=True)) == {"pollNumbers": [1, 2]}
    made = admin.get("/api/elections/1")
    assert (made["kind"], made["individual"], made["rules"]) == ("presidential", True, None)


def test_a_classic_parliamentary_election_has_the_classic_rules(admin: Administration) -> None:
    admin.post("/createElection", election(admin.participants()))
    made = admin.get("/api/elections/1")
    assert (made["kind"], made["individual"], made["state"]) == ("parliamentary", False, "scheduled")
    assert {name: made["rules"][name] for name in ("seats", "method", "threshold", "threshold_base", "tie_policy")} == {
        "seats": 250,
        "method": "dhondt",
        "threshold": "0.05",
        "threshold_base": "valid_votes",
        "tie_policy": "lower_poll_number",
    }


def test_local_times_are_answered_as_they_were_sent_and_kept_in_utc(admin: Administration) -> None:
    parties = admin.participants()
    admin.post("/createElection", election(parties, start="2021-06-16T15:55:46", end="2021-06-16T15:55:46.5"))
    admin.post("/createElection", election(parties, start="2021-12-16T15:55:46+0100", end="2021-12-16T20:00:00Z"))
    found = admin.get("/getElections")["elections"]
    assert [(made["start"], made["end"]) for made in found] == [
        ("2021-06-16T15:55:46", "2021-06-16T15:55:46.500000"),
        ("2021-12-16T15:55:46", "2021-12-16T21:00:00"),
    ]
    assert admin.get("/api/elections/1")["start"] == "2021-06-16T13:55:46Z"
    assert admin.get("/api/elections/2")["start"] == "2021-12-16T14:55:46Z"


def test_a_local_time_that_does_not_exist_is_no_date(admin: Administration) -> None:
    skipped = election(admin.participants(), start="2021-03-28T02:30:00", end="2021-03-28T12:00:00")
    assert refused(admin, "/createElection", skipped) == DATE


def test_drafts_and_cancelled_elections_are_neither_listed_nor_in_the_way(admin: Administration) -> None:
    admin.election(start=START, end=END, draft=True)
    cancelled = admin.election(start=START, end=END)
    admin.post(f"/api/elections/{cancelled['id']}/cancellation", {"reason": "Flood"}, match=1)
    assert admin.get("/getElections") == {"elections": []}
    admin.post("/createElection", election(admin.participants()))
    assert [made["id"] for made in admin.get("/getElections")["elections"]] == [3]


def test_an_election_of_another_jurisdiction_is_not_in_the_way(admin: Administration) -> None:
    province = admin.post("/api/jurisdictions", {"name": "Војводина"}, 201)["id"]
    admin.election(kind="regional", start=START, end=END, jurisdiction_id=province)
    assert admin.post("/createElection", election(admin.participants())) == {"pollNumbers": [1, 2]}
    assert len(admin.get("/getElections")["elections"]) == 2
