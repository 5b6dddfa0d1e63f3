"""What is done at each polling station of the file, and what has to come of it. Pure but for reading the file.

Beside what the file says, the plan holds what is wrong on purpose: second entries with a slip, which somebody has to
resolve, and differences between sheet and ballots, each of which has to be found.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from cli.demo import facts
from cli.failure import USAGE, Failure
from shared.apportionment import SERBIA_2014, Entry, apportion
from shared.sheets import Numbers, check
from shared.terms import Severity

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "serbia-2014-parliamentary.csv"
BY_PAGE = 50
"""At every so manieth station the officials use the pages, for the sheet and for the ballots."""

# Every so manieth station has a slip in its second entry, none of them one of those by page.
_SLIPS, _FIRST_SLIP = 40, 7
_COLUMNS = {
    "registered": "registered",
    "voted": "voted",
    "received": "ballots_received",
    "unused": "ballots_unused",
    "in_box": "ballots_in_box",
    "invalid": "invalid",
}
_LISTS = {one.poll_number: f"list_{one.poll_number}" for one in facts.LISTS}
_NEEDED = ("municipality", "station_number", *_COLUMNS.values(), *_LISTS.values())


@dataclass(frozen=True)
class Station:
    """A polling station: what its paper says, what is entered of it, and the ballots that are handed in.

    ``sheet`` is the entry that stands in the end, ``second`` the other official's. ``votes`` and ``invalid`` are the
    ballots; ``planted`` says what is wrong on purpose, empty where nothing is.
    """

    code: str
    municipality: str
    paper: Numbers
    sheet: Numbers
    second: Numbers
    votes: Mapping[int, int]
    by_page: bool
    planted: str = ""

    @property
    def invalid(self) -> int:
        return self.paper.invalid

    @property
    def cast(self) -> int:
        """Ballots that are handed in."""
        return sum(self.votes.values()) + self.invalid

    @property
    def blank(self) -> int | None:
        """Blank ballots among those that are handed in; None where the sheet is of others, and nobody can tell."""
        sheet = self.sheet
        same = (sheet.in_box, sheet.invalid + sheet.blank) == (self.cast, self.invalid)
        return sheet.blank if same else None

    @property
    def has_slip(self) -> bool:
        return self.second != self.sheet

    @property
    def has_gap(self) -> bool:
        """Whether the paper itself, in 2014, had another number of voters than of ballots."""
        return self.paper.voted != self.paper.in_box

    def differences(self) -> dict[str, tuple[int, int]]:
        """What reconciliation has to list, by the code of docs/tally-sheets.md: the two figures."""
        sheet, valid = self.sheet, sum(self.votes.values())
        compared = {
            "voters_ballots": (sheet.voted, self.cast),
            "voters_sheet": (sheet.voted, sheet.in_box),
            "sheet_ballots": (sum(sheet.votes.values()), valid),
            "invalid": (sheet.invalid + sheet.blank, self.invalid),
            **{f"list.{number}": (votes, self.votes[number]) for number, votes in sheet.votes.items()},
        }
        return {code: figures for code, figures in compared.items() if figures[0] != figures[1]}

    def slipped(self) -> list[str]:
        """The fields in which the two entries differ."""
        return [
            f"votes.{number}"
            for number in sorted(self.sheet.votes)
            if self.second.votes[number] != self.sheet.votes[number]
        ]


@dataclass(frozen=True)
class Plan:
    """The polling stations in the order of the file, and the file to import them from."""

    stations: Sequence[Station]
    rows: Sequence[Mapping[str, str]] = field(repr=False)
    columns: Sequence[str] = field(repr=False)

    @cached_property
    def votes(self) -> dict[int, int]:
        """Votes that have to be counted, by poll number."""
        found: Counter[int] = Counter()
        for one in self.stations:
            found.update(one.votes)
        return {number: found[number] for number in _LISTS}

    @cached_property
    def invalid(self) -> int:
        return sum(one.invalid for one in self.stations)

    @cached_property
    def blank(self) -> int | None:
        """Blank ballots among those that are handed in; None where of one station nobody can tell."""
        found = [one.blank for one in self.stations]
        return None if None in found else sum(one or 0 for one in found)

    @cached_property
    def cast(self) -> int:
        return sum(one.cast for one in self.stations)

    @cached_property
    def registered(self) -> int:
        return sum(one.paper.registered for one in self.stations)

    @cached_property
    def planted(self) -> list[Station]:
        return [one for one in self.stations if one.planted]

    @cached_property
    def with_gap(self) -> list[Station]:
        return [one for one in self.stations if one.has_gap]

    @cached_property
    def is_whole(self) -> bool:
        """Whether this is the whole election as it was published."""
        papers: Counter[int] = Counter()
        for one in self.stations:
            papers.update(one.paper.votes)
        return len(self.stations) == facts.POLLING_STATIONS and all(
            papers[one.poll_number] == one.votes for one in facts.LISTS
        )

    @cached_property
    def seats(self) -> dict[int, int]:
        """The official seats of the whole election; of a part of it those that its votes give by the same rules."""
        if self.is_whole:
            return {one.poll_number: one.seats for one in facts.LISTS}
        votes = self.votes
        entries = [Entry(one.poll_number, votes[one.poll_number], one.minority) for one in facts.LISTS]
        outcome = apportion(entries, SERBIA_2014, self.cast)
        if not outcome.is_complete:
            raise Failure("The last seat of this part of the election goes by lot; take another part of it.")
        return dict(outcome.seats)

    def csv(self, path: Path) -> None:
        """Write the stations as a file to import, with all columns that the file has."""
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, self.columns)
            writer.writeheader()
            writer.writerows(self.rows)


def read_plan(path: Path, every: int) -> Plan:
    """The plan for every so manieth polling station of the file, beginning with the first one."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or ()
            if missing := [name for name in _NEEDED if name not in columns]:
                raise Failure(f"{path} lacks the column {missing[0]}.", status=USAGE)
            rows = [row for place, row in enumerate(reader) if place % every == 0]
    except OSError as error:
        raise Failure(
            f"{path} cannot be read: {error.strerror}. --with-sheets needs the polling stations of the election of "
            "2014 as CSV, with a row for each and the columns municipality, station_number, registered, voted, "
            "ballots_received, ballots_unused, ballots_in_box, invalid and list_1 to list_19; say with "
            "--stations-file where it is.",
            status=USAGE,
        ) from None
    found = [_station(place, row, line=place * every + 2, path=path) for place, row in enumerate(rows)]
    made = Plan(_with_planted(found), rows, tuple(columns))
    # Known before anything is started: a last seat that goes by lot has nobody here who draws it.
    if not any(made.seats.values()):
        raise Failure(f"{path} has no votes that give a seat.", status=USAGE)
    return made


