"""A file of polling stations: how it is read, what is wrong with it, and what it would change."""

import csv
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_service.rules.station_files import COLUMNS, StationLine, plan, read_stations, settle
from shared.csv_lines import Change, Lines
from shared.errors import InvalidInput

HEADER = (
    "region,constituency,municipality,centre,address,latitude,longitude,station,registered,contact,status,reason,note"
)
LINE = "Југ,Прва,Ада,Школа,Главна 1,45.8,20.13,Ада 1,700,Ана 024/555,active,,"


def read(*lines: str, header: str = HEADER) -> Lines[StationLine]:
    return settle(read_stations("\n".join([header, *lines]).encode()), {})


def wrong(*lines: str, header: str = HEADER) -> list[tuple[int, str]]:
    """The lines and fields of all problems."""
    return [(problem.line, problem.field) for problem in read(*lines, header=header).problems]


def line(**values: str) -> str:
    """A right line, except for these values."""
    said = dict(zip(HEADER.split(","), next(csv.reader([LINE])), strict=True))
    return ",".join({**said, **values}[name] for name in HEADER.split(","))


def test_a_line_says_all_about_a_station() -> None:
    (station,) = read(LINE).lines
    assert (station.line, station.code) == (2, "Ада 1")
    assert station.values == {
        "region": "Југ",
        "constituency": "Прва",
        "municipality": "Ада",
        "centre": "Школа",
        "address": "Главна 1",
        "latitude": 45.8,
        "longitude": 20.13,
        "registered": 700,
        "contact": "Ана 024/555",
        "status": "active",
        "reason": "",
        "note": "",
    }


def test_what_a_file_does_not_say_follows_from_what_it_says() -> None:
    file = read("Ада,7,700,Главна 1,399", header="Municipality,station_number,registered,address,voted")
    (station,) = file.lines
    assert station.code == "Ада 7"
    assert station.values == {"municipality": "Ада", "registered": 700, "address": "Главна 1", "centre": "Главна 1"}
    assert file.ignored == ["voted"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_separators_order_quotes_blank_lines_and_a_byte_order_mark_do_not_matter(delimiter: str) -> None:
    text = 'registered|station|municipality\r\n700|"Ада  ""1"""|Ада\r\n\r\n 5 |Ада 2| Ада \r\n'.replace("|", delimiter)
    file = read_stations("\ufeff".encode() + text.encode())
    assert [(one.line, one.code, one.values["registered"]) for one in file.lines] == [
        (2, 'Ада "1"', 700),
        (4, "Ада 2", 5),
    ]
    assert not file.problems


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"municipality": ""}, "municipality"),
        ({"registered": ""}, "registered"),
        ({"registered": "-5"}, "registered"),
        ({"registered": "7.5"}, "registered"),
        ({"registered": "٧٠٠"}, "registered"),
        ({"registered": "100001"}, "registered"),
        ({"registered": "9" * 5000}, "registered"),
        ({"latitude": "90.1"}, "latitude"),
        ({"latitude": "-91"}, "latitude"),
        ({"longitude": "180.5"}, "longitude"),
        ({"latitude": "nan"}, "latitude"),
        ({"longitude": "1e400"}, "longitude"),
        ({"latitude": "north"}, "latitude"),
        ({"latitude": ""}, "latitude"),
        ({"longitude": ""}, "longitude"),
        ({"status": "open"}, "status"),
        ({"status": "disabled"}, "reason"),
        ({"status": "disabled", "reason": "rain"}, "reason"),
        ({"status": "disabled", "reason": "other"}, "note"),
        ({"reason": "moved"}, "reason"),
        ({"station": "x" * 65}, "station"),
        ({"centre": "x" * 257}, "centre"),
        ({"contact": "a\0b"}, "contact"),
        # Two columns are swapped.
        ({"registered": "Школа", "centre": "700"}, "registered"),
        ({"latitude": "120.13", "longitude": "45.8"}, "latitude"),
    ],
)
def test_a_wrong_value_is_told_with_its_line_and_column_and_the_other_lines_are_right(
    values: dict[str, str], field: str
) -> None:
    others = [line(station="Ада 2"), line(station="Ада 3")]
    assert wrong(others[0], line(**values), others[1]) == [(3, field)]
    assert [one.code for one in read(others[0], line(**values), others[1]).lines] == ["Ада 2", "Ада 3"]


