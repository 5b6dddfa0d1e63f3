"""Where somebody may be sent who has signed in."""

import re
from collections.abc import Iterable

_LETTERS = "[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*"
# A path of this very host: a second slash or a backslash at its beginning would name another one, and browsers pass
# over control characters.
_OWN = re.compile(rf"/(?![/\\]){_LETTERS}")
_REST = re.compile(_LETTERS)
_LONGEST = 500


def own_path(text: str) -> str:
    """The path if it leads to this host, else nothing."""
    return text if len(text) <= _LONGEST and _OWN.fullmatch(text) else ""


def page_of_the_suite(text: str, sites: Iterable[str]) -> str:
    """The address if it leads to this host or below one of ``sites``, else nothing.

    A site is an address with a slash at its end, such as ``http://127.0.0.1:5001/``, so that nothing can be added to
    the name of its host.
    """
    if own_path(text):
        return text
    for site in sites:
        if site.endswith("/") and text.startswith(site) and len(text) <= _LONGEST and _is_below(text[len(site) :]):
            return text
    return ""


def _is_below(rest: str) -> bool:
    path = rest.partition("?")[0]
    # Browsers take %2e for a dot, too, when they walk up.
    steps = path.lower().replace("%2e", ".").split("/")
    return _REST.fullmatch(rest) is not None and ".." not in steps
