"""An administrator brings the polling stations from a file, at a terminal."""

import time
from pathlib import Path
from uuid import uuid4

import pytest

from cli.failure import NOT_ALLOWED, REFUSED, SUCCESS, Failure
from tests.journey.command import Outcome, urna
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
        "Nothing was changed. Mend the wrong lines, or import the others with --skip-wrong.",
    ]
    refused = urna("--json", "station", "import", file, environment=admin)
    assert (refused.status, refused.out) == (REFUSED, "")
    assert refused.error["error"].startswith("Line 5, registered: ")
    known = urna("--json", "station", "list", environment=admin).json["items"]
    assert not [one for one in known if one["code"].startswith("Ада")]

    brought = urna("--json", "station", "import", "--skip-wrong", file, environment=admin)
    assert (brought.json["new"], brought.json["wrong"], brought.json["done"]) == (3, 1, True)
    file.write_text("\n".join(file.read_text().splitlines()[:-1]))
    looked = urna("station", "import", "--preview", file, environment=admin)
    assert (looked.status, looked.out.splitlines()[-1]) == (
        SUCCESS,
        "Nothing was changed; import it without --preview.",
    )
    again = urna("station", "import", file, environment=admin)
    assert (again.status, again.out.splitlines()[0]) == (SUCCESS, "0 new, 0 changed, 3 as they are, 0 wrong.")
    listed = urna("station", "list", "--code", "ада 2", environment=admin).out
    assert "Ада 2" in listed
    assert "Ада 1" not in listed


def test_an_official_imports_nothing(journey: Journey, file: Path) -> None:
    refused = urna("--json", "station", "import", file, environment=journey.environment())
    assert refused.status == NOT_ALLOWED


def test_an_official_hands_in_for_the_own_polling_stations_only(journey: Journey, tmp_path: Path) -> None:
    admin = journey.environment("administrator")
    lines = ["municipality,station,registered", *(f"Бач,{uuid4()},100" for _ in range(3))]
    stations = tmp_path / "stations.csv"
    stations.write_text("\n".join(lines))
    assert urna("station", "import", stations, environment=admin).status == SUCCESS
    codes = [line.split(",")[1] for line in lines[1:]]
    first, second, foreign = (
        urna("--json", "station", "list", "--code", code, environment=admin).json["items"][0]["id"] for code in codes
    )
    assigned = urna("official", "assign", journey.person.email, str(first), str(second), environment=admin)
    assert assigned.out == f"{journey.person.email}: polling stations {first}, {second}.\n", assigned.err

    election = journey.open_election()
    ballots = tmp_path / "ballots.csv"
    ballots.write_text(f"{uuid4()},1\n{uuid4()},2\n")
    vera = journey.environment()

    def upload(*options: str) -> Outcome:
        return urna("--json", "upload", ballots, "--election", str(election), *options, "--wait", environment=vera)

    # The voting stations learn of new polling stations within a second or two.
    deadline = time.monotonic() + 30
    while (sent := upload("--station", str(first))).status != SUCCESS:
        assert "is not known, or not yet" in sent.out
        assert time.monotonic() < deadline
    assert "2 polling stations" in upload().out
    assert "do not belong" in upload("--station", str(foreign)).out
    (batch,) = journey.admin.get("admin", f"/api/elections/{election}/batches")["items"]
    assert (batch["station_id"], batch["counted"]) == (first, 2)
    kept = journey.admin.authorized
    with pytest.raises(Failure, match="has at least one upload of ballots"):
        kept("DELETE", "admin", f"/api/polling-stations/{first}")
    assert kept("DELETE", "admin", f"/api/polling-stations/{foreign}").status_code == 204
    nobody = urna("--json", "official", "assign", "nobody@example.org", "1", environment=admin)
    assert nobody.error["error"] == "There is no official with the address nobody@example.org."
