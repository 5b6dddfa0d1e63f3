"""The administration's pages of polling stations, their import, the status board, sheets and differences, in a browser.

One suite has the whole of Serbia's polling stations of 2014, which its first test imports through the pages.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import closing

import pytest
import sqlalchemy as sa
from PIL import Image
from playwright.sync_api import Page, expect

from admin_service.actions.station_import import import_stations
from admin_service.rules.geography import identity
from cli.demo.suite import EmbeddedSuite
from shared.database import Database
from shared.schema.election import PollingStation
from shared.sheets import Numbers
from tests.browser.conftest import OpenWindow
from tests.browser.looking import assert_everybody_can_use, take_pictures
from tests.browser.signing_in import sign_in
from tests.journey.people import Journey
from tests.services.declared import SERBIA, Declared, numbers

STATIONS = 8387
LISTS = ("Листа за реку", "<script>alert(1)</script>", "Грађани заједно")
VOTES = {1: 60, 2: 40, 3: 20}
DIFFERING, WAITING, ACCEPTED, ENTERED_ONCE = range(1, 5), range(5, 12), range(12, 30), 30


@pytest.fixture
def declared(journey: Journey) -> Iterator[Declared]:
    """What officials send in of tally sheets, in the store of the suite."""
    database = Database(f"sqlite:///{journey.suite.data / 'election.db'}")
    yield Declared(database)
    database.close()


@pytest.fixture(scope="session")
def serbia(suite: EmbeddedSuite) -> dict[int, int]:
    """The polling stations of the whole of Serbia, each with the voters on its roll."""
    with closing(Database(f"sqlite:///{suite.data / 'election.db'}")) as database:
        import_stations(database, _with_places(SERBIA.read_bytes()), preview=False, skip_wrong=True)
        with database.reading() as session:
            found = session.execute(sa.select(PollingStation.id, PollingStation.registered))
            return dict(found)


@pytest.fixture
def board(journey: Journey, declared: Declared, serbia: dict[int, int]) -> int:
    """An open election with the whole of Serbia, and sheets in every state at its first stations."""
    election = journey.open_election(LISTS)

    def sheet(station: int, votes: Mapping[int, int] = VOTES, **counts: int) -> Numbers:
        return numbers(votes, registered=serbia[station], **counts)

    for station in DIFFERING:
        declared.twice(election, station, sheet(station), other=sheet(station, {1: 58, 2: 42, 3: 20}))
    for station in WAITING:
        declared.twice(election, station, sheet(station, blank=10), explanations={"W202": "Гужва у подне."})
    for station in ACCEPTED:
        declared.twice(election, station, sheet(station))
    declared.enter(election, ENTERED_ONCE, sheet(ENTERED_ONCE))
    return election


def _with_places(content: bytes) -> bytes:
    """The real file with a point for each municipality's stations, near one another; it has none."""
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    names = sorted({row["municipality"] for row in rows})
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(("municipality", "station_number", "address", "registered", "latitude", "longitude"))
    for row in rows:
        place, number = (
            names.index(row["municipality"]),
            hash_of(row["municipality"], row["address"] or row["municipality"]),
        )
        latitude = 42.4 + (place * 37 % 100) / 28 + (number % 97) / 900
        longitude = 19.2 + (place * 61 % 100) / 29 + (number // 97 % 89) / 700
        given = (row["municipality"], row["station_number"], row["address"], row["registered"])
        writer.writerow((*given, f"{latitude:.5f}", f"{longitude:.5f}"))
    return written.getvalue().encode()


def hash_of(municipality: str, centre: str) -> int:
    """The same number for each way to write the name of a polling centre."""
    return int(identity(municipality, centre)[:6], 16)


def admin_page(open_window: OpenWindow, journey: Journey, path: str, **options: object) -> Page:
    """A page of the administration in a window of its administrator."""
    page = open_window(**options).page()
    sign_in(page, journey, as_administrator=True, address=f"{journey.suite.addresses.admin}{path}")
    expect(page).to_have_url(re.compile(re.escape(path.partition("?")[0])))
    return page


def test_look(journey: Journey, open_window: OpenWindow, declared: Declared, board: int) -> None:
    picture = io.BytesIO()
    Image.linear_gradient("L").resize((900, 1200)).convert("RGB").save(picture, "JPEG")
    declared.photograph(board, 1, picture.getvalue(), "image/jpeg", '"><script>alert(1)</script>.jpg')
    page = admin_page(open_window, journey, f"/sheets/{board}")
    for name, path in (
        ("board", f"/sheets/{board}"),
        ("board-review", f"/sheets/{board}?state=waiting_for_review"),
        ("screen", f"/sheets/{board}/screen"),
        ("sheet", f"/sheets/{board}/1"),
        ("sheet-waiting", f"/sheets/{board}/5"),
        ("sheet-map", f"/sheets/{board}/map"),
        ("sheets", "/sheets"),
        ("differences", f"/differences/{board}"),
        ("differences-lacking", f"/differences/{board}?show=lacking"),
        ("stations", "/stations"),
        ("station", "/stations/1"),
        ("station-change", "/stations/1/change"),
        ("centre", "/stations/centres/1"),
        ("constituencies", "/stations/constituencies"),
        ("import", "/stations/import"),
        ("map", "/stations/map"),
    ):
        page.goto(f"{journey.suite.addresses.admin}{path}")
        take_pictures(page, name)
        try:
            assert_everybody_can_use(page)
        except AssertionError as e:
            print(name, e)
