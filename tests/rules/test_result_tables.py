"""The tables of a result: read back as they were meant, by programs and by spreadsheets."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results_service.rules.areas import Area, AreaCounts, AreaKind
from results_service.rules.declared import Declared
from results_service.rules.result import ListResult
from results_service.rules.tables import LIST_COLUMNS, STATION_COLUMNS, harmless, list_table, station_table
from shared.errors import InvalidInput
from tests.rules.election_reports import country


def read(table: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(table.decode("utf-8"), newline=""), strict=True))


def line(number: int, name: str, *, seats: int | None = 3) -> ListResult:
    return ListResult(number, name, exempt=number == 2, votes=1200, share="0.4000", seats=seats, excluded=False)


def test_lists_have_a_row_each_with_the_figures_of_the_whole() -> None:
    table = list_table([line(1, "Листа за Дунав, „права”"), line(2, "Sava\r\nund Drina", seats=None)])
    assert table.startswith(b"poll_number,name,exempt,votes,share_of_valid_votes,seats,under_threshold\r\n")
    header, first, second = read(table)
    assert header == list(LIST_COLUMNS)
    assert first == ["1", "Листа за Дунав, „права”", "false", "1200", "0.4000", "3", "false"]
    assert second == ["2", "Sava\r\nund Drina", "true", "1200", "0.4000", "", "false"]


def test_a_quotation_mark_is_doubled_and_lines_end_as_the_rfc_says() -> None:
    table = list_table([line(1, 'The "right" one')])
    assert table.endswith(b'1,"The ""right"" one",false,1200,0.4000,3,false\r\n')


def test_stations_have_a_row_each_with_where_they_are_and_votes_of_every_list() -> None:
    report = country()
    header, first, second = read(station_table(report.areas, report.contests[0].counts[1:], [1, 2]))
    assert header == [*STATION_COLUMNS, "votes_1", "votes_2"]
    assert dict(zip(header, first, strict=True)) == {
        "station_id": "1",
        "station": "Општина 1 1",
        "centre": "Школа",
        "municipality": "Општина 1",
        "constituency": "Изборна јединица 1",
        "region": "Регион 1",
        "counted": "true",
        "registered": "700",
        "voted": "403",
        "ballots": "401",
        "invalid": "6",
        "blank": "4",
        "valid_votes": "391",
        "sheet_in_box": "",
        "sheet_invalid": "",
        "sheet_blank": "",
        "votes_1": "251",
        "votes_2": "140",
    }
    # What is not counted is no zero.
    assert second[6:] == ["false", "650", *[""] * 10]


def test_a_station_where_nobody_voted_is_counted_and_has_zeros() -> None:
    areas = [Area(AreaKind.STATION, "1", "Ада 1")]
    nobody = AreaCounts("station-1", 5, 0, 0, {}, 1, 1, sheet=Declared(sheets=1))
    _, row = read(station_table(areas, [nobody], [1]))
    assert row == ["1", "Ада 1", "", "", "", "", "true", "5", "", "0", "0", "", "0", "0", "0", "0", "0"]


def test_an_accepted_sheet_is_told_beside_the_count_though_nothing_is_counted() -> None:
    sheet = Declared(sheets=1, voted=99, in_box=100, invalid=3, blank=2)
    waiting = AreaCounts("station-1", 120, 0, 0, {}, 0, 1, sheet=sheet)
    header, row = read(station_table([Area(AreaKind.STATION, "1", "Ада 1")], [waiting], [1]))
    told = {name: cell for name, cell in zip(header, row, strict=True) if cell}
    assert told == {
        "station_id": "1",
        "station": "Ада 1",
        "counted": "false",
        "registered": "120",
        "sheet_in_box": "100",
        "sheet_invalid": "3",
        "sheet_blank": "2",
    }


def test_counts_of_a_whole_region_are_no_row() -> None:
    with pytest.raises(InvalidInput, match="region-1 is no polling station"):
        station_table([Area(AreaKind.REGION, "1", "Југ")], [AreaCounts("region-1", 5, 0, 0, {}, 1, 1)], [1])


@pytest.mark.parametrize(
    "name",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", "＝1+1", '=HYPERLINK("http://x";"y")'],
)
def test_no_cell_begins_as_a_formula(name: str) -> None:
    _, row = read(list_table([line(1, name)]))
    assert row[1] == f"'{name}"
    assert read(list_table([line(1, f"a{name}")]))[1][1] == f"a{name}"


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_every_name_can_be_had_again(name: str) -> None:
    _, row = read(list_table([line(1, name)]))
    assert row[1] == harmless(name)
    assert row[1].removeprefix("'") == name
    assert not row[1].startswith(("=", "+", "-", "@", "\t", "\r"))
