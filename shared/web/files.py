"""Files that a service gives to browsers as they are, each under an address that bears a digest of what is in it.

A browser may keep such a file for ever: another content has another address.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Response, abort, send_file

_FOR_EVER = 365 * 24 * 3600
_DIGEST_LETTERS = 16


class Files:
    """The files of some folders by their names; of two with one name, that of the first folder counts.

    They are looked at once in a process.
    """

    def __init__(self, *folders: Path) -> None:
        self._found: dict[str, tuple[Path, str]] = {}
        for folder in reversed(folders):
            self._found |= _files_in(folder)

    def digest(self, name: str) -> str:
        """What the address of a file bears; ``KeyError`` for a name that no file has."""
        return self._found[name][1]

    def digests(self) -> list[str]:
        """Those of all files, in the order of their names."""
        return [self._found[name][1] for name in sorted(self._found)]

    def answer(self, name: str, digest: str | None = None, *, seconds: int = 0) -> Response:
        """The file, to be kept for ever under the digest that it has, else for ``seconds``; 404 for other names.

        While a new version is rolled out, a process may be asked for the file of another one: it gives its own.
        """
        if name not in self._found:
            abort(404)
        path, actual = self._found[name]
        is_fixed = digest == actual
        response = send_file(path, etag=actual, max_age=_FOR_EVER if is_fixed else seconds or None)
        if is_fixed:
            response.cache_control.immutable = True
        return response


@cache
def _files_in(folder: Path) -> dict[str, tuple[Path, str]]:
    return {
        path.relative_to(folder).as_posix(): (path, sha256(path.read_bytes()).hexdigest()[:_DIGEST_LETTERS])
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