def explanations(numbers: Numbers, roll: int) -> dict[str, str]:
    """What an official writes about everything that wants an explanation."""
    codes = [one.code for one in check(numbers, roll) if one.severity is Severity.WARNING]
    return dict.fromkeys(codes, "So it stands on the paper.")


def _station(place: int, row: Mapping[str, str], *, line: int, path: Path) -> Station:
    try:
        counts = {name: int(row[column]) for name, column in _COLUMNS.items()}
        votes = {number: int(row[column]) for number, column in _LISTS.items()}
    except (TypeError, ValueError):
        raise Failure(f"{path}, line {line}: every number has to be a whole one.", status=USAGE) from None
    paper = Numbers(**counts, blank=0, votes=votes)
    if any(one.severity is Severity.ERROR for one in check(paper)):
        raise Failure(f"{path}, line {line}: its parts do not add up, so no sheet can be made of it.", status=USAGE)
    slips = place % _SLIPS == _FIRST_SLIP and any(votes.values())
    return Station(
        code=f"{row['municipality']} {row['station_number']}",
        municipality=row["municipality"],
        paper=paper,
        sheet=paper,
        second=replace(paper, votes=_with_a_slip(votes)) if slips else paper,
        votes=votes,
        by_page=place % BY_PAGE == 0,
    )


def _with_a_slip(votes: Mapping[int, int]) -> dict[int, int]:
    """A vote of the first list in the line below: everything still adds up."""
    first, second = _largest(votes)
    return {**votes, first: votes[first] - 1, second: votes[second] + 1}


def _with_planted(stations: Iterable[Station]) -> list[Station]:
    """The same with three differences, far from each other, at stations where all else is as it should be."""
    made = list(stations)
    good = [place for place, one in enumerate(made) if _can_be_spoilt(one)]
    if len(good) < 3:
        raise Failure("Differences are planted at three good polling stations, and there are not so many; take more.")
    short, swapped, more = good[0], good[len(good) // 2], good[-1]
    first, _ = _largest(made[short].votes)
    votes = made[short].votes
    made[short] = replace(
        made[short], votes={**votes, first: votes[first] - 1}, planted=f"a ballot for list {first} is not handed in"
    )
    votes = made[swapped].votes
    first, second = _largest(votes)
    made[swapped] = _entered(
        made[swapped],
        replace(made[swapped].paper, votes={**votes, first: votes[second], second: votes[first]}),
        f"the votes of the lists {first} and {second} are swapped on the sheet",
    )
    paper = made[more].paper
    made[more] = _entered(made[more], replace(paper, voted=paper.voted + 1), "the sheet has one voter more")
    return made


def _can_be_spoilt(one: Station) -> bool:
    first, second = _largest(one.votes)
    return (
        not one.has_gap
        and not one.has_slip
        and one.paper.voted < one.paper.registered
        and one.votes[first] > one.votes[second] > 0
    )


def _entered(station: Station, sheet: Numbers, planted: str) -> Station:
    return replace(station, sheet=sheet, second=sheet, planted=planted)


def _largest(votes: Mapping[int, int]) -> tuple[int, int]:
    """The poll numbers with the most votes and the most but one."""
    first, second = sorted(votes, key=lambda number: (-votes[number], number))[:2]
    return first, second
