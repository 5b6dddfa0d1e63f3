"""The rules as files: promtool takes them, each is tried by figures, and the page says of each what to do."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.left_out import needs
from tests.observability.rules import CASES, CONFIGURATION, RULES, alerts
from tests.servers.prometheus import Prometheus
from tests.source import ROOT

PAGE = ROOT / "docs" / "alerts.md"


def promtool(*arguments: str | Path) -> str:
    """Run it to its end; what it said, which must be that all is well."""
    needs(Prometheus)
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_the_configuration_and_the_rules(tmp_path: Path) -> None:
    assert f"SUCCESS: {len(alerts())} rules found" in promtool("check", "rules", RULES)
    # In its container the rules lie beside it.
    copy = tmp_path / "prometheus.yml"
    copy.write_text(CONFIGURATION.read_text(encoding="utf-8").replace("/etc/prometheus/", f"{RULES.parent}/"))
    promtool("check", "config", copy)


def test_each_alert_fires_by_the_figures_that_it_is_for_and_not_in_a_quiet_night() -> None:
    promtool("test", "rules", CASES)


def test_a_rule_that_says_something_else_is_noticed(tmp_path: Path) -> None:
    # Or the test above would say nothing.
    wrong = tmp_path / "rules.yml"
    wrong.write_text(RULES.read_text(encoding="utf-8").replace("(urna_dead_letters) > 0", "(urna_dead_letters) > 2"))
    cases = tmp_path / "cases.yml"
    text = CASES.read_text(encoding="utf-8")
    cases.write_text(re.sub(r"^rule_files: .*$", f"rule_files: [{wrong}]", text, flags=re.MULTILINE))
    with pytest.raises(AssertionError, match="UrnaDeadLetters"):
        promtool("test", "rules", cases)


def test_no_alert_is_left_out_of_the_figures() -> None:
    quiet, *faults = yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
    assert {case["alertname"] for case in quiet["alert_rule_test"]} == set(alerts())
    assert not any(case["exp_alerts"] for case in quiet["alert_rule_test"])
    cases = [case for fault in faults for case in fault["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == set(alerts())
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == set(alerts())


def test_the_page_has_a_heading_for_each_alert_in_their_order_and_no_other() -> None:
    headings = re.findall(r"^## (Urna\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == list(alerts())


@pytest.mark.parametrize("name", alerts())
def test_the_page_says_how_bad_an_alert_is_and_what_to_do(name: str) -> None:
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {name}\n\n")[2].partition("\n## ")[0]
    severity = alerts()[name]["labels"]["severity"]
    assert text.startswith(f"**{severity.capitalize()}.** ")
    assert "```\n" in text, "Exact commands."


def test_each_service_that_a_command_of_the_page_names_exists() -> None:
    text = PAGE.read_text(encoding="utf-8")
    services = set(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])
    named = set()
    for command, line in re.findall(r"^docker compose (logs|ps|restart|exec|up)(.*)$", text, re.MULTILINE):
        words = line.partition("|")[0].split()
        # What comes behind the service is done in it.
        words = words[:1] if command == "exec" else words
        named |= {word for word in words if re.fullmatch(r"[a-z]+(-[a-z]+)*", word)}
    assert named
    assert named <= services
