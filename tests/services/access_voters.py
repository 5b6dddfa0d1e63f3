"""The rows of the table of rights about voters: the citizens' register, the elections of voters, and their ballots."""

from datetime import UTC, datetime, timedelta

from tests.services.access_rows import ADMINISTRATOR, EVERYBODY, SUPERVISION, VOTER, Row
from tests.services.accounts import jmbg
from tests.services.citizens import citizen, csv_of

NEWEST = {"If-Match": "*"}

_IN_A_YEAR = datetime.now(UTC) + timedelta(days=365)

CITIZENS = csv_of([citizen(600)]).decode()
VOTERS = {
    "title": "A",
    "opens_at": _IN_A_YEAR.isoformat(),
    "closes_at": (_IN_A_YEAR + timedelta(days=1)).isoformat(),
    "restriction": "citizens",
}

VOTERS_ROWS = [
    # The citizens' register and the elections of voters.
    Row("POST /api/citizens/import", ADMINISTRATOR, 200, csv=CITIZENS),
    Row("GET /api/citizens", SUPERVISION, 200),
    Row("GET /api/citizens/{citizen_id}", SUPERVISION, 200, "/api/citizens/1"),
    Row("PATCH /api/citizens/{citizen_id}", ADMINISTRATOR, 200, "/api/citizens/1", {"region": "A"}, NEWEST),
    Row("GET /api/voter-elections", SUPERVISION, 200),
    Row("GET /api/voter-elections/{election_id}", SUPERVISION, 200, "/api/voter-elections/1"),
    Row("PUT /api/voter-elections/{election_id}", ADMINISTRATOR, 200, "/api/voter-elections/1", VOTERS, NEWEST),
    Row(
        "PUT /api/voter-elections/{election_id}/citizens",
        ADMINISTRATOR,
        200,
        "/api/voter-elections/1/citizens",
        headers=NEWEST,
        csv=f"national_id\n{jmbg(1)}\n",
    ),
    Row(
        "POST /api/voter-elections/{election_id}/key",
        ADMINISTRATOR,
        201,
        "/api/voter-elections/1/key",
        headers=NEWEST,
    ),
    Row("GET /api/voter-elections/{election_id}/key", EVERYBODY, 200, "/api/voter-elections/2/key"),
    Row(
        "PUT /api/voter-elections/{election_id}/paper-voters/{citizen_id}",
        ADMINISTRATOR,
        200,
        "/api/voter-elections/2/paper-voters/2",
    ),
    # Nobody is told how many before the end.
    Row("GET /api/voter-elections/{election_id}/signatures", EVERYBODY, 409, "/api/voter-elections/2/signatures"),
    Row("GET /api/elections", VOTER, 200),
    Row(
        "POST /api/elections/{election_id}/signature",
        VOTER,
        200,
        "/api/elections/2/signature",
        {"blinded": "{blinded}"},
    ),
    Row("GET /api/voter-elections/{election_id}/roll.csv", SUPERVISION, 200, "/api/voter-elections/1/roll.csv"),
]
