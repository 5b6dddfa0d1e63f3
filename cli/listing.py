"""Listings that the services give page by page, as a whole."""

from typing import Any

from cli.client import Client

_PER_PAGE = 200


def everything(client: Client, service: str, path: str, *, public: bool = False, **query: Any) -> list[dict[str, Any]]:
    """All items of a listing, page after page."""
    items: list[dict[str, Any]] = []
    page = 1
    while True:
        found = client.get(service, path, public=public, page=page, per_page=_PER_PAGE, **query)
        items += found["items"]
        if not found["items"] or len(items) >= found["total"]:
            return items
        page += 1
