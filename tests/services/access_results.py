"""The rows of the table of rights for the results service: everybody sees everything that is public."""

from tests.services.access_rows import EVERYBODY, Row

RESULTS_ROWS = [
    Row("GET /api/elections/{election_id}/candidates", EVERYBODY, 200, "/api/elections/{final}/candidates"),
    Row(
        "GET /api/elections/{election_id}/candidates/{candidate_id}/picture",
        *(EVERYBODY, 200, "/api/elections/{final}/candidates/77/picture"),
    ),
    Row("GET /api/elections", EVERYBODY, 200),
    Row("GET /api/elections/{election_id}", EVERYBODY, 200, "/api/elections/{final}"),
    Row("GET /api/elections/{election_id}/live", EVERYBODY, 200, "/api/elections/{final}/live"),
    Row("GET /api/elections/{election_id}/refused-ballots", EVERYBODY, 200, "/api/elections/{final}/refused-ballots"),
    Row("GET /api/elections/{election_id}/corrections", EVERYBODY, 200, "/api/elections/{final}/corrections"),
    Row(
        "GET /api/elections/{election_id}/results/places",
        EVERYBODY,
        200,
        "/api/elections/{final}/results/places?level=region",
    ),
    Row(
        "GET /api/elections/{election_id}/results/places/{level}/{place}",
        EVERYBODY,
        200,
        "/api/elections/{final}/results/places/station/{station}",
    ),
    Row(
        "GET /api/elections/{election_id}/results/timeline",
        EVERYBODY,
        200,
        "/api/elections/{final}/results/timeline",
    ),
    Row("GET /api/elections/{election_id}/results", EVERYBODY, 200, "/api/elections/{final}/results"),
    Row(
        "GET /api/elections/{election_id}/results/certainty",
        EVERYBODY,
        200,
        "/api/elections/{final}/results/certainty",
    ),
    Row("GET /api/elections/{election_id}/results.csv", EVERYBODY, 200, "/api/elections/{final}/results.csv"),
    Row(
        "GET /api/elections/{election_id}/results/stations.csv",
        EVERYBODY,
        200,
        "/api/elections/{final}/results/stations.csv",
    ),
    Row(
        "GET /api/elections/{election_id}/results.nist.json",
        EVERYBODY,
        200,
        "/api/elections/{final}/results.nist.json",
    ),
    # Records, which are signed in this world.
    Row("GET /api/record-keys", EVERYBODY, 200),
    Row("GET /api/elections/{election_id}/record", EVERYBODY, 200, "/api/elections/{final}/record"),
    Row("GET /api/elections/{election_id}/record/signed", EVERYBODY, 200, "/api/elections/{final}/record/signed"),
    Row(
        "GET /api/elections/{election_id}/record/stations/{station_id}",
        EVERYBODY,
        200,
        "/api/elections/{final}/record/stations/{station}",
    ),
    Row(
        "GET /api/elections/{election_id}/record/stations/{station_id}/signed",
        EVERYBODY,
        200,
        "/api/elections/{final}/record/stations/{station}/signed",
    ),
    Row(
        "GET /api/elections/{election_id}/receipts/{guid}",
        EVERYBODY,
        200,
        "/api/elections/{final}/receipts/{ballot}",
    ),
    # Voters do not cast ballots themselves in this election.
    Row("GET /api/elections/{election_id}/counted-ballots", EVERYBODY, 404, "/api/elections/{final}/counted-ballots"),
    Row(
        "GET /api/elections/{election_id}/counted-ballots.csv",
        EVERYBODY,
        404,
        "/api/elections/{final}/counted-ballots.csv",
    ),
    # The rules of this election do not publish how ballots were cast.
    Row("GET /api/elections/{election_id}/choices", EVERYBODY, 404, "/api/elections/{final}/choices"),
    Row("GET /api/elections/{election_id}/choices.csv", EVERYBODY, 404, "/api/elections/{final}/choices.csv"),
    # Pages.
    Row("GET /", EVERYBODY, 200),
    Row("GET /receipts", EVERYBODY, 200),
    # From its own page alone.
    Row("POST /receipts", EVERYBODY, 403, by_cookie=True),
    Row("GET /elections/{election_id}", EVERYBODY, 200, "/elections/{final}"),
    Row("GET /elections/{election_id}/screen", EVERYBODY, 200, "/elections/{final}/screen"),
    Row("GET /elections/{election_id}/why", EVERYBODY, 200, "/elections/{final}/why"),
    Row("GET /elections/{election_id}/places", EVERYBODY, 200, "/elections/{final}/places"),
    Row(
        "GET /elections/{election_id}/places/{level}/{place}",
        EVERYBODY,
        200,
        "/elections/{final}/places/station/{station}",
    ),
    Row("GET /elections/{election_id}/map", EVERYBODY, 200, "/elections/{final}/map"),
    Row("GET /elections/{election_id}/moments", EVERYBODY, 200, "/elections/{final}/moments"),
    Row("GET /elections/{election_id}/candidates", EVERYBODY, 200, "/elections/{final}/candidates"),
    Row("GET /elections/{election_id}/corrections", EVERYBODY, 200, "/elections/{final}/corrections"),
    Row("GET /elections/{election_id}/protocol", EVERYBODY, 200, "/elections/{final}/protocol"),
    Row(
        "GET /elections/{election_id}/protocol/station/{station}",
        EVERYBODY,
        200,
        "/elections/{final}/protocol/station/{station}",
    ),
]
