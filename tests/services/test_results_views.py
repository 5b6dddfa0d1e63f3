"""The pages of an election beyond its result, and the files for other programs."""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from flask.testing import FlaskClient

from results_service.actions import ground
from results_service.app import create_app
from shared.config import ResultsSettings
from shared.schema.election import CANCELLED, DRAFT
from shared.terms import Refusal
from tests.rules.election_reports import faults, sums_that_differ
from tests.rules.report_schema import invalid_by_the_standard
from tests.services.places import accept_sheet
from tests.services.recorded import Recorded
from tests.services.tokens import ServiceSettings

NO_REDIS = "redis://127.0.0.1:1/0"
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
OPEN, OVER = (NOW - 2 * HOUR, NOW + HOUR), (NOW - 3 * HOUR, NOW - HOUR)
HOSTILE = ['<script>alert("1")</script>', "=1+1", "Лева & Десна"]
VIEWS = ["", "/candidates", "/why", "/places", "/map", "/moments", "/corrections", "/protocol", "/screen"]
FILES = ["results.csv", "results/stations.csv", "results.nist.json", "results/certainty"]


@pytest.fixture
def client(night: Recorded, sqlite_url: str, service_settings: ServiceSettings) -> Iterator[FlaskClient]:
    app = create_app(service_settings(ResultsSettings, election_database_url=sqlite_url, redis_url=NO_REDIS))
    yield app.test_client()
    app.extensions["database"].close()


@pytest.fixture
def election(night: Recorded) -> int:
    """Four stations, two of which have sent; the sheet of one is accepted."""
    number = night.election(HOSTILE, hours=OPEN, title="Assembly")
    stations = night.stations([100, 200, 300, 400])
    invalid = (9, Refusal.INVALID_POLL_NUMBER)
    night.part(number, {1: 40, 2: 20}, [invalid], received_at=OPEN[0] + HOUR, station=stations[0])
    night.part(number, {2: 50, 3: 30}, received_at=OPEN[0] + HOUR, station=stations[1], partition=1)
    night.drained(NOW, NOW)
    accept_sheet(night, number, stations[0], voted=62, in_box=62, invalid=1, blank=2)
    return number


