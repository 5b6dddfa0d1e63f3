"""What every page of a polling station begins with: the election, the station, and whether they are this official's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Response, request, url_for
from flask_babel import gettext

from shared.auth import Identity, identity
from shared.queue import keys, snapshot
from shared.queue.sheet_copies import SheetCopy
from shared.queue.snapshot import KnownElection
from shared.sheets import is_taken
from shared.terms import StationStatus
from shared.web.pages import render, see_other
from voting_station_service.actions import sheets as sheet_actions
from voting_station_service.actions.sheets import Place
from voting_station_service.routes import station


@dataclass(frozen=True)
class Shown:
    """An election as the pages show it; ``now`` is the moment of which they do."""

    id: int
    title: str
    start: datetime
    end: datetime
    poll_numbers: Sequence[int]
    is_open: bool
    is_coming: bool
    now: datetime

    def takes(self, sheet: SheetCopy | None = None) -> bool:
        """Whether this tally sheet is taken now as far as time goes; None: one that was never opened again."""
        return is_taken(self.start, self.end, self.now, sheet.reopened_at if sheet else None)


@dataclass(frozen=True)
class Desk:
    """Where an official works: for which election, and at which polling station; None for who belongs to none."""

    official: Identity
    election: Shown
    place: Place | None

    @property
    def is_disabled(self) -> bool:
        return self.place is not None and self.place.status == StationStatus.DISABLED

    @property
    def takes_sheets(self) -> bool:
        """Whether a tally sheet or a photograph could be taken here now, whatever its state."""
        voted_at = self.place is None or self.place.roll is None or self.place.roll.voted_at
        return self.election.takes(self.place.sheet if self.place else None) and voted_at and not self.is_disabled

    @property
    def station_id(self) -> int | None:
        return self.place.id if self.place else None


def elections() -> list[Shown]:
    """The elections that the station knows, those that end first at the beginning."""
    known, now = snapshot.read(station().redis)
    return sorted((_shown(election, now) for election in known), key=lambda one: (one.end, one.id))


def desk(election_id: int, station_id: int | None) -> Desk | Response:
    """The desk that an address names, or the page that says why there is none."""
    official = identity()
    found = next((one for one in elections() if one.id == election_id), None)
    if found is None:
        return refusal(gettext("No published election has this number, or it was cancelled."), status=404)
    if station_id is None and len(official.stations) > 1:
        if request.method == "GET":
            return see_other(url_for("pages.start"))
        # A script that was led there would take the page for the answer to its file.
        return refusal(
            gettext("You belong to several polling stations now. Choose one, and send the file there."), status=422
        )
    number = station_id if station_id is not None else next(iter(official.stations), None)
    if number is None:
        return Desk(official, found, None)
    if number not in official.stations:
        return refusal(gettext("You do not belong to polling station %(number)s.", number=number), status=403)
    places = sheet_actions.places(station(), official, election_id)
    return Desk(official, found, next(one for one in places if one.id == number))


def named_station() -> int | None:
    """The polling station in the address, 0 for one that nobody has; a page remembers it there."""
    named = request.args.get("station", "")
    if not named:
        return None
    return int(named) if named.isascii() and named.isdigit() and len(named) < 10 else 0


def refusal(message: str, *, status: int) -> Response:
    """A page that says why nothing can be done here; ``message`` is in its language."""
    return render("station_refusal.html", told=message, message=None, status=status)


def wants_fragment() -> bool:
    """Whether a script asks, which puts the answer into the page that is there."""
    return request.headers.get("HX-Request") == "true"


def _shown(election: KnownElection, now: datetime) -> Shown:
    start, end = keys.from_microseconds(election.start), keys.from_microseconds(election.end)
    return Shown(
        election.id,
        election.title or gettext("Election %(number)s", number=election.id),
        start,
        end,
        election.poll_numbers,
        is_open=election.is_open(now),
        is_coming=now < start,
        now=now,
    )
