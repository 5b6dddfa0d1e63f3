"""What officials ask about files of ballots: what a file would come to, and what became of those they handed in."""

from typing import IO

from limits import RateLimitItemPerMinute

from shared.auth import Identity
from shared.errors import InvalidInput, TooManyAttempts
from shared.queue import own_batches, snapshot
from shared.queue.batches import BatchHead, BatchStatus
from shared.sentences import say
from voting_station_service.actions import (
    Station,
    blocks,
    find_open,
    refuse_large,
    refuse_station,
    refuse_unattributable,
)
from voting_station_service.rules import settle_station
from voting_station_service.rules.examination import Examination, examine

# As many of the newest as the first page looks through, to say how many are of each polling station.
MOST_COUNTED = 1000


def check(
    station: Station, official: Identity, stream: IO[bytes], election_id: int, station_id: int | None
) -> Examination:
    """Read a file as the station would, and store nothing. Refused where handing it in would be, whatever is in it."""
    # To read a file costs as much whether it is stored or not, and nothing in Redis counts those that are not.
    limit = RateLimitItemPerMinute(station.settings.refused_uploads_per_minute)
    if not station.refusals.hit(limit, "checks", official.email):
        raise TooManyAttempts("Too many files were checked; wait a minute.", retry_after=60)
    polling_station = settle_station(station_id, official.stations)
    refuse_large(station, stream)
    known, now = snapshot.read(station.redis)
    if polling_station is not None:
        ((status, _),) = snapshot.stations(station.redis, election_id, [polling_station])
        refuse_station(polling_station, status)
    election = find_open(known, now, election_id)
    refuse_unattributable(station, election, polling_station)
    found = examine(blocks(stream), blocks(stream), election.poll_numbers)
    if not found.ballots and not found.faults:
        raise InvalidInput("The file is empty; each line has to be `GUID,poll number`.", field="file")
    return found


def explained(error: InvalidInput, stream: IO[bytes]) -> InvalidInput:
    """A refusal of a file for one of its lines, with what is most likely wrong with the whole file, as a check says it.

    Any other refusal is given back as it is.
    """
    advice = faults(stream).advice if is_of_line(error) else ""
    if not advice:
        return error
    return InvalidInput(say("{refusal} {advice}", refusal=error.message, advice=advice), field=error.field)


def is_of_line(error: InvalidInput) -> bool:
    """Whether a file was refused for one of its lines."""
    return error.field == "file" and " on line " in error.message


def faults(stream: IO[bytes]) -> Examination:
    """What is wrong with a file that was refused for a line of it."""
    return examine(blocks(stream), blocks(stream), ())


def own(station: Station, official: Identity, page: int, per_page: int) -> tuple[list[BatchStatus], int]:
    """A page of the official's own files, newest first, and how many there are."""
    start = (page - 1) * per_page
    return own_batches.statuses(station.redis, official.email, official.jmbg, start, per_page)


def own_heads(station: Station, official: Identity) -> list[BatchHead]:
    """What is written down of the official's newest files."""
    return own_batches.listed(station.redis, official.email, official.jmbg, 0, MOST_COUNTED)[0]
