"""The threat model names what stops whom; each test and file that it names exists."""

import re

from tests.source import ROOT, names_of_tests

PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
# What stands in backticks and looks like a test, or like a file of ours.
TESTS = re.findall(r"`([a-z_/]+\.py::test_[a-z0-9_]+)`", PAGE)
FILES = re.findall(r"`([a-z_-]+/[a-z_./-]+\.[a-z]+)`", PAGE)


def test_every_test_that_the_threat_model_names_exists() -> None:
    assert len(TESTS) > 40
    assert not sorted(set(TESTS) - names_of_tests())
    # One that was written in another way would not be looked at.
    assert PAGE.count("::") == len(TESTS)


def test_every_file_that_the_threat_model_names_exists() -> None:
    assert len(FILES) > 5
    missing = [name for name in FILES if not (ROOT / name).exists() and not (ROOT / "tests" / name).exists()]
    assert not missing


def test_the_threat_model_speaks_of_every_attacker_of_the_design() -> None:
    headings = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)
    for who in (
        *("outsider", "voter", "official", "administrator", "voting station", "results service", "operator"),
        *("administration service", "authentication service", "daemon", "database's administrator", "network"),
        *("supply chain", "vendor"),
    ):
        assert any(who in heading for heading in headings), who


def test_the_threat_model_and_how_to_report_are_found_from_where_people_look() -> None:
    for place in ("README.md", "CONTRIBUTING.md", "docs/architecture.md"):
        text = (ROOT / place).read_text(encoding="utf-8")
        assert "threat-model.md" in text, place
        assert "SECURITY.md" in text, place
    assert "private security advisory" in (ROOT / "SECURITY.md").read_text(encoding="utf-8")
