"""The pages of the voting station: who gets where, what is taken from a form, and what is said of what is wrong."""

import re
from collections.abc import Iterator

import pytest

from shared.queue import snapshot
from shared.queue.batches import PartOutcome, RefusedLine
from shared.queue.work import QueuedPart, RecordedPart, finish, front
from shared.terms import Refusal, Role
from tests.services.sheets import SHEET, picture, prepare_desk
from tests.services.station import COMING, OPEN, OVER, Station, contents, file_of, guid, running
from tests.services.station_pages import VALUE, Visitor, words
from tests.services.tokens import ServiceSettings, Token

FILES = f"/elections/{OPEN}/files?station=1"
CHECK = f"/elections/{OPEN}/files/check?station=1"
PAPER = f"/elections/{OPEN}/stations/1/sheet"
NAMES = {1: "List for the river", 2: "<script>alert(1)</script>", 3: "Citizens together"}


@pytest.fixture
def station(redis_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Station]:
    with running(redis_url, service_settings, token) as made:
        prepare_desk(made)
        snapshot.write_lists(made.redis, {OPEN: NAMES})
        yield made


@pytest.fixture
def vera(station: Station) -> Visitor:
    return Visitor.of(station)


def form_of(numbers: dict[str, object] | None = None, **changed: object) -> dict[str, str]:
    """The fields of a sheet's form."""
    said = {**SHEET, **(numbers or {}), **changed}
    votes = said.pop("votes")
    assert isinstance(votes, dict)
    return {name: str(value) for name, value in {**said, **{f"votes.{n}": v for n, v in votes.items()}}.items()}


def test_an_official_of_one_station_with_one_open_election_gets_straight_there(station: Station) -> None:
    snapshot.write(station.redis, [one for one in snapshot.read(station.redis)[0] if one.id != OVER])
    there = Visitor.of(station).get("/")
    assert (there.status_code, there.headers["Location"]) == (303, FILES)
    page = words(Visitor.of(station).get(FILES))
    for said in ("Election 1", "Polling station Ада 1", "Voters on the electoral roll 500"):
        assert said in page
    several = words(Visitor.of(station, stations=(1, 2)).get("/"))
    for said in ("Ада 1", "Ада 2", "500 voters", "My files 0", "Tally sheet not entered", "Election 3 opens"):
        assert said in several
    # Several polling stations have to be told apart: the address remembers which one.
    asked = Visitor.of(station, stations=(1, 2)).get(f"/elections/{OPEN}/files")
    assert (asked.status_code, asked.headers["Location"]) == (303, "/")
    for path in (f"/elections/{OPEN}/files", f"/elections/{OPEN}/files/check"):
        sent = Visitor.of(station, stations=(1, 2)).send(path, {}, (file_of(2), "a.csv"), by_script=True)
        assert (sent.status_code, "Choose one, and send the file there." in words(sent)) == (422, True)
    without = words(Visitor.of(station, stations=()).get("/"))
    assert "You belong to no polling station" in without
    assert "belong to no polling station" in words(Visitor.of(station, stations=()).get(f"/elections/{OPEN}/files"))


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        (f"/elections/{OPEN}/files?station=2", 403, "You do not belong to polling station 2."),
        (f"/elections/{OPEN}/stations/2/sheet", 403, "You do not belong to polling station 2."),
        (f"/elections/{OPEN}/files?station=x", 403, "You do not belong to polling station 0."),
        ("/elections/99/files?station=1", 404, "No published election has this number"),
        ("/elections/99/stations/1/sheet", 404, "No published election has this number"),
        (f"/elections/{OVER}/files?station=1", 200, "The election ended"),
        (f"/elections/{COMING}/files?station=1", 200, "The election has not begun yet"),
        (f"/elections/{COMING}/stations/1/sheet", 200, "The election has not begun yet"),
        ("/files/nothing", 404, "There is no such batch of yours"),
    ],
)
def test_a_page_that_is_not_ones_own_or_not_now_says_so(vera: Visitor, path: str, status: int, said: str) -> None:
    page = vera.get(path)
    assert (page.status_code, page.mimetype) == (status, "text/html")
    assert said in words(page)
    assert 'name="file"' not in page.text or status == 200


