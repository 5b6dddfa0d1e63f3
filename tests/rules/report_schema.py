"""The classes of NIST SP 1500-100, version 2, that a report uses, as a schema that allows nothing else.

NIST publishes a schema of its own, which is no part of this project. This one is written from what the standard says of
each class, in fewer words: an attribute that ends with ``!`` has to be there, ``[Party]`` is a list that may be empty,
``[Party]+`` one that may not, and ``A | B`` is one of both classes. It knows the attributes that a report uses, and not
all that the standard has. ``laxer`` finds what one schema allows and the other one does not, so that whoever has the
file of NIST can hold this one against it.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.source import ROOT

Json = dict[str, Any]

PREFIX = "ElectionResults."
OFFICIAL_SHA256 = "b1e1c53f4f7d72c82893728e331f572b3496726bc3282d3b732c9a4e2058f1bd"
_SHARED = ROOT.parent / "shared" / "data" / "NIST_V2_election_results_reporting.json"

# What contests of both classes have.
_CONTEST = {
    "@id!": "text",
    "Name!": "text",
    "BallotTitle": "InternationalizedText",
    "ElectoralDistrictId!": "text",
    "VoteVariation": "VoteVariation",
    "SequenceOrder": "count",
    "CountStatus": "[CountStatus]",
    "SubUnitsReported": "count",
    "TotalSubUnits": "count",
    "SummaryCounts": "[SummaryCounts]",
}

CLASSES: Mapping[str, Mapping[str, str]] = {
    "ElectionReport": {
        "Format!": "ReportDetailLevel",
        "Status!": "ResultsStatus",
        "GeneratedDate!": "moment",
        "Issuer!": "text",
        "IssuerAbbreviation!": "text",
        "VendorApplicationId!": "text",
        "SequenceStart!": "count",
        "SequenceEnd!": "count",
        "IsTest": "truth",
        "TestType": "text",
        "Notes": "text",
        "Election": "[Election]",
        "GpUnit": "[ReportingUnit]",
        "Party": "[Party]",
    },
    "Election": {
        "Name!": "InternationalizedText",
        "Type!": "ElectionType",
        "OtherType": "text",
        "StartDate!": "day",
        "EndDate!": "day",
        "ElectionScopeId!": "text",
        "ExternalIdentifier": "[ExternalIdentifier]",
        "Candidate": "[Candidate]",
        "Contest": "[CandidateContest | PartyContest]",
    },
    "PartyContest": {
        **_CONTEST,
        "BallotSelection": "[PartySelection]",
    },
    "CandidateContest": {
        **_CONTEST,
        "BallotSelection": "[CandidateSelection]",
        "VotesAllowed!": "count",
        "NumberElected": "count",
    },
    "PartySelection": {
        "@id!": "text",
        "PartyIds!": "[text]+",
        "SequenceOrder": "count",
        "VoteCounts": "[VoteCounts]",
    },
    "CandidateSelection": {
        "@id!": "text",
        "CandidateIds!": "[text]+",
        "SequenceOrder": "count",
        "VoteCounts": "[VoteCounts]",
    },
    "Candidate": {
        "@id!": "text",
        "BallotName!": "InternationalizedText",
        "ExternalIdentifier": "[ExternalIdentifier]",
    },
    "Party": {
        "@id!": "text",
        "Name!": "InternationalizedText",
        "ExternalIdentifier": "[ExternalIdentifier]",
        "Abbreviation": "text",
        "Color": "HtmlColorString",
    },
    "ReportingUnit": {
        "@id!": "text",
        "Type!": "ReportingUnitType",
        "OtherType": "text",
        "Name": "text",
        "Number": "text",
        "ExternalIdentifier": "[ExternalIdentifier]",
        "ComposingGpUnitIds": "[text]",
        "IsDistricted": "truth",
        "ContactInformation": "ContactInformation",
        "CountStatus": "[CountStatus]",
        "SubUnitsReported": "count",
        "TotalSubUnits": "count",
        "VotersRegistered": "count",
        "VotersParticipated": "count",
    },
    "SummaryCounts": {
        "Type!": "CountItemType",
        "OtherType": "text",
        "GpUnitId": "text",
        "BallotsCast": "count",
        "BallotsRejected": "count",
        "Undervotes": "count",
        "BallotsOutstanding": "count",
    },
    "VoteCounts": {
        "Type!": "CountItemType",
        "OtherType": "text",
        "GpUnitId": "text",
        "Count!": "count",
    },
    "CountStatus": {"Type!": "CountItemType", "Status!": "CountItemStatus"},
    "ExternalIdentifier": {"Type!": "IdentifierType", "OtherType": "text", "Value!": "text"},
    "InternationalizedText": {"Text!": "[LanguageString]+"},
    "LanguageString": {"Language!": "text", "Content!": "text"},
    "ContactInformation": {"AddressLine": "[text]", "LatLng": "LatLng"},
    "LatLng": {"Latitude!": "number", "Longitude!": "number"},
}

ENUMERATIONS: Mapping[str, str] = {
    "CountItemStatus": "not-processed in-process completed unknown",
    "CountItemType": "total election-day early absentee absentee-in-person absentee-mail absentee-fwab uocava "
    "provisional write-in other",
    "ElectionType": "general primary partisan-primary-open partisan-primary-closed runoff special other",
    "IdentifierType": "ocd-id fips national-level state-level local-level other",
    "ReportDetailLevel": "precinct-level summary-contest",
    "ReportingUnitType": "country state county city borough town township village municipality ward precinct "
    "split-precinct combined-precinct polling-place vote-center drop-box ballot-batch ballot-style-area congressional "
    "state-senate state-house county-council city-council judicial school special utility water other",
    "ResultsStatus": "pre-election unofficial-partial unofficial-complete certified correction recount",
    "VoteVariation": "1-of-m n-of-m plurality majority super-majority proportional approval cumulative range rcv "
    "borda other",
}

_SIMPLE: Mapping[str, Json] = {
    "text": {"type": "string"},
    "truth": {"type": "boolean"},
    "number": {"type": "number"},
    # The standard allows numbers below 0; no count is one.
    "count": {"type": "integer", "minimum": 0},
    "day": {"type": "string", "format": "date"},
    "moment": {"type": "string", "format": "date-time"},
}


def _schema() -> Json:
    definitions: dict[str, Json] = {
        # All of the text: the standard's pattern finds such a color within a longer one, too.
        f"{PREFIX}HtmlColorString": {"type": "string", "pattern": "[0-9a-f]{6}", "maxLength": 6},
    }
    for name, words in ENUMERATIONS.items():
        definitions[PREFIX + name] = {"type": "string", "enum": words.split()}
    for name, attributes in CLASSES.items():
        definitions[PREFIX + name] = {
            "type": "object",
            "additionalProperties": False,
            "required": ["@type", *(one.removesuffix("!") for one in attributes if one.endswith("!"))],
            "properties": {
                "@type": {"enum": [PREFIX + name]},
                **{one.removesuffix("!"): _type(kind) for one, kind in attributes.items()},
            },
        }
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "$ref": f"#/definitions/{PREFIX}ElectionReport",
        "definitions": definitions,
    }


def _type(kind: str) -> Json:
    if kind.startswith("["):
        inner = kind.removesuffix("+").strip("[]")
        return {"type": "array", "minItems": int(kind.endswith("+")), "items": _type(inner)}
    if kind in _SIMPLE:
        return dict(_SIMPLE[kind])
    named = [{"$ref": f"#/definitions/{PREFIX}{name}"} for name in kind.split(" | ")]
    return named[0] if len(named) == 1 else {"oneOf": named}


SCHEMA = _schema()


@cache
def official() -> Json | None:
    """The schema as NIST publishes it, where ``URNA_TEST_NIST_SCHEMA`` names it or it lies beside the checkout."""
    named = os.environ.get("URNA_TEST_NIST_SCHEMA")
    path = Path(named) if named else _SHARED
    if not named and not path.exists():
        return None
    content = path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == OFFICIAL_SHA256, f"{path} is another version than the one tried."
    found: Json = json.loads(content)
    return found


def standards() -> dict[str, Json]:
    """The schemas by which a report has to be valid, by name: ours always, and that of NIST where it is at hand."""
    theirs = official()
    return {"ours": SCHEMA} if theirs is None else {"ours": SCHEMA, "of NIST": theirs}


def invalid_by_the_standard(document: Any, schema: Json | None = None) -> list[str]:
    """What is wrong with a report, by one schema or by all that there are; nothing when it is valid."""
    schemas = standards() if schema is None else {"": schema}
    return [
        f"{name} {error.json_path}: {error.message}".strip()
        for name, one in schemas.items()
        for error in _validator(json.dumps(one)).iter_errors(document)
    ]


@cache
def _validator(schema: str) -> Any:
    # The package has no types.
    package = import_module("jsonschema")
    loaded = json.loads(schema)
    package.Draft4Validator.check_schema(loaded)
    # The checker of this draft alone knows no days.
    return package.Draft4Validator(loaded, format_checker=package.FormatChecker(("date", "date-time")))


def laxer(ours: Json, theirs: Json) -> list[str]:
    """Everything that the classes and attributes of one schema allow and those of the other one do not.

    Also what the other one does not have, or says in words that are not understood here. Classes and attributes that
    the first one does not have allow nothing.
    """
    found = [] if ours["$ref"] == theirs["$ref"] else ["The report is another class."]
    for name, own in ours["definitions"].items():
        if name in theirs["definitions"]:
            found += _laxer(name, own, theirs["definitions"][name])
        else:
            found.append(f"{name} is not there.")
    return found


_UNDERSTOOD = {"type", "enum", "format", "pattern", "maxLength", "minimum", "minItems", "items", "$ref", "oneOf"} | {
    *("properties", "required", "additionalProperties"),
    # To which classes an identifier may lead is no matter of a validator; ``faults`` looks at that.
    "refTypes",
}


def _laxer(where: str, own: Json, their: Json) -> Iterator[str]:
    for word in sorted(set(their) - _UNDERSTOOD):
        yield f"{where}: {word} is not understood."
    if "type" in their and own.get("type") not in {their["type"], "integer" if their["type"] == "number" else None}:
        yield f"{where}: type"
    if "enum" in their and not ("enum" in own and set(own["enum"]) <= set(their["enum"])):
        yield f"{where}: enum"
    for word in ("format", "pattern", "maxLength", "minimum"):
        if word in their and own.get(word) != their[word]:
            yield f"{where}: {word}"
    if own.get("minItems", 0) < their.get("minItems", 0):
        yield f"{where}: minItems"
    if {"$ref", "oneOf"} & set(their) and not (_named(own) and _named(own) <= _named(their)):
        yield f"{where}: class"
    if "items" in their:
        yield from _laxer(f"{where}[]", own.get("items", {}), their["items"])
    if their.get("additionalProperties") is False and own.get("additionalProperties") is not False:
        yield f"{where}: additionalProperties"
    for name in sorted(set(their.get("required", ())) - set(own.get("required", ()))):
        yield f"{where}.{name}: required"
    for name, one in own.get("properties", {}).items():
        if name in their.get("properties", {}):
            yield from _laxer(f"{where}.{name}", one, their["properties"][name])
        else:
            yield f"{where}.{name} is not there."


def _named(schema: Json) -> set[str]:
    alternatives: Iterable[Json] = schema.get("oneOf", [schema])
    return {one["$ref"] for one in alternatives if "$ref" in one}
