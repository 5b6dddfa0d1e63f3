"""What recognises an entry of a tally sheet without saying a number of it, for the journal."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any


def digest(numbers: Mapping[str, Any] | None, explanations: Mapping[str, str]) -> str:
    """SHA-256, in hexadecimal, of the numbers (as ``Numbers.to_dict``) and explanations of an entry."""
    return sha256(json.dumps([numbers, explanations], sort_keys=True).encode()).hexdigest()
