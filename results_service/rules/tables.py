"""Results as tables: CSV by RFC 4180 in UTF-8, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from results_service.rules.areas import Area, AreaCounts, AreaKind, checked_areas
from results_service.rules.result import ListResult
from shared.errors import InvalidInput

# Spreadsheets take a cell for a formula that begins with one of the first, also in their wide forms; a tab or an end of
# line at the beginning hides one. The apostrophe is among them so that what was added can be told from what was there.
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "'")

LIST_COLUMNS = ("poll_number", "name", "exempt", "votes", "share_of_valid_votes", "seats", "under_threshold")
STATION_COLUMNS = (
    "station_id",
    "station",
    "centre",
    "municipality",
    "constituency",
    "region",
    "counted",
    "registered",
    "voted",
    "ballots",
    "invalid",
    "blank",
    "valid_votes",
    "sheet_in_box",
    "sheet_invalid",
    "sheet_blank",
)


def list_table(lists: Iterable[ListResult]) -> bytes:
    """One row for each list over the whole election, in the given order, under the header ``LIST_COLUMNS``.

    ``exempt`` and ``under_threshold`` are ``true`` or ``false``; ``seats`` is empty where the election gives none.
    """
    rows = [
        (
            one.poll_number,
            one.name,
            _truth(one.exempt),
            one.votes,
            one.share,
            one.seats,
            _truth(one.excluded),
        )
        for one in lists
    ]
    return _written(LIST_COLUMNS, rows)


def station_table(areas: Sequence[Area], counts: Iterable[AreaCounts], poll_numbers: Sequence[int]) -> bytes:
    """One row for each polling station, in the given order: ``STATION_COLUMNS``, then ``votes_1``, ``votes_2`` ….

    ``areas`` hold the stations and all that they are within; a column of which a station has none is empty. Where a
    station is not counted yet, ``counted`` is ``false`` and its numbers are empty but for ``registered``. ``voted`` and
    ``blank`` are empty where nobody knows them. What ``sheet_`` begins is by the station's accepted tally sheet,
    counted or not, and empty where none is accepted. Counts of other areas than stations are refused.
    """
    by_id = checked_areas(areas)
    header = (*STATION_COLUMNS, *(f"votes_{number}" for number in poll_numbers))
    return _written(header, [_station_row(by_id, one, poll_numbers) for one in counts])


def _station_row(
    by_id: Mapping[str, Area], counts: AreaCounts, poll_numbers: Sequence[int]
) -> tuple[int | str | None, ...]:
    station = by_id.get(counts.area_id)
    if station is None or station.kind is not AreaKind.STATION:
        raise InvalidInput(f"The area {counts.area_id} is no polling station that is known.", field="counts")
    around = _around(by_id, station)
    names = [
        around.get(kind, "")
        for kind in (AreaKind.CENTRE, AreaKind.MUNICIPALITY, AreaKind.CONSTITUENCY, AreaKind.REGION)
    ]
    is_counted = counts.is_complete
    counted = [counts.voted, counts.ballots, counts.invalid, counts.blank, counts.valid]
    votes = [counts.votes.get(number, 0) for number in poll_numbers]
    sheet = counts.sheet
    return (
        station.key,
        station.code or station.name,
        *names,
        _truth(is_counted),
        counts.registered,
        *(counted if is_counted else [None] * len(counted)),
        *([None] * 3 if sheet is None else (sheet.in_box, sheet.invalid, sheet.blank)),
        *(votes if is_counted else [None] * len(votes)),
    )


def _around(by_id: Mapping[str, Area], area: Area) -> dict[AreaKind, str]:
    """The names of the areas that one is within, directly or not, by their kind."""
    found: dict[AreaKind, str] = {}
    waiting = list(area.within)
    while waiting:
        one = by_id[waiting.pop()]
        found[one.kind] = one.name
        waiting += one.within
    return found


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _written(header: Sequence[str], rows: Iterable[Sequence[int | str | None]]) -> bytes:
    """Lines end with CR LF; a field is quoted where RFC 4180 asks for it, and empty where there is nothing."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in row])
    return text.getvalue().encode()


def harmless(cell: str) -> str:
    """The text of a cell so that no spreadsheet takes it for a formula.

    An apostrophe is put before a text that begins with ``=``, ``+``, ``-``, ``@`` (also wide), a tab, an end of line
    or an apostrophe. So a program that reads the file takes one apostrophe away from the beginning and has the text.
    """
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
