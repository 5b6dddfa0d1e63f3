"""The election store: what is voted on, where, and what became of every ballot and every tally sheet.

Administration writes the elections and the geography, the daemon what the stations received; the results service reads.
"""

from shared.schema.election.base import ElectionBase
from shared.schema.election.counting import (
    Ballot,
    Batch,
    DeadLetter,
    Dismissal,
    Part,
    Partition,
    RefusedLine,
    Tally,
)
from shared.schema.election.elections import (
    CANCELLED,
    DRAFT,
    PUBLISHED,
    Candidate,
    CandidatePicture,
    CandidatePublication,
    Election,
    Entry,
    Jurisdiction,
    Participant,
)
from shared.schema.election.electorate import Electorate, ElectorateConstituency, ElectorateStation
from shared.schema.election.geography import Constituency, PollingCentre, PollingStation, Region
from shared.schema.election.journal import Journal, JournalHead
from shared.schema.election.sheets import DifferenceNote, SheetEvent, SheetPhotograph, TallySheet

__all__ = [
    "CANCELLED",
    "DRAFT",
    "PUBLISHED",
    "Ballot",
    "Batch",
    "Candidate",
    "CandidatePicture",
    "CandidatePublication",
    "Constituency",
    "DeadLetter",
    "DifferenceNote",
    "Dismissal",
    "Election",
    "ElectionBase",
    "Electorate",
    "ElectorateConstituency",
    "ElectorateStation",
    "Entry",
    "Journal",
    "JournalHead",
    "Jurisdiction",
    "Part",
    "Participant",
    "Partition",
    "PollingCentre",
    "PollingStation",
    "RefusedLine",
    "Region",
    "SheetEvent",
    "SheetPhotograph",
    "Tally",
    "TallySheet",
]
