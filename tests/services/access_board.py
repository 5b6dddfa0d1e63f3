"""The administration's pages of polling stations, tally sheets and differences, as rows of access_table.py."""

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
_NUMBERS = {"{station_id}": "1", "{election_id}": "{open}", "{number}": "1", "{photograph_id}": "{photograph}"}


def _example(route: str) -> str:
    path = route.partition(" ")[2]
    for name, number in _NUMBERS.items():
        path = path.replace(name, number)
    return path


BOARD_PAGES = [(route, _example(route)) for route in (*_STATIONS, *_PLACES, *_SHEETS, *_DIFFERENCES)]
