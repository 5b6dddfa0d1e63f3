"""SQLite databases for the tests, with the same two verbs as the servers."""

import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Self

from sqlalchemy import make_url


class SQLite:
    """A directory of SQLite files; there is no server to start or to miss."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="urna-"))

    def new_database(self) -> str:
        """The SQLAlchemy URL of a database file that does not exist yet."""
        return f"sqlite:///{self.directory / secrets.token_hex(6)}.sqlite3"

    def drop_database(self, url: str) -> None:
        """Remove the file, its journal and its write-ahead log."""
        for path in self.directory.glob(f"{Path(make_url(url).database or '').name}*"):
            path.unlink()

    def close(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
