"""The alerts as files, and what is read from them."""

import copy
from pathlib import Path
from typing import Any

import yaml

from tests.source import ROOT

FOLDER = ROOT / "deploy" / "observability"
RULES = FOLDER / "prometheus" / "rules.yml"
CONFIGURATION = FOLDER / "prometheus" / "prometheus.yml"
CASES = Path(__file__).with_name("alerts.test.yml")


def read() -> dict[str, Any]:
    """The file of rules."""
    found = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def alerts() -> dict[str, dict[str, Any]]:
    """Each alert by its name."""
    return {rule["alert"]: rule for group in read()["groups"] for rule in group["rules"]}


def impatient() -> dict[str, Any]:
    """The same rules, which wait for nothing: an alert fires as soon as its expression gives something."""
    made = copy.deepcopy(read())
    for group in made["groups"]:
        for rule in group["rules"]:
            rule["for"] = "0s"
    return made
