"""What an app and its store prepare when they are made, kept for all that a worker makes.

A program makes one app and a test its own, so that most of a test's time would go into routes, templates and statements
that the test before it had, too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import jinja2
import pytest
from flask import Flask
from jinja2.bccache import Bucket
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

# What of a rule is a function of its own.
_BUILDERS = ("_build", "_build_unknown")


class _Templates(jinja2.BytecodeCache):
    """Compiled templates by their file; one whose text is another by now is compiled again."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if found := self._compiled.get(bucket.key):
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


def _compiling() -> Callable[[Rule], None]:
    """Werkzeug takes a rule to pieces, and writes and compiles two functions: the same for rules that are the same."""
    compiling = Rule.compile
    known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def compiled(self: Rule) -> None:
        key = (self.rule, self.subdomain, self.host, repr(self.defaults), self.merge_slashes, *self.map.converters)
        if key not in known:
            compiling(self)
            known[key] = {name: getattr(self, name) for name in ("_parts", "_trace", "_converters", "arguments")}
            known[key] |= {name: getattr(self, name).__func__ for name in _BUILDERS}
            return
        for name, value in known[key].items():
            setattr(self, name, MethodType(value, self) if name in _BUILDERS else value)

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
        patch.setattr(Rule, "compile", _compiling())
        patch.setitem(Flask.jinja_options, "bytecode_cache", _Templates())
        # For one server and driver a statement is compiled to the same, whichever engine asks.
        patch.setattr(DefaultDialect, "__eq__", lambda one, other: one is other or _kind(one) == _kind(other))
        patch.setattr(DefaultDialect, "__hash__", lambda one: hash(type(one)))
        patch.setattr(Engine, "_compiled_cache", _statements(), raising=False)
        yield
