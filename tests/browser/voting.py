"""An election in which voters cast their ballots themselves, with voters, for the tests of the page of voters."""

import itertools
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from playwright.sync_api import Page, expect

from cli import elections, participants
from cli.client import Client, Credentials, read_json
from cli.failure import Failure
from cli.voter_elections import open_to_voters
from tests.journey.command import urna
from tests.journey.people import PASSWORD, Journey
from tests.services.citizens import citizen, csv_of
from tests.services.second_factors import Device

LISTS = ("List for the river", "<script>alert(1)</script>", "Citizens together")
TITLE = "Council of the river"
# Later than the moment from which on the ballot, and its key with it, are frozen.
_SECONDS_TO_OPENING = 15
_NUMBERS = itertools.count(9000)


@dataclass(frozen=True)
class Booth:
    """An open election with its key, and the addresses of voters who may vote in it and have not yet."""

    journey: Journey
    election: int
    ballot_key: str
    voters: list[str]

    @property
    def address(self) -> str:
        return f"{self.journey.suite.addresses.station}/ballot"

    @property
    def receipts(self) -> str:
        return f"{self.journey.suite.addresses.results}/receipts"

    def sign_in(self, page: Page, email: str | None = None, address: str | None = None) -> str:
        """Open the page of voters, and sign in as the next voter; who that is."""
        page.goto(address or self.address)
        who = email or self.voters.pop()
        fill_in(page, who)
        return who

    def get_signed(self, page: Page, email: str | None = None) -> str:
        """Go on to where a list is chosen."""
        who = self.sign_in(page, email)
        page.get_by_role("button", name=f"Go on: {TITLE}").click()
        page.get_by_role("button", name="Get the ballot signed").click()
        expect(page.get_by_role("group", name="Your choice")).to_be_visible()
        return who

    def counted(self) -> int:
        """How many ballots are counted in the election."""
        found: dict[str, Any] = self.journey.admin.get(
            "results", f"/api/elections/{self.election}/results", public=True
        )
        return int(found["ballots"]["counted"])

    def until_drained(self) -> None:
        """Wait until all that the stations have taken in is recorded."""
        for _ in range(40):
            told = urna("queue", "--data", self.journey.suite.data, "--json").json
            if not any(one["parts"] for one in told["partitions"]):
                return
            time.sleep(0.05)
        raise AssertionError("What was cast still waits.")


def fill_in(page: Page, email: str) -> None:
    """Sign in on the page of voters, which is open."""
    page.locator("#login").fill(email)
    page.locator("#password").fill(PASSWORD)
    page.locator("#sign-in button").click()


def prepare(journey: Journey, count: int) -> Booth:
    """Make the election as an administrator does, and ``count`` voters; wait until it is open."""
    admin, opens = journey.admin, datetime.now(UTC) + timedelta(seconds=_SECONDS_TO_OPENING)
    hours = opens, opens + timedelta(hours=1)
    made = elections.create(
        admin,
        {
            "title": TITLE,
            "kind": "parliamentary",
            "jurisdiction_id": journey.new_area(),
            **dict(zip(("start", "end"), (one.isoformat() for one in hours), strict=True)),
            "entries": [{"participant_id": participants.create(admin, name)["id"]} for name in LISTS],
        },
    )
    number = int(made["id"])
    key = open_to_voters(admin, number, None, take_hours=False)["ballot_key"]
    rows = [citizen(next(_NUMBERS), surname=f"Бирач{uuid4().hex[:6]}") for _ in range(count)]
    voters = register(journey, rows)
    for _ in range(400):
        # Refused while they have not heard of it.
        with suppress(Failure):
            if admin.get("station", f"/api/elections/{number}/ballot-paper", public=True)["open"]:
                return Booth(journey, number, key, voters)
        time.sleep(0.05)
    raise AssertionError(f"The stations did not learn of election {number}.")


def announce(
    journey: Journey, number: int, opens: datetime, closes: datetime, *, title: str, **restriction: Any
) -> str:
    """Make an election known to voters that the administration does not have, and its key; the public half."""
    path, any_version = f"/api/voter-elections/{number}", {"If-Match": "*"}
    body = {"title": title, "opens_at": opens.isoformat(), "closes_at": closes.isoformat(), **restriction}
    journey.admin.authorized("PUT", "authentication", path, body=body, headers=any_version)
    made = journey.admin.authorized("POST", "authentication", f"{path}/key", headers=any_version)
    return str(read_json(made)["ballot_key"])


def register(journey: Journey, rows: list[dict[str, Any]]) -> list[str]:
    """Bring citizens into the register, and give each an account as a voter; the addresses."""
    journey.admin.authorized(
        "POST",
        "authentication",
        "/api/citizens/import",
        content=lambda: csv_of(rows),
        headers={"Content-Type": "text/csv"},
    )
    found = []
    for row in rows:
        body = {
            "email": f"{uuid4().hex}@example.org",
            "password": PASSWORD,
            "forename": row["forename"],
            "surname": row["surname"],
            "jmbg": row["national_id"],
            "role": "voter",
        }
        journey.admin.request("POST", "authentication", "/api/register", body=body)
        found.append(str(body["email"]))
    return found


def set_up_second_factor(journey: Journey, email: str, moment: datetime) -> Device:
    """Give an account a second factor, with the code of this moment."""
    with Client(journey.suite.addresses, Credentials(email, PASSWORD)) as owner:
        offer = owner.authorized("POST", "authentication", "/api/second-factor", body={"password": PASSWORD}).json()
        device = Device(offer["secret"])
        body = {"offer": offer["offer"], "code": device.code(moment)}
        owner.authorized("POST", "authentication", "/api/second-factor/confirmation", body=body)
    return device
