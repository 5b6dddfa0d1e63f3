"""The pages of accounts: the own one, and those of others for administrators."""

from authentication_service.pages.accounts import accounts
from authentication_service.pages.own import blueprint

blueprints = (blueprint, accounts)