def test_a_disabled_station_takes_nothing_and_says_so(station: Station, vera: Visitor) -> None:
    snapshot.write_stations(station.redis, "b", {1: "disabled", 2: "active"})
    before = contents(station.redis)
    assert "This polling station is disabled" in words(vera.get(FILES))
    refused = vera.send(FILES, {"key": "a"}, (file_of(2), "a.csv"))
    assert (refused.status_code, "is disabled" in words(refused)) == (409, True)
    assert vera.send(PAPER, form_of()).status_code == 409
    assert contents(station.redis) == before


@pytest.mark.parametrize("by_script", [False, True])
def test_a_check_says_what_a_file_would_come_to_and_stores_nothing(
    station: Station, vera: Visitor, by_script: bool
) -> None:
    before = contents(station.redis)
    rows = [f"{guid(1)},1", f"{guid(2)},2", f"{guid(1)},1", f"{guid(3)},77"]
    page = vera.send(CHECK, {}, ("\n".join(rows).encode(), "a<b>.csv"), by_script=by_script)
    assert page.status_code == 200
    text = words(page)
    for said in (
        "a<b>.csv",
        "The file is good: 4 ballots. Nothing is stored yet.",
        "1. List for the river 2",
        "2. <script>alert(1)</script> 1",
        "no list with these poll numbers: 77",
        "1 line has a GUID that stands on a line before. It would be taken in, and not counted: line 3.",
    ):
        assert said in text
    assert "<script>alert" not in page.text
    assert contents(station.redis) == before


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([f"{guid(1)},1", f"{guid(2)},zwei", "x,1"], ["2 {} ,zwei The second value is no poll number.", "3 x,1"]),
        ([f"1,{guid(1)}", f"2,{guid(2)}"], ["The first column looks like poll numbers", "the columns are swapped"]),
        (["guid,poll number", f"{guid(1)},1"], ["The first line looks like a heading."]),
        ([f"{guid(1)};1", f"{guid(2)};2"], ["The values are parted by semicolons."]),
        ([f'{guid(1)},"1', f"{guid(2)},2"], ['1 {} ,"1 The second value is no poll number.']),
        ([], ["The file is empty"]),
    ],
    ids=["bad lines", "swapped columns", "heading", "semicolons", "open quote", "empty"],
)
def test_a_bad_file_is_told_by_its_lines_whether_it_is_checked_or_sent(
    station: Station, vera: Visitor, rows: list[str], said: list[str]
) -> None:
    before = contents(station.redis)
    content = "\n".join(rows).encode()
    for path in (CHECK, FILES):
        page = vera.send(path, {"key": path}, (content, "a.csv"))
        text = words(page).replace(guid(1), "{} ").replace(guid(2), "{} ")
        for one in said:
            assert one in text, (path, text)
        if path == FILES:
            assert page.status_code == 422
    assert contents(station.redis) == before


def test_a_file_is_handed_in_once_however_often_its_form_is_sent(station: Station, vera: Visitor) -> None:
    name = "..\\<img src=x onerror=alert(1)>.csv"
    first = vera.send(FILES, {"key": "one key"}, (file_of(3), name))
    assert first.status_code == 303
    again = vera.send(FILES, {"key": "one key"}, (file_of(3), name), by_script=True)
    assert again.status_code == 202
    batch = first.headers["Location"].rpartition("/")[2]
    assert f'data-batch="{batch}"' in again.text
    assert "The station had this file already" in words(again)
    other = vera.send(FILES, {"key": "one key"}, (file_of(4), name))
    assert other.status_code == 422
    assert len(station.waiting()) == 2
    page = vera.get(f"/files/{batch}")
    assert "<img src=x onerror=alert(1)>.csv" in words(page)
    assert "<img" not in page.text
    for said in ("Ballots 3", "Polling station Ада 1", "waits to be counted", batch):
        assert said in words(page)
    assert 'http-equiv="refresh"' in page.text
    assert "My files 1" in words(vera.get("/?all=1"))
    # Somebody else's receipt is nobody's.
    assert Visitor.of(station, name="ana").get(f"/files/{batch}").status_code == 404
    administrator = Visitor.of(station, Role.ADMINISTRATOR, Role.OFFICIAL, name="admin")
    assert administrator.get(f"/files/{batch}").status_code == 404
    assert "You have handed in no file." in words(Visitor.of(station, name="ana").get("/files"))


