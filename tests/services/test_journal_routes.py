"""Every route that changes something leaves an entry in the journal, for what was done and for what was refused."""

import ast
import json
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from daemon.relay import move
from shared.config import SERVICE_SETTINGS, load
from shared.database import Database, migrate
from shared.journal import store
from shared.schema.journal import AnyJournal
from shared.terms import Approval, Role
from shared.web.journal import CHANGING, MOST_A_MINUTE, journaled_of
from tests.services.administration import Administration, answered, entries
from tests.services.pictures import PICTURE
from tests.services.recorded import CLASSIC_RULES, Recorded
from tests.services.station import Station, file_of
from tests.services.supervising import CHANGES_OF_SHEETS, Night, night
from tests.services.tokens import Token
from tests.source import ROOT, modules, tree
from tests.test_architecture import close, settings_of

# An action of the journal, and nothing else that is handed to a function here.
NOUNS = (
    "participant|candidate|jurisdiction|region|constituency|polling_centre|polling_station|electorate|election|batch|part|partitions|"
    "schema|journal|account|session|request|sheet|difference|photograph|picture|citizen|register|voter_election|second_factor"
)
ACTION = re.compile(f"(?:{NOUNS})[.](?!html)[a-z_]+")
Route = tuple[str, str]
DAY = {"start": "2030-05-01T07:00:00Z", "end": "2030-05-01T20:00:00Z"}
ACTOR = "administrator@example.org"


def changing(service: str) -> dict[Route, Any]:
    """The views of a service that change something, by method and rule."""
    app = import_module(f"{service}.app").create_app(
        load(SERVICE_SETTINGS[service], _env_file=None, **settings_of(service))
    )
    close(app)
    return {
        (method, rule.rule): app.view_functions[rule.endpoint]
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & CHANGING
        if method is not None
    }


ADMINISTRATION = changing("admin_service")
# The others are forms of pages, which call the same actions, or not for administrators (test_party.py).
_ROUTES = ((route, view.access) for route, view in ADMINISTRATION.items())
ADMINISTRATION_API = [route for route, who in _ROUTES if not who.page and Role.ADMINISTRATOR in who.roles]
STATION = changing("voting_station_service")


@pytest.mark.parametrize("route", [*ADMINISTRATION, *STATION], ids=" ".join)
def test_every_route_that_changes_something_says_how_the_journal_names_that(route: Route) -> None:
    assert journaled_of((ADMINISTRATION | STATION)[route]) is not None


def test_every_action_stands_in_the_documentation() -> None:
    named = set()
    for path in modules(
        "admin_service", "authentication_service", "voting_station_service", "daemon", "shared", "cli"
    ).values():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                named |= {
                    word.value
                    for word in node.args
                    if isinstance(word, ast.Constant) and isinstance(word.value, str) and ACTION.fullmatch(word.value)
                }
    documented = set(re.findall("`([a-z_]+[.][a-z_]+)`", (ROOT / "docs" / "journal.md").read_text(encoding="utf-8")))
    assert {"election.closed", "part.buried", "batch.accepted"} <= named
    assert named <= documented
    with_hook = {found.action for view in (ADMINISTRATION | STATION).values() if (found := journaled_of(view))}
    assert with_hook <= documented


def journal_of(database: Database) -> list[AnyJournal]:
    """All entries, in order; the journal has to be whole."""
    with database.reading() as session:
        assert store.check(session)[1] == []
        found = list(session.scalars(store.entries(store.Search())))
        session.expunge_all()
    return found[::-1]


