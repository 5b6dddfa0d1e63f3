"""What the OpenAPI document says of uploads, which the framework alone could not know."""

from typing import Any

import pytest

from tests.services.station import Station, json_of

NAMED = "/api/elections/{election_id}/batches"
UPLOADS = pytest.mark.parametrize("path", ["/vote", "/api/batches", NAMED])


@pytest.fixture
def document(station: Station) -> dict[str, Any]:
    """The document as anybody gets it."""
    return json_of(station.client.get("/api/openapi.json"))


@UPLOADS
def test_an_upload_is_described_as_a_multipart_file(document: dict[str, Any], path: str) -> None:
    body = document["paths"][path]["post"]["requestBody"]
    assert body["required"] is True
    schema = body["content"]["multipart/form-data"]["schema"]
    assert schema["required"] == ["file"]
    assert schema["properties"]["file"]["format"] == "binary"


@UPLOADS
def test_the_idempotency_key_is_described_once_as_an_optional_header(document: dict[str, Any], path: str) -> None:
    headers = [found for found in document["paths"][path]["post"]["parameters"] if found["in"] == "header"]
    (key,) = headers
    assert (key["name"], key["required"]) == ("Idempotency-Key", False)
    assert (key["schema"]["minLength"], key["schema"]["maxLength"]) == (1, 255)


def test_the_document_is_the_same_every_time(station: Station, document: dict[str, Any]) -> None:
    assert json_of(station.client.get("/api/openapi.json")) == document


@UPLOADS
def test_every_refusal_of_an_upload_is_described(document: dict[str, Any], path: str) -> None:
    responses = document["paths"][path]["post"]["responses"]
    expected = {
        "/vote": {"200", "400", "401", "413", "429", "503"},
        "/api/batches": {"202", "401", "403", "409", "413", "422", "429", "503"},
        NAMED: {"202", "401", "403", "404", "409", "413", "422", "429", "503"},
    }
    assert set(responses) == expected[path]


@pytest.mark.parametrize("path", ["/api/batches", NAMED])
def test_a_receipt_is_described_with_its_address(document: dict[str, Any], path: str) -> None:
    accepted = document["paths"][path]["post"]["responses"]["202"]
    assert "Location" in accepted["headers"]
    schema = accepted["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert {"id", "sha256", "lines", "received_at", "repeated"} <= set(
        document["components"]["schemas"][schema]["properties"]
    )


@pytest.mark.parametrize("path", ["/vote", "/api/batches", NAMED, "/api/batches/{batch_id}", "/api/elections"])
def test_every_route_says_that_it_needs_a_token(document: dict[str, Any], path: str) -> None:
    for operation in document["paths"][path].values():
        if isinstance(operation, dict):
            assert operation["security"] == [{"bearer": []}]
