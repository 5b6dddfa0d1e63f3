"""The administration's pages of polling stations, their import, the status board, sheets and differences."""

import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from shared.schema.election import Election, TallySheet
from shared.terms import Role
from tests.services.administration import Administration
from tests.services.declared import PNG, numbers
from tests.services.recorded import Recorded
from tests.services.signed_in import SignedIn, filled
from tests.services.supervising import STATIONS, VOTES, Night, night
from tests.services.tokens import Token

WRONG = """municipality,station,registered,latitude,longitude
Ада,Ада 1,705,45.8,20.1
Ада,Ада 1,700,45.8,20.1
Бор,Бор 7,many,44.1,22.1
Бор,Бор 8,300,144.1,22.1
Бор,Бор 9,300,44.1,22.1
"""


@pytest.fixture
def made(admin: Administration, recorded: Recorded) -> Night:
    return night(admin, recorded)


def test_a_place_of_each_sort_is_made_changed_and_deleted(admin: Administration, ana: SignedIn) -> None:
    ana.done(ana.fill("/stations/regions/new", "place", name="Југ"))
    shown = ana.done(ana.fill("/stations/constituencies/new", "place", name="Прва", region_id="1", seats="12"))
    assert "It is made." in shown
    centre = {
        "municipality": "Ада",
        "name": "<b>Школа</b>",
        "constituency_id": "1",
        "latitude": "45,8",
        "longitude": "20.1",
    }
    ana.done(ana.fill("/stations/centres/new", "place", **centre))
    page = ana.done(
        ana.fill("/stations/new?centre=1", "station", code="Ада 1", registered="1 234", contact="Мира, 064 123")
    )
    assert "1,234" in page
    assert "45.80000° N; 20.10000° E" in page
    assert "&lt;b&gt;Школа" in page
    assert "<b>Школа" not in page
    page = ana.done(ana.fill("/stations/1", "disable", reason="unusable", note="A burst pipe."))
    assert "the building cannot be used" in page
    assert admin.get("/api/polling-stations/1")["reason"] == "unusable"
    ana.done(ana.fill("/stations/1", "activate"))
    assert admin.get("/api/polling-stations/1")["status"] == "active"
    ana.done(ana.fill("/stations/1/change", "station", registered="1300"))
    assert admin.get("/api/polling-stations/1")["registered"] == 1300
    # West and south are words, and no signs.
    ana.done(ana.fill("/stations/centres/1", "place", latitude="-45,8", longitude="-20.13"))
    for language, position in (("en", "45.80000° S; 20.13000° W"), ("fr", "45,80000° S; 20,13000° O")):
        assert position in ana.see(f"/stations/1?language={language}")
    ana.see("/stations/1?language=en")
    assert "Ада 1" in ana.see("/stations?search=ада&municipality=Ада&status=active")
    assert "No polling station is found." in ana.see("/stations?search=бор")
    (header, *lines) = ana.see("/stations/stations.csv").splitlines()
    assert header == "\N{BYTE ORDER MARK}station_id,station,municipality,centre,address,registered"
    assert lines[0].startswith("1,Ада 1,Ада,")
    assert "accounts?role=official&amp;station=1" in ana.see("/stations/1")
    assert ana.fill("/stations/centres/1", "place", latitude="<b>").status_code == 422
    (told,) = admin.get("/api/journal?outcome=refused")["items"]
    assert told["reason"] == "This is a number of degrees such as 44.81; it is '<b>'."
    refused = ana.fill("/stations/centres/1", "place", latitude="145")
    assert (refused.status_code, "is it the longitude?" in refused.text) == (422, True)
    assert 'value="145"' in refused.text
    ana.done(ana.fill("/stations/1", "delete"))
    for sort in ("centres", "constituencies", "regions"):
        assert "It is deleted." in ana.done(ana.fill(f"/stations/{sort}/1", "delete"))
    assert admin.get("/api/regions")["total"] == 0


