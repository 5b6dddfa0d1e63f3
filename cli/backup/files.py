"""The configuration: directories of small files, such as that of the secrets, which go into the archive as they are."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from cli.backup.archive import Columns
from cli.backup.columns import Kind, Row
from cli.durable import keep_names
from cli.failure import UNAVAILABLE, USAGE, Failure

SECRETS, CONFIGURATION = "secrets", "configuration"
FILES = Columns(("group", "name", "mode", "content"), (Kind.TEXT, Kind.TEXT, Kind.INTEGER, Kind.BYTES), rows_a_block=16)
# Somebody who names a directory of databases by mistake learns it before an hour has gone by.
_LARGEST = 64 * 1024 * 1024


def rows(group: str, folder: Path) -> Iterator[Row]:
    """The files of a directory and of those below it, in the order of their names; or one file alone."""
    try:
        found = sorted(_files(folder))
        if not found:
            raise Failure(f"There is no file in {folder}, so nothing of it can be backed up.", status=USAGE)
        for path in found:
            status = path.stat()
            if status.st_size > _LARGEST:
                raise Failure(
                    f"{path} has {status.st_size} bytes: that is no file of the configuration. Name another directory.",
                    status=USAGE,
                )
            name = path.name if path == folder else path.relative_to(folder).as_posix()
            yield group, name, status.st_mode & 0o777, path.read_bytes()
    except OSError as error:
        raise Failure(f"{error.filename} cannot be read: {error.strerror}.", status=UNAVAILABLE) from None


def put(folder: Path, files: Iterable[tuple[str, int, bytes]]) -> int:
    """Write files (name, mode, content) into ``folder``, which must be empty or missing; all of them or none.

    Returns how many there were.
    """
    refuse_full(folder)
    scratch = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    number = 0
    try:
        scratch.mkdir(mode=0o700, parents=True)
        for name, mode, content in files:
            path = scratch / _inside(name)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Whatever it was, nobody becomes able to write or execute a file by way of an archive.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                os.fchmod(file.fileno(), mode & 0o755)
                file.flush()
                os.fsync(file.fileno())
            number += 1
        scratch.rename(folder)
        keep_names(folder.absolute().parent)
    except OSError as error:
        raise Failure(f"{folder} cannot be written: {error.strerror}.", status=UNAVAILABLE) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return number


def refuse_full(folder: Path) -> None:
    """Raise ``Failure`` unless ``folder`` is missing, or a directory with nothing in it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Failure(f"{folder} is not empty; name a directory that is not there yet.")


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts:
        raise Failure(f"The archive has a file of the name {name!r}, which would lie outside of its directory.")
    return path


def _files(folder: Path) -> Iterator[Path]:
    if not folder.exists():
        raise Failure(f"There is no {folder}; nothing of it can be backed up.", status=USAGE)
    if folder.is_file():
        yield folder
        return
    for path in folder.rglob("*"):
        # A link may lead anywhere; what it leads to is not the directory's own.
        if path.is_file() and not path.is_symlink():
            yield path
