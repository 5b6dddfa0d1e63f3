"""The documents that are written from the code are those of today's code, and say what they have to."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from cli.app import main
from cli.documents import STORES, openapi_documents, schema_documents, stale
from tests.source import ROOT

WHO = r"Who may:|Takes a refresh token\."
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def openapi() -> dict[Path, str]:
    """Today's OpenAPI documents."""
    return openapi_documents()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every operation of a document with its name."""
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_the_openapi_documents_are_those_of_the_code(openapi: dict[Path, str]) -> None:
    assert not stale(openapi), "Write them anew: urna openapi (make openapi)."


def test_the_schema_documents_are_those_of_the_models() -> None:
    assert not stale(schema_documents()), "Write them anew: urna schema (make schema)."


def test_the_openapi_documents_are_valid_and_of_version_3_1(openapi: dict[Path, str]) -> None:
    for path, content in openapi.items():
        document = json.loads(content)
        assert document["openapi"].startswith("3.1"), path
        OpenAPIV31SpecValidator(document).validate()


def test_every_operation_has_a_summary_and_with_a_token_says_who_may_call_it(openapi: dict[Path, str]) -> None:
    for path, content in openapi.items():
        for name, operation in operations(json.loads(content)):
            assert operation.get("summary"), f"{path.name}: {name}"
            if "security" in operation:
                assert {"Who may:", "Takes a refresh token."} & set(re.findall(WHO, operation["description"])), name


def test_every_table_and_every_column_of_the_models_stands_in_the_schema_documents() -> None:
    documents = {path.name: content for path, content in schema_documents().items()}
    for name, (_, base) in STORES.items():
        content = documents[f"schema-{name}.md"]
        for table in base.metadata.tables.values():
            section = content.partition(f"\n## {table.name}\n")[2].partition("\n## ")[0]
            assert section, table.name
            for column in table.columns:
                assert f"\n| {column.name} | " in section, f"{table.name}.{column.name}"


def test_a_stale_document_is_named_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cli.documents.DOCS", tmp_path / "docs")
    monkeypatch.setattr("cli.documents.ROOT", tmp_path)
    assert main(["schema", "--check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"stale": ["docs/schema-accounts.md", "docs/schema-election.md"]}
    assert main(["schema", "--json"]) == 0
    assert main(["schema", "--check", "--json"]) == 0
    written = (tmp_path / "docs" / "schema-accounts.md").read_text(encoding="utf-8")
    assert written == (ROOT / "docs" / "schema-accounts.md").read_text(encoding="utf-8")
