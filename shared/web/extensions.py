"""What a service's ``create_app`` has made for its views to work with, by its name in ``app.extensions``."""

from typing import TypeVar

from flask import current_app

T = TypeVar("T")


def extension(name: str, kind: type[T]) -> T:
    """What the service that answers this request has of this name."""
    found = current_app.extensions[name]
    assert isinstance(found, kind)  # noqa: S101 -- create_app has put it there.
    return found
