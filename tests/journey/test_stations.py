"""An administrator brings the polling stations from a file, at a terminal."""

from pathlib import Path

import pytest

from cli.failure import NOT_ALLOWED, REFUSED, SUCCESS
from tests.journey.command import urna
from tests.journey.people import Journey


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The example of docs/geography.md."""
    made = tmp_path / "stations.csv"
    made.write_text(
        "municipality,station_number,registered,heated\nАда,1,700,yes\nАда,2,650,no\nАда,3,5,no\nАда,4,many,no\n"
    )
    return made


def test_a_file_is_looked_at_imported_and_listed(journey: Journey, file: Path) -> None:
    admin = journey.environment("administrator")
    looked = urna("station", "import", "--preview", file, environment=admin)
    assert looked.status == REFUSED
    assert looked.out.splitlines() == [
        "3 new, 0 would be changed, 0 as they are, 1 wrong.",
        "Columns that mean nothing here: heated.",
        "Line 5, registered: Registered voters are a whole number from 0; this is 'many'.",
        "Nothing was changed; import it without --preview.",
    ]
    refused = urna("--json", "station", "import", file, environment=admin)
    assert (refused.status, refused.out) == (REFUSED, "")
    assert refused.error["error"].startswith("Line 5, registered: ")
    assert urna("--json", "station", "list", environment=admin).json == {"items": []}

    brought = urna("--json", "station", "import", "--skip-wrong", file, environment=admin)
    assert (brought.json["new"], brought.json["wrong"], brought.json["done"]) == (3, 1, True)
    file.write_text("\n".join(file.read_text().splitlines()[:-1]))
    again = urna("station", "import", file, environment=admin)
    assert (again.status, again.out.splitlines()[0]) == (SUCCESS, "0 new, 0 changed, 3 as they are, 0 wrong.")
    listed = urna("station", "list", "--code", "ада 2", environment=admin).out
    assert "Ада 2" in listed
    assert "Ада 1" not in listed


def test_an_official_imports_nothing(journey: Journey, file: Path) -> None:
    refused = urna("--json", "station", "import", file, environment=journey.environment())
    assert refused.status == NOT_ALLOWED
