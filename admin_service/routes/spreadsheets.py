"""Tables that are downloaded for a spreadsheet."""

from collections.abc import Iterable, Sequence
from typing import Any

from flask import Response

from admin_service.rules.spreadsheets import as_csv

# APIFlask's own type for it does not go this deep.
FILE: Any = {
    200: {"description": "The file", "content": {"text/csv": {"schema": {"type": "string"}}}},
    404: "No such election",
}


def spreadsheet(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """The answer with a CSV file of this name, which a browser stores and does not show."""
    return Response(
        as_csv(header, rows),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
