"""The administration's pages of polling stations, their import, the status board, sheets and differences, in a browser.

The suite has all polling stations of Serbia's election of 2014, with invented coordinates, for the file has none.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from admin_service.actions.station_import import import_stations
from admin_service.rules.geography import identity
from cli.client import Client, Credentials
from cli.demo.suite import EmbeddedSuite
from cli.upload import hand_in, wait_for_outcome
from shared.database import Database
from shared.schema.election import PollingStation
from shared.sheets import Numbers
from tests.browser.conftest import OpenWindow
from tests.browser.looking import focused, look_at, take_pictures
from tests.browser.signing_in import sign_in
from tests.journey.people import PASSWORD, Journey, write_ballots
from tests.services.declared import SERBIA, Declared, numbers
from tests.services.sheets import picture

LISTS = ("Листа за реку", "<script>alert(1)</script>", "Грађани заједно")
VOTES = {1: 60, 2: 40, 3: 20}
DIFFERING, WAITING, ACCEPTED, ENTERED_ONCE = range(1, 5), range(5, 12), range(12, 30), 30


@pytest.fixture
def declared(journey: Journey) -> Iterator[Declared]:
    """What officials send in of tally sheets, in the store of the suite."""
    database = Database(f"sqlite:///{journey.suite.data / 'election.db'}")
    yield Declared(database)
    database.close()


@pytest.fixture(scope="module")
def serbia(suite: EmbeddedSuite) -> dict[int, int]:
    """The polling stations of the whole of Serbia, each with the voters on its roll."""
    with closing(Database(f"sqlite:///{suite.data / 'election.db'}")) as database:
        import_stations(database, _with_places(SERBIA.read_bytes()), preview=False, skip_wrong=True)
        with database.reading() as session:
            found = session.execute(sa.select(PollingStation.id, PollingStation.registered))
            return dict(found.all())


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


MISTAKES = """municipality,centre,station,registered,latitude,longitude
{name},Школа,{name} 1,701,44.1,20.1
{name},Школа,{name} 1,702,44.1,20.1
{name},Дом,{name} 2,many,44.2,20.2
{name},Дом,{name} 3,300,144.2,20.2
{name},Дом,{name} 4,300,44.2,20.2
"""
TURNED = "registered,municipality,station\nАда,700,Ада 1\n"


def test_a_file_with_mistakes_is_looked_at_and_imported_without_being_chosen_twice(
    journey: Journey, open_window: OpenWindow, serbia: dict[int, int]
) -> None:
    page = admin_page(open_window, journey, "/stations/import")
    preview = page.locator("#preview")

    def look_into(content: bytes, name: str = "<script>alert(1)</script>.csv") -> None:
        page.locator("#file").set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})
        page.get_by_role("button", name="Look at it").click()

    look_into(TURNED.encode())
    expect(preview.get_by_role("table", name="Wrong lines")).to_contain_text("this is 'Ада'")
    take_pictures(page, "import-turned")
    # The real file of the whole country, which is known already.
    look_into(SERBIA.read_bytes())
    expect(preview).to_contain_text("There is nothing to import")
    expect(preview.get_by_role("listitem").filter(has_text="as they are")).to_contain_text(f"{len(serbia):,}")
    preview.get_by_role("button", name="Next").click()
    # The file is sent once more for it, and read again.
    expect(preview).to_contain_text("Page 2 of 42", timeout=60_000)
    name = f"Нова {uuid4().hex[:8]}"
    look_into(MISTAKES.format(name=name).encode())
    wrong = preview.get_by_role("table", name="Wrong lines")
    expect(wrong.get_by_role("row")).to_have_count(4)
    expect(wrong).to_contain_text("stands in line 2 already")
    expect(wrong).to_contain_text("is it the longitude?")
    assert focused(page).startswith("2. Look at what would become of it")
    look_at(page, "import-preview")
    page.get_by_role("button", name="Import 2 polling stations").click()
    expect(preview.get_by_role("alert")).to_contain_text("Nothing was imported.")
    look_into(MISTAKES.format(name=name).encode())
    page.get_by_label("Leave the wrong lines out").check()
    page.get_by_role("button", name="Import 2 polling stations").click()
    expect(preview.get_by_role("status")).to_contain_text("New: 2; changed: 0")
    take_pictures(page, "import-done")
    page.get_by_role("link", name="To the polling stations").click()
    page.get_by_label("Search").fill(name)
    expect(page.locator("#found tbody tr")).to_have_count(2)


def test_the_board_of_the_whole_country_is_searched_with_the_keyboard(
    journey: Journey, open_window: OpenWindow, board: int
) -> None:
    page = admin_page(open_window, journey, f"/sheets/{board}")
    rows = page.locator("#board-table tr")
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile("18 of 8,3.. tally sheets are accepted"))
    expect(rows).to_have_count(100)
    expect(rows.first).to_contain_text("missing")
    page.locator("#search").focus()
    page.keyboard.type("барајево 1")
    expect(page).to_have_url(re.compile("search=%D0%B1"))
    expect(rows).to_have_count(11)
    # Whoever searches stays where he is.
    expect(page.locator("#search")).to_be_focused()
    page.locator("#state-waiting_for_review").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("state=waiting_for_review"))
    expect(rows).to_have_count(2)
    page.go_back()
    page.locator("#municipality").select_option("Врачар")
    page.locator("#search").fill("")
    expect(page.locator("#board-count")).not_to_contain_text("8,3")
    expect(rows.first).to_contain_text("Врачар")


def test_the_board_looks_anew_by_itself_and_leaves_everybody_where_he_is(
    journey: Journey, open_window: OpenWindow, declared: Declared, board: int, serbia: dict[int, int]
) -> None:
    page = open_window().page()
    page.clock.install()
    sign_in(
        page, journey, as_administrator=True, address=f"{journey.suite.addresses.admin}/sheets/{board}?search=врачар"
    )
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("18 of")
    row = page.locator("#board-table a").nth(40)
    name = row.inner_text()
    row.focus()
    place = page.evaluate("window.scrollY")
    assert place > 0
    declared.twice(board, 31, numbers(VOTES, registered=serbia[31]))
    page.clock.fast_forward(16_000)
    expect(heading).to_contain_text("19 of")
    assert (focused(page), page.evaluate("window.scrollY")) == (name, place)
    page.get_by_label("Refresh every 15 seconds").uncheck()
    declared.twice(board, 32, numbers(VOTES, registered=serbia[32]))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward(60_000)
    # What the page asks for is told of before what it is asked now.
    expect(heading).to_contain_text("19 of")
    assert asked == []
    page.goto(f"{journey.suite.addresses.admin}/sheets/{board}/screen")
    expect(heading).to_contain_text("20 of")
    declared.twice(board, 33, numbers(VOTES, registered=serbia[33]))
    page.clock.fast_forward(16_000)
    expect(heading).to_contain_text("21 of")


def test_of_two_administrators_who_resolve_a_sheet_at_once_the_second_is_told(
    journey: Journey, open_window: OpenWindow, declared: Declared, board: int
) -> None:
    declared.photograph(board, 1, picture(size=(900, 1200)), "image/jpeg", '"><script>alert(1)</script>.jpg')
    journey.change_account(journey.person.email, roles=["administrator"])
    address = f"{journey.suite.addresses.admin}/sheets/{board}/1"
    first, second = open_window().page(), open_window().page()
    sign_in(first, journey, as_administrator=True, address=address)
    sign_in(second, journey, address=address)
    for page in (first, second):
        expect(page.locator("tr.differs")).to_have_count(2)
        expect(page.locator("tr.differs").first).to_contain_text("≠ differs by −2")
        page.get_by_label("Reason").first.fill("The second count was made by four people.")
    assert first.locator("img").first.evaluate("async (one) => { await one.decode(); return one.naturalWidth; }") == 900
    first.get_by_label("The second entry stands").check()
    first.get_by_role("button", name="Resolve it").click()
    expect(first.get_by_role("status")).to_contain_text("accepted with the numbers of the entry that you chose")
    expect(first.locator(".history li").first).to_contain_text("entry 2 stands")
    second.get_by_label("Neither of them").check()
    second.get_by_role("button", name="Resolve it").click()
    expect(second.get_by_role("alert")).to_contain_text("Somebody has changed this meanwhile")
    expect(second.locator(".history li").first).to_contain_text("The second count was made by four people.")
    take_pictures(second, "sheet-changed-meanwhile")


def test_the_sheets_that_wait_are_accepted_together(journey: Journey, open_window: OpenWindow, board: int) -> None:
    page = admin_page(open_window, journey, f"/sheets/{board}?state=waiting_for_review")
    expect(page.locator("#board-table")).to_contain_text("Гужва у подне.")
    page.get_by_label("All on this page").check()
    page.locator("#board-table input").first.uncheck()
    page.get_by_role("button", name="Accept the ticked sheets").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("6 of 6 tally sheets are accepted")
    look_at(page, "board-accepted")
    page.get_by_role("link", name="To those that still wait").click()
    expect(page.locator("#board-table tr")).to_have_count(1)


def plant(journey: Journey, board: int, station: int, file: Path) -> None:
    """Let the official of a station hand in a ballot fewer than its sheet says."""
    journey.change_account(journey.person.email, stations=[station])
    write_ballots(file, [1] * 59 + [2] * 40 + [3] * 20)
    with Client(journey.suite.addresses, Credentials(journey.person.email, PASSWORD)) as official:
        wait_for_outcome(official, hand_in(official, file, board)["id"], 60)


def test_a_planted_difference_is_found_and_explained(
    journey: Journey, open_window: OpenWindow, board: int, tmp_path: Path
) -> None:
    plant(journey, board, 12, tmp_path / "station.csv")
    page = admin_page(open_window, journey, f"/differences/{board}")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "1 polling station has a difference that nobody has explained"
    )
    look_at(page, "differences")
    page.locator("#code").select_option("list")
    page.locator("#rows tbody a").click()
    expect(page.locator("tr.differs")).to_have_count(4)
    look_at(page, "difference")
    for box in page.locator("#explain input[type=checkbox]").all():
        box.check()
    page.get_by_label("Why they differ").fill("A ballot was torn, and is in the envelope.")
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_role("status")).to_contain_text("for exactly these figures")
    take_pictures(page, "difference-explained")
    page.get_by_role("link", name="To all differences").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("No difference is open")


def test_everything_can_be_done_without_javascript(
    journey: Journey, open_window: OpenWindow, board: int, tmp_path: Path
) -> None:
    page = admin_page(open_window, journey, f"/sheets/{board}", java_script_enabled=False)
    page.locator("#search").fill("Барајево 12")
    page.locator("#filter button").click()
    expect(page.locator("#board-table tr")).to_have_count(1)
    page.locator("#board-table a").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Tally sheet of Барајево 12")
    page.get_by_label("Reason").fill("The wrong sheet was on the table.")
    page.get_by_role("button", name="Open it again").click()
    expect(page.get_by_role("status")).to_contain_text("The tally sheet is open again.")
    page.goto(f"{journey.suite.addresses.admin}/stations/import")
    file = tmp_path / "stations.csv"
    name = f"Нова {uuid4().hex[:8]}"
    file.write_text(f"municipality,station,registered\n{name},{name} 1,700\n", encoding="utf-8")
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_text("Choose the same file once more above")).to_be_visible()
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Import 1 polling station").click()
    expect(page.locator("#preview")).to_contain_text("New: 1; changed: 0")


PAGES = {
    "board": "/sheets/{0}",
    "board-review": "/sheets/{0}?state=waiting_for_review",
    "board-screen": "/sheets/{0}/screen",
    "sheet-differing": "/sheets/{0}/1",
    "sheet-waiting": "/sheets/{0}/5",
    "sheet-accepted": "/sheets/{0}/12",
    "sheet-missing": "/sheets/{0}/100",
    "sheets-map": "/sheets/{0}/map?municipality=Барајево",
    "sheets": "/sheets",
    "differences-elections": "/differences",
    "differences-lacking": "/differences/{0}?show=lacking",
    "stations": "/stations?search=Барајево",
    "station-new": "/stations/new",
    "station": "/stations/1",
    "station-change": "/stations/1/change",
    "centres": "/stations/centres?search=Барајево",
    "centre-new": "/stations/centres/new",
    "centre": "/stations/centres/1",
    "constituencies": "/stations/constituencies",
    "constituency-new": "/stations/constituencies/new",
    "constituency": "/stations/constituencies/1",
    "regions": "/stations/regions",
    "region-new": "/stations/regions/new",
    "region": "/stations/regions/1",
    "stations-map": "/stations/map",
    "import": "/stations/import",
}


def test_everybody_can_use_the_pages_of_stations_and_sheets(
    journey: Journey, open_window: OpenWindow, declared: Declared, board: int
) -> None:
    declared.photograph(board, 1, picture(size=(900, 1200)), "image/jpeg", "sheet.jpg")
    declared.photograph(board, 1, b"%PDF-1.7", "application/pdf", "sheet.pdf")
    page = admin_page(open_window, journey, "/sheets")
    for name, path in PAGES.items():
        page.goto(f"{journey.suite.addresses.admin}{path.format(board)}")
        look_at(page, name)
    page.goto(f"{journey.suite.addresses.admin}/sheets/{board}/1?language=sr_Cyrl")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Записник")
    take_pictures(page, "sheet-serbian")
    page.goto(f"{journey.suite.addresses.admin}/sheets/{board}?language=fr")
    take_pictures(page, "board-french")
