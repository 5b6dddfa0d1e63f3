"""A real Prometheus for the tests, which asks given programs and evaluates given rules."""

import json
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, ClassVar

import yaml

from tests.servers.process import Server, find_program

_SECONDS = 30


class Prometheus(Server):
    """Debian's Prometheus with the project's own configuration, in which only the targets and the rules are others.

    ``targets`` are the addresses of each job; ``rules`` is the content of the file of rules.
    """

    part: ClassVar[str] = "Prometheus"

    def __init__(
        self, *, durable: bool = False, configuration: Path, targets: dict[str, list[str]], rules: dict[str, Any]
    ) -> None:
        super().__init__(durable=durable)
        made = yaml.safe_load(configuration.read_text(encoding="utf-8"))
        jobs = [job["job_name"] for job in made["scrape_configs"]]
        assert sorted(jobs) == sorted(targets)
        for job in made["scrape_configs"]:
            del job["dns_sd_configs"]
            job["static_configs"] = [{"targets": targets[job["job_name"]]}]
        made["global"]["evaluation_interval"] = "1s"
        made["rule_files"] = [str(self.directory / "rules.yml")]
        self._configuration = yaml.safe_dump(made)
        self._rules = yaml.safe_dump(rules)

    @classmethod
    def missing(cls) -> str | None:
        """Why this machine cannot run Prometheus, or check its files; None when it can."""
        if find_program("prometheus") is None or find_program("promtool") is None:
            return "no prometheus or promtool; install them with: apt-get install prometheus"
        return None

    @classmethod
    def _user(cls) -> tuple[int, int] | None:
        return None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _prepare(self) -> None:
        (self.directory / "prometheus.yml").write_text(self._configuration)
        (self.directory / "rules.yml").write_text(self._rules)

    def _command(self) -> list[str]:
        return [
            str(find_program("prometheus")),
            f"--config.file={self.directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]

    def _answers(self) -> bool:
        with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)

    def ask(self, path: str, **parameters: str) -> Any:
        """The ``data`` of an answer of its API; an error of it is raised."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=_SECONDS) as answer:
            said = json.load(answer)
        assert said["status"] == "success", said
        return said["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What an expression gives at this moment: labels and values."""
        return list(self.ask("query", query=expression)["result"])

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {one["labels"]["alertname"] for one in self.ask("alerts")["alerts"] if one["state"] == "firing"}

    def names(self) -> set[str]:
        """The names of all metrics that it has seen."""
        return set(self.ask("label/__name__/values"))