def test_all_that_is_wrong_with_a_line_is_told_at_once() -> None:
    assert wrong(line(registered="x", latitude="y")) == [(2, "latitude"), (2, "registered")]
    assert wrong("a,b") == [(2, "line")]


def test_the_same_station_twice_is_told_with_the_line_of_the_first() -> None:
    file = read(LINE, line(station="АДА  1", registered="5"))
    (problem,) = file.problems
    assert (problem.line, problem.field) == (3, "station")
    assert "line 2" in problem.message
    assert [one.values["registered"] for one in file.lines] == [700]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"constituency": "Друга"}, "constituency"),
        ({"address": "Споредна 2"}, "address"),
        ({"latitude": "45.9"}, "latitude"),
        ({"centre": "Дом", "region": "Север"}, "region"),
    ],
)
def test_two_lines_that_say_different_things_of_the_same_place_are_told(values: dict[str, str], field: str) -> None:
    assert wrong(LINE, line(station="Ада 2", **values)) == [(3, field)]
    # In another building, or in the same way, it is right.
    assert wrong(LINE, line(station="Ада 2"), line(station="Ада 3", centre="Дом")) == []


def test_of_two_ways_to_write_a_name_the_first_is_kept() -> None:
    file = read(LINE, line(station="Ада 2", centre="ШКОЛА", address="главна  1"))
    assert not file.problems
    assert {one.values["centre"] for one in file.lines} == {"Школа"}
    assert {one.values["address"] for one in file.lines} == {"Главна 1"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"municipality,registered\n", "station or station_number"),
        (b"station,registered\n", "municipality"),
        (b"region,municipality,station,registered\n", "constituency"),
        (b"station,municipality,registered,station\n", "station stands twice"),
        ("municipality,station,registered\nАда,1,5\n".encode("cp1251"), "Line 2 is not UTF-8"),
        (b'municipality,station,registered\nAda,"1,5\n', "Line 2 is not CSV"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "not UTF-8"),
        (b"<html><body>stations</body></html>", "names no column"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_refused_with_the_reason(content: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refusal:
        read_stations(content)
    assert refusal.value.field == "file"


def test_more_lines_than_any_country_has_stations_are_refused() -> None:
    text = "municipality,station_number,registered\n" + "".join(f"A,{number},1\n" for number in range(200_001))
    with pytest.raises(InvalidInput, match="cut it into several"):
        read_stations(text.encode())


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for candidate in (content, HEADER.encode() + b"\n" + content):
        # Whatever else is raised is a fault of ours.
        with suppress(InvalidInput):
            file = settle(read_stations(candidate), {})
            assert all(problem.message for problem in file.problems)


def test_a_plan_tells_new_changed_and_same_stations_apart() -> None:
    first, second, third = read(LINE, line(station="Ада 2", registered="5"), line(station="Ада 3")).lines
    known: dict[str, Any] = {first.key: dict(first.values), second.key: {**second.values, "registered": 6}}
    planned = plan([first, second, third], known)
    assert [(one.change, list(one.columns)) for one in planned] == [
        (Change.SAME, []),
        (Change.CHANGED, ["registered"]),
        (Change.NEW, []),
    ]


def test_columns_that_the_file_does_not_have_change_nothing() -> None:
    (said,) = read(LINE).lines
    (short,) = read("ада,Школа,Ада 1,700", header="municipality,centre,station,registered").lines
    assert plan([short], {said.key: {**said.values, "municipality": "ада"}})[0].change is Change.SAME


def test_every_column_of_the_documentation_is_known() -> None:
    assert set(HEADER.split(",")) | {"station_number"} == set(COLUMNS)
