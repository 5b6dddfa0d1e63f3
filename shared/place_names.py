"""How names and codes of places are kept and compared: by the administration, and by programs that ask it. Pure."""

import unicodedata


def tidy(name: str) -> str:
    """The name as it is kept: composed characters, and single spaces between words."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def compared(name: str) -> str:
    """The name as it is compared with others: as it is kept, and without regard to case.

    A database's own comparison would find Ćuprija and Cuprija the same on one engine and not on another.
    """
    return tidy(name).casefold()
