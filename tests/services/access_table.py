"""Who may what, route by route, written by hand: the services' own declarations are what this is held against.

Each row names a route as the OpenAPI documents write it, who may use it, what a caller who may is answered, and a
request that does on it what the route is for. A ``{name}`` in a path or in a body is filled in from the world in which
the request is made.
"""

from datetime import UTC, datetime, timedelta

from tests.services.access_pages import ACCOUNT_PAGES, ADMINISTRATION_PAGES, STATION_PAGES
from tests.services.access_party import PARTY_ROWS
from tests.services.access_resets import RESET_ROWS
from tests.services.access_results import RESULTS_ROWS
from tests.services.access_rows import (
    ADMINISTRATOR,
    ANY_ACCOUNT,
    EVERYBODY,
    OFFICIAL,
    REFRESH_TOKEN,
    STAFF,
    SUPERVISION,
    Row,
    page,
)
from tests.services.access_second_factor import SECOND_FACTOR_ROWS
from tests.services.access_voters import VOTERS_ROWS
from tests.services.accounts import ADMIN_EMAIL, ADMIN_PASSWORD, jmbg, person

SHEET = "/api/elections/{election_id}/stations/{station_id}/sheet"
SHEET_OF_ONE = "/api/elections/{open}/stations/1/sheet"

NEWEST = {"If-Match": "*"}
BALLOT = {"guid": "{guid}", "poll_number": 1, "prefix": "{prefix}", "signature": "{signature}"}
# Somebody who is to get an account.
OFFICIALS = f"account,station_id,forename,surname,national_id\nana@example.org,1,Ана,Анић,{jmbg(38)}\n"
# The sheet of station 3, as the world of the administration has it.
WAITING = [{"station_id": 3, "last": 2}]

_IN_A_YEAR = datetime.now(UTC) + timedelta(days=365)
_NEXT_YEAR = {"start": _IN_A_YEAR.isoformat(), "end": (_IN_A_YEAR + timedelta(days=1)).isoformat()}

EVERY_SERVICE = [
    Row("GET /health/live", EVERYBODY, 200),
    Row("GET /health/ready", EVERYBODY, 200),
    Row("GET /metrics", EVERYBODY, 200),
    Row("GET /api/docs", EVERYBODY, 200),
    Row("GET /api/openapi.json", EVERYBODY, 200),
    Row("GET /api/static/{name}", EVERYBODY, 200, "/api/static/vendor/swagger-ui/swagger-ui.css"),
    Row("GET /static/{fingerprint}/{name}", EVERYBODY, 200, "/static/0/pages.css"),
]