@dataclass
class World:
    """Something of each noun, made anew for each change."""

    admin: Administration
    recorded: Recorded

    def participant(self) -> str:
        return f"/api/participants/{self.admin.participants(1)[0]}"

    def candidate(self) -> str:
        number = self.admin.participants(1)[0]
        body = {"participant_id": number, "forename": "Ана", "surname": "Анић"}
        return f"/api/candidates/{self.admin.post('/api/candidates', body, 201)['id']}"

    def pictured(self) -> str:
        path = self.candidate()
        assert self.admin.call("PUT", f"{path}/picture", data=PICTURE, match=1).status_code == 200
        return path

    def invited(self) -> str:
        path = self.candidate()
        self.admin.post(f"{path}/invitation", None, 201, match=1)
        return path

    def place(self, sort: str) -> str:
        """A new place of this sort, in those of the sorts above it."""
        return f"/api/{sort}/{self.admin.post(f'/api/{sort}', self.body_of(sort), 201)['id']}"

    def body_of(self, sort: str) -> dict[str, Any]:
        sorts = ("regions", "constituencies", "polling-centres", "polling-stations")
        parents = ("", "region_id", "constituency_id", "centre_id")
        level = sorts.index(sort)
        above = {parents[level]: int(self.place(sorts[level - 1]).rpartition("/")[2])} if level else {}
        own: tuple[dict[str, Any], ...] = (
            {"name": "Југ"},
            {"name": "Прва"},
            {"municipality": "Ада", "name": "Школа"},
            {"code": "Ада 1", "registered": 5},
        )
        return {**above, **own[level]}

    def election(self, **fields: Any) -> str:
        return f"/api/elections/{self.admin.election(**fields)['id']}"

    def tied(self) -> str:
        rules = {**CLASSIC_RULES, "seats": 2, "tie_policy": "lots"}
        now = datetime.now(UTC)
        made = self.recorded.election(
            ["A", "B", "C"], hours=(now - timedelta(hours=2), now - timedelta(hours=1)), rules=rules
        )
        self.recorded.part(made, {1: 40, 2: 30, 3: 30}, received_at=now - timedelta(hours=1, minutes=30))
        self.recorded.drained(now, now)
        return f"/api/elections/{made}"


# How to do what each route does: what is made before, and the request; the subject of the entry ends with the number.
Change = Callable[[World], tuple[str, Any, int | None]]
CHANGES: dict[Route, Change] = {
    ("POST", "/createParticipant"): lambda _: ("/createParticipant", {"name": "Ж", "individual": False}, None),
    ("POST", "/createElection"): lambda world: (
        "/createElection",
        {**DAY, "individual": False, "participants": world.admin.participants()},
        None,
    ),
    ("POST", "/api/participants"): lambda _: ("/api/participants", {"name": "Ж", "individual": False}, None),
    ("PATCH", "/api/participants/<int:participant_id>"): lambda world: (world.participant(), {"name": "Ж"}, 1),
    ("DELETE", "/api/participants/<int:participant_id>"): lambda world: (world.participant(), None, None),
    ("POST", "/api/candidates"): lambda world: (
        "/api/candidates",
        {"participant_id": world.admin.participants(1)[0], "forename": "Ж", "surname": "Анић"},
        None,
    ),
    ("PATCH", "/api/candidates/<int:candidate_id>"): lambda world: (world.candidate(), {"biography": "Ж"}, 1),
    ("DELETE", "/api/candidates/<int:candidate_id>"): lambda world: (world.candidate(), None, None),
    ("POST", "/api/candidates/<int:candidate_id>/approval"): lambda world: (
        f"{world.candidate()}/approval",
        {"decision": Approval.APPROVED},
        1,
    ),
    ("PUT", "/api/candidates/<int:candidate_id>/picture"): lambda world: (f"{world.candidate()}/picture", PICTURE, 1),
    ("DELETE", "/api/candidates/<int:candidate_id>/picture"): lambda world: (f"{world.pictured()}/picture", None, 2),
    ("POST", "/api/candidates/<int:candidate_id>/invitation"): lambda world: (
        f"{world.candidate()}/invitation",
        None,
        1,
    ),
    ("DELETE", "/api/candidates/<int:candidate_id>/account"): lambda world: (f"{world.invited()}/account", None, 2),
    ("POST", "/api/jurisdictions"): lambda _: ("/api/jurisdictions", {"name": "Ж"}, None),
    ("POST", "/api/regions"): lambda _: ("/api/regions", {"name": "Ж"}, None),
    ("PATCH", "/api/regions/<int:region_id>"): lambda world: (world.place("regions"), {"name": "Ж"}, 1),
    ("DELETE", "/api/regions/<int:region_id>"): lambda world: (world.place("regions"), None, None),
    ("POST", "/api/constituencies"): lambda world: ("/api/constituencies", world.body_of("constituencies"), None),
    ("PATCH", "/api/constituencies/<int:constituency_id>"): lambda world: (
        world.place("constituencies"),
        {"seats": 5},
        1,
    ),
    ("DELETE", "/api/constituencies/<int:constituency_id>"): lambda world: (world.place("constituencies"), None, None),
    ("POST", "/api/polling-centres"): lambda world: ("/api/polling-centres", world.body_of("polling-centres"), None),
    ("PATCH", "/api/polling-centres/<int:centre_id>"): lambda world: (
        world.place("polling-centres"),
        {"latitude": 44.8, "longitude": 20.5},
        1,
    ),
    ("DELETE", "/api/polling-centres/<int:centre_id>"): lambda world: (world.place("polling-centres"), None, None),
    ("POST", "/api/polling-stations"): lambda world: ("/api/polling-stations", world.body_of("polling-stations"), None),
    ("PATCH", "/api/polling-stations/<int:station_id>"): lambda world: (
        world.place("polling-stations"),
        {"status": "disabled", "reason": "moved"},
        1,
    ),
    ("DELETE", "/api/polling-stations/<int:station_id>"): lambda world: (world.place("polling-stations"), None, None),
    ("POST", "/api/polling-stations/import"): lambda _: (
        "/api/polling-stations/import",
        "municipality,station,registered\nАда,Ада 1,500\n",
        None,
    ),
    ("POST", "/api/elections"): lambda world: (
        "/api/elections",
        {**DAY, "kind": "parliamentary", "title": "Ж", "entries": entries(world.admin.participants())},
        None,
    ),
    ("PATCH", "/api/elections/<int:election_id>"): lambda world: (world.election(**DAY), {"title": "Ж"}, 1),
    ("DELETE", "/api/elections/<int:election_id>"): lambda world: (world.election(draft=True), None, None),
    ("POST", "/api/elections/<int:election_id>/publication"): lambda world: (
        f"{world.election(draft=True)}/publication",
        None,
        1,
    ),
    ("POST", "/api/elections/<int:election_id>/closing"): lambda world: (f"{world.election()}/closing", None, 1),
    ("POST", "/api/elections/<int:election_id>/cancellation"): lambda world: (
        f"{world.election()}/cancellation",
        {"reason": "Ж"},
        1,
    ),
    ("POST", "/api/elections/<int:election_id>/lots"): lambda world: (f"{world.tied()}/lots", {"poll_numbers": [3]}, 1),
}


