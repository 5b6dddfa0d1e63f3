"""A polling station with its officials and an open election, for the tests of the station's pages."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from playwright.sync_api import Page, expect

from cli.demo.people import Official, jmbg_of_birth, register
from tests.browser.signing_in import fill_in
from tests.journey.people import PASSWORD, Journey

# Those of the journeys' own officials are below.
_BIRTHS = iter(range(300, 499))
LISTS = ("List for the river", "<script>alert(1)</script>", "Citizens together")


@dataclass(frozen=True)
class Polling:
    """Polling stations ``numbers`` of one election; Vera belongs to the first or to all, Ana to the first."""

    journey: Journey
    election: int
    numbers: list[int]
    codes: list[str]
    ana: Official

    @property
    def site(self) -> str:
        return self.journey.suite.addresses.station

    @property
    def files(self) -> str:
        return f"{self.site}/elections/{self.election}/files?station={self.numbers[0]}"

    @property
    def sheet(self) -> str:
        return f"{self.site}/elections/{self.election}/stations/{self.numbers[0]}/sheet"

    def sign_in(self, page: Page, address: str = "", email: str = "") -> None:
        """Sign in, as Vera unless another address is given, at a page of the station."""
        page.goto(address or f"{self.site}/")
        fill_in(page, email or self.journey.person.email, PASSWORD)
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def prepare(journey: Journey, count: int = 1, lists: Sequence[str] = LISTS) -> Polling:
    """Make ``count`` polling stations with 500 voters each, and wait until the stations know them."""
    admin = journey.admin
    codes = [f"Ада {uuid4().hex[:6]}" for _ in range(count)]
    region = _make(journey, "regions", {"name": f"Region {uuid4()}"})
    constituency = _make(journey, "constituencies", {"region_id": region, "name": f"Constituency {uuid4()}"})
    school = {"constituency_id": constituency, "municipality": "Ада", "name": f"School {uuid4()}"}
    centre = _make(journey, "polling-centres", school)
    numbers = [
        _make(journey, "polling-stations", {"centre_id": centre, "code": code, "registered": 500}) for code in codes
    ]
    ana = Official(f"{uuid4().hex}@example.org", PASSWORD, "Ana", "Anić", jmbg_of_birth(next(_BIRTHS)))
    register(admin, ana)
    for email, own in ((journey.person.email, numbers), (ana.email, numbers[:1])):
        journey.change_account(email, stations=own)
    made = Polling(journey, journey.open_election(lists), numbers, codes, ana)
    journey.official.log_in()
    for _ in range(300):
        places = journey.official.get("station", f"/api/elections/{made.election}/stations")["items"]
        if all(place["status"] and place["code"] for place in places):
            return made
        time.sleep(0.05)
    raise AssertionError("The voting stations did not learn of the polling stations.")


def _make(journey: Journey, noun: str, body: dict[str, object]) -> int:
    return int(journey.admin.authorized("POST", "admin", f"/api/{noun}", body=body).json()["id"])


def write_file(folder: Path, name: str, rows: list[str]) -> Path:
    """A file with these lines."""
    path = folder / name
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


def ballots(count: int, poll_numbers: tuple[int, ...] = (1, 2, 3)) -> list[str]:
    """Lines of new ballots."""
    return [f"{uuid4()},{poll_numbers[place % len(poll_numbers)]}" for place in range(count)]