def test_of_two_who_change_the_same_the_second_is_told_and_nothing_is_overwritten(
    made: Night, ana: SignedIn, boris: SignedIn
) -> None:
    for page, form, change in (
        ("/stations/1/change", "station", {"registered": "710"}),
        ("/stations/1", "disable", {"reason": "moved"}),
        ("/stations/centres/1", "place", {"address": "Another"}),
    ):
        seen = filled(boris.see(page), form)
        path = {"disable": "/stations/1/status"}.get(form, page)
        ana.done(ana.send(path, **{**seen, **change}))
        refused = boris.send(path, **{**seen, **change})
        assert refused.status_code == 412, page
        assert "Somebody has changed this meanwhile" in refused.text
    seen = filled(boris.see("/stations/4"), "delete")
    ana.done(ana.fill("/stations/4/change", "station", registered="701"))
    assert boris.send("/stations/4/deletion", **seen).status_code == 412
    assert made.admin.get("/api/polling-stations/4")["registered"] == 701


def upload(who: SignedIn, path: str, content: str, **fields: Any) -> TestResponse:
    answer = who.send(path, file=(BytesIO(content.encode()), "<script>.csv"), **fields)
    # The client leaves the file open that it has kept a large body in.
    answer.request.environ["wsgi.input"].close()
    return answer


def planned(page: str) -> dict[str, Any]:
    found = filled(page, "import")
    return {name: found[name] for name in ("sha256", "planned")}


