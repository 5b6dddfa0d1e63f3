"""The administration as plain pages, a module for each noun; ``frame`` has what they share."""

from admin_service.pages.ballot_keys import ballot_keys
from admin_service.pages.boards import boards
from admin_service.pages.candidacies import candidacies
from admin_service.pages.candidates import candidates
from admin_service.pages.dead_letters import dead_letters
from admin_service.pages.differences import differences
from admin_service.pages.drafts import drafts
from admin_service.pages.elections import elections
from admin_service.pages.journal import journal
from admin_service.pages.maps import maps
from admin_service.pages.overview import overview
from admin_service.pages.participants import participants
from admin_service.pages.party import party
from admin_service.pages.places import places
from admin_service.pages.sheets import sheets
from admin_service.pages.station_import import imports
from admin_service.pages.stations import stations

blueprints = (
    *(overview, elections, drafts, ballot_keys, participants, candidates, journal, dead_letters),
    # Where people vote, and what comes from there.
    *(stations, places, imports, maps, boards, sheets, differences),
    # What is somebody's own.
    *(party, candidacies),
)
