"""Serbian in Latin letters from Serbian in Cyrillic ones: each Cyrillic letter is one Latin letter or two."""

_LETTERS = dict(zip("абвгдђежзијклмнопрстћуфхцчш", "abvgdđežzijklmnoprstćufhcčš", strict=True))
_LETTERS |= {"љ": "lj", "њ": "nj", "џ": "dž"}


def as_latin(text: str) -> str:
    """``Листићи`` as ``Listići``; what is not Cyrillic, such as a placeholder, stays as it is."""
    return "".join(_latin(letter, text[place + 1 : place + 2]) for place, letter in enumerate(text))


def _latin(letter: str, next_letter: str) -> str:
    latin = _LETTERS.get(letter.lower())
    if latin is None:
        return letter
    if letter.islower():
        return latin
    # ЉУБАВ is LJUBAV, and Љубав is Ljubav.
    return latin.upper() if next_letter.isupper() else latin.capitalize()
