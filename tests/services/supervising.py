"""An election whose tally sheets come in, and the administration that looks after them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.sheets import Numbers
from tests.services.administration import Administration, answered
from tests.services.declared import Declared, numbers
from tests.services.recorded import Recorded, Refused

HOUR = timedelta(hours=1)
STATIONS = """region,constituency,municipality,centre,station,registered
Југ,Прва,Ада,Школа,Ада 1,700
Југ,Прва,Ада,Школа,Ада 2,700
Југ,Прва,Бор,Дом,Бор 1,700
Север,Друга,Ђ,Дом,Ђ 1,700
"""
# On the files and on the sheet of a station where nothing is wrong.
VOTES = {1: 60, 2: 40}


@dataclass(frozen=True)
class Night:
    """Four stations, 1 to 4, of 700 voters each, and an open election with two lists."""

    admin: Administration
    recorded: Recorded
    declared: Declared
    election: int

    @property
    def path(self) -> str:
        return f"/api/elections/{self.election}"

    def sheet(self, station: int) -> Any:
        return self.admin.get(f"{self.path}/sheets/{station}")

    def board(self, query: str = "") -> Any:
        return self.admin.get(f"{self.path}/sheets?{query}")

    def enter(self, station: int, declared: Numbers | None = None, **how: Any) -> None:
        """Two entries, of the same numbers unless there are ``other`` ones."""
        self.declared.twice(self.election, station, declared or numbers(VOTES), **how)

    def wait(self, station: int) -> None:
        """Two entries with something to explain, so that the sheet waits for review."""
        self.enter(station, numbers(VOTES, blank=10), explanations={"W202": "A protest."})

    def differ(self, station: int) -> None:
        """Two entries in which a vote went to the other list."""
        self.enter(station, numbers({1: 60, 2: 40}), other=numbers({1: 61, 2: 39}))

    def files(
        self, station: int | None, votes: Mapping[int, int] = VOTES, refused: Sequence[Refused] = (), **how: Any
    ) -> str:
        """A file of the station."""
        return self.recorded.part(self.election, dict(votes), refused, station=station, **how)

    def decide(
        self, station: int, what: str, body: dict[str, Any], status: int = 200, match: str | int | None = "*"
    ) -> Any:
        """Resolve, accept or reopen a sheet."""
        return self.admin.post(f"{self.path}/sheets/{station}/{what}", body, status, match)

    def reconciliation(self, station: int) -> Any:
        return self.admin.get(f"{self.path}/reconciliation/{station}")

    def explain(
        self, station: int, difference: Any, status: int = 201, reason: str = "The box was opened late."
    ) -> Any:
        """Explain a difference as it was read."""
        body = {"difference": difference["code"], "figures": difference["figures"], "reason": reason}
        return self.admin.post(f"{self.path}/reconciliation/{station}/explanations", body, status)


def night(admin: Administration, recorded: Recorded) -> Night:
    """The service on the store of ``recorded``, with stations and an election in it."""
    answered(admin.call("POST", "/api/polling-stations/import", data=STATIONS.encode()), 200)
    now = datetime.now(UTC)
    election = recorded.election(hours=(now - HOUR, now + HOUR))
    return Night(admin, recorded, Declared(admin.database), election)


def _difference(made: Night) -> str:
    """A station whose sheet and files differ by a vote."""
    made.enter(1)
    made.files(1, {1: 59, 2: 41})
    return f"{made.path}/reconciliation/1"


def _sheet(made: Night, enter: Callable[[int], None]) -> str:
    enter(1)
    return f"{made.path}/sheets/1"


_SHEET = "/api/elections/<int:election_id>/sheets/<int:station_id>"
# How to do what each route about sheets does: the path, the body and the version.
CHANGES_OF_SHEETS: dict[tuple[str, str], Callable[[Night], tuple[str, Any, int | None]]] = {
    ("POST", f"{_SHEET}/resolution"): lambda made: (
        f"{_sheet(made, made.differ)}/resolution",
        {"chosen": 2, "reason": "Ж"},
        2,
    ),
    ("POST", f"{_SHEET}/acceptance"): lambda made: (f"{_sheet(made, made.wait)}/acceptance", {}, 2),
    ("POST", f"{_SHEET}/reopening"): lambda made: (f"{_sheet(made, made.enter)}/reopening", {"reason": "Ж"}, 2),
    ("POST", "/api/elections/<int:election_id>/sheets/acceptance"): lambda made: (
        f"{_sheet(made, made.wait).removesuffix('/1')}/acceptance",
        {"stations": [{"station_id": 1, "last": 2}]},
        None,
    ),
    ("POST", "/api/elections/<int:election_id>/reconciliation/<int:station_id>/explanations"): lambda made: (
        f"{_difference(made)}/explanations",
        {"difference": "list.1", "figures": {"declared": 60, "counted": 59}, "reason": "Ж"},
        None,
    ),
}
