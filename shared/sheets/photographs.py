"""What photographs of tally sheets may be."""

MOST_BYTES = 8 * 1024 * 1024

MOST_OF_ONE = 5
"""Of each sheet and official."""

_BEGINNINGS = {
    "image/jpeg": {0: b"\xff\xd8\xff"},
    "image/png": {0: b"\x89PNG\r\n\x1a\n"},
    # The length stands between the two.
    "image/webp": {0: b"RIFF", 8: b"WEBP"},
    "application/pdf": {0: b"%PDF-"},
}


def media_type(content: bytes) -> str | None:
    """What a file is by its first bytes; None for what is never taken."""
    for name, marks in _BEGINNINGS.items():
        if all(content[place : place + len(mark)] == mark for place, mark in marks.items()):
            return name
    return None
