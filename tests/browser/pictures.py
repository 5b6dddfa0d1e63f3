"""Which picture shows which page: one for each page of the suite, under the name that its test gives to ``look_at``.

``tests/test_pages_looked_at.py`` holds it against the routes of the services, and against the tests that look.
"""

import re
from urllib.parse import urlsplit

# By service, and by route as the README's tables write it.
PICTURES = {
    "authentication_service": {
        "/": "account",
        "/accounts": "accounts",
        "/accounts/{user_id}": "accounts-1",
        "/accounts/{user_id}/delete": "accounts-1-delete",
        "/citizens": "citizens",
        "/citizens/import": "citizens-import-empty",
        "/citizens/{citizen_id}": "citizen",
        "/forgotten-password": "forgotten-password",
        "/journal": "accounts-journal",
        "/officials/import": "officials-import",
        "/reset-password": "reset-password",
        "/second-factor": "second-factor-none",
        "/sessions": "sessions",
        "/sign-in": "sign-in",
        "/sign-up": "sign-up",
        "/voters": "voters",
        "/voters/new": "voters-new",
        "/voters/{election_id}": "voter-election-without-key",
    },
    "admin_service": {
        "/": "administration-overview",
        "/candidacy": "candidacy",
        "/candidacy/{candidate_id}": "candidacy-profile",
        "/candidates": "administration-candidates",
        "/candidates/new": "administration-candidate-new",
        "/candidates/{candidate_id}": "administration-candidate",
        "/candidates/{candidate_id}/delete": "administration-candidate-delete",
        "/dead-letters": "administration-dead-letters",
        "/differences": "differences-elections",
        "/differences/{election_id}": "differences",
        "/differences/{election_id}/{station_id}": "difference",
        "/elections": "administration-elections",
        "/elections/new": "administration-election-new",
        "/elections/{election_id}": "administration-election",
        "/elections/{election_id}/ballot": "administration-ballot",
        "/elections/{election_id}/cancel": "administration-cancel",
        "/elections/{election_id}/close": "administration-close",
        "/elections/{election_id}/delete": "administration-delete",
        "/elections/{election_id}/edit": "administration-election-change",
        "/elections/{election_id}/key": "ballot-key-none",
        "/elections/{election_id}/lots": "administration-lots",
        "/elections/{election_id}/publish": "administration-publish",
        "/elections/{election_id}/uploads": "administration-uploads",
        "/journal": "administration-journal",
        "/participants": "administration-participants",
        "/participants/new": "administration-participant-new",
        "/participants/{participant_id}": "administration-participant",
        "/participants/{participant_id}/delete": "administration-participant-delete",
        "/party": "party",
        "/party/candidates/new": "party-candidate-new",
        "/party/candidates/{candidate_id}": "party-candidate",
        "/party/candidates/{candidate_id}/delete": "party-candidate-delete",
        "/party/elections/{election_id}": "party-result",
        "/sheets": "sheets",
        "/sheets/{election_id}": "board",
        "/sheets/{election_id}/map": "sheets-map",
        "/sheets/{election_id}/screen": "board-screen",
        "/sheets/{election_id}/{station_id}": "sheet-differing",
        "/stations": "stations",
        "/stations/centres": "centres",
        "/stations/centres/new": "centre-new",
        "/stations/centres/{number}": "centre",
        "/stations/constituencies": "constituencies",
        "/stations/constituencies/new": "constituency-new",
        "/stations/constituencies/{number}": "constituency",
        "/stations/import": "import",
        "/stations/map": "stations-map",
        "/stations/new": "station-new",
        "/stations/regions": "regions",
        "/stations/regions/new": "region-new",
        "/stations/regions/{number}": "region",
        "/stations/{station_id}": "station",
        "/stations/{station_id}/change": "station-change",
    },
    "voting_station_service": {
        "/": "station-start",
        "/ballot": "voting-start",
        "/elections/{election_id}/files": "station-files",
        "/elections/{election_id}/stations/{station_id}/sheet": "station-sheet",
        "/files": "station-own-files",
        "/files/{batch_id}": "station-receipt",
    },
    "results_service": {
        "/": "elections",
        "/elections/{election_id}": "results-election",
        "/elections/{election_id}/candidates": "results-candidates-standing",
        "/elections/{election_id}/corrections": "results-corrections",
        "/elections/{election_id}/map": "results-map",
        "/elections/{election_id}/moments": "results-moments",
        "/elections/{election_id}/places": "results-places",
        "/elections/{election_id}/places/{level}/{place}": "results-municipality",
        "/elections/{election_id}/protocol": "results-protocol",
        "/elections/{election_id}/protocol/station/{station}": "results-protocol-station",
        "/elections/{election_id}/screen": "results-screen",
        "/elections/{election_id}/why": "results-why",
        "/receipts": "receipts",
    },
}
NAMES = {name: route for pages in PICTURES.values() for route, name in pages.items()}


def is_of_its_page(name: str, address: str) -> bool:
    """Whether an address is that of the page which a picture of this name shows; other names show what they like.

    A page that another route of the same service fits better, one with fewer parameters, is not the one that is meant.
    """
    if name not in NAMES:
        return True
    path = urlsplit(address).path
    (pages,) = (pages for pages in PICTURES.values() if name in pages.values())
    fitting = [route for route in pages if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), path)]
    return bool(fitting) and min(fitting, key=lambda route: route.count("{")) == NAMES[name]
