"""The administration's /api routes, a module for each noun."""

from admin_service.routes.candidates import candidates
from admin_service.routes.elections import elections
from admin_service.routes.jurisdictions import jurisdictions
from admin_service.routes.participants import participants

blueprints = (participants, candidates, jurisdictions, elections)
