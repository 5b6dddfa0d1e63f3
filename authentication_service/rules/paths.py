"""Where somebody may be sent who has signed in."""

import re

# A path of this very host: a second slash or a backslash at its beginning would name another one, and browsers pass
# over control characters.
_OWN = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
_LONGEST = 500


def own_path(text: str) -> str:
    """The path if it leads to this host, else nothing."""
    return text if len(text) <= _LONGEST and _OWN.fullmatch(text) else ""
