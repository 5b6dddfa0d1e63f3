"""The administration as plain pages, a module for each noun; ``frame`` has what they share."""

from admin_service.pages.boards import boards
from admin_service.pages.differences import differences
from admin_service.pages.maps import maps
from admin_service.pages.overview import overview
from admin_service.pages.places import places
from admin_service.pages.sheets import sheets
from admin_service.pages.station_import import imports
from admin_service.pages.stations import stations

blueprints = (
    overview,
    # Where people vote, and what comes from there.
    *(stations, places, imports, maps, boards, sheets, differences),
)