@pytest.mark.parametrize("view", VIEWS)
def test_every_page_is_public_kept_by_language_and_safe_with_hostile_names(
    election: int, client: FlaskClient, view: str
) -> None:
    tags = set()
    for language in ("en", "sr_Cyrl", "sr_Latn", "fr"):
        path = f"/elections/{election}{view}?language={language}"
        page = client.get(path)
        assert (page.status_code, page.mimetype) == (200, "text/html"), page.text
        assert page.headers["Cache-Control"] == "public, max-age=1"
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy
        assert "alert(&#34;1" in page.text or "alert(" not in page.text
        assert "<script>" not in page.text
        assert not re.search(r"\sstyle=|\son[a-z]+=", page.text)
        assert "Set-Cookie" not in page.headers
        again = client.get(path, headers={"If-None-Match": page.headers["ETag"]})
        if view == "/moments" and again.status_code == 200:
            # The moments go on to now, and are other ones every few minutes.
            again = client.get(path, headers={"If-None-Match": again.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        # Browsers take the headers of this answer for those of the page that they have.
        assert again.headers["Content-Security-Policy"] == policy
        tags.add(page.headers["ETag"])
    assert len(tags) == 4


@pytest.mark.parametrize(
    "path", [*(f"/elections/{{}}{view}" for view in VIEWS), *(f"/api/elections/{{}}/{file}" for file in FILES)]
)
def test_a_draft_and_what_is_no_election_are_nowhere(night: Recorded, client: FlaskClient, path: str) -> None:
    draft = night.election(hours=OPEN, stage=DRAFT)
    published = night.election(hours=OPEN)
    assert client.get(path.format(published)).status_code == 200
    for number in (draft, 99):
        answer = client.get(path.format(number))
        assert answer.status_code == 404
        assert f"There is no election {number}." in answer.text


def test_the_page_says_why_a_seat_went_where_it_did_and_which_are_certain(election: int, client: FlaskClient) -> None:
    text = client.get(f"/elections/{election}/why").text
    known = client.get(f"/api/elections/{election}/results/certainty").get_json()
    last = known["closeness"][0]["last_seat"]
    assert last["award"]["seat"] == 250
    assert f"Seat 250 went to list {last['award']['poll_number']}" in text
    assert f"{last['holder_loses']} votes less" in text or "one vote less" in text
    # Of the first station 61 of the 62 ballots on its sheet are there; the second one may send another file.
    assert known["outstanding"] == (62 - 61) + (200 - 80) + 300 + 400
    assert f"{known['certain']} seats are certain; {known['open']} can still go" in text
    first = client.get(f"/elections/{election}/why?seat=1").text
    assert "Seat 1 went to list 2" in first
    assert "There is no such seat." in client.get(f"/elections/{election}/why?seat=251").text
    # Everything is certain when the count is final.
    tags = {client.get(f"/api/elections/{election}/results/certainty").headers["ETag"]}
    assert tags == {client.get(f"/api/elections/{election}/results").headers["ETag"]}


def test_without_a_polling_station_the_page_says_so_instead_of_numbers(night: Recorded, client: FlaskClient) -> None:
    election = night.election(hours=OPEN)
    night.part(election, {1: 5}, received_at=OPEN[0] + HOUR)
    known = client.get(f"/api/elections/{election}/results/certainty").get_json()
    assert (known["outstanding"], known["lists"]) == (None, [])
    assert known["unknown"] in client.get(f"/elections/{election}/why").text
    assert known["unknown"] in client.get(f"/elections/{election}").text


def test_one_goes_down_to_a_station_and_sees_the_sheet_beside_the_count(
    night: Recorded, election: int, client: FlaskClient
) -> None:
    path, seen = f"/elections/{election}/places", []
    for _ in range(6):
        page = client.get(path).text
        seen.append(re.sub(r"<[^>]+>", "", re.search(r"<h1>(.*?)</h1>", page, re.S)[1]))  # type: ignore[index]
        links = re.findall(rf'<th scope="row"><a href="(/elections/{election}/places/[^"]+)"', page)
        if not links:
            break
        path = links[0]
    assert seen == ["Results per place", "Region 1", "Part 1", "A", "School A1", "1"]
    assert "accepted" in page
    assert "Declared and counted" in page
    # In the box are 61 by the files and 62 by the sheet.
    assert re.search(r">62<.*?>61<", page, re.S)
    # Of a larger place, it is said of how many of its stations the sheets are, and of how many the count is.
    region = client.get(f"/elections/{election}/places/region/1").text
    assert re.search(r"From polling stations</th><td[^>]*>1 of 2</td><td[^>]*>1 of 2<", region)
    for wrong in ("village/1", "region/99", "station/x"):
        assert client.get(f"/elections/{election}/places/{wrong}").status_code == 404
    drawn = client.get(f"/elections/{election}/map").text
    # Two municipalities of the four have coordinates.
    assert drawn.count("<circle") >= 2
    assert len(re.findall(r'<a href="[^"]+" aria-label="A: [^"]+ leads"', drawn)) == 2


def test_the_result_as_it_stood_is_shown_with_a_banner(election: int, client: FlaskClient) -> None:
    path = f"/elections/{election}/moments"
    now = client.get(path).text
    moments = re.findall(r'<option value="(2[^"]+)"', now)
    assert len(moments) > 10
    before = client.get(path, query_string={"as_of": moments[1]}).text
    assert "As it stood at" in before
    assert "No votes are counted yet." in before
    assert "No votes are counted yet." not in now
    after = client.get(path, query_string={"as_of": moments[-1]})
    assert ">70<" in after.text
    for wrong in ("yesterday", "1700000000", "0001-01-01T00:00:00+14:00", (NOW + HOUR).isoformat()):
        refused = client.get(path, query_string={"as_of": wrong})
        assert (refused.status_code, refused.mimetype) == (422, "text/html")


def test_the_record_names_the_file_by_its_digest(election: int, client: FlaskClient) -> None:
    record = client.get(f"/elections/{election}/protocol").text
    assert sha256(client.get(f"/api/elections/{election}/record").data).hexdigest() in record
    assert "no digital signature" in record
    figures = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]*)</dd>", record))
    assert (figures["Ballots in the box by these sheets"], figures["Stations where they differ"]) == ("62", "1")
    assert figures["Invalid ballots by these sheets (share of those in the box)"] == "1 (1.61%)"
    assert figures["Blank ballots by these sheets (share of those in the box)"] == "2 (3.23%)"
    station = client.get(f"/elections/{election}/protocol/station/1").text
    assert sha256(client.get(f"/api/elections/{election}/record/stations/1").data).hexdigest() in station
    assert f'href="/api/elections/{election}/record/stations/1"' in station
    figures = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]*)</dd>", station))
    assert figures["Blank ballots, by the sheet (share of those in the box)"] == "2 (3.23%)"
    other = client.get(f"/elections/{election}/protocol/station/2").text
    assert "<dt>Blank ballots, by the sheet (share of those in the box)</dt><dd>–</dd>" in other
    assert client.get(f"/elections/{election}/protocol/station/77").status_code == 404


