"""``urna openapi`` and ``urna schema``: the documents that are written from the code, and whether they are stale."""

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import sqlalchemy as sa
from apiflask import APIFlask
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import DeclarativeBase

from cli.failure import REFUSED, SUCCESS
from cli.output import Output, with_output
from cli.suite.plan import ROOT, SERVICES
from shared.config import SERVICE_SETTINGS, load
from shared.schema.accounts import AccountsBase
from shared.schema.election import ElectionBase

R = TypeVar("R")

DOCS = ROOT / "docs"
STORES: dict[str, tuple[str, type[DeclarativeBase]]] = {
    "accounts": ("The accounts store", AccountsBase),
    "election": ("The election store", ElectionBase),
}


def _check_option(command: Callable[..., R]) -> Callable[..., R]:
    return click.option("--check", is_flag=True, help="Write nothing; exit status 1 when a document is stale.")(command)


@click.command()
@_check_option
@with_output
def openapi(output: Output, check: bool) -> int:
    """Write the services' OpenAPI documents to docs/api/."""
    return _publish(output, openapi_documents(), check)


@click.command()
@_check_option
@with_output
def schema(output: Output, check: bool) -> int:
    """Write the tables of both stores, as the models have them, to docs/."""
    return _publish(output, schema_documents(), check)


def openapi_documents() -> dict[Path, str]:
    """Each service's OpenAPI document, with its keys in order so that a change is small in the history."""
    found = {}
    for service in SERVICES:
        with _app(service) as app, app.test_client() as caller:
            served = caller.get("/api/openapi.json").get_json()
        found[DOCS / "api" / f"{service}.json"] = (
            json.dumps(served, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        )
    return found


# The modules of the election store in the order in which they are read best.
_NOUNS = ("elections", "geography", "electorate", "counting", "sheets", "journal")


def schema_documents() -> dict[Path, str]:
    """Both stores' tables as Markdown."""
    return {DOCS / f"schema-{name}.md": "\n".join(_store(title, base)) + "\n" for name, (title, base) in STORES.items()}


def stale(documents: Mapping[Path, str]) -> list[Path]:
    """Those documents that are missing or differ from what the code gives."""
    return [
        path for path, content in documents.items() if not path.exists() or path.read_text(encoding="utf-8") != content
    ]


def _publish(output: Output, documents: Mapping[Path, str], check: bool) -> int:
    changed = stale(documents)
    names = [path.relative_to(ROOT).as_posix() for path in changed]
    if check:
        sentence = f"Stale: {', '.join(names)}; write them anew without --check." if names else "Nothing is stale."
        output.result({"stale": names}, lambda console: console.print(sentence))
        return REFUSED if names else SUCCESS
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(documents[path], encoding="utf-8")
    output.result(
        {"written": names},
        lambda console: console.print(f"Written: {', '.join(names)}" if names else "All up to date."),
    )
    return SUCCESS


@contextmanager
def _app(service: str) -> Iterator[APIFlask]:
    """The service's app with settings that reach nothing: an OpenAPI document depends on none of them."""
    private = Ed25519PrivateKey.generate()
    public_pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private_pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    settings = load(
        SERVICE_SETTINGS[service],
        _env_file=None,
        log_level="error",
        jwt_algorithm="EdDSA",
        jwt_public_key=public_pem.decode("ascii"),
        jwt_private_key=private_pem.decode("ascii"),
        accounts_database_url="sqlite://",
        election_database_url="sqlite://",
        redis_url="redis://127.0.0.1:1/0",
        admin_email="administrator@urna.example",
        admin_password="Password1",  # noqa: S106 -- nobody is made with it.
        register_key="nothing is sealed with this one.",
    )
    app = importlib.import_module(f"{service}.app").create_app(settings)
    assert isinstance(app, APIFlask)  # noqa: S101 -- that is what create_app is.
    try:
        yield app
    finally:
        if (database := app.extensions.get("database")) is not None:
            database.close()


def _store(title: str, base: type[DeclarativeBase]) -> Iterator[str]:
    yield f"# {title}"
    yield ""
    # Models that are split by noun have their store described by the package.
    module = importlib.import_module(base.__module__.removesuffix(".base"))
    yield _paragraph(module.__doc__)
    yield ""
    yield "Written from the models by `urna schema`; do not edit. Moments are UTC. PK: primary key, FK: refers to."
    for mapper in sorted(base.registry.mappers, key=lambda mapper: _place(mapper.class_)):
        yield ""
        yield from _table(mapper.class_)


def _place(model: type[Any]) -> tuple[int, int]:
    """Where a model stands: the order in which a person wrote them explains more than the alphabet."""
    module = importlib.import_module(model.__module__)
    noun = model.__module__.rpartition(".")[2]
    return _NOUNS.index(noun) if noun in _NOUNS else 0, list(vars(module)).index(model.__name__)


def _table(model: type[Any]) -> Iterator[str]:
    described = sa.inspect(model).local_table
    yield f"## {described.name}"
    yield ""
    yield _paragraph(model.__doc__)
    yield ""
    yield "| Column | Type | | Meaning |"
    yield "| --- | --- | --- | --- |"
    for column in described.columns:
        yield f"| {column.name} | {_type(column)} | {_marks(column)} | {column.doc or ''} |"
    rules = [*_constraints(described)]
    if rules:
        yield ""
        yield from (f"- {rule}" for rule in rules)


def _type(column: sa.Column[Any]) -> str:
    name = type(column.type).__name__
    length = getattr(column.type, "length", None)
    return f"{name}({length})" if length else name


def _marks(column: sa.Column[Any]) -> str:
    marks = ["PK"] if column.primary_key else []
    marks += [f"FK {key.target_fullname}" for key in column.foreign_keys]
    if column.nullable:
        marks.append("may be NULL")
    if column.unique:
        marks.append("unique")
    return ", ".join(marks)


def _constraints(described: sa.Table) -> Iterator[str]:
    for constraint in sorted(described.constraints, key=lambda one: str(one.name)):
        columns = ", ".join(column.name for column in getattr(constraint, "columns", ()))
        if isinstance(constraint, sa.UniqueConstraint) and len(constraint.columns) > 1:
            yield f"Unique together: {columns}."
        if isinstance(constraint, sa.CheckConstraint):
            yield f"Always true: `{constraint.sqltext}`."
    for index in sorted(described.indexes, key=lambda one: str(one.name)):
        yield f"Index: {', '.join(column.name for column in index.columns)}."


def _paragraph(text: str | None) -> str:
    """A docstring as one paragraph to a block."""
    blocks = (text or "").strip().split("\n\n")
    return "\n\n".join(" ".join(block.split()).replace("``", "`") for block in blocks)
