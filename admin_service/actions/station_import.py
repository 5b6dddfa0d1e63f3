"""A file of polling stations taken over as a whole, or only looked at."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from admin_service.actions.electorates import changing_geography
from admin_service.rules.geography import WHOLE_COUNTRY, identity
from admin_service.rules.station_files import (
    OF_A_STATION,
    Planned,
    StationLine,
    plan,
    read_stations,
    settle,
)
from admin_service.store import geography as store
from shared.csv_lines import Change, Lines, refuse_wrong
from shared.database import Database
from shared.errors import ChangedMeanwhile, Conflict
from shared.journal.store import note
from shared.schema.election import Constituency, PollingCentre, PollingStation, Region

# The columns of a file that are a centre's own, by the names of the table.
_OF_A_CENTRE = {
    "municipality": "municipality",
    "centre": "name",
    "address": "address",
    "latitude": "latitude",
    "longitude": "longitude",
}


@dataclass(frozen=True)
class Import:
    """What became of a file, or would become of it."""

    file: Lines[StationLine]
    planned: Sequence[Planned]
    done: bool

    @property
    def numbers(self) -> Mapping[Change, int]:
        """How many lines are new, change something, or say what is known."""
        return Counter(planned.change for planned in self.planned)

    @property
    def plan_digest(self) -> str:
        """64 hexadecimal digits that are others when the lines would come to something else."""
        found = sha256(f"{self.file.wrong}".encode())
        for one in self.planned:
            found.update(f"{one.line.line} {one.change} {' '.join(one.columns)}\n".encode())
        return found.hexdigest()


def import_stations(
    database: Database, content: bytes, *, preview: bool, skip_wrong: bool = False, planned: str | None = None
) -> Import:
    """Make the stations of a file known, with the centres, constituencies and regions that it names; all or nothing.

    A ``preview`` changes nothing. Wrong lines prevent an import unless ``skip_wrong`` leaves them aside. Raises
    InvalidInput (field ``file``), and Conflict when somebody else changed the same places meanwhile. ``planned`` is the
    ``plan_digest`` that somebody has looked at; ChangedMeanwhile when the file would come to something else by now.
    """
    read = read_stations(content)
    if preview:
        with database.reading() as session:
            return _plan(session, read)

    def bring(session: Session) -> Import:
        found = _plan(session, read)
        if planned is not None and planned != found.plan_digest:
            raise ChangedMeanwhile(
                "Somebody has changed polling stations since you looked at this file. Nothing was imported; look at "
                "it again."
            )
        if not skip_wrong:
            refuse_wrong(found.file.problems, found.file.wrong)
        _Writer(session, [one for one in found.planned if one.change is not Change.SAME]).write()
        made = replace(found, done=True)
        numbers = {change.value: made.numbers[change] for change in Change}
        details = {**numbers, "wrong": made.file.wrong, "sha256": sha256(content).hexdigest()}
        note(session, "polling_station.imported", "polling_station", details)
        return made

    try:
        return changing_geography(database, bring)
    except (IntegrityError, StaleDataError) as error:
        raise Conflict("Somebody else changed the stations meanwhile; nothing was imported. Try again.") from error


def _plan(session: Session, read: Lines[StationLine]) -> Import:
    known = {one["key"]: one for one in store.everything_of_stations(session, (line.key for line in read.lines))}
    file = settle(read, known)
    return Import(file, plan(file.lines, known), done=False)


class _Writer:
    """Writes what lines of a file say that is not known yet, from the regions down to the stations."""

    def __init__(self, session: Session, planned: Sequence[Planned]) -> None:
        self._session = session
        self._lines = [one.line for one in planned]
        self._codes = {one.line.key for one in planned if one.change is Change.NEW}

    def write(self) -> None:
        # Where a line names no constituency, only a new centre needs one, which then is the whole country.
        centres = store.by_key(self._session, PollingCentre, (line.centre_key for line in self._lines))
        named: dict[str, str | None] = {}
        for line in self._lines:
            if "constituency" in line.values:
                named[line.values["constituency"]] = line.values.get("region")
            elif line.centre_key not in centres:
                named.setdefault(WHOLE_COUNTRY, None)
        constituencies = self._constituencies(named)
        centres = self._centres(centres, constituencies)
        self._stations(centres)

    def _constituencies(self, named: Mapping[str, str | None]) -> dict[str, Constituency]:
        found = store.by_key(self._session, Constituency, map(identity, named))
        new = [name for name in named if identity(name) not in found]
        wanted = [region for region in named.values() if region is not None]
        regions = self._regions([*wanted, *(named[name] or WHOLE_COUNTRY for name in new)])
        store.add(
            self._session,
            Constituency,
            [
                {"name": name, "key": identity(name), "region_id": regions[identity(named[name] or WHOLE_COUNTRY)].id}
                for name in new
            ],
        )
        found |= store.by_key(self._session, Constituency, map(identity, new))
        for name, region in named.items():
            place = found[identity(name)]
            place.name = name
            if region is not None:
                place.region_id = regions[identity(region)].id
        return found

    def _regions(self, names: Iterable[str]) -> dict[str, Region]:
        named = {identity(name): name for name in names}
        found = store.by_key(self._session, Region, named)
        new = [{"name": name, "key": key} for key, name in named.items() if key not in found]
        store.add(self._session, Region, new)
        found |= store.by_key(self._session, Region, [row["key"] for row in new])
        for key, name in named.items():
            found[key].name = name
        return found

    def _centres(
        self, known: dict[str, PollingCentre], constituencies: Mapping[str, Constituency]
    ) -> dict[str, PollingCentre]:
        lines = {line.centre_key: line for line in self._lines}
        rows = {}
        for key, line in lines.items():
            values = {column: line.values[name] for name, column in _OF_A_CENTRE.items() if name in line.values}
            if "constituency" in line.values or key not in known:
                name = line.values.get("constituency", WHOLE_COUNTRY)
                values["constituency_id"] = constituencies[identity(name)].id
            rows[key] = values
        store.add(
            self._session,
            PollingCentre,
            [
                {"address": "", "latitude": None, "longitude": None, **values, "key": key}
                for key, values in rows.items()
                if key not in known
            ],
        )
        for key, place in known.items():
            for column, value in rows[key].items():
                setattr(place, column, value)
        return known | store.by_key(self._session, PollingCentre, rows.keys() - known.keys())

    def _stations(self, centres: Mapping[str, PollingCentre]) -> None:
        new, changed = [], {}
        for line in self._lines:
            values = {name: line.values[name] for name in OF_A_STATION if name in line.values}
            values |= {"code": line.code, "centre_id": centres[line.centre_key].id}
            if line.key in self._codes:
                new.append({"contact": "", "status": "active", "reason": "", "note": "", **values, "key": line.key})
            else:
                changed[line.key] = values
        store.add(self._session, PollingStation, new)
        for key, station in store.by_key(self._session, PollingStation, changed).items():
            for column, value in changed[key].items():
                setattr(station, column, value)
        self._session.flush()
