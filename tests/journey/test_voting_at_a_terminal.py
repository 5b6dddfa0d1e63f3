"""A voter at a terminal, from the account to the result; nobody is named after the log-in."""

import json
import time
from datetime import date
from pathlib import Path
from uuid import uuid4

from cli import results
from cli.failure import REFUSED, SUCCESS, USAGE
from tests.browser.voting import LISTS, prepare
from tests.journey.command import Outcome, urna
from tests.journey.people import PASSWORD, Journey
from tests.services.citizens import citizen, csv_of, national_id

_SECONDS_TO_BE_FINAL = 60.0
# A day on which no other citizen of the tests was born.
_BORN = date(1985, 5, 5)


def test_a_voter_registers_logs_in_once_votes_and_finds_the_ballot_counted(journey: Journey, tmp_path: Path) -> None:
    booth = prepare(journey, 1)
    election, admin = str(booth.election), journey.environment("administrator")
    # What an administrator has done once is there, also where he is not sure of it.
    known = urna("--json", "voters", "open", election, environment=admin)
    assert (known.status, set(known.json["done"].values())) == (SUCCESS, {"there already"})
    assert known.json["ballot_key"] == booth.ballot_key
    (listed,) = [
        one
        for one in urna("--json", "voters", "list", environment=admin).json["items"]
        if one["election_id"] == booth.election
    ]
    assert listed["hours_agree"]
    # Of this run alone: the suite may be asked for more than once.
    number = national_id(int(time.time()) % 8000, _BORN)
    row = citizen(national_id=number, born_on=_BORN.isoformat(), surname=f"Гласач{uuid4().hex[:6]}")
    file = tmp_path / "citizens.csv"
    file.write_bytes(csv_of([row]))
    assert urna("citizen", "import", file, environment=admin).status == SUCCESS

    own = {name: value for name, value in admin.items() if name.endswith("_URL")}
    own |= {"XDG_STATE_HOME": str(tmp_path / "state"), "URNA_EMAIL": "", "URNA_PASSWORD": ""}
    ballot = tmp_path / "ballot.json"

    def voter(*words: str | Path, **more: str) -> Outcome:
        return urna(*words, environment={**own, **more})

    email = f"{uuid4().hex}@example.org"
    who = ("--forename", row["forename"], "--surname", row["surname"], "--jmbg", row["national_id"])
    registered = voter("register", email, *who, URNA_PASSWORD=PASSWORD)
    assert (registered.status, registered.out) == (
        SUCCESS,
        f"{row['forename']} {row['surname']}, {email}: registered.\n",
    )
    assert voter("elections").status == USAGE
    logged_in = voter("login", URNA_EMAIL=email, URNA_PASSWORD=PASSWORD)
    assert (logged_in.status, email in logged_in.out) == (SUCCESS, True)

    (shown,) = [one for one in voter("--json", "elections").json["items"] if str(one["election_id"]) == election]
    assert shown["may_vote"]
    assert voter("vote", election, "1", "--file", ballot, "--sign-only").status == SUCCESS
    assert voter("logout").status == SUCCESS
    cast = voter("vote", election, "1", "--file", ballot)
    assert cast.status == SUCCESS, cast
    assert voter("vote", election, "2", "--file", ballot).status == REFUSED
    assert voter("verify", ballot).status == SUCCESS
    assert voter("elections").status == USAGE

    assert urna("election", "close", election, environment=admin).status == SUCCESS
    results.wait_until_final(journey.admin, booth.election, _SECONDS_TO_BE_FINAL)
    said = voter("--json", "results", election)
    assert said.status == SUCCESS
    # Everybody can count again: the numbers of the ballots, and against the signatures that were given.
    numbers = journey.admin.request("GET", "results", f"/api/elections/{election}/counted-ballots.csv").text
    assert numbers.split() == ["guid", json.loads(ballot.read_text())["guid"]]
    assert [one["votes"] for one in said.json["lists"]] == [1, *[0] * (len(LISTS) - 1)]
