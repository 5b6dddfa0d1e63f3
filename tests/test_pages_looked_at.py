"""Every page of the suite is looked at in a browser: its route has a picture, and a test takes it under that name."""

import ast

import pytest

from tests.browser.pictures import NAMES, PICTURES, is_of_its_page
from tests.routes_table import routes
from tests.source import ROOT, WEB_SERVICES, tree

# What a browser gets besides pages, by the last part of its address: parts that a page asks for anew, lists for a
# field, files to keep, pictures, and what the operators' programs read.
_NO_PAGES = {
    *("progress", "centre-names", "{name}", "{size}", "{photograph_id}", "live", "ready", "metrics"),
    *("board.csv", "differences.csv", "key.pem", "roll.csv", "stations.csv"),
}


def pages_of(service: str) -> set[str]:
    """The addresses of a service that people look at."""
    found = {route.path for route in routes(service) if route.method == "GET" and not route.classic}
    return {path for path in found if not path.startswith("/api") and path.rpartition("/")[2] not in _NO_PAGES}


@pytest.mark.parametrize("service", WEB_SERVICES)
def test_every_page_has_its_picture(service: str) -> None:
    assert set(PICTURES[service]) == pages_of(service)


def test_no_picture_is_that_of_two_pages() -> None:
    assert len(NAMES) == sum(len(pages) for pages in PICTURES.values())


def test_a_test_takes_each_picture_by_the_look_that_axe_has_a_part_in() -> None:
    taken: set[str] = set()
    for path in sorted((ROOT / "tests" / "browser").glob("test_*.py")):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "look_at":
                taken |= _texts(node.args[1])
            # One look at many pages, under the names of a table.
            elif isinstance(node, ast.Dict):
                taken |= {text for key in node.keys if key for text in _texts(key)}
            elif isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple):
                taken |= _texts(node.iter)
    assert not NAMES.keys() - taken, "No test looks at these pages."


def _texts(node: ast.AST) -> set[str]:
    return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}


@pytest.mark.parametrize(
    ("name", "address", "is_its_page"),
    [
        ("region", "http://127.0.0.1:5001/stations/regions/1?language=fr", True),
        ("region", "http://127.0.0.1:5001/stations/regions/new", False),
        ("regions", "http://127.0.0.1:5001/stations/regions/new", False),
        ("region-new", "http://127.0.0.1:5001/stations/regions/new", True),
        ("station", "http://127.0.0.1:5001/stations/regions", False),
        ("a-state-of-some-page", "http://127.0.0.1:5001/stations/regions", True),
    ],
)
def test_a_picture_is_refused_at_another_page_than_its_own(name: str, address: str, is_its_page: bool) -> None:
    assert is_of_its_page(name, address) is is_its_page
