"""The rows of the table of rights for forgotten passwords, and for what administrators do with accounts besides."""

from tests.services.access_rows import ADMINISTRATOR, EVERYBODY, Row

RESET_ROWS = [
    Row(
        "PATCH /api/users/{user_id}/details",
        ADMINISTRATOR,
        200,
        "/api/users/{victim}/details",
        {"forename": "A"},
        {"If-Match": "*"},
    ),
    Row("GET /api/users/{user_id}/sessions", ADMINISTRATOR, 200, "/api/users/{victim}/sessions"),
    Row("DELETE /api/users/{user_id}/sessions", ADMINISTRATOR, 204, "/api/users/{administrator}/sessions"),
    # Forgotten passwords: of who is asked for nobody is told, and the link says who may.
    Row("POST /api/password-resets", EVERYBODY, 202, body={"login": "{victim_email}"}),
    Row("POST /api/password-resets/use", EVERYBODY, 204, body={"token": "{link}", "password": "An0therPassword"}),
    Row("GET /forgotten-password", EVERYBODY, 200),
    Row("GET /reset-password", EVERYBODY, 200, "/reset-password?token={link}"),
]
