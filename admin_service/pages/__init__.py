"""The administration as plain pages, a module for each noun; ``frame`` has what they share."""

from admin_service.pages.overview import overview

blueprints = (overview,)
