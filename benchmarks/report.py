"""What the benchmark found: said while it goes, kept as JSON, and held against the targets at the end."""

import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Target:
    """A figure that was promised: ``at_least`` or at most ``limit``, in ``unit``."""

    name: str
    limit: float
    unit: str
    at_least: bool


@dataclass(frozen=True)
class Measured:
    """A target with what was measured."""

    target: Target
    value: float

    @property
    def reached(self) -> bool:
        return self.value >= self.target.limit if self.target.at_least else self.value <= self.target.limit


@dataclass
class Report:
    """Everything that was found. ``wrong`` are counts that are not exact, with the scenario in front."""

    facts: dict[str, Any] = field(default_factory=dict)
    measured: list[Measured] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def begin(self, title: str) -> None:
        """Say what is measured next."""
        print(f"\n== {title}  [{time.monotonic() - self._began:.0f} s]", flush=True)

    def say(self, name: str, value: object) -> None:
        """Say one figure."""
        print(f"   {name:58} {written(value):>16}", flush=True)

    def add(self, scenario: str, facts: Mapping[str, Any]) -> None:
        """Keep the figures of a scenario, and say them."""
        self.facts[scenario] = dict(facts)
        self._say_all(facts)

    def check(self, scenario: str, differences: Sequence[str]) -> None:
        """Keep what is not exact."""
        self.wrong += [f"{scenario}: {difference}" for difference in differences]
        self.facts.setdefault(scenario, {})["every count is exact"] = not differences
        self.say("every count is exact", "yes" if not differences else "NO")
        for difference in differences:
            print(f"   WRONG  {difference}", flush=True)

    def hold(self, target: Target, value: float) -> None:
        """Hold a figure against its target."""
        self.measured.append(Measured(target, value))

    def show_targets(self) -> None:
        """The table of the targets."""
        print(f"\n{'Target':64} {'measured':>14} {'target':>14}", flush=True)
        for one in self.measured:
            sign = "≥" if one.target.at_least else "≤"
            wanted = f"{sign} {written(one.target.limit)} {one.target.unit}".rstrip()
            value = f"{written(one.value)} {one.target.unit}".rstrip()
            print(f"{one.target.name:64} {value:>14} {wanted:>14}  {'reached' if one.reached else 'NOT REACHED'}")
        print(f"\nEvery count is exact: {'yes' if not self.wrong else 'NO'}", flush=True)
        for one_wrong in self.wrong:
            print(f"WRONG  {one_wrong}", file=sys.stderr, flush=True)

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        targets = [
            {
                "target": one.target.name,
                "measured": one.value,
                "at least" if one.target.at_least else "at most": one.target.limit,
                "unit": one.target.unit,
                "reached": one.reached,
            }
            for one in self.measured
        ]
        content = {
            **self.facts,
            "targets": targets,
            "every count is exact": not self.wrong,
            "counts that are not exact": self.wrong,
        }
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"Written to {path}", flush=True)

    def _say_all(self, facts: Mapping[str, Any], indent: str = "") -> None:
        for name, value in facts.items():
            if isinstance(value, Mapping):
                self.say(f"{indent}{name}", "")
                self._say_all(value, f"{indent}  ")
            elif isinstance(value, list):
                self.say(f"{indent}{name}", "")
                print(f"     {indent}{'  '.join(written(one) for one in value)}", flush=True)
            else:
                self.say(f"{indent}{name}", value)


def written(value: object) -> str:
    """A figure for people: three digits that say something, thousands apart."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if abs(value) >= 1000:
            return f"{value:,.0f}"
        return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Milliseconds of seconds: the middle, the one that 99 of 100 do not exceed, and the worst."""
    ordered = sorted(values)
    return {
        "p50 ms": 1000 * at(ordered, 0.50),
        "p99 ms": 1000 * at(ordered, 0.99),
        "max ms": 1000 * ordered[-1],
    }


def at(ordered: Sequence[float], share: float) -> float:
    """The least value that this share of ``ordered`` values does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
