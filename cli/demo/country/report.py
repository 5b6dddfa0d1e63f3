"""What ``urna demo --with-sheets`` shows at its end."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from cli.demo.country.check import Check
from cli.demo.country.night import Night
from cli.demo.country.plan import Plan
from cli.output import table

_MOST_SHOWN = 20


def as_facts(plan: Plan, night: Night, every: int, made: Sequence[Check], seconds: float) -> dict[str, Any]:
    """The outcome for programs."""
    return {
        "right": not any(one.wrong for one in made),
        "differences": [sentence for one in made for sentence in one.wrong],
        "checks": {one.what: not one.wrong for one in made},
        "scale": every,
        "election": night.election["id"],
        "stations": len(plan.stations),
        "entries": 2 * len(plan.stations),
        "ballots": night.answers["result"]["ballots"],
        "seats": {one["poll_number"]: one["seats"] for one in night.answers["result"]["lists"]},
        "planted": {one.code: one.planted for one in plan.planted},
        "stages": [
            {"name": one.name, "count": one.count, "unit": one.unit, "seconds": round(one.seconds, 3)}
            for one in night.stages
        ],
        "seconds_to_first_result": round(night.first_result or 0.0, 3),
        "seconds": round(seconds, 3),
    }


def show(console: Console, night: Night, made: Sequence[Check], seconds: float) -> None:
    """The outcome for people."""
    stages = table("", "Stage", "Done", "Seconds", "Rate", right=("Done", "Seconds", "Rate"))
    for one in night.stages:
        stages.add_row(one.name, f"{one.count:,}", f"{one.seconds:.1f}", f"{one.rate:,.1f} {one.unit}/s")
    console.print(stages)
    console.print(f"First result {night.first_result or 0.0:.2f} s after the first file; {seconds:.1f} s in all.")
    for check in made:
        console.print(f"{'wrong' if check.wrong else 'right'}  {check.what}.", style="red" if check.wrong else "green")
        for sentence in check.wrong[:_MOST_SHOWN]:
            console.print(f"       {sentence}", style="red")
        if len(check.wrong) > _MOST_SHOWN:
            console.print(f"       and {len(check.wrong) - _MOST_SHOWN:,} more.", style="red")
