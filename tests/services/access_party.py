"""The rows of the table of rights for what is a campaign director's or a candidate's own."""

from typing import Any

from shared.terms import Role
from tests.services.access_rows import ADMINISTRATOR, Row, holders

NEWEST = {"If-Match": "*"}
# The participant of the directors of the matrix; one that stands in no election, so that nothing of it is frozen.
PARTICIPANT = "{unused}"
CODE = "the code of an invitation"


def _of_director(route: str, done: int, path: str = "", body: Any = None, **how: Any) -> Row:
    return Row(route, holders(Role.CAMPAIGN_DIRECTOR), done, path, body, of_party=True, **how)


def _of_candidate(route: str, done: int, path: str = "", body: Any = None, **how: Any) -> Row:
    return Row(route, holders(Role.CANDIDATE), done, path, body, of_candidate=True, **how)


_OWN, _ONE = "/api/party/candidates/{candidate_id}", "/api/party/candidates/{own_candidate}"
_SELF, _ME = "/api/candidacies/{candidate_id}", "/api/candidacies/{own_candidate}"
PARTY_ROWS = [
    Row(
        "POST /api/candidates/{candidate_id}/invitation",
        *(ADMINISTRATOR, 201, "/api/candidates/{candidate}/invitation", {}),
        headers=NEWEST,
    ),
    Row(
        "DELETE /api/candidates/{candidate_id}/account",
        *(ADMINISTRATOR, 200, "/api/candidates/{own_candidate}/account"),
        headers=NEWEST,
    ),
    _of_director("GET /api/party", 200),
    _of_director("PUT /api/party/order", 200, body={"candidates": []}, headers=NEWEST, numbers="own_candidate"),
    _of_director("GET /api/party/candidates", 200),
    _of_director("POST /api/party/candidates", 201, body={"forename": "Ana", "surname": "Anić"}),
    _of_director(f"GET {_OWN}", 200, _ONE),
    _of_director(f"PATCH {_OWN}", 200, _ONE, {"forename": "Ana"}, headers=NEWEST),
    _of_director(f"DELETE {_OWN}", 204, _ONE),
    _of_director(f"POST {_OWN}/submission", 200, f"{_ONE}/submission", {}, headers=NEWEST),
    _of_director(f"POST {_OWN}/invitation", 201, f"{_ONE}/invitation", {}, headers=NEWEST),
    _of_director(f"DELETE {_OWN}/account", 200, f"{_ONE}/account", headers=NEWEST),
    _of_director(f"GET {_OWN}/picture", 200, f"{_ONE}/picture"),
    _of_director(f"PUT {_OWN}/picture", 200, f"{_ONE}/picture", headers=NEWEST, picture=True),
    _of_director(f"DELETE {_OWN}/picture", 200, f"{_ONE}/picture", headers=NEWEST),
    Row("GET /api/candidacies", holders(Role.CANDIDATE), 200),
    _of_candidate("POST /api/candidacies", 200, body={"code": CODE}),
    _of_candidate(f"GET {_SELF}", 200, _ME),
    _of_candidate(f"PATCH {_SELF}", 200, _ME, {"post": "Mayor"}, headers=NEWEST),
    _of_candidate(f"POST {_SELF}/submission", 200, f"{_ME}/submission", {}, headers=NEWEST),
    _of_candidate(f"GET {_SELF}/picture", 200, f"{_ME}/picture"),
    _of_candidate(f"PUT {_SELF}/picture", 200, f"{_ME}/picture", headers=NEWEST, picture=True),
    _of_candidate(f"DELETE {_SELF}/picture", 200, f"{_ME}/picture", headers=NEWEST),
]
