"""Schemathesis against a running service: requests made up from its OpenAPI document, and what answers lack."""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from apiflask import APIFlask
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

# Of the tool's checks all but these: the documents cannot say everything that makes a value a wrong one (the control
# digit of a national id, a start that is after the end), and the matrix in test_access.py knows tokens better.
LEFT_OUT = ("positive_data_acceptance", "ignored_auth")


@dataclass
class Found:
    """What came of a run: how many examples each phase sent, and each kind of fault with one example of it."""

    examples: Counter[str] = field(default_factory=Counter)
    faults: dict[tuple[str, str, str], str] = field(default_factory=dict)


def fuzz(app: APIFlask, headers: dict[str, str], most: int, seed: int, *, linked: bool) -> Found:
    """Send ``most`` made up requests at most to each route, and whatever its document makes interesting besides.

    Half of them are such as the document describes, and half are not. ``linked`` requests follow each other also as the
    links between routes suggest, with what earlier answers held.
    """
    random.seed(seed)
    found = Found()
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app, config=_config(headers, most, seed, linked))
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            found.faults[("the tool itself", type(event).__name__, "")] = str(event)
        elif isinstance(event, events.ScenarioFinished):
            _collect(event, found)
    return found


def _config(headers: dict[str, str], most: int, seed: int, linked: bool) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "headers": headers,
            "continue-on-failure": True,
            # A stream of events sends the result at once, and goes on until somebody hangs up.
            "max-stream-events": 1,
            "generation": {"max-examples": most, "database": "none"},
            # The administration has so many links between its routes that to follow them takes minutes.
            "phases": {"stateful": {"enabled": linked, "max-steps": 8}},
            "checks": {
                **{name: {"enabled": False} for name in LEFT_OUT},
                # A change without If-Match is answered with 428, as RFC 6585 has it.
                "missing_required_header": {"expected-statuses": [401, 403, 422, 428]},
                # The tool's own, and 413: what is wrong may also be too large, or have too many fields.
                "negative_data_rejection": {
                    "expected-statuses": [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]
                },
            },
        }
    )


def _collect(event: events.ScenarioFinished, found: Found) -> None:
    recorder = event.recorder
    for case_id, checks in recorder.checks.items():
        found.examples[event.phase.value] += 1
        for check in checks:
            if check.failure_info is None:
                continue
            failure = check.failure_info.failure
            case: Any = recorder.cases[case_id].value
            # An empty list in the query is not sent at all, so that nothing of it could be refused.
            if check.name == "negative_data_rejection" and [] in (case.query or {}).values():
                continue
            answer = recorder.interactions[case_id].response
            found.faults.setdefault(
                (f"{case.method} {case.operation.path}", check.name, failure.title),
                f"{failure.message}\n  {case.method} {case.formatted_path} query={case.query} body={case.body!r:.500}\n"
                f"  headers={ {name: value for name, value in case.headers.items() if name != 'Authorization'} }\n"
                f"  answered {answer and (answer.status_code, answer.content[:500])}",
            )