def test_what_became_of_a_file_is_told_line_by_line(station: Station, vera: Visitor) -> None:
    batch = vera.send(FILES, {"key": "k"}, (file_of(3), "a.csv")).headers["Location"].rpartition("/")[2]
    for number in (0, 1):
        for part in front(station.redis, number, jobs=9, ballots=9):
            refused = [RefusedLine(1, guid(2), 3, Refusal.DUPLICATE)] if number == 0 else []
            assert isinstance(part, QueuedPart)
            count = part.ballots
            outcome = PartOutcome(count, count - len(refused), len(refused), 0, 0, refused)
            finish(station.redis, number, [RecordedPart(part, outcome, count)])
    page = vera.get(f"/files/{batch}/progress", **{"HX-Request": "true"})
    assert "hx-get" not in page.text
    assert f"2 {guid(2)} 3 This ballot was received before. Nothing, if the file" in words(page)
    own = words(vera.get("/files"))
    for said in ("a.csv", "counted", "1 line not counted"):
        assert said in own


def test_own_files_are_paged(station: Station, vera: Visitor) -> None:
    for number in range(27):
        assert vera.send(FILES, {"key": f"{number}"}, (file_of(1, number + 1), f"file-{number}.csv")).status_code == 303
    first, second = vera.get("/files"), vera.get("/files?page=2")
    assert "file-26.csv" in first.text
    assert "file-1.csv" not in first.text
    assert "file-1.csv" in second.text
    assert "Page 2 of 2" in words(second)
    assert vera.get("/files?page=x").status_code == 200


def test_a_sheet_is_entered_by_its_form_and_says_all_that_is_wrong_at_once(station: Station, vera: Visitor) -> None:
    before = contents(station.redis)
    page = vera.get(PAPER)
    assert "First entry" in words(page)
    assert "2. <script>alert(1)</script>" in words(page)
    assert "<script>alert" not in page.text
    wrong = vera.send(PAPER, form_of(voted="", blank="-1", received="1e3"))
    assert wrong.status_code == 422
    assert words(wrong).count("This number is missing") == 1
    assert words(wrong).count("Write a whole number from 0 to 1000000") == 2
    assert 'value="1e3"' in wrong.text
    parts = vera.send(PAPER, form_of(in_box=299))
    assert "E101 The ballot papers in the box (299) are not the invalid (4), the blank (2) and the valid" in words(
        parts
    )
    assert 'name="explanations.E101"' not in parts.text
    asked = vera.send(PAPER, form_of(voted=310))
    assert asked.status_code == 422
    for code in ("W203", "W206"):
        assert f'name="explanations.{code}"' in asked.text
    assert contents(station.redis) == before
    told = {"explanations.W203": "Ten voters took theirs away.", "explanations.W206": "The same ten."}
    assert vera.send(PAPER, {**form_of(voted=310), **told}).status_code == 303
    shown = words(vera.get(PAPER))
    for said in ("Your entry waits to be recorded", "Ten voters took theirs away.", "Nothing to enter now"):
        assert said in shown
    assert 'hx-trigger="every 1s"' in vera.get(PAPER).text


def test_a_photograph_is_judged_by_its_content_and_a_script_is_none(station: Station, vera: Visitor) -> None:
    path = f"{PAPER}/photographs"
    for by_script in (False, True):
        refused = vera.send(path, {}, (b"<script>alert(1)</script>", "sheet.jpg"), by_script=by_script)
        assert (refused.status_code, "This is no photograph that can be taken" in words(refused)) == (422, True)
        disguised = vera.send(path, {}, (picture() + b"<script>alert(1)</script>", "a.jpg"), by_script=by_script)
        assert "parts of a web page or a program" in words(disguised)
        several = vera.send(path, {}, (picture(), "a.jpg"), (picture(), "b.jpg"), by_script=by_script)
        assert (several.status_code, "one file at a time" in words(several)) == (422, True)
    taken = vera.send(path, {"key": "k"}, (picture(), "<b>sheet.jpg"))
    assert (taken.status_code, taken.headers["Location"]) == (303, f"{PAPER}#photographs")
    page = vera.get(PAPER)
    assert "&lt;b&gt;sheet.jpg" in page.text
    assert words(vera.send(path, {}, (picture("PNG"), "b.png"), by_script=True)).count("UTC waits to be recorded") == 2
    large = vera.send(path, {}, (b"\xff\xd8\xff" + b"0" * (9 * 1024 * 1024), "large.jpg"), by_script=True)
    assert (large.status_code, "at most 8 MiB" in words(large)) == (413, True)


