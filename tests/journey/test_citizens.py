"""An administrator brings the citizens' register at a terminal, and a voter registers by it."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cli.failure import NOT_ALLOWED, REFUSED, SUCCESS
from tests.journey.command import urna
from tests.journey.people import Journey
from tests.services.citizens import citizen, csv_of


def test_the_register_is_brought_a_voter_registers_and_stands_on_the_roll(journey: Journey, tmp_path: Path) -> None:
    admin = journey.environment("administrator")
    # Of this run alone: the suite may be asked for more than once.
    first = 1000 + int(time.time()) % 8000
    rows = [citizen(first + number, surname=f"Новић{number}", region="Јужни") for number in range(2)]
    file = tmp_path / "citizens.csv"
    file.write_bytes(csv_of([*rows, citizen(first, born_on="1990-01-02")]))
    looked = urna("citizen", "import", "--preview", file, environment=admin)
    assert looked.status == REFUSED
    assert looked.out.splitlines()[:2] == [
        "2 new, 0 would be changed, 0 as they are, 1 wrong.",
        "Line 4, born_on: The national id is of another date of birth.",
    ]
    assert urna("citizen", "import", file, environment=journey.environment()).status == NOT_ALLOWED
    brought = urna("--json", "citizen", "import", "--skip-wrong", file, environment=admin)
    assert (brought.json["new"], brought.json["done"]) == (2, True)
    (listed,) = urna("--json", "citizen", "list", rows[0]["national_id"], environment=admin).json["items"]
    assert (listed["surname"], listed["has_account"]) == ("Новић0", False)

    who = ("--forename", "vera", "--surname", "NOVIC0", "--jmbg", rows[0]["national_id"])
    password = ("--password", "Str0ngPassword")
    made = urna("register", f"v{first}@example.org", *who, *password, environment=admin)
    assert (made.status, made.out.strip()) == (SUCCESS, f"vera NOVIC0, v{first}@example.org: registered.")
    others = urna("register", f"w{first}@example.org", *who, *password, environment=admin)
    assert others.status == REFUSED

    opens = datetime.now(UTC) + timedelta(days=1)
    hours = ("--opens", opens.isoformat(), "--closes", (opens + timedelta(hours=12)).isoformat())
    chosen = tmp_path / "chosen.csv"
    chosen.write_text(f"national_id\n{rows[1]['national_id']}\n")
    for given, names in (
        (("--for", "region", "--value", "Južni"), ["Новић0", "Новић1"]),
        (("--for", "citizens", "--citizens", chosen), ["Новић1"]),
    ):
        said = urna("voters", "set", str(first), "--title", "Local", *hours, *given, environment=admin)
        assert said.status == SUCCESS, said
        roll = tmp_path / "roll.csv"
        assert urna("voters", "roll", str(first), roll, environment=admin).status == SUCCESS
        lines = roll.read_text().splitlines()[1:]
        assert [line.split(",")[2] for line in lines] == names
        assert not [row for row in rows if row["national_id"] in roll.read_text()]
