"""The page about what is counted names every metric that a program gives out, and no other."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from daemon.actions import Waiting
from daemon.monitor import Condition, Monitor, Sight
from shared import metrics
from shared.queue.inspection import QueueState
from tests.source import ROOT, modules

PAGE = ROOT / "docs" / "monitoring.md"


def documented() -> dict[str, str]:
    """The names in the table of the page, and their labels."""
    table = PAGE.read_text(encoding="utf-8").partition("<!-- metrics -->\n")[2].partition("<!-- /metrics -->")[0]
    return dict(re.findall(r"^\| `(\w+)` \|([^|]*)\|", table, re.MULTILINE))


def written() -> set[str]:
    """The names that stand in the code, as Prometheus gives counters out."""
    found = set()
    telling = modules("daemon", "authentication_service", "voting_station_service")
    for path in (*modules("shared").values(), *telling.values()):
        text = path.read_text(encoding="utf-8")
        for kind, name in re.findall(r"(Counter|Gauge|Histogram|Reading|StoreErrors)\(\s*\"(urna_\w+)\"", text):
            found.add(f"{name}_total" if kind in ("Counter", "StoreErrors") else name)
    return found


def test_every_metric_stands_in_the_page_and_no_other() -> None:
    assert written() == set(documented())


def test_the_page_names_the_labels_that_a_daemon_gives_out() -> None:
    metrics.counting()
    metrics.sheets()
    queue = QueueState(0, 0, None, None, 0)
    sight = Sight(lambda: Waiting([queue], 0, 0, 0), dict, dict)
    monitor = Monitor(("127.0.0.1", 0), lambda: Condition(True, True), sight, lambda: 0)
    try:
        _, _, body = monitor.answer("/metrics")
    finally:
        monitor.close()
    for one in text_string_to_metric_families(body.decode()):
        name = f"{one.name}_total" if one.type == "counter" else one.name
        labels = {label for sample in one.samples for label in sample.labels} - {"le"}
        assert labels == set(re.findall(r"`(\w+)`", documented()[name])), name


def test_prometheus_client_is_imported_in_one_place() -> None:
    # The processes of a server share their numbers only if these are made after that place has said where.
    importing = {
        path.relative_to(ROOT)
        for path in modules(
            "shared", "authentication_service", "admin_service", "voting_station_service", "daemon"
        ).values()
        if re.search(r"^(?:from|import) prometheus_client", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert importing == {Path("shared/metrics.py")}
