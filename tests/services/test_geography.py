"""/api/regions, constituencies, polling-centres and polling-stations: one by one, from files, and on the map."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.terms import Role
from tests.left_out import leave_out
from tests.services.administration import Administration, answered, running
from tests.services.tokens import ServiceSettings, Token
from tests.source import ROOT

SERBIA = ROOT.parent / "shared" / "data" / "serbia-2014-parliamentary.csv"
FILE = """region,constituency,municipality,centre,latitude,longitude,station,registered
Југ,Прва,Ада,Школа,45.8,20.13,Ада 1,700
Југ,Прва,Ада,Школа,45.8,20.13,Ада 2,650
Север,Друга,Ђ,Дом,,,Ђ 1,12
"""


@pytest.fixture
def admin(sqlite_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Administration]:
    with running(sqlite_url, service_settings, token) as service:
        yield service


@pytest.fixture
def anywhere(election_database_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Administration]:
    """The service on each database engine in turn."""
    with running(election_database_url, service_settings, token) as service:
        yield service


def fields(problem: Any) -> list[str]:
    return [error["field"] for error in problem["errors"]]


def places(admin: Administration) -> dict[str, str]:
    """One place of each sort, each in that of the sort above it; the paths by the sort."""
    made: dict[str, str] = {}
    bodies: list[tuple[str, str, dict[str, Any]]] = [
        ("regions", "", {"name": "Југ"}),
        ("constituencies", "region_id", {"name": "Прва", "seats": 12}),
        ("polling-centres", "constituency_id", {"municipality": "Ада", "name": "Школа", "address": "Главна 1"}),
        ("polling-stations", "centre_id", {"code": "Ада 1", "registered": 700}),
    ]
    number = 0
    for sort, parent, body in bodies:
        number = admin.post(f"/api/{sort}", {**body, **({parent: number} if parent else {})}, 201)["id"]
        made[sort] = f"/api/{sort}/{number}"
    return made


def bring(admin: Administration, text: str, status: int = 200, query: str = "") -> Any:
    """Import a file."""
    return answered(admin.call("POST", f"/api/polling-stations/import{query}", data=text.encode()), status)


def stations(admin: Administration) -> dict[str, Any]:
    """What the map says of each station, by its code."""
    return {one["properties"]["code"]: one for one in admin.get("/api/polling-stations.geojson")["features"]}


def everything(admin: Administration) -> list[Any]:
    sorts = ("regions", "constituencies", "polling-centres", "polling-stations")
    return [admin.get(f"/api/{sort}?per_page=200")["items"] for sort in sorts]


def test_places_of_each_sort_are_made_read_changed_and_deleted(anywhere: Administration) -> None:
    paths = places(anywhere)
    changes: dict[str, dict[str, Any]] = {
        "regions": {"name": "Север"},
        "constituencies": {"seats": None},
        "polling-centres": {"latitude": 45.801_234_567, "longitude": -20.13},
        "polling-stations": {"status": "disabled", "reason": "other", "note": "Поплава"},
    }
    for sort, path in paths.items():
        read = anywhere.call("GET", path)
        assert read.headers["ETag"] == '"1"'
        changed = anywhere.patch(path, changes[sort], 1)
        assert changed == {**read.get_json(), **changes[sort], "version": 2}
        assert anywhere.get(path) == changed
    for sort, path in reversed(paths.items()):
        assert anywhere.get(f"/api/{sort}")["total"] == 1
        answered(anywhere.call("DELETE", path), 204)
        assert anywhere.get(path, 404)["detail"].endswith(f" {path.rpartition('/')[2]}.")
        assert anywhere.get(f"/api/{sort}")["total"] == 0


def test_what_something_belongs_to_cannot_be_deleted(anywhere: Administration) -> None:
    paths = places(anywhere)
    before = everything(anywhere)
    for sort, child in (
        ("regions", "constituency"),
        ("constituencies", "polling centre"),
        ("polling-centres", "polling station"),
    ):
        assert f"at least one {child}" in answered(anywhere.call("DELETE", paths[sort]), 409)["detail"]
    assert everything(anywhere) == before


def test_names_that_differ_in_case_and_spaces_are_the_same_and_in_accents_are_not(anywhere: Administration) -> None:
    region = int(places(anywhere)["regions"].rpartition("/")[2])
    assert fields(anywhere.post("/api/regions", {"name": "  ЈУГ "}, 409)) == ["name"]
    anywhere.post("/api/regions", {"name": "Ćuprija"}, 201)
    other = anywhere.post("/api/regions", {"name": "Cuprija"}, 201)
    assert fields(anywhere.patch(f"/api/regions/{other['id']}", {"name": "ćuprija"}, 1, 409)) == ["name"]
    constituency = anywhere.post("/api/constituencies", {"region_id": region, "name": "Друга"}, 201)["id"]
    # The same name in another municipality is another building, in another constituency it is not.
    building = {"constituency_id": constituency, "name": "Школа"}
    anywhere.post("/api/polling-centres", {**building, "municipality": "Бач"}, 201)
    assert fields(anywhere.post("/api/polling-centres", {**building, "municipality": "ада"}, 409)) == ["name"]


@pytest.mark.parametrize(
    ("sort", "values", "field"),
    [
        ("regions", {"name": ""}, "name"),
        ("constituencies", {"region_id": 99}, "region_id"),
        ("constituencies", {"seats": 0}, "seats"),
        ("constituencies", {"seats": "5"}, "seats"),
        ("polling-centres", {"constituency_id": 99}, "constituency_id"),
        ("polling-centres", {"latitude": 91, "longitude": 0}, "latitude"),
        ("polling-centres", {"latitude": 0, "longitude": -181}, "longitude"),
        ("polling-centres", {"latitude": 45.8}, "longitude"),
        ("polling-stations", {"centre_id": 99}, "centre_id"),
        ("polling-stations", {"registered": -1}, "registered"),
        ("polling-stations", {"registered": 100_001}, "registered"),
        ("polling-stations", {"registered": True}, "registered"),
        ("polling-stations", {"status": "closed"}, "status"),
        ("polling-stations", {"status": "disabled"}, "reason"),
        ("polling-stations", {"reason": "moved"}, "reason"),
        ("polling-stations", {"status": "disabled", "reason": "other"}, "note"),
        ("polling-stations", {"code": "x" * 65}, "code"),
    ],
)
def test_what_no_place_can_be_is_refused_with_its_field_when_it_is_made_and_when_it_is_changed(
    admin: Administration, sort: str, values: dict[str, Any], field: str
) -> None:
    paths = places(admin)
    before = everything(admin)
    body = {name: value for name, value in admin.get(paths[sort]).items() if name not in ("id", "version", "reason")}
    renamed = {name: f"{value} 2" for name, value in body.items() if name in ("name", "code")}
    assert fields(admin.post(f"/api/{sort}", {**body, **renamed, **values}, 422)) == [field]
    assert fields(admin.patch(paths[sort], values, 1, 422)) == [field]
    assert everything(admin) == before
    admin.post(f"/api/{sort}", {**body, **renamed}, 201)


def test_a_station_that_is_active_again_has_no_reason_any_more(admin: Administration) -> None:
    path = places(admin)["polling-stations"]
    disabled = admin.patch(path, {"status": "disabled", "reason": "unsafe", "note": "Кров"}, 1)
    assert (disabled["status"], disabled["reason"], disabled["note"]) == ("disabled", "unsafe", "Кров")
    active = admin.patch(path, {"status": "active"}, 2)
    assert (active["status"], active["reason"], active["note"]) == ("active", "", "")


def test_places_are_searched(admin: Administration) -> None:
    bring(admin, FILE)
    assert [one["name"] for one in admin.get("/api/regions?name=ЈУ")["items"]] == ["Југ"]
    assert [one["name"] for one in admin.get("/api/constituencies?region_id=2")["items"]] == ["Друга"]
    assert [one["name"] for one in admin.get("/api/polling-centres?municipality=ђ")["items"]] == ["Дом"]
    assert [one["code"] for one in admin.get("/api/polling-stations?code=ада")["items"]] == ["Ада 1", "Ада 2"]
    assert [one["code"] for one in admin.get("/api/polling-stations?centre_id=2&status=active")["items"]] == ["Ђ 1"]
    assert admin.get("/api/polling-stations?status=disabled")["items"] == []
    assert fields(admin.get("/api/polling-stations?status=shut", 422)) == ["status"]


def test_a_file_is_looked_at_imported_and_then_says_nothing_new(anywhere: Administration) -> None:
    looked = bring(anywhere, FILE, query="?preview=true")
    assert (looked["done"], looked["new"], looked["changed"], looked["same"], looked["wrong"]) == (False, 3, 0, 0, 0)
    assert everything(anywhere) == [[], [], [], []]
    assert bring(anywhere, FILE) == {**looked, "done": True}
    found = stations(anywhere)
    assert list(found) == ["Ада 1", "Ада 2", "Ђ 1"]
    assert found["Ада 1"]["geometry"] == {"type": "Point", "coordinates": [20.13, 45.8]}
    assert found["Ђ 1"]["geometry"] is None
    assert found["Ђ 1"]["properties"]["region"] == "Север"
    before = everything(anywhere)
    assert [len(places) for places in before] == [2, 2, 2, 3]
    again = bring(anywhere, FILE)
    assert (again["new"], again["changed"], again["same"]) == (0, 0, 3)
    assert everything(anywhere) == before


def test_a_second_file_changes_what_it_says_and_leaves_the_rest(anywhere: Administration) -> None:
    bring(anywhere, FILE)
    second = """municipality,station,centre,registered,status,reason