def test_tables_are_safe_in_a_spreadsheet_and_kept(election: int, client: FlaskClient) -> None:
    answer = client.get(f"/api/elections/{election}/results.csv")
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="election-{election}-lists.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert [(row["name"], row["votes"]) for row in rows] == [(HOSTILE[0], "40"), ("'=1+1", "70"), (HOSTILE[2], "30")]
    stations = client.get(f"/api/elections/{election}/results/stations.csv")
    table = list(csv.DictReader(io.StringIO(stations.get_data(as_text=True))))
    assert [(row["station"], row["counted"], row["votes_2"], row["voted"]) for row in table] == [
        ("1", "true", "20", "62"),
        ("2", "true", "50", ""),
        ("3", "false", "", ""),
        ("4", "false", "", ""),
    ]
    assert (table[0]["municipality"], table[0]["constituency"], table[0]["region"]) == ("A", "Part 1", "Region 1")
    for one in (answer, stations):
        assert client.get(one.request.path, headers={"If-None-Match": one.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("level", ["constituency", "municipality", "station"])
def test_the_report_for_other_programs_adds_up(election: int, client: FlaskClient, level: str) -> None:
    answer = client.get(f"/api/elections/{election}/results.nist.json?level={level}")
    report = json.loads(answer.data)
    assert (invalid_by_the_standard(report), faults(report), sums_that_differ(report)) == ([], [], [])
    assert report["Status"] == "unofficial-partial"
    (contest,) = report["Election"][0]["Contest"]
    votes = [count for one in contest["BallotSelection"] for count in one["VoteCounts"] if count["Type"] == "total"]
    whole = [count["Count"] for count in votes if count["GpUnitId"] == "unit-country-1"]
    assert whole == [40, 70, 30]
    assert sum(count["Count"] for count in votes) == 2 * sum(whole)
    assert (
        client.get(
            answer.request.path + f"?level={level}", headers={"If-None-Match": answer.headers["ETag"]}
        ).status_code
        == 304
    )
    assert client.get(f"/api/elections/{election}/results.nist.json?level=village").status_code == 422


def test_a_cancelled_election_has_no_report(night: Recorded, client: FlaskClient) -> None:
    election = night.election(hours=OVER, stage=CANCELLED, cancelled_reason="A flood.")
    assert client.get(f"/api/elections/{election}/results.nist.json").status_code == 409
    for view in VIEWS:
        assert client.get(f"/elections/{election}{view}").status_code == 200
    record = client.get(f"/elections/{election}/protocol").text
    assert "The election was cancelled: A flood." in record
    assert "provisional" not in record


def test_the_first_page_tells_what_is_counted_and_what_comes(
    night: Recorded, election: int, client: FlaskClient
) -> None:
    night.election(hours=(NOW + HOUR, NOW + 2 * HOUR), title="Coming one", jurisdiction_id=1)
    page = client.get("/")
    assert "=1+1 leads with 70 votes" in page.text
    assert "2 of 4" in page.text
    assert page.text.index("Coming elections") < page.text.index("Coming one")
    night.part(election, {1: 900}, received_at=OPEN[0] + HOUR)
    changed = client.get("/", headers={"If-None-Match": page.headers["ETag"]})
    assert (changed.status_code, "leads with 940 votes" in changed.text) == (200, True)


def test_blank_ballots_stand_everywhere_by_the_accepted_sheets_and_are_told_apart_where_these_are_of_the_counted_ones(
    night: Recorded, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ground, "SECONDS_BETWEEN_LOOKS", 0.0)
    number = night.election(hours=OPEN)
    first, second = night.stations([100, 200])
    invalid = (9, Refusal.INVALID_POLL_NUMBER)
    night.part(number, {1: 40}, [invalid] * 3, received_at=OPEN[0] + HOUR, station=first)
    night.part(number, {2: 50}, [invalid] * 2, received_at=OPEN[0] + HOUR, station=second)

    def told() -> tuple[dict[str, int] | None, dict[str, tuple[str, ...]], dict[str, tuple[int, int | None]]]:
        """What sheets declare of the whole; of each station `invalid`, `blank`, and its sheet; rejected and blank."""
        result = client.get(f"/api/elections/{number}/results").get_json()
        table = csv.DictReader(io.StringIO(client.get(f"/api/elections/{number}/results/stations.csv").text))
        columns = ("invalid", "blank", "sheet_in_box", "sheet_invalid", "sheet_blank")
        report = client.get(f"/api/elections/{number}/results.nist.json?level=station").get_json()
        assert (invalid_by_the_standard(report), faults(report), sums_that_differ(report)) == ([], [], [])
        (contest,) = report["Election"][0]["Contest"]
        return (
            result["declared"],
            {row["station"]: tuple(row[name] for name in columns) for row in table},
            {one["GpUnitId"]: (one["BallotsRejected"], one.get("Undervotes")) for one in contest["SummaryCounts"]},
        )

    page = f"/elections/{number}"
    whole, of_first, of_second = "unit-country-1", f"unit-station-{first}", f"unit-station-{second}"
    declared, rows, summary = told()
    assert (declared, rows["1"]) == (None, ("3", "", "", "", ""))
    assert summary == {whole: (5, None), of_first: (3, None), of_second: (2, None)}
    assert "none is accepted yet" in client.get(page).text

    accept_sheet(night, number, first, voted=43, in_box=43, invalid=1, blank=2)
    declared, rows, summary = told()
    assert declared == {
        "sheets": 1,
        "voted": 43,
        "in_box": 43,
        "invalid": 1,
        "blank": 2,
        "invalid_share": "0.0233",
        "blank_share": "0.0465",
    }
    assert rows == {"1": ("1", "2", "43", "1", "2"), "2": ("2", "", "", "", "")}
    assert summary == {whole: (5, None), of_first: (1, 2), of_second: (2, None)}
    text = client.get(page).text
    assert "<dt>Accepted tally sheets</dt><dd>1 of 2</dd>" in text
    assert "<dt>Blank ballots by these sheets (share of those in the box)</dt><dd>2 (4.65%)</dd>" in text
    assert "of the ballots in the box by 1 accepted sheet<" in client.get(f"{page}/screen").text

    accept_sheet(night, number, second, voted=52, in_box=52, invalid=1, blank=1)
    declared, rows, summary = told()
    assert declared is not None
    assert (declared["sheets"], declared["in_box"], declared["blank"]) == (2, 95, 3)
    assert summary == {whole: (2, 3), of_first: (1, 2), of_second: (1, 1)}

    # A file more than the sheet knows of: what was blank among all those nobody can tell, and so not of the whole.
    night.part(number, {2: 1}, [invalid], received_at=OPEN[0] + HOUR, station=second)
    _, rows, summary = told()
    assert rows["2"] == ("3", "", "52", "1", "1")
    assert summary == {whole: (6, None), of_first: (1, 2), of_second: (3, None)}