def of_sheets(change: Callable[[Night], tuple[str, Any, int | None]]) -> Change:
    return lambda world: change(night(world.admin, world.recorded))


CHANGES |= {route: of_sheets(change) for route, change in CHANGES_OF_SHEETS.items()}
# What of the change has to be told.
TOLD = {
    "participant.created": ("name", None),
    "participant.changed": ("name", "to"),
    "participant.deleted": ("name", None),
    "candidate.created": ("forename", None),
    "candidate.changed": ("biography", "to"),
    "candidate.deleted": ("forename", None),
    "candidate.decided": ("approval", "to"),
    "candidate.invited": ("expires_at", None),
    "candidate.unlinked": ("account", None),
    "picture.put": ("sha256", None),
    "picture.deleted": ("candidate", None),
    "jurisdiction.created": ("name", None),
    "region.created": ("name", None),
    "region.changed": ("name", "to"),
    "region.deleted": ("name", None),
    "constituency.created": ("name", None),
    "constituency.changed": ("seats", "to"),
    "constituency.deleted": ("name", None),
    "polling_centre.created": ("municipality", None),
    "polling_centre.changed": ("latitude", "to"),
    "polling_centre.deleted": ("municipality", None),
    "polling_station.created": ("code", None),
    "polling_station.changed": ("reason", "to"),
    "polling_station.deleted": ("code", None),
    "polling_station.imported": ("new", None),
    "election.created": ("kind", "to"),
    "election.changed": ("title", "to"),
    "election.deleted": ("kind", None),
    "election.published": ("stage", "to"),
    "election.closed": ("end", "to"),
    "election.cancelled": ("cancelled_reason", "to"),
    "election.drawn": ("lots", "to"),
    "sheet.resolved": ("state", "to"),
    "sheet.accepted": ("state", "to"),
    "sheet.reopened": ("state", "to"),
    "difference.explained": ("reason", None),
}


def declared(route: Route) -> str:
    found = journaled_of(ADMINISTRATION[route])
    assert found is not None
    return found.action