ада,Ада 1,Школа,710,disabled,moved
Ада,Ада 2,Дом културе,650,,
Ђ,Ђ 2,Дом,8,,
"""
    told = bring(anywhere, second)
    assert (told["new"], told["changed"], told["same"]) == (1, 2, 0)
    assert [(one["line"], one["code"], one["columns"]) for one in told["changed_stations"]] == [
        (2, "Ада 1", ["municipality", "registered", "status", "reason"]),
        (3, "Ада 2", ["centre"]),
    ]
    found = {code: one["properties"] for code, one in stations(anywhere).items()}
    assert (found["Ада 1"]["registered"], found["Ада 1"]["reason"], found["Ада 1"]["centre"]) == (710, "moved", "Школа")
    # Nothing says where the new building is, so it is in the constituency of all.
    assert (found["Ада 2"]["centre"], found["Ада 2"]["constituency"]) == ("Дом културе", "The whole country")
    assert (found["Ђ 2"]["constituency"], found["Ђ 2"]["region"]) == ("Друга", "Север")


@pytest.mark.parametrize(
    ("header", "last", "columns"),
    [
        ("municipality,station,registered", "", ["registered"]),
        ("municipality,station,registered,centre", ",", ["registered"]),
        ("municipality,station,registered,address", ",Главна 1", ["address", "registered"]),
    ],
)
def test_a_file_that_names_no_centre_leaves_known_stations_in_theirs(
    anywhere: Administration, header: str, last: str, columns: list[str]
) -> None:
    bring(anywhere, FILE)
    known = everything(anywhere)
    told = bring(anywhere, f"{header}\nАда,Ада 1,701{last}\nАда,Ада 2,651{last}\n")
    assert [sorted(one["columns"]) for one in told["changed_stations"]] == [columns, columns]
    found = {code: one["properties"] for code, one in stations(anywhere).items()}
    assert [(found[code]["registered"], found[code]["centre"]) for code in ("Ада 1", "Ада 2")] == [
        (701, "Школа"),
        (651, "Школа"),
    ]
    assert [len(places) for places in everything(anywhere)] == [len(places) for places in known]


def test_a_wrong_line_prevents_the_import_unless_it_is_to_be_left_aside(anywhere: Administration) -> None:
    text = FILE + "Југ,Прва,Ада,Школа,45.8,20.13,Ада 3,many\nЈуг,Прва,Ада,Школа,45.8,20.13,Ада 1,5\n"
    looked = bring(anywhere, text, query="?preview=true")
    assert [(one["line"], one["field"]) for one in looked["problems"]] == [(5, "registered"), (6, "station")]
    assert (looked["new"], looked["wrong"]) == (3, 2)
    refused = bring(anywhere, text, 422)
    assert refused["detail"].startswith("Line 5, registered: ")
    assert refused["detail"].endswith("Wrong lines in all: 2. Nothing was imported.")
    assert everything(anywhere) == [[], [], [], []]
    assert bring(anywhere, text, query="?skip_wrong=true") == {**looked, "done": True}
    assert list(stations(anywhere)) == ["Ада 1", "Ада 2", "Ђ 1"]


def test_two_files_with_the_same_stations_at_once_make_each_once(anywhere: Administration) -> None:
    text = "municipality,station,registered\n" + "".join(f"Ада,Ада {number},5\n" for number in range(300))
    answers: list[tuple[int, Any]] = []

    def send() -> None:
        answer = anywhere.call("POST", "/api/polling-stations/import", data=text.encode())
        answers.append((answer.status_code, answer.get_json()))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Whoever lost is told to try again, and then finds everything there.
    assert {status for status, _ in answers} <= {200, 409, 503}, answers
    assert sum(body["new"] for status, body in answers if status == 200) == 300
    assert bring(anywhere, text)["same"] == 300
    assert [len(places) for places in everything(anywhere)] == [1, 1, 1, 200]


def test_a_file_that_is_too_large_is_refused(admin: Administration) -> None:
    refused = bring(admin, "x" * (32 * 1024 * 1024 + 1), 413)
    assert refused["status"] == 413
    assert everything(admin) == [[], [], [], []]


def test_an_official_reads_the_stations_and_imports_none(admin: Administration) -> None:
    bring(admin, FILE)
    assert admin.get("/api/polling-stations", role=Role.OFFICIAL)["total"] == 3
    refused = admin.call("POST", "/api/polling-stations/import", data=FILE.encode(), role=Role.OFFICIAL)
    assert refused.status_code == 403


@pytest.fixture
def serbia() -> Path:
    if not SERBIA.exists():
        leave_out("the election of 2014", "its file is not beside the checkout")
    return SERBIA


def test_the_8387_stations_of_serbia_come_from_the_file_as_it_is(anywhere: Administration, serbia: Path) -> None:
    told = bring(anywhere, serbia.read_text(encoding="utf-8"))
    assert (told["new"], told["wrong"], told["problems"]) == (8387, 0, [])
    found = stations(anywhere)
    assert len(found) == 8387
    assert sum(one["properties"]["registered"] for one in found.values()) == 6_768_772
    assert len({one["properties"]["municipality"] for one in found.values()}) == 204
