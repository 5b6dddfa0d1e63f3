"""Where an election takes place, and what its polling stations have declared: looked at now and then, and kept."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from results_service import store
from results_service.memory import Recent
from results_service.rules import fingerprint
from results_service.rules.declared import Declared
from results_service.rules.places import Tree
from shared import electorate
from shared.electorate import Geography

# Geography hardly ever changes, and a sheet that is accepted changes no vote; so neither is asked for at each look.
SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True)
class Sheet:
    """What an accepted tally sheet declares; ``entry`` is the number of the entry that stands."""

    entry: int
    changed_at: datetime
    declared: Declared


@dataclass(frozen=True)
class Ground:
    """Places and accepted sheets of one election. ``tag`` names this state of both, the same in every process."""

    tag: str
    looked_at: float
    of_geography: str
    of_sheets: str
    geography: Geography
    tree: Tree
    sheets: Mapping[int, Sheet]

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() < self.looked_at + SECONDS_BETWEEN_LOOKS

    def declared(self, until: datetime | None = None) -> dict[int, Declared]:
        """What the accepted sheets declare, by station; with ``until`` those that have been as they are since then."""
        return {
            number: sheet.declared
            for number, sheet in self.sheets.items()
            if until is None or sheet.changed_at <= until
        }


def look_at_ground(
    session: Session, election_id: int, known: Ground | None, shared: Recent[str, tuple[Geography, Tree]]
) -> Ground:
    """What is so now; as much of ``known`` as has not changed is kept, and geographies are ``shared`` by elections."""
    looked_at = time.monotonic()
    of_geography = electorate.fingerprint(session, election_id)
    of_sheets = store.fingerprint_of_sheets(session, election_id)
    if known is not None and (known.of_geography, known.of_sheets) == (of_geography, of_sheets):
        return replace(known, looked_at=looked_at)
    if known is not None and known.of_geography == of_geography:
        geography, tree = known.geography, known.tree
    else:
        geography, tree = _geography(session, election_id, of_geography, shared)
    sheets = {} if known is None else known.sheets
    if known is None or known.of_sheets != of_sheets:
        sheets = _sheets(session, election_id, sheets)
    tag = fingerprint(of_geography, of_sheets)
    return Ground(tag, looked_at, of_geography, of_sheets, geography, tree, sheets)


def _geography(
    session: Session, election_id: int, state: str, shared: Recent[str, tuple[Geography, Tree]]
) -> tuple[Geography, Tree]:
    kept = shared.get(state)
    if kept is None:
        geography = electorate.geography(session, election_id)
        kept = (geography, Tree(geography.stations.values(), geography.constituencies.values()))
        # What is frozen is of one election alone.
        if not geography.frozen:
            shared.keep(state, kept)
    return kept


def _sheets(session: Session, election_id: int, known: Mapping[int, Sheet]) -> dict[int, Sheet]:
    accepted = store.accepted_sheets(session, election_id)
    kept = {number: known[number] for number, (entry, at) in accepted.items() if _is_kept(known.get(number), entry, at)}
    missing = {number: entry for number, (entry, _) in accepted.items() if number not in kept}
    for number, numbers in store.entries_of_sheets(session, election_id, missing).items():
        said = {name: int(numbers[name]) for name in ("voted", "in_box", "invalid", "blank")}
        kept[number] = Sheet(accepted[number][0], accepted[number][1], Declared(sheets=1, **said))
    return kept


def _is_kept(sheet: Sheet | None, entry: int, changed_at: datetime) -> bool:
    return sheet is not None and (sheet.entry, sheet.changed_at) == (entry, changed_at)