@pytest.mark.parametrize("route", ADMINISTRATION_API, ids=" ".join)
def test_what_an_administrator_changes_is_told_with_what_has_changed(
    admin: Administration, recorded: Recorded, route: Route
) -> None:
    path, body, match = CHANGES[route](World(admin, recorded))
    before = len(journal_of(admin.database))
    how = {"data": body} if isinstance(body, str | bytes) else {"body": body}
    answer = admin.call(route[0], path, match=match, **how)
    assert answer.status_code < 300, answer.get_data(as_text=True)
    (entry,) = journal_of(admin.database)[before:]
    action = declared(route)
    assert (entry.action, entry.outcome, entry.actor, entry.address) == (action, "done", ACTOR, "127.0.0.1")
    assert entry.request_id == answer.headers["X-Request-ID"]
    noun, _, number = entry.subject.partition(" ")
    assert noun == action.partition(".")[0]
    # A file is about many.
    assert re.fullmatch("[0-9]+|of station [0-9]+ in election [0-9]+", number) or action.endswith(".imported")
    if path[-1].isdigit():
        assert path.endswith(f"/{number}")
    name, within = TOLD[action]
    details = json.loads(entry.details)
    assert details[name] if within is None else details[name][within]


@pytest.mark.parametrize("route", ADMINISTRATION_API, ids=" ".join)
def test_who_may_not_change_something_is_told_to_have_tried(admin: Administration, route: Route) -> None:
    answer = admin.call(route[0], re.sub("<[^>]*>", "7", route[1]), {}, role=Role.VOTER)
    assert answer.status_code in (401, 403)
    (entry,) = journal_of(admin.database)
    assert (entry.action, entry.outcome, entry.actor) == (declared(route), "refused", "voter@example.org")
    assert entry.request_id == answer.headers["X-Request-ID"]
    noun = declared(route).partition(".")[0]
    sheets = {1: "sheet of many stations in election 7", 2: f"{noun} of station 7 in election 7"}
    numbers = route[1].count("<")
    expected = sheets[numbers] if noun in ("sheet", "difference") else f"{noun} 7"
    assert entry.subject == (expected if numbers else entry.subject)
    assert json.loads(entry.details)["status"] == answer.status_code
    assert entry.reason


REFUSED: dict[int, Callable[[Administration], Any]] = {
    404: lambda admin: admin.call("DELETE", "/api/elections/7"),
    409: lambda admin: admin.call("DELETE", f"/api/elections/{admin.election()['id']}"),
    412: lambda admin: admin.call("PATCH", f"/api/elections/{admin.election()['id']}", {"title": "a"}, match=9),
    422: lambda admin: admin.call("POST", "/api/jurisdictions", {"name": 5}),
    428: lambda admin: admin.call("PATCH", f"/api/elections/{admin.election()['id']}", {"title": "a"}),
    400: lambda admin: admin.call("POST", "/createElection", {}),
}


@pytest.mark.parametrize("status", REFUSED)
def test_what_was_refused_to_an_administrator_is_told_with_the_reason(admin: Administration, status: int) -> None:
    answer = REFUSED[status](admin)
    assert answer.status_code == status
    entry = journal_of(admin.database)[-1]
    assert (entry.outcome, entry.actor) == ("refused", ACTOR)
    said = answer.get_json()
    assert entry.reason == said.get("detail", said.get("message"))
    assert json.loads(entry.details)["status"] == status


def test_nobody_who_is_unknown_writes_anything(admin: Administration, token: Token) -> None:
    assert admin.call("POST", "/api/jurisdictions", {"name": "a"}, role=None).status_code == 401
    caller = admin.app.test_client()
    for header in ({"Authorization": "Bearer x"}, token(Role.ADMINISTRATOR, exp=1), token(Role.VOTER, type="refresh")):
        assert caller.post("/api/jurisdictions", json={"name": "a"}, headers=header).status_code == 401
    assert caller.post("/nowhere", headers=token(Role.ADMINISTRATOR)).status_code == 404
    assert admin.call("GET", "/api/elections/7").status_code == 404
    assert journal_of(admin.database) == []