OWN: dict[str, list[Row]] = {
    "authentication_service": [
        # Classic.
        Row("POST /register", EVERYBODY, 200, body=person(900)),
        Row("POST /login", EVERYBODY, 200, body={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}),
        Row("POST /refresh", REFRESH_TOKEN, 200),
        Row("POST /delete", ADMINISTRATOR, 200, body={"email": "{victim_email}"}),
        # Everybody.
        Row("POST /api/register", EVERYBODY, 201, body=person(39)),
        Row("POST /api/login", EVERYBODY, 200, body={"login": ADMIN_EMAIL, "password": ADMIN_PASSWORD}),
        # Who is logged in.
        Row("POST /api/refresh", REFRESH_TOKEN, 200),
        Row("POST /api/logout", REFRESH_TOKEN, 204),
        Row("GET /api/profile", ANY_ACCOUNT, 200),
        Row("PATCH /api/profile", ANY_ACCOUNT, 200, body={"forename": "Another"}, headers=NEWEST),
        Row("GET /api/sessions", ANY_ACCOUNT, 200),
        Row("DELETE /api/sessions", ANY_ACCOUNT, 204),
        Row("DELETE /api/sessions/{session_id}", ANY_ACCOUNT, 204, "/api/sessions/{session}"),
        # Accounts of others.
        Row("GET /api/users", ADMINISTRATOR, 200),
        Row("GET /api/users/{user_id}", ADMINISTRATOR, 200, "/api/users/{victim}"),
        Row("PATCH /api/users/{user_id}", ADMINISTRATOR, 200, "/api/users/{victim}", {"roles": ["candidate"]}, NEWEST),
        Row("DELETE /api/users/{user_id}", ADMINISTRATOR, 204, "/api/users/{victim}"),
        Row("POST /api/officials/import", ADMINISTRATOR, 200, csv=OFFICIALS),
        *RESET_ROWS,
        Row("GET /api/journal", SUPERVISION, 200),
        *VOTERS_ROWS,
        *SECOND_FACTOR_ROWS,
        *(page(route) for route in ACCOUNT_PAGES),
        Row("GET /sign-in", EVERYBODY, 200),
        Row("GET /sign-up", EVERYBODY, 200),
    ],
    "admin_service": [
        *(page(route) for route in ADMINISTRATION_PAGES),
        *PARTY_ROWS,
        # Pictures of candidates.
        Row("GET /api/candidates/{candidate_id}/picture", STAFF, 200, "/api/candidates/{candidate}/picture"),
        Row(
            "PUT /api/candidates/{candidate_id}/picture",
            ADMINISTRATOR,
            200,
            "/api/candidates/{candidate}/picture",
            headers=NEWEST,
            picture=True,
        ),
        Row(
            "DELETE /api/candidates/{candidate_id}/picture",
            ADMINISTRATOR,
            200,
            "/api/candidates/{candidate}/picture",
            headers=NEWEST,
        ),
        # Classic.
        Row("POST /createParticipant", ADMINISTRATOR, 200, body={"name": "New", "individual": False}),
        Row("GET /getParticipants", ADMINISTRATOR, 200),
        Row(
            "POST /createElection",
            ADMINISTRATOR,
            200,
            body={**_NEXT_YEAR, "individual": False, "participants": [1, 2]},
        ),
        Row("GET /getElections", ADMINISTRATOR, 200),
        Row("GET /getResults", ADMINISTRATOR, 200, "/getResults?id={final}"),
        # Participants.
        Row("GET /api/participants", STAFF, 200),
        Row("POST /api/participants", ADMINISTRATOR, 201, body={"name": "New", "individual": False}),
        Row("GET /api/participants/{participant_id}", STAFF, 200, "/api/participants/1"),
        Row(
            "PATCH /api/participants/{participant_id}",
            ADMINISTRATOR,
            200,
            "/api/participants/{unused}",
            {"name": "Other"},
            NEWEST,
        ),
        Row("DELETE /api/participants/{participant_id}", ADMINISTRATOR, 204, "/api/participants/{unused}"),
        # Candidates.
        Row("GET /api/candidates", STAFF, 200),
        Row(
            "POST /api/candidates",
            ADMINISTRATOR,
            201,
            body={"participant_id": 1, "forename": "Ana", "surname": "Anić"},
        ),
        Row("GET /api/candidates/{candidate_id}", STAFF, 200, "/api/candidates/{candidate}"),
        Row(
            "PATCH /api/candidates/{candidate_id}",
            ADMINISTRATOR,
            200,
            "/api/candidates/{candidate}",
            {"forename": "Ana"},
            NEWEST,
        ),
        Row("DELETE /api/candidates/{candidate_id}", ADMINISTRATOR, 204, "/api/candidates/{candidate}"),
        Row(
            "POST /api/candidates/{candidate_id}/approval",
            ADMINISTRATOR,
            200,
            "/api/candidates/{candidate}/approval",
            {"decision": "approved"},
            NEWEST,
        ),
        # Geography.
        Row("GET /api/jurisdictions", STAFF, 200),
        Row("POST /api/jurisdictions", ADMINISTRATOR, 201, body={"name": "New"}),
        Row("GET /api/jurisdictions/{jurisdiction_id}", STAFF, 200, "/api/jurisdictions/1"),
        Row("GET /api/regions", STAFF, 200),
        Row("POST /api/regions", ADMINISTRATOR, 201, body={"name": "New"}),
        Row("GET /api/regions/{region_id}", STAFF, 200, "/api/regions/1"),
        Row("PATCH /api/regions/{region_id}", ADMINISTRATOR, 200, "/api/regions/1", {"name": "Other"}, NEWEST),
        Row("DELETE /api/regions/{region_id}", ADMINISTRATOR, 204, "/api/regions/{empty_region}"),
        Row("GET /api/constituencies", STAFF, 200),
        Row("POST /api/constituencies", ADMINISTRATOR, 201, body={"region_id": 1, "name": "New"}),
        Row("GET /api/constituencies/{constituency_id}", STAFF, 200, "/api/constituencies/1"),
        Row(
            "PATCH /api/constituencies/{constituency_id}",
            ADMINISTRATOR,
            200,
            "/api/constituencies/1",
            {"seats": 250},
            NEWEST,
        ),
        Row(
            "DELETE /api/constituencies/{constituency_id}",
            ADMINISTRATOR,
            204,
            "/api/constituencies/{empty_constituency}",
        ),
        Row("GET /api/polling-centres", STAFF, 200),
        Row(
            "POST /api/polling-centres",
            ADMINISTRATOR,
            201,
            body={"constituency_id": 1, "municipality": "Ада", "name": "School"},
        ),
        Row("GET /api/polling-centres/{centre_id}", STAFF, 200, "/api/polling-centres/1"),
        Row(
            "PATCH /api/polling-centres/{centre_id}",
            ADMINISTRATOR,
            200,
            "/api/polling-centres/1",
            {"address": "Main street 1"},
            NEWEST,
        ),
        Row("DELETE /api/polling-centres/{centre_id}", ADMINISTRATOR, 204, "/api/polling-centres/{empty_centre}"),
        Row("GET /api/polling-stations", STAFF, 200),
        Row(
            "POST /api/polling-stations",
            ADMINISTRATOR,
            201,
            body={"centre_id": 1, "code": "Ада 99", "registered": 700},
        ),
        Row("GET /api/polling-stations/{station_id}", STAFF, 200, "/api/polling-stations/1"),
        Row(
            "PATCH /api/polling-stations/{station_id}",
            ADMINISTRATOR,
            200,
            "/api/polling-stations/1",
            {"registered": 701},
            NEWEST,
        ),
        Row("DELETE /api/polling-stations/{station_id}", ADMINISTRATOR, 204, "/api/polling-stations/{empty_station}"),
        Row("GET /api/polling-stations.geojson", STAFF, 200),
        Row(
            "POST /api/polling-stations/import",
            ADMINISTRATOR,
            200,
            csv="municipality,station,registered\nАда,Ада 2,500\n",
        ),
        Row("GET /api/journal", SUPERVISION, 200),
        # Elections.
        Row("GET /api/elections", STAFF, 200),
        Row("POST /api/elections", ADMINISTRATOR, 201, body={**_NEXT_YEAR, "kind": "parliamentary", "draft": True}),
        Row("GET /api/elections/{election_id}", STAFF, 200, "/api/elections/{draft}"),
        Row(
            "PATCH /api/elections/{election_id}",
            ADMINISTRATOR,
            200,
            "/api/elections/{draft}",
            {"title": "Other"},
            NEWEST,
        ),
        Row("DELETE /api/elections/{election_id}", ADMINISTRATOR, 204, "/api/elections/{draft}"),
        Row("GET /api/elections/{election_id}/electorate", STAFF, 200, "/api/elections/{final}/electorate"),
        Row("GET /api/elections/{election_id}/batches", SUPERVISION, 200, "/api/elections/{final}/batches"),
        Row(
            "POST /api/elections/{election_id}/publication",
            ADMINISTRATOR,
            200,
            "/api/elections/{draft}/publication",
            headers=NEWEST,
        ),
        Row(
            "POST /api/elections/{election_id}/closing",
            ADMINISTRATOR,
            200,
            "/api/elections/{open}/closing",
            headers=NEWEST,
        ),
        Row(
            "POST /api/elections/{election_id}/cancellation",
            ADMINISTRATOR,
            200,
            "/api/elections/{open}/cancellation",
            {"reason": "Flood"},
            NEWEST,
        ),
        Row(
            "POST /api/elections/{election_id}/lots",
            ADMINISTRATOR,
            200,
            "/api/elections/{tied}/lots",
            {"poll_numbers": [1]},
            NEWEST,
        ),
        # Tally sheets.
        Row("GET /api/elections/{election_id}/sheets", SUPERVISION, 200, "/api/elections/{open}/sheets"),
        Row("GET /api/elections/{election_id}/sheets.csv", SUPERVISION, 200, "/api/elections/{open}/sheets.csv"),
        Row("GET /api/elections/{election_id}/sheets/{station_id}", SUPERVISION, 200, "/api/elections/{open}/sheets/1"),
        Row(
            "GET /api/elections/{election_id}/sheets/{station_id}/photographs/{photograph_id}",
            SUPERVISION,
            200,
            "/api/elections/{open}/sheets/1/photographs/{photograph}",
        ),
        Row(
            "POST /api/elections/{election_id}/sheets/{station_id}/resolution",
            ADMINISTRATOR,
            200,
            "/api/elections/{open}/sheets/{differing}/resolution",
            {"chosen": 1, "reason": "Counted again."},
            NEWEST,
        ),
        Row(
            "POST /api/elections/{election_id}/sheets/{station_id}/acceptance",
            ADMINISTRATOR,
            200,
            "/api/elections/{open}/sheets/{waiting}/acceptance",
            {},
            NEWEST,
        ),
        Row(
            "POST /api/elections/{election_id}/sheets/{station_id}/reopening",
            ADMINISTRATOR,
            200,
            "/api/elections/{open}/sheets/{accepted}/reopening",
            {"reason": "A mistake."},
            NEWEST,
        ),
        Row(
            "POST /api/elections/{election_id}/sheets/acceptance",
            ADMINISTRATOR,
            200,
            "/api/elections/{open}/sheets/acceptance",
            {"stations": WAITING},
        ),
        Row(
            "GET /api/elections/{election_id}/reconciliation", SUPERVISION, 200, "/api/elections/{open}/reconciliation"
        ),
        Row(
            "GET /api/elections/{election_id}/reconciliation.csv",
            SUPERVISION,
            200,
            "/api/elections/{open}/reconciliation.csv",
        ),
        Row(
            "GET /api/elections/{election_id}/reconciliation/{station_id}",
            SUPERVISION,
            200,
            "/api/elections/{open}/reconciliation/1",
        ),
        Row(
            "POST /api/elections/{election_id}/reconciliation/{station_id}/explanations",
            ADMINISTRATOR,
            201,
            "/api/elections/{open}/reconciliation/{accepted}/explanations",
            {"difference": "list.1", "figures": {"declared": 60, "counted": 59}, "reason": "A slip."},
        ),
    ],
    "voting_station_service": [
        Row("POST /vote", OFFICIAL, 200, upload=True),
        Row("POST /api/batches", OFFICIAL, 202, upload=True),
        Row("POST /api/elections/{election_id}/batches", OFFICIAL, 202, "/api/elections/{open}/batches", upload=True),
        Row("GET /api/batches/{batch_id}", STAFF, 200, "/api/batches/{batch}", owned=True),
        Row("GET /api/elections", STAFF, 200),
        Row("GET /api/elections/{election_id}/stations", OFFICIAL, 200, "/api/elections/{open}/stations"),
        Row(f"GET {SHEET}", STAFF, 200, SHEET_OF_ONE, placed=True),
        Row(f"POST {SHEET}", OFFICIAL, 202, SHEET_OF_ONE, {}, placed=True),
        Row(f"POST {SHEET}/check", OFFICIAL, 200, f"{SHEET_OF_ONE}/check", {}, placed=True),
        Row(
            f"POST {SHEET}/photographs", OFFICIAL, 202, f"{SHEET_OF_ONE}/photographs", csv="no photograph", placed=True
        ),
        Row(
            "POST /api/elections/{election_id}/batches/check",
            OFFICIAL,
            200,
            "/api/elections/{open}/batches/check",
            upload=True,
            is_trial=True,
        ),
        Row("GET /api/elections/{election_id}/ballot-paper", EVERYBODY, 200, "/api/elections/{open}/ballot-paper"),
        Row("POST /api/elections/{election_id}/ballots", EVERYBODY, 202, "/api/elections/{open}/ballots", BALLOT),
        # The page of voters, which asks nobody who he is.
        Row("GET /ballot", EVERYBODY, 200),
        *(page(route) for route in STATION_PAGES),
    ],
    # Results are everybody's, and so is the list on which voters look their receipts up.
    "results_service": RESULTS_ROWS,
}

TABLE: dict[str, list[Row]] = {service: [*EVERY_SERVICE, *rows] for service, rows in OWN.items()}
