"""What an app and its store prepare when they are made, kept for all that a worker makes.

A program makes one app and a test its own, so that most of a test's time would go into routes, templates and statements
that the test before it had, too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jinja2
import pytest
from flask import Flask
from jinja2.bccache import Bucket
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]


class _Templates(jinja2.BytecodeCache):
    """Compiled templates by their file; one whose text is another by now is compiled again."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if found := self._compiled.get(bucket.key):
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


def _builders() -> Callable[..., Builder]:
    """Werkzeug writes and compiles a function that makes a rule's address: the same for rules that are the same."""
    compiling = Rule._compile_builder
    known: dict[tuple[Any, ...], Builder] = {}

    def compiled(self: Rule, append_unknown: bool = True) -> Builder:
        key = (self.rule, tuple(self._trace), repr(self.defaults), append_unknown)
        if key not in known:
            known[key] = compiling(self, append_unknown)
        return known[key]

    return compiled


def _kind(dialect: DefaultDialect) -> tuple[Any, ...]:
    version = getattr(dialect, "server_version_info", None)
    return type(dialect), version, getattr(dialect, "is_mariadb", None)


def _statements() -> property:
    """SQLAlchemy keeps what it has compiled, by statement and dialect, for one engine; a worker's engines share it."""
    compiled = LRUCache[Any, Any](3000)
    return property(lambda _engine: compiled, lambda _engine, _own: None)


@contextmanager
def made_once() -> Iterator[None]:
    """Let apps that are made in this process share what they prepare."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", _builders())
        patch.setitem(Flask.jinja_options, "bytecode_cache", _Templates())
        # For one server and driver a statement is compiled to the same, whichever engine asks.
        patch.setattr(DefaultDialect, "__eq__", lambda one, other: one is other or _kind(one) == _kind(other))
        patch.setattr(DefaultDialect, "__hash__", lambda one: hash(type(one)))
        patch.setattr(Engine, "_compiled_cache", _statements(), raising=False)
        yield
