"""The project's own source as the tests of its promises read it: files, modules, imports, names of tests."""

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("authentication_service", "admin_service", "voting_station_service", "daemon", "results_service")
WEB_SERVICES = tuple(service for service in SERVICES if service != "daemon")

# What a checkout may hold besides the repository: environments, data, caches, and other projects' code.
_NOT_OURS = {"var", "build", "secrets", "node_modules", "__pycache__", ".git", ".venv"}


def files() -> Iterator[Path]:
    """Every file of the checkout that may belong to the repository, without environments, data and caches."""
    for directory, names, found in os.walk(ROOT):
        names[:] = sorted(name for name in names if not _is_foreign(Path(directory, name)))
        yield from (Path(directory, name) for name in sorted(found))


def modules(*packages: str) -> dict[str, Path]:
    """The modules of our packages by their dotted names; a package has the name of its folder."""
    found = {}
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(path: Path) -> frozenset[str]:
    """The dotted names of all modules that a file imports, wherever in the file it does so.

    ``from a import b`` gives ``a.b`` when that is a module of ours, else ``a``.
    """
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import; the others here are absolute."
            module = node.module or ""
            found.update(
                f"{module}.{alias.name}" if _is_ours(f"{module}.{alias.name}") else module for alias in node.names
            )
    return frozenset(found)


@cache
def tree(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def reached(start: dict[str, Path]) -> dict[str, Path]:
    """The modules of ours that are loaded when those of ``start`` are: what they import, and so on."""
    ours = modules(*SERVICES, "shared", "cli", "migrations")
    found: dict[str, Path] = {}
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name in found or name not in ours:
            continue
        found[name] = ours[name]
        waiting.extend(imports(ours[name]))
        # Importing a.b.c loads a and a.b first.
        parts = name.split(".")
        waiting.extend(".".join(parts[:length]) for length in range(1, len(parts)))
    return found


@cache
def names_of_tests() -> frozenset[str]:
    """Every test as ``folder/test_file.py::test_name``, relative to the folder of the tests."""
    found = set()
    folder = ROOT / "tests"
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.add(f"{path.relative_to(folder).as_posix()}::{node.name}")
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                # A state machine of hypothesis becomes a test by an assignment: TestCounting = Counting.TestCase.
                found.add(f"{path.relative_to(folder).as_posix()}::{node.targets[0].id}")
    return frozenset(found)


def _is_foreign(folder: Path) -> bool:
    return folder.name in _NOT_OURS or folder.name.endswith((".egg-info", "_cache")) or folder.name == ".hypothesis"


def _is_ours(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
