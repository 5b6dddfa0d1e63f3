"""The pages for who is signed in, for access_table.py, and where each is for example."""

import re

_ELECTIONS = [
    "GET /",
    "GET /elections",
    "GET /elections/new",
    "POST /elections/new",
    "GET /elections/{election_id}",
    "GET /elections/{election_id}/uploads",
    "GET /elections/{election_id}/edit",
    "POST /elections/{election_id}/edit",
    "GET /elections/{election_id}/ballot",
    "POST /elections/{election_id}/ballot",
    "GET /elections/{election_id}/publish",
    "GET /elections/{election_id}/close",
    "GET /elections/{election_id}/cancel",
    "GET /elections/{election_id}/delete",
    "GET /elections/{election_id}/lots",
    "POST /elections/{election_id}/publish",
    "POST /elections/{election_id}/close",
    "POST /elections/{election_id}/cancel",
    "POST /elections/{election_id}/delete",
    "POST /elections/{election_id}/lots",
    "GET /participants",
    "GET /participants/new",
    "POST /participants/new",
    "GET /participants/{participant_id}",
    "POST /participants/{participant_id}",
    "GET /participants/{participant_id}/delete",
    "POST /participants/{participant_id}/delete",
    "GET /candidates",
    "GET /candidates/new",
    "POST /candidates/new",
    "GET /candidates/{candidate_id}",
    "POST /candidates/{candidate_id}",
    "POST /candidates/{candidate_id}/decision",
    "GET /candidates/{candidate_id}/picture/{size}",
    "POST /candidates/{candidate_id}/picture",
    "POST /candidates/{candidate_id}/picture/delete",
    "GET /candidates/{candidate_id}/delete",
    "POST /candidates/{candidate_id}/delete",
    "GET /journal",
    "GET /dead-letters",
]
_STATIONS = [
    "GET /stations",
    "GET /stations/new",
    "POST /stations/new",
    "GET /stations/{station_id}",
    "GET /stations/{station_id}/change",
    "POST /stations/{station_id}/change",
    "POST /stations/{station_id}/status",
    "POST /stations/{station_id}/deletion",
    "GET /stations/centre-names",
    "GET /stations/import",
    "POST /stations/import",
    "POST /stations/import/preview",
    "GET /stations/map",
]
_PLACES = [
    route.format(sort)
    for sort in ("regions", "constituencies", "centres")
    for route in (
        "GET /stations/{}",
        "GET /stations/{}/new",
        "POST /stations/{}/new",
        "GET /stations/{}/{{number}}",
        "POST /stations/{}/{{number}}",
        "POST /stations/{}/{{number}}/deletion",
    )
]
_SHEETS = [
    "GET /sheets",
    "GET /sheets/{election_id}",
    "GET /sheets/{election_id}/screen",
    "GET /sheets/{election_id}/map",
    "GET /sheets/{election_id}/board.csv",
    "POST /sheets/{election_id}/acceptances",
    "GET /sheets/{election_id}/{station_id}",
    "GET /sheets/{election_id}/{station_id}/photographs/{photograph_id}",
    "POST /sheets/{election_id}/{station_id}/resolution",
    "POST /sheets/{election_id}/{station_id}/acceptance",
    "POST /sheets/{election_id}/{station_id}/reopening",
]
_DIFFERENCES = [
    "GET /differences",
    "GET /differences/{election_id}",
    "GET /differences/{election_id}/differences.csv",
    "GET /differences/{election_id}/{station_id}",
    "POST /differences/{election_id}/{station_id}/explanation",
]
ACCOUNT_PAGES = [
    "GET /",
    "GET /sessions",
    "POST /sign-in",
    "POST /sign-out",
    "POST /password",
    "POST /sessions/end",
    "POST /sessions/end-others",
    "GET /accounts",
    "GET /accounts/{user_id}",
    "POST /accounts/{user_id}",
    "POST /accounts/{user_id}/approval",
    "GET /accounts/{user_id}/delete",
    "POST /accounts/{user_id}/delete",
    "GET /citizens",
    "GET /citizens/{citizen_id}",
    "POST /citizens/{citizen_id}",
    "GET /citizens/import",
    "POST /citizens/import",
    "POST /citizens/import/preview",
    "GET /voters",
    "GET /voters/new",
    "POST /voters/new",
    "GET /voters/{election_id}",
    "POST /voters/{election_id}",
    "POST /voters/{election_id}/citizens",
    "GET /voters/{election_id}/roll.csv",
    "POST /sign-up",
    "POST /sign-in/code",
    "POST /sign-in/second-factor",
    "POST /sign-in/second-factor/confirmation",
    "GET /second-factor",
    "POST /second-factor/secret",
    "POST /second-factor/confirmation",
    "POST /second-factor/recovery-codes",
    "POST /second-factor/removal",
    "POST /accounts/{user_id}/second-factor/removal",
]
STATION_PAGES = [
    "GET /",
    "GET /files",
    "GET /files/{batch_id}",
    "GET /files/{batch_id}/progress",
    "GET /elections/{election_id}/files",
    "POST /elections/{election_id}/files",
    "POST /elections/{election_id}/files/check",
    "GET /elections/{election_id}/stations/{station_id}/sheet",
    "POST /elections/{election_id}/stations/{station_id}/sheet",
    "GET /elections/{election_id}/stations/{station_id}/sheet/progress",
    "POST /elections/{election_id}/stations/{station_id}/sheet/photographs",
]
ADMINISTRATION_PAGES = (*_ELECTIONS, *_STATIONS, *_PLACES, *_SHEETS, *_DIFFERENCES)

# What stands in an example for a part of a path; whoever may not see a page is not told either whether it is there.
_PARTS = {"{size}": "small", "{photograph_id}": "0" * 32}


def example(route: str) -> str:
    """The path of a route with numbers in it."""
    path = route.partition(" ")[2]
    for name, part in _PARTS.items():
        path = path.replace(name, part)
    return re.sub(r"{[a-z_]+}", "1", path)
