"""The pages of accounts, of the citizens' register, of whom elections are for, and of the journal of all these."""

from authentication_service.pages.accounts import accounts
from authentication_service.pages.citizen_import import imports
from authentication_service.pages.citizens import citizens
from authentication_service.pages.journal import journal
from authentication_service.pages.official_import import official_imports
from authentication_service.pages.own import blueprint
from authentication_service.pages.password_resets import password_reset_pages
from authentication_service.pages.profile import profile_pages
from authentication_service.pages.second_factor import second_factor_pages
from authentication_service.pages.sign_up import sign_up_pages
from authentication_service.pages.voter_elections import elections

blueprints = (
    blueprint,
    profile_pages,
    second_factor_pages,
    sign_up_pages,
    password_reset_pages,
    accounts,
    official_imports,
    citizens,
    imports,
    elections,
    journal,
)