def test_an_account_fills_the_journal_with_refusals_only_so_far(
    admin: Administration, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    monkeypatch.setattr("shared.web.journal.time", SimpleNamespace(monotonic=lambda: seconds[0]))
    for _ in range(MOST_A_MINUTE + 5):
        assert admin.call("POST", "/api/jurisdictions", {}, role=Role.VOTER).status_code == 403
    assert len(journal_of(admin.database)) == MOST_A_MINUTE
    assert admin.call("POST", "/api/jurisdictions", {}, role=Role.OFFICIAL).status_code == 403
    seconds[0] = 60.0
    assert admin.call("POST", "/api/jurisdictions", {}, role=Role.VOTER).status_code == 403
    assert len(journal_of(admin.database)) == MOST_A_MINUTE + 2


def test_a_refusal_repeats_no_national_id_and_no_guid(admin: Administration) -> None:
    name = "0101994704401 3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    answer = admin.call("POST", "/api/jurisdictions", {"name": "Srem", name: 1})
    assert answer.status_code == 422
    assert name in answer.get_json()["detail"]
    (entry,) = journal_of(admin.database)
    assert "… …" in entry.reason


@pytest.mark.parametrize("path", ["/vote", "/api/batches", "/api/elections/1/batches"])
def test_a_station_tells_of_every_upload_accepted_and_refused(station: Station, sqlite_url: str, path: str) -> None:
    assert path in {rule.replace("<int:election_id>", "1") for _, rule in STATION}
    accepted = station.send(file_of(3), path)
    assert accepted.status_code in (200, 202)
    refused = station.send(b"no ballot\n", path)
    assert refused.status_code in (400, 422)
    voter = station.send(file_of(1), path, header=station.token(Role.VOTER, email="voter@example.org"))
    assert voter.status_code in (401, 403)
    assert station.send(file_of(1), path, header={}).status_code == 401
    migrate(sqlite_url, "election")
    with closing(Database(sqlite_url)) as database:
        move(database, station.redis)
        found = journal_of(database)
    assert [(entry.action, entry.outcome, entry.actor) for entry in found] == [
        ("batch.accepted", "done", "official1@example.org"),
        ("batch.refused", "refused", "official1@example.org"),
        ("batch.refused", "refused", "voter@example.org"),
    ]
    assert [entry.request_id for entry in found] == [a.headers["X-Request-ID"] for a in (accepted, refused, voter)]
    assert {entry.address for entry in found} == {"127.0.0.1"}
    assert "line" in found[1].reason


def test_the_journal_is_read_by_administrators_and_auditors_page_by_page(admin: Administration) -> None:
    for name in ("Bačka", "Banat", "Srem"):
        admin.post("/api/jurisdictions", {"name": name}, 201)
    page = admin.get("/api/journal?per_page=2", role=Role.AUDITOR)
    assert (page["total"], [item["sequence"] for item in page["items"]]) == (3, [3, 2])
    assert page["items"][0]["details"] == {"name": "Srem"}
    assert page["items"][0]["previous"] == page["items"][1]["hash"]
    assert [item["sequence"] for item in admin.get("/api/journal?per_page=2&page=2")["items"]] == [1]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for query, numbers in {
        f"actor={ACTOR}": [3, 2, 1],
        "actor=nobody": [],
        "action=jurisdiction": [3, 2, 1],
        "action=election": [],
        "subject=jurisdiction 3": [2],
        "outcome=refused": [],
        "outcome=done": [3, 2, 1],
        "text=BAČKA": [1],
        f"from={tomorrow}": [],
        f"to={tomorrow}": [3, 2, 1],
    }.items():
        assert [item["sequence"] for item in admin.get(f"/api/journal?{query}")["items"]] == numbers, query
    for role in (Role.OFFICIAL, Role.VOTER):
        admin.get("/api/journal", 403, role=role)
    for wrong in (
        *("outcome=maybe", "from=2026-01-01T00:00:00", "text=%00", "page=0"),
        *("to=0.5", "from=1772323200", "from=2026"),
    ):
        admin.get(f"/api/journal?{wrong}", 422)


def test_what_somebody_has_written_over_the_details_is_shown_as_it_is(admin: Administration) -> None:
    admin.post("/api/jurisdictions", {"name": "Srem"}, 201)
    with admin.database.engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE journal SET details = 'nothing'")
    assert admin.get("/api/journal")["items"][0]["details"] == {"text": "nothing"}


def test_an_election_with_every_place_taken_and_a_long_biography_fit_into_an_entry(admin: Administration) -> None:
    made = World(admin, None).candidate()  # type: ignore[arg-type]  # Nothing recorded is needed.
    answered(admin.call("PATCH", made, {"biography": "ш" * 10_000}, match=1), 200)
    answered(admin.call("PATCH", made, {"biography": "ж" * 10_000}, match=2), 200)
    details = json.loads(journal_of(admin.database)[-1].details)
    assert details["biography"] == {"from": "ш" * 10_000, "to": "ж" * 10_000}