FORMS = [FILES, CHECK, PAPER, f"{PAPER}/photographs"]


@pytest.mark.parametrize("path", FORMS)
def test_no_form_is_taken_without_its_value_its_page_or_its_role(station: Station, vera: Visitor, path: str) -> None:
    before = contents(station.redis)
    file = (picture(), "a.jpg") if "photographs" in path else (file_of(2), "a.csv")
    fields = form_of() if path == PAPER else {}
    files = () if path == PAPER else (file,)
    for forged in ({"csrf_token": ""}, {"csrf_token": "another"}, {"csrf_token": VALUE[:-1]}):
        assert vera.send(path, {**fields, **forged}, *files).status_code == 403
    for headers in ({}, {"Origin": "https://attacker.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert vera.send(path, fields, *files, headers=headers).status_code == 403
    assert Visitor.of(station, Role.ADMINISTRATOR).send(path, fields, *files).status_code == 403
    nobody = Visitor(station, station.client).send(path, fields, *files, by_script=True)
    assert (nobody.status_code, "sign-in?notice=session-over" in nobody.headers["HX-Redirect"]) == (401, True)
    # A token in a header is for the API.
    header = station.official()
    assert Visitor(station, station.client).send(path, fields, *files, headers=header).status_code in (303, 403)
    assert contents(station.redis) == before
    assert vera.send(path, fields, *files).status_code in (200, 303)


def test_pages_keep_the_policy_and_are_kept_by_nobody(station: Station, vera: Visitor) -> None:
    batch = vera.send(FILES, {"key": "k"}, (file_of(2), "a.csv")).headers["Location"]
    for path in ("/?all=1", FILES, "/files", batch, PAPER):
        page = vera.get(path)
        assert page.status_code == 200
        assert page.headers["Cache-Control"] == "no-store"
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert not re.search(r"<[^>]+ (style|on\w+)=", page.text), path
        assert not re.search(r"<script(?! src=)", page.text), path


@pytest.mark.parametrize(
    ("language", "heading", "state"),
    [
        ("sr_Cyrl", "Предаја датотека са гласачким листићима", "Записник о раду бирачког одбора"),
        ("sr_Latn", "Predaja datoteka sa glasačkim listićima", "Zapisnik o radu biračkog odbora"),
        ("fr", "Remise de fichiers de bulletins", "Procès-verbal"),
    ],
)
def test_the_pages_speak_every_language(vera: Visitor, language: str, heading: str, state: str) -> None:
    assert heading in words(vera.get(f"{FILES}&language={language}"))
    assert state in words(vera.get(f"{PAPER}?language={language}"))
    # What the rules say in English is found in the catalogues, too.
    assert vera.send(PAPER, form_of()).status_code == 303
    refused = vera.send(f"{PAPER}/photographs", {}, (b"<script>", "a.jpg"))
    coming = vera.get(f"/elections/{COMING}/stations/1/sheet")
    for page in (vera.get(PAPER), vera.send(PAPER, form_of(voted="x")), refused, coming):
        assert '<span lang="en">' not in page.text


def test_a_file_over_the_limit_is_refused_in_words(
    redis_url: str, service_settings: ServiceSettings, token: Token
) -> None:
    with running(redis_url, service_settings, token, max_upload_bytes=1000) as station:
        prepare_desk(station)
        vera = Visitor.of(station)
        for size in (2_000, 200_000):
            for by_script in (False, True):
                page = vera.send(FILES, {"key": "k"}, (b"0" * size, "a.csv"), by_script=by_script)
                assert page.status_code == 413
                assert "cut it into smaller ones" in words(page)
