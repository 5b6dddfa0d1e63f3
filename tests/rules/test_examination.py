"""What is said of a file of ballots before it is handed in, held against what the station would do with it."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidInput
from voting_station_service.rules import read_ballots
from voting_station_service.rules.examination import MOST_FAULTS, MOST_UNKNOWN, Examination, Fault, Hint, examine

A, B, C = (f"9e3779b9-7f4a-7c15-f39c-c0605cedc83{digit}" for digit in range(3))
VALUES, NUMBER, GUID = "Incorrect number of values", "Incorrect poll number", "Incorrect ballot GUID"


def look(content: bytes, block: int = 7) -> Examination:
    """Examine a file that comes in small blocks, for an election with lists 1 to 3."""
    blocks = [content[place : place + block] for place in range(0, len(content), block)]
    return examine(blocks, blocks, [1, 2, 3])


def lines(*some: str, end: str = "\n") -> bytes:
    return "".join(line + end for line in some).encode()


def test_of_a_file_with_a_poll_number_of_its_own_on_each_line_the_first_are_told() -> None:
    found = look(lines(*(f"{A},{number}" for number in range(5000, 0, -1))), block=4096)
    assert (found.ballots, len(found.unknown), found.unknown[-1]) == (5000, MOST_UNKNOWN, 5000)
    assert found.votes == {1: 1, 2: 1, 3: 1, **dict.fromkeys(found.unknown, 1)}


def test_a_good_file_is_counted_by_poll_number_with_what_would_not_count() -> None:
    found = look(lines(f"{A},2", f"{B},77", f"{A},1", f"{C},2", f'"{B}", 3 '))
    assert found.is_good
    assert (found.ballots, found.votes, found.unknown) == (5, {1: 1, 2: 2, 3: 1, 77: 1}, (77,))
    assert (found.repeated, found.repeated_lines) == (2, (2, 4))
    nothing = look(b"")
    assert (nothing.ballots, nothing.is_good) == (0, False)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_all_wrong_lines_are_named_and_not_only_the_first(end: str) -> None:
    found = look(lines(f"{A},1", f"{B},null", f"{C},1", "", f"x,{B}", f"{A},1,1", "žaba,1", end=end))
    assert not found.is_good
    assert [(fault.line, fault.problem) for fault in found.faults] == [
        (1, NUMBER),
        (3, VALUES),
        (4, NUMBER),
        (5, VALUES),
        (6, GUID),
    ]
    assert [fault.text for fault in found.faults][1::3] == ["", "žaba,1"]
    assert not found.has_more_faults


def test_no_more_lines_are_named_than_a_person_looks_at_and_no_longer_ones() -> None:
    found = look(lines(*(["x" * 500_000] * (MOST_FAULTS + 1))), block=1 << 17)
    assert (len(found.faults), found.has_more_faults) == (MOST_FAULTS, True)
    assert {len(fault.text) for fault in found.faults} == {81}
    assert [fault.line for fault in found.faults] == list(range(MOST_FAULTS))


def test_a_quote_that_is_never_closed_is_found_at_its_line() -> None:
    found = look(lines(f"{A},1", f'{B},"1', f"{C},2"))
    assert found.faults == (Fault(1, NUMBER, f'{B},"1'),)
    alone = look(lines(f"{A},1", f'{B},1"'))
    assert [fault.line for fault in alone.faults] == [1]


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (lines(f"1,{A}", f"2,{B}"), Hint.SWAPPED_COLUMNS),
        (lines(f"{A},1", f"2,{B}", f" 3 ,{C}"), Hint.SWAPPED_COLUMNS),
        (lines("guid,poll number", f"{A},1"), Hint.HEADING),
        (lines(f"{A};1", f"{B};2"), Hint.SEMICOLONS),
        (lines(f"{A}\t1", f"{B}\t2"), Hint.TABS),
        (f"{A},1\r\n".encode("utf-16"), Hint.UTF16),
        (b"\xfe\xff" + f"{A},1\r\n".encode("utf-16-be"), Hint.UTF16),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00", Hint.SPREADSHEET),
        # Neither is text of any kind, nor does it name columns.
        (gzip.compress(f"{A},1\n".encode(), mtime=0), None),
        (bytes(200), None),
        (b"x" * 5000, None),
        (b"," * 200, None),
        (lines(f"{A},1", f"{B},x"), None),
        (lines(f"{A},1", "x,y", f"2,{B}", "z"), None),
    ],
)
def test_what_is_most_likely_wrong_with_the_whole_file_is_said(content: bytes, hint: Hint | None) -> None:
    assert look(content).hint == hint


PIECES = st.sampled_from(
    [A, B.replace("-", ""), "1", "0", "-1", ",", ",", ";", '"', " ", "\t", "x", "\n", "\r\n", "\r", "é"]
)


@given(st.lists(PIECES, max_size=40), st.integers(1, 50))
def test_the_station_takes_what_is_found_good_and_refuses_the_rest_at_the_first_line_named(
    pieces: list[str], block: int
) -> None:
    content = "".join(pieces).encode()
    found = look(content, block)
    refused = ""
    ballots = 0
    try:
        ballots = sum(len(some.poll_numbers) for some in read_ballots([content] if content else []))
    except InvalidInput as error:
        refused = error.message
    first = f"{found.faults[0].problem} on line {found.faults[0].line}." if found.faults else ""
    assert refused == first
    assert found.ballots == (0 if refused else ballots)
    assert [fault.line for fault in found.faults] == sorted({fault.line for fault in found.faults})
