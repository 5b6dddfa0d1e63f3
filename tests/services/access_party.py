"""The rows of the table of rights for what is a campaign director's or a candidate's own, and the world of these."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from admin_service.rules.candidates import key_of
from shared.schema.election import Candidate, CandidatePicture, Entry, Participant
from shared.terms import Role
from tests.services.access_rows import ADMINISTRATOR, Row, holders
from tests.services.bearers import CANDIDATE_ACCOUNT, DIRECTED

CODE = "the code of an invitation"
# The number of the candidate of whom every row speaks.
OWN = 77

_NEWEST = {"If-Match": "*"}
_DIRECTOR, _CANDIDATE = holders(Role.CAMPAIGN_DIRECTOR), holders(Role.CANDIDATE)
_PARTY, _SELF = "/api/party/candidates/{candidate_id}", "/api/candidacies/{candidate_id}"


def _own(route: str, done: int, body: Any = None, *, picture: bool = False) -> Row:
    path = route.partition(" ")[2].replace("{candidate_id}", str(OWN))
    is_candidate = "/candidacies/" in path
    headers = {} if route.startswith("GET ") else _NEWEST
    who = _CANDIDATE if is_candidate else _DIRECTOR
    return Row(route, who, done, path, body, headers, picture=picture, of_candidate=is_candidate)


PARTY_ROWS = [
    Row(
        "POST /api/candidates/{candidate_id}/invitation",
        *(ADMINISTRATOR, 201, "/api/candidates/{candidate}/invitation"),
        headers=_NEWEST,
    ),
    Row(
        "DELETE /api/candidates/{candidate_id}/account",
        *(ADMINISTRATOR, 200, f"/api/candidates/{OWN}/account"),
        headers=_NEWEST,
    ),
    Row("GET /api/party", _DIRECTOR, 200),
    Row("PUT /api/party/order", _DIRECTOR, 200, body={"candidates": [OWN]}, headers=_NEWEST),
    Row("GET /api/party/candidates", _DIRECTOR, 200),
    Row("POST /api/party/candidates", _DIRECTOR, 201, body={"forename": "Ana", "surname": "Anić"}),
    _own(f"GET {_PARTY}", 200),
    _own(f"PATCH {_PARTY}", 200, {"forename": "Ana"}),
    _own(f"DELETE {_PARTY}", 204),
    _own(f"POST {_PARTY}/submission", 200),
    _own(f"POST {_PARTY}/invitation", 201),
    _own(f"DELETE {_PARTY}/account", 200),
    _own(f"GET {_PARTY}/picture", 200),
    _own(f"PUT {_PARTY}/picture", 200, picture=True),
    _own(f"DELETE {_PARTY}/picture", 200),
    Row("GET /api/party/elections/{election_id}/stations", _DIRECTOR, 200, "/api/party/elections/{final}/stations"),
    Row(
        "GET /api/party/elections/{election_id}/stations.csv",
        *(_DIRECTOR, 200, "/api/party/elections/{final}/stations.csv"),
    ),
    Row("GET /api/candidacies", _CANDIDATE, 200),
    # Whoever has the code may take the invitation up.
    Row("POST /api/candidacies", _CANDIDATE, 200, body={"code": CODE}),
    _own(f"GET {_SELF}", 200),
    _own(f"PATCH {_SELF}", 200, {"post": "Mayor"}),
    _own(f"POST {_SELF}/submission", 200),
    _own(f"GET {_SELF}/picture", 200),
    _own(f"PUT {_SELF}/picture", 200, picture=True),
    _own(f"DELETE {_SELF}/picture", 200),
]


WORDS = {"forename": "Iva", "surname": "Ivić", "post": "Deputy", "code_name": "", "biography": "Long."}


def put_forward(session: Session, final: int) -> None:
    """The participant of the matrix's directors, in an election that is over, and its only candidate.

    The candidate has an account, an invitation that is open, and a profile that could be sent for approval.
    """
    now = datetime.now(UTC)
    session.add(Participant(id=DIRECTED, name="Directed", individual=False, created_at=now))
    session.flush()
    session.add(Entry(election_id=final, poll_number=9, participant_id=DIRECTED))
    invited = {"invitation_key": key_of(CODE), "invitation_expires_at": now + timedelta(days=1)}
    account = CANDIDATE_ACCOUNT
    session.add(Candidate(id=OWN, participant_id=DIRECTED, created_at=now, account_id=account, **WORDS, **invited))
    session.flush()
    session.add(CandidatePicture(candidate_id=OWN, large=b"a", small=b"b", sha256="c" * 64, created_at=now))
