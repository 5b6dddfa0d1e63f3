"""A large file that a form brings: let in before anybody reads the form, and found in it."""

import os
from collections.abc import Callable
from functools import wraps
from typing import BinaryIO, ParamSpec, TypeVar, cast

from flask import request

from shared.errors import InvalidInput

P = ParamSpec("P")
R = TypeVar("R")

# What a form has besides its file.
_AROUND_THE_FILE = 64 * 1024


def takes_a_file(most: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a form with a file of up to ``most`` bytes come; its fields, one of them against forgery, are read later."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def taking(*args: P.args, **kwargs: P.kwargs) -> R:
            request.max_content_length = most + _AROUND_THE_FILE
            return view(*args, **kwargs)

        return taking

    return decorate


def sent_file() -> BinaryIO:
    """What was chosen; a large one lies on the disk, without a name. InvalidInput (field ``file``) for none."""
    sent = request.files.get("file")
    if sent is None or not sent.stream.seek(0, os.SEEK_END):
        raise InvalidInput("Choose a file that is not empty.", field="file")
    sent.stream.seek(0)
    return cast(BinaryIO, sent.stream)
