"""Opens the accounts store with its key, so that every session of it can read and seal national ids."""

from authentication_service.store import NATIONAL_IDS
from shared.database import Database
from shared.sealing import NationalIds


def open_store(url: str, register_key: str) -> Database:
    """The accounts store, whose sessions can open and seal national ids."""
    return Database(url, info={NATIONAL_IDS: NationalIds(register_key)})