def test_a_file_with_mistakes_is_looked_at_line_by_line_and_imported_without_them(made: Night, ana: SignedIn) -> None:
    before = made.admin.get("/api/polling-stations")
    shown = upload(ana, "/stations/import/preview", WRONG).text
    assert "stands in line 2 already" in shown
    assert "Registered voters are a whole number from 0; this is &#39;many&#39;." in shown
    assert "A latitude is -90 to 90 degrees; is it the longitude?" in shown
    assert shown.index("Wrong lines") < shown.index("The right lines")
    assert made.admin.get("/api/polling-stations") == before
    refused = upload(ana, "/stations/import", WRONG, **planned(shown))
    assert (refused.status_code, "Nothing was imported." in refused.text) == (422, True)
    assert made.admin.get("/api/polling-stations") == before
    # A file of which nothing is right has no line that is known already.
    wrong = "".join(f"{line}\n" for line in WRONG.splitlines() if "many" in line or line.startswith("municipality"))
    assert "There is nothing to import: no line is right." in upload(ana, "/stations/import/preview", wrong).text
    done = upload(ana, "/stations/import", WRONG, **planned(shown), skip_wrong="1")
    assert "New: 1; changed: 1; left as they were: 0; wrong and left out: 3." in done.text
    assert made.admin.get("/api/polling-stations/1")["registered"] == 705


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "Choose a file that is not empty."),
        ("registered,municipality\n1,Ада\n", "names no column station or station_number"),
        ("\xff\n", "names no column"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(
    made: Night, ana: SignedIn, content: str, words: str
) -> None:
    refused = upload(ana, "/stations/import/preview", content)
    assert (refused.status_code, words in refused.text) == (422, True)


def test_nothing_is_imported_unseen(made: Night, ana: SignedIn, boris: SignedIn) -> None:
    good = "municipality,station,registered\nАда,Ада 1,701\n"
    seen = planned(upload(ana, "/stations/import/preview", good).text)
    other = upload(ana, "/stations/import", good.replace("701", "1"), **seen)
    assert (other.status_code, "This is not the file that you have looked at." in other.text) == (412, True)
    boris.done(boris.fill("/stations/1/change", "station", registered="701"))
    late = upload(ana, "/stations/import", good, **seen)
    assert (late.status_code, "Somebody has changed polling stations since" in late.text) == (412, True)
    assert made.admin.get("/api/polling-stations/1")["registered"] == 701


def test_a_file_of_more_than_a_megabyte_is_taken_and_one_over_the_limit_refused(
    admin: Administration, ana: SignedIn
) -> None:
    rows = "".join(f"Ада,Школа {'ш' * 60} {number},Ада {number},700\n" for number in range(12_000))
    large = f"municipality,centre,station,registered\n{rows}"
    assert len(large.encode()) > 1024 * 1024
    assert upload(ana, "/stations/import/preview", large).status_code == 200
    assert upload(ana, "/stations/import/preview", " " * (33 * 1024 * 1024)).status_code == 413


def test_the_board_counts_filters_and_shows_what_is_missing_first(made: Night, ana: SignedIn) -> None:
    made.differ(2)
    made.wait(3)
    made.enter(4)
    path = f"/sheets/{made.election}"
    shown = ana.see(path)
    assert "1 of 4 tally sheets are accepted" in shown
    assert "They stand for 700 of 2,800 registered voters." in shown
    # The time of a state says of which day it is, unless it is of today.
    with made.declared.database.writing() as session:
        days = (datetime(2026, 3, 1, 20, 1, tzinfo=UTC), datetime.now(UTC))
        for station, changed_at in zip((2, 3), days, strict=True):
            session.get_one(TallySheet, (made.election, station)).changed_at = changed_at
    since = [re.findall(f'id="row-{row}".*?<time[^>]*>([^<]*)</time>', ana.see(path), re.DOTALL)[0] for row in (2, 3)]
    assert since[0] == "1 Mar 2026, 20:01 UTC"
    assert re.fullmatch(r"\d\d:\d\d UTC", since[1])
    assert shown.index('id="row-1"') < shown.index('id="row-2"') < shown.index('id="row-3"') < shown.index('id="row-4"')
    shown = ana.see(f"{path}?municipality=Ада")
    assert 'id="row-3"' not in shown
    assert "1 of 4 tally sheets" in shown
    shown = ana.see(f"{path}?state=differing&search=ада")
    assert 'id="row-1"' not in shown
    assert 'id="row-2"' in shown
    assert 'missing <span class="figure">1</span>' in shown
    assert "No polling station is found." in ana.see(f"{path}?search=%00nowhere")
    assert "1</strong> of 4" in ana.see(f"{path}/screen")
    assert ana.see(f"{path}/board.csv").count("\n") == 5
    assert f'href="{path}"' in ana.see("/sheets")


def test_the_overview_leads_to_differences_and_after_the_end_to_sheets_that_are_missing(
    made: Night, ana: SignedIn
) -> None:
    def tiles() -> list[tuple[str, str, str]]:
        found = re.findall(r'tile[^>]*><a href="([^"]+)"><strong>([^<]+)</strong> ([^<]*)</a>', ana.see("/"))
        return [(address, number, words[:19]) for address, number, words in found]

    made.enter(1)
    made.files(1)
    made.enter(2)
    made.files(2, {1: 59, 2: 41})
    made.differ(3)
    board, differences = f"/sheets/{made.election}", f"/differences/{made.election}"
    expected = [
        (f"{board}?state=differing", "1", "tally sheet differs"),
        (differences, "1", "polling station has"),
    ]
    assert tiles() == expected
    # When voting has ended, the fourth one is missing; after the week in which sheets are taken, nobody is asked.
    with made.admin.database.writing() as session:
        session.execute(sa.update(Election).values(end=datetime.now(UTC) - timedelta(minutes=1)))
    assert tiles() == [*expected, (board, "1", "tally sheet is not ")]
    for difference in made.reconciliation(2)["differences"]:
        made.explain(2, difference)
    assert [address for address, _, _ in tiles()] == [f"{board}?state=differing", board]
    with made.admin.database.writing() as session:
        session.execute(
            sa.update(Election).values(
                start=datetime.now(UTC) - timedelta(days=9), end=datetime.now(UTC) - timedelta(days=8)
            )
        )
    assert [address for address, _, _ in tiles()] == [f"{board}?state=differing"]
    # Two that were opened again are, and one of them was entered once since.
    for station in (1, 2):
        made.decide(station, "reopening", {"reason": "Counted again."})
    made.declared.enter(made.election, 2, numbers(VOTES))
    assert tiles() == [(f"{board}?state=differing", "1", "tally sheet differs"), (board, "2", "tally sheets are no")]


def test_of_differing_entries_a_third_person_chooses_one_and_the_next_comes_too_late(
    made: Night, ana: SignedIn, boris: SignedIn
) -> None:
    made.differ(1)
    path = f"/sheets/{made.election}/1"
    shown = ana.see(path)
    assert shown.count("differs by") == 2
    assert shown.count("the same") >= 7
    seen = filled(boris.see(path), "resolution")
    entry = seen["chosen"][1]
    for fields, words in (({"reason": "Counted again."}, "Choose"), ({"chosen": entry, "reason": " "}, "Say why")):
        refused = ana.send(f"{path}/resolution", version=seen["version"], **fields)
        assert refused.status_code == 422, words
    done = ana.done(ana.send(f"{path}/resolution", version=seen["version"], chosen=entry, reason="Counted again."))
    assert "accepted with the numbers of the entry that you chose" in done
    late = boris.send(f"{path}/resolution", version=seen["version"], chosen="neither", reason="Both are illegible.")
    assert late.status_code == 412
    assert "Somebody has changed this meanwhile" in late.text
    assert made.sheet(1)["state"] == "accepted"
    page = ana.done(ana.fill(path, "reopening", reopening_reason="The wrong sheet."))
    assert "is open again" in page
    assert "at least seven days" in page
    assert "can enter it until" in page
    assert "The wrong sheet." in page


def test_who_entered_a_sheet_is_told_that_somebody_else_decides(
    made: Night, admin: Administration, token: Token
) -> None:
    made.differ(1)
    vera = SignedIn.to(admin.app, token, Role.ADMINISTRATOR, "vera@example.org")
    path = f"/sheets/{made.election}/1"
    assert "You made one of the entries, so a third person decides." in vera.see(path)
    refused = vera.send(f"{path}/resolution", version="2", chosen="1", reason="Mine.")
    assert (refused.status_code, "a third person does" in refused.text) == (403, True)


def test_many_sheets_are_accepted_at_once_and_one_that_has_changed_is_named(
    made: Night, ana: SignedIn, boris: SignedIn
) -> None:
    for station in (1, 2, 3):
        made.wait(station)
    path = f"/sheets/{made.election}"
    shown = ana.see(f"{path}?state=waiting_for_review")
    assert shown.count("A protest.") == 3
    boris.done(boris.fill(f"{path}/2", "reopening", reopening_reason="Illegible."))
    answer = ana.send(f"{path}/acceptances", seen=["1:2", "2:2", "3:2"], reason="Looked at.")
    assert "2 of 3 tally sheets are accepted" in answer.text
    assert ">Ада 2</a> Somebody has changed this tally sheet meanwhile" in answer.text
    assert [made.sheet(station)["state"] for station in (1, 2, 3)] == ["accepted", "reopened", "accepted"]
    for seen in ([], ["1"], ["x:2"]):
        assert ana.send(f"{path}/acceptances", seen=seen).status_code == 422


def test_a_station_lists_the_elections_in_which_people_vote_at_it(made: Night, ana: SignedIn) -> None:
    ana.done(ana.fill("/stations/4", "disable", reason="moved"))
    now = datetime.now(UTC)
    later = made.recorded.election(hours=(now - timedelta(hours=1), now + timedelta(hours=1)))
    disabled, active = ana.see("/stations/4"), ana.see("/stations/1")
    assert f'href="/sheets/{made.election}/4"' in disabled
    assert f'href="/sheets/{later}/4"' not in disabled
    assert f'href="/sheets/{later}/1"' in active
    page = ana.done(ana.fill("/stations/new?centre=1", "station", code="Ада 3", registered="10"))
    assert "Elections that have opened go on without it." in page
    assert "No election has opened yet in which people vote at this polling station." in page
    ana.see(f"/sheets/{later}/5", 404)


def test_photographs_stand_beside_the_numbers_and_nothing_in_them_can_run(made: Night, ana: SignedIn) -> None:
    picture = made.declared.photograph(made.election, 1, name='"><script>alert(1)</script>.png')
    document = made.declared.photograph(made.election, 1, b"%PDF-1.7", "application/pdf", "sheet.pdf")
    path = f"/sheets/{made.election}/1"
    shown = ana.see(path)
    assert f'<img src="{path}/photographs/{picture}"' in shown
    assert f'href="{path}/photographs/{document}" download' in shown
    assert "<script>alert" not in shown
    answer = ana.client.get(f"{path}/photographs/{picture}")
    assert (answer.data, answer.content_type) == (PNG, "image/png")
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    answer = ana.client.get(f"{path}/photographs/{document}")
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_a_difference_is_explained_for_exactly_these_figures(made: Night, ana: SignedIn, boris: SignedIn) -> None:
    made.enter(1)
    made.files(1, {1: 59, 2: 40})
    made.enter(2)
    made.files(2)
    listing = f"/differences/{made.election}"
    shown = ana.see(listing)
    assert "1 polling station has a difference that nobody has explained" in shown
    assert ana.see(f"{listing}?code=list").count("Ада 1</a>") == 1
    assert "There is nothing of this kind." in ana.see(f"{listing}?code=invalid")
    path = f"{listing}/1"
    seen = re.findall(r'name="difference" id="[^"]*" value="([^"]*)"', boris.see(path))
    assert len(seen) == 3
    refused = ana.send(f"{path}/explanation", difference=seen, reason="")
    assert (refused.status_code, "Say why" in refused.text) == (422, True)
    assert ana.send(f"{path}/explanation", reason="No tick.").status_code == 422
    assert "for exactly these figures" in ana.done(
        ana.send(f"{path}/explanation", difference=seen, reason="A lost ballot.")
    )
    assert "No difference is open" in ana.see(listing)
    assert "A lost ballot." in ana.see(f"{listing}/differences.csv?show=explained")
    made.files(1, {1: 1})
    late = boris.send(f"{path}/explanation", difference=seen, reason="The same.")
    assert (late.status_code, "are not what they were" in late.text) == (409, True)


def test_stations_with_coordinates_are_on_a_map_and_in_a_table(made: Night, ana: SignedIn) -> None:
    assert "No polling station here has coordinates." in ana.see("/stations/map")
    ana.done(ana.fill("/stations/centres/1", "place", latitude="45.8", longitude="20.1"))
    # The first change after the opening has frozen the geography of the election, which has no coordinates.
    assert "No polling station here has coordinates." in ana.see(f"/sheets/{made.election}/map")
    now = datetime.now(UTC)
    election = made.recorded.election(hours=(now, now + timedelta(hours=1)))
    made.declared.enter(election, 1, numbers({1: 60, 2: 40}))
    for path in ("/stations/map", f"/sheets/{election}/map"):
        shown = ana.see(path)
        assert 'class="map-drawing"' in shown
        assert shown.count("Ада 1") >= 2
    assert "entered once: 1." in shown


PAGES = (
    *("/stations", "/stations/1", "/stations/centres", "/stations/centres/1", "/stations/map", "/stations/regions/1"),
    *("/sheets", "/sheets/{0}", "/sheets/{0}/1", "/sheets/{0}/screen", "/sheets/{0}/map", "/sheets/{0}/board.csv"),
    *("/differences", "/differences/{0}", "/differences/{0}/1", "/differences/{0}/differences.csv"),
)
FORMS = (
    *("/stations/new", "/stations/1/change", "/stations/1/status", "/stations/1/deletion", "/stations/regions/new"),
    *("/stations/regions/1", "/stations/regions/1/deletion", "/stations/import", "/stations/import/preview"),
    *("/sheets/{0}/acceptances", "/sheets/{0}/1/resolution", "/sheets/{0}/1/acceptance", "/sheets/{0}/1/reopening"),
    "/differences/{0}/1/explanation",
)


def test_an_auditor_sees_everything_and_changes_nothing_and_an_official_sees_nothing(
    made: Night, auditor: SignedIn, admin: Administration, token: Token, ana: SignedIn
) -> None:
    made.wait(1)
    official = SignedIn.to(admin.app, token, Role.OFFICIAL)
    for page in (one.format(made.election) for one in PAGES):
        shown = auditor.see(page)
        assert not [
            form for form in shown.split("<form ")[1:] if form.startswith('method="post"') and "sign-out" not in form
        ]
        official.see(page, 403)
    for form in (one.format(made.election) for one in FORMS):
        for who in (auditor, official):
            assert who.send(form, reason="No.").status_code == 403, form
        refused = ana.send(form, forged=True, reason="No.")
        assert (refused.status_code, "did not come from a page" in refused.text) == (403, True), form
        foreign = ana.client.post(form, data={"csrf_token": "x"}, headers={"Origin": "https://elsewhere.example"})
        assert foreign.status_code == 403


@pytest.mark.parametrize("language", ["sr_Cyrl", "sr_Latn", "fr"])
def test_every_page_speaks_every_language(made: Night, ana: SignedIn, language: str) -> None:
    made.differ(1)
    made.wait(2)
    for page in (one.format(made.election) for one in PAGES if not one.endswith(".csv")):
        shown = ana.see(f"{page}?language={language}")
        assert 'lang="en"' not in shown.partition("<main")[2], page


def test_no_such_thing_is_said_on_a_page(made: Night, ana: SignedIn) -> None:
    assert STATIONS.count("\n") == 5
    for page in ("/stations/99", "/stations/centres/99", "/sheets/99", "/sheets/{0}/99", "/differences/{0}/99"):
        assert "There is no" in ana.see(page.format(made.election), 404) or "has no polling station" in ana.see(
            page.format(made.election), 404
        )
