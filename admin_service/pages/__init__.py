"""The administration as plain pages, a module for each noun; ``frame`` has what they share."""

from admin_service.pages.candidates import candidates
from admin_service.pages.dead_letters import dead_letters
from admin_service.pages.drafts import drafts
from admin_service.pages.elections import elections
from admin_service.pages.journal import journal
from admin_service.pages.overview import overview
from admin_service.pages.participants import participants

blueprints = (overview, elections, drafts, participants, candidates, journal, dead_letters)
