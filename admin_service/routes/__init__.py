"""The administration's /api routes, a module for each noun."""

from admin_service.routes.areas import areas
from admin_service.routes.candidacies import candidacies
from admin_service.routes.candidates import candidates
from admin_service.routes.elections import elections
from admin_service.routes.electorates import electorates
from admin_service.routes.jurisdictions import jurisdictions
from admin_service.routes.participants import participants
from admin_service.routes.party import party
from admin_service.routes.photographs import photographs
from admin_service.routes.pictures import pictures
from admin_service.routes.polling import polling
from admin_service.routes.reconciliation import reconciliation
from admin_service.routes.sheets import sheets
from admin_service.routes.station_import import station_import

blueprints = (
    *(participants, candidates, pictures, jurisdictions, areas, polling, station_import, elections, electorates),
    *(sheets, photographs, reconciliation),
    # What is somebody's own: a campaign director's list, a candidate's profile.
    *(party, candidacies),
)
