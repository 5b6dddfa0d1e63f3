"""Files that are there after a power cut: whole, under their names, and for their owner only."""

import os
import secrets
from pathlib import Path

# What others than a file's owner may do with it.
OTHERS = 0o077


def replace(path: Path, content: str) -> None:
    """Replace a file whole or not at all, readable by its owner only from its first byte on; on the disk afterwards."""
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    keep_names(path.absolute().parent)


def keep_names(folder: Path) -> None:
    """Have the names of a folder on the disk: a rename is undone by a power cut until then, whatever is in the file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
