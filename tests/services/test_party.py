"""Campaign directors manage the candidates of one participant, candidates their profiles; administrators approve."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from admin_service import store
from admin_service.rules.candidates import INVITATION
from results_service.app import create_app as create_results
from shared.config import ResultsSettings
from shared.schema.election import Candidate, CandidatePublication
from shared.terms import Role
from tests.services.administration import HOUR, Administration, answered, entries, running
from tests.services.casting import key_text
from tests.services.pictures import PICTURE, picture
from tests.services.recorded import Recorded
from tests.services.signed_in import VALUE, SignedIn
from tests.services.tokens import ServiceSettings, Token

SCRIPT = b"<script>alert(1)</script>"
COMING: dict[str, Any] = {
    "start": (datetime.now(UTC) + timedelta(days=9)).isoformat(),
    "end": (datetime.now(UTC) + timedelta(days=10)).isoformat(),
}
WORDS = {"post": "Посланик", "biography": "Рођена у Ади."}


@contextmanager
def opened(url: str, settings: ServiceSettings) -> Iterator[FlaskClient]:
    """The results service on the same store, as anybody reaches it."""
    app = create_results(settings(ResultsSettings, election_database_url=url, redis_url="redis://127.0.0.1:1/0"))
    yield app.test_client()
    app.extensions["database"].close()


@pytest.fixture
def admin(
    recorded: Recorded, sqlite_url: str, service_settings: ServiceSettings, token: Token
) -> Iterator[Administration]:
    with running(sqlite_url, service_settings, token, prepared=False) as service:
        yield service


@dataclass(frozen=True)
class Caller:
    """Somebody with a role, and the participant or the account that the token says."""

    admin: Administration
    role: Role
    claims: dict[str, Any]
    email: str

    def call(self, method: str, path: str, body: Any = None, match: int | None = None, **how: Any) -> TestResponse:
        headers = self.admin.token(self.role, email=self.email, **self.claims)
        if match is not None:
            headers["If-Match"] = f'"{match}"'
        return self.admin.app.test_client().open(path, method=method, json=body, headers=headers, **how)

    def does(self, method: str, path: str, body: Any = None, match: int | None = None, **how: Any) -> Any:
        answer = self.call(method, path, body, match, **how)
        assert answer.status_code < 300, answer.get_data(as_text=True)
        return answer.get_json() if answer.data else None

    def browser(self) -> SignedIn:
        found = SignedIn.to(self.admin.app, self.admin.token, self.role, self.email)
        header = self.admin.token(self.role, email=self.email, csrf=VALUE, **self.claims)
        found.client.set_cookie("__Host-urna", header["Authorization"].removeprefix("Bearer "), secure=True)
        return found


def director(admin: Administration, participant: int, name: str = "dana") -> Caller:
    return Caller(admin, Role.CAMPAIGN_DIRECTOR, {"participant": participant}, f"{name}@example.org")


def candidate(admin: Administration, account: int) -> Caller:
    return Caller(admin, Role.CANDIDATE, {"account": account}, f"candidate{account}@example.org")


def put_forward(who: Caller, forename: str = "Ana") -> int:
    made = who.does("POST", "/api/party/candidates", {"forename": forename, "surname": "Anić"})
    return int(made["id"])


def completed(who: Caller, number: int, base: str = "/api/party/candidates") -> int:
    """Fill the profile in and send it for approval; its version."""
    path = f"{base}/{number}"
    version = who.does("GET", path)["version"]
    version = who.does("PATCH", path, WORDS, match=version)["version"]
    version = who.does("PUT", f"{path}/picture", match=version, data=PICTURE)["version"]
    return int(who.does("POST", f"{path}/submission", match=version)["version"])


def problem(answer: TestResponse, status: int) -> str:
    return str(answered(answer, status)["detail"])


def public(admin: Administration, number: int) -> CandidatePublication | None:
    with admin.database.reading() as session:
        found = session.get(CandidatePublication, number)
        session.expunge_all()
        return found


def test_an_invited_candidate_completes_the_profile_and_what_was_approved_stays_public(
    admin: Administration, sqlite_url: str, service_settings: ServiceSettings
) -> None:
    (party,) = admin.participants(1)
    dana, eva = director(admin, party), candidate(admin, 41)
    number = put_forward(dana)
    assert admin.get("/api/candidates?approval=waiting")["total"] == 0  # It is being written.
    invited = dana.does("POST", f"/api/party/candidates/{number}/invitation", match=1)
    assert problem(eva.call("GET", f"/api/candidacies/{number}"), 404) == f"There is no candidate {number} of yours."
    wrong = eva.call("POST", "/api/candidacies", {"code": invited["code"] + "x"})
    assert "No invitation has this code" in wrong.text
    eva.does("POST", "/api/candidacies", {"code": invited["code"]})
    # The code is good once.
    again = candidate(admin, 42).call("POST", "/api/candidacies", {"code": invited["code"]})
    assert again.status_code == 422
    assert [one["id"] for one in eva.does("GET", "/api/candidacies")["items"]] == [number]

    path = f"/api/candidacies/{number}"
    early = eva.call("POST", f"{path}/submission", match=3)
    assert (early.status_code, early.get_json()["errors"][0]["field"]) == (422, "post")
    version = completed(eva, number, "/api/candidacies")
    assert "sent already" in problem(eva.call("POST", f"{path}/submission", match=version), 409)
    assert public(admin, number) is None
    admin.post(f"/api/candidates/{number}/approval", {"decision": "approved"}, match=version)
    first = public(admin, number)
    assert first is not None
    assert (first.post, first.sha256 is not None) == (WORDS["post"], True)

    changed = eva.does("PATCH", path, {"biography": "Another life."}, match=version + 1)
    assert (changed["approval"], changed["submitted_at"], changed["published_at"] is None) == ("waiting", None, False)
    assert public(admin, number).biography == WORDS["biography"]  # type: ignore[union-attr]  # It is public.
    election = admin.election(entries=entries([party, *admin.participants(1)]), **COMING)["id"]
    with opened(sqlite_url, service_settings) as everybody:
        shown = everybody.get(f"/api/elections/{election}/candidates").get_json()["candidates"]
        assert [(one["id"], one["poll_number"], one["biography"]) for one in shown] == [(number, 1, WORDS["biography"])]
        path_of_picture = f"/api/elections/{election}/candidates/{number}/picture"
        seen = everybody.get(f"{path_of_picture}?size=small")
        assert (seen.content_type, seen.data[:3]) == ("image/jpeg", b"\xff\xd8\xff")
        assert everybody.get(f"/api/elections/{election}/candidates/98/picture").status_code == 404
    body = {"decision": "approved"}
    early = admin.call("POST", f"/api/candidates/{number}/approval", body, match=changed["version"])
    assert "still being written" in problem(early, 409)
    sent = eva.does("POST", f"{path}/submission", match=changed["version"])
    refused = admin.post(
        f"/api/candidates/{number}/approval", {"decision": "refused", "reason": "Too short."}, match=sent["version"]
    )
    assert refused["published_at"] is not None
    assert eva.does("GET", path)["approval_reason"] == "Too short."
    assert dana.does("GET", "/api/party/candidates")["items"][0]["approval_reason"] == "Too short."
    # The reason stays before whoever mends it, and goes when it is sent.
    mended = eva.does("PATCH", path, {"biography": "A longer life."}, match=refused["version"])
    assert mended["approval_reason"] == "Too short."
    sent = eva.does("POST", f"{path}/submission", match=mended["version"])
    assert (sent["approval"], sent["approval_reason"]) == ("waiting", "")
    admin.post(f"/api/candidates/{number}/approval", {"decision": "approved"}, match=sent["version"])
    assert public(admin, number).biography == "A longer life."  # type: ignore[union-attr]  # It is public.
    withdrawn = {"decision": "refused", "reason": "Not a citizen."}
    admin.post(f"/api/candidates/{number}/approval", withdrawn, match=sent["version"] + 1)
    assert public(admin, number) is None


def test_a_refusal_can_take_what_was_approved_before_from_the_public(admin: Administration) -> None:
    (party,) = admin.participants(1)
    dana = director(admin, party)
    number = put_forward(dana)
    version = completed(dana, number)
    path = f"/api/candidates/{number}/approval"
    version = admin.post(path, {"decision": "approved"}, match=version)["version"]
    version = dana.does("PATCH", f"/api/party/candidates/{number}", {"post": "Mayor"}, match=version)["version"]
    version = admin.post(path, {"decision": "refused", "reason": "No."}, match=version)["version"]
    assert public(admin, number) is not None
    assert admin.call("POST", path, {"decision": "refused", "reason": "No."}, match=version).status_code == 409
    admin.post(path, {"decision": "refused", "reason": "No.", "withdraw": True}, match=version)
    assert public(admin, number) is None


def test_an_invitation_runs_out_and_a_candidate_is_unlinked(admin: Administration) -> None:
    (party,) = admin.participants(1)
    dana, eva = director(admin, party), candidate(admin, 41)
    number = put_forward(dana)
    path = f"/api/party/candidates/{number}"
    late = dana.does("POST", f"{path}/invitation", match=1)["code"]
    with admin.database.writing() as session:
        session.get_one(Candidate, number).invitation_expires_at = datetime.now(UTC) - timedelta(seconds=1)
    assert eva.call("POST", "/api/candidacies", {"code": late}).status_code == 422
    code = dana.does("POST", f"{path}/invitation", match=3)["code"]
    assert datetime.now(UTC) + INVITATION > datetime.fromisoformat(
        dana.does("GET", path)["invitation_expires_at"].replace("Z", "+00:00")
    )
    assert eva.does("POST", "/api/candidacies", {"code": code})["account_id"] == 41
    dana.does("DELETE", f"{path}/account", match=5)
    assert eva.call("GET", f"/api/candidacies/{number}").status_code == 404
    # A token that says no account owns nobody, though candidates without an account are stored.
    nobody = Caller(admin, Role.CANDIDATE, {}, "nobody@example.org")
    assert nobody.does("GET", "/api/candidacies")["items"] == []
    assert nobody.call("GET", f"/api/candidacies/{number}").status_code == 404


def test_somebody_elses_party_is_refused_in_the_words_of_what_there_is_not(admin: Administration) -> None:
    own, other = admin.participants(2)
    dana, zoran = director(admin, own), director(admin, other, "zoran")
    number = put_forward(dana)
    for method, what, how in (
        ("GET", "", {}),
        ("PATCH", "", {"body": {"post": "X"}}),
        ("DELETE", "", {}),
        ("POST", "/submission", {}),
        ("POST", "/invitation", {}),
        ("DELETE", "/account", {}),
        ("GET", "/picture", {}),
        ("PUT", "/picture", {"data": PICTURE}),
        ("DELETE", "/picture", {}),
    ):
        told = {
            problem(zoran.call(method, f"/api/party/candidates/{one}{what}", match=1, **how), 404).replace(
                str(one), "N"
            )
            for one in (number, 98)
        }
        assert told == {"There is no candidate N of yours."}, (method, what)
    assert dana.does("GET", f"/api/party/candidates/{number}")["version"] == 1
    assert zoran.does("GET", "/api/party/candidates")["items"] == []
    moved = zoran.call("PUT", "/api/party/order", {"candidates": [number]}, match=1)
    assert moved.status_code == 422
    lost = Caller(admin, Role.CAMPAIGN_DIRECTOR, {}, "lost@example.org")
    for path in ("/api/party", "/api/party/candidates", "/api/party/elections/1/stations"):
        assert "You direct no participant" in problem(lost.call("GET", path), 404)
    assert "You direct no participant" in lost.browser().see("/party", 404)
    # And a director is no administrator.
    assert dana.call("PATCH", f"/api/candidates/{number}", {"post": "X"}, match=1).status_code == 403


def test_the_candidates_are_frozen_from_the_opening_to_the_final_result(
    admin: Administration, recorded: Recorded
) -> None:
    own, other = admin.participants(2)
    dana, eva = director(admin, own), candidate(admin, 41)
    number = put_forward(dana)
    code = dana.does("POST", f"/api/party/candidates/{number}/invitation", match=1)["code"]
    eva.does("POST", "/api/candidacies", {"code": code})
    now = datetime.now(UTC)
    coming: dict[str, Any] = {"start": (now + HOUR).isoformat(), "end": (now + 2 * HOUR).isoformat()}
    admin.election(title="Coming", entries=entries([own, other]), **coming)
    version = completed(eva, number, "/api/candidacies")
    admin.election(
        title="Now", entries=entries([own, other]), start=(now - HOUR).isoformat(), end=(now + HOUR / 2).isoformat()
    )
    assert dana.does("GET", "/api/party")["frozen_by"] == "Now"
    path, order = f"/api/party/candidates/{number}", {"candidates": [number]}
    for who, method, where, how in (
        (dana, "POST", "/api/party/candidates", {"body": {"forename": "A", "surname": "B"}}),
        (dana, "PATCH", path, {"body": {"post": "X"}}),
        (dana, "DELETE", path, {}),
        (dana, "PUT", f"{path}/picture", {"data": PICTURE}),
        (dana, "PUT", "/api/party/order", {"body": order, "match": 1}),
        (eva, "PATCH", f"/api/candidacies/{number}", {"body": {"post": "X"}}),
        (eva, "POST", f"/api/candidacies/{number}/submission", {}),
        (eva, "DELETE", f"/api/candidacies/{number}/picture", {}),
    ):
        answer = who.call(method, where, **{"match": version, **dict[str, Any](how)})
        assert "The candidates are frozen for the election “Now”" in problem(answer, 409), (method, where)
    assert "Nothing here can be changed now" in dana.browser().see(f"/party/candidates/{number}")
    # An administrator still decides about what was sent before.
    admin.post(f"/api/candidates/{number}/approval", {"decision": "approved"}, match=version)


def test_two_directors_who_change_the_same_candidate_or_list_overwrite_nothing(admin: Administration) -> None:
    (party,) = admin.participants(1)
    dana, zoran = director(admin, party), director(admin, party, "zoran")
    first, second = put_forward(dana, "Prva"), put_forward(zoran, "Druga")
    path = f"/api/party/candidates/{first}"
    assert dana.call("PATCH", path, {"post": "Mayor"}).status_code == 428
    dana.does("PATCH", path, {"post": "Mayor"}, match=1)
    assert zoran.call("PATCH", path, {"post": "Deputy"}, match=1).status_code == 412
    page = zoran.browser()
    late = page.send(
        f"/party/candidates/{first}",
        version="1",
        forename="Prva",
        surname="Anić",
        post="Deputy",
        code_name="",
        biography="",
    )
    assert late.status_code == 412
    assert "dana@example.org changed this while you were filling in the form." in late.text
    assert "<td>Mayor</td><td>Deputy</td>" in late.text

    version = dana.does("GET", "/api/party")["participant"]["version"]
    dana.does("PUT", "/api/party/order", {"candidates": [second, first]}, match=version)
    order = {"candidates": [first, second]}
    assert zoran.call("PUT", "/api/party/order", order, match=version).status_code == 412
    for wrong in ([first], [first, first], [first, second, 98]):
        assert dana.call("PUT", "/api/party/order", {"candidates": wrong}, match=version + 1).status_code == 422
    assert [one["id"] for one in dana.does("GET", "/api/party/candidates")["items"]] == [second, first]
    stale = page.send(
        "/party/order", **dict[str, Any]({"version": str(version), f"place-{first}": "1", f"place-{second}": "2"})
    )
    assert (stale.status_code, "your order is not stored" in stale.text) == (412, True)
    shown = page.done(page.fill("/party", "order", **{f"place-{first}": "1", f"place-{second}": "2"}))
    assert shown.index("Prva Anić") < shown.index("Druga Anić")


def test_a_script_is_no_photograph(admin: Administration) -> None:
    (party,) = admin.participants(1)
    dana = director(admin, party)
    number = put_forward(dana)
    for content in (SCRIPT, b"\xff\xd8\xff" + SCRIPT, b"<svg xmlns='http://www.w3.org/2000/svg'/>"):
        answer = dana.call("PUT", f"/api/party/candidates/{number}/picture", match=1, data=content)
        assert answer.status_code == 422
    page = dana.browser()
    sent = page.fill(f"/party/candidates/{number}", "put-picture", picture=(_stream(SCRIPT), "me.jpg", "image/jpeg"))
    assert (sent.status_code, "This is no picture that can be taken" in sent.text) == (422, True)
    assert dana.call("GET", f"/api/party/candidates/{number}/picture").status_code == 404
    dana.does("PUT", f"/api/party/candidates/{number}/picture", match=1, data=picture((90, 120)))
    taken = dana.call("GET", f"/api/party/candidates/{number}/picture")
    assert (taken.content_type, taken.data[:3]) == ("image/jpeg", b"\xff\xd8\xff")


def test_a_director_sees_the_votes_of_the_own_list_at_each_station_and_no_other_lists(
    admin: Administration, recorded: Recorded
) -> None:
    now = datetime.now(UTC)
    number = recorded.election(["Left", "=1+1"], hours=(now - HOUR, now + HOUR), title="Now")
    stations = recorded.stations([500, 700, 300])
    for station, votes in zip(stations, ({1: 7, 2: 3}, {1: 1, 2: 40}), strict=False):
        recorded.part(number, votes, received_at=now - HOUR / 2, station=station)
    recorded.part(number, {1: 2, 2: 2}, received_at=now - HOUR / 2)
    with admin.database.reading() as session:
        (own, other) = (entry.participant_id for entry in store.election(session, number).entries)
    dana, zoran = director(admin, own), director(admin, other, "zoran")
    found = dana.does("GET", f"/api/party/elections/{number}/stations")
    assert [(one["station_id"], one["votes"], one["counted"]) for one in found["stations"]] == [
        *((stations[0], 7, 10), (stations[1], 1, 41), (stations[2], 0, 0), (None, 2, 4)),
    ]
    assert (found["votes"], found["counted"], found["election"]["poll_number"]) == (10, 55, 1)
    file = dana.call("GET", f"/api/party/elections/{number}/stations.csv")
    rows = file.get_data(as_text=True).splitlines()
    assert rows[0].lstrip("\ufeff") == "station_id,code,municipality,centre,registered,votes,counted"
    assert [row.split(",")[-2:] for row in rows[1:]] == [["7", "10"], ["1", "41"], ["0", "0"], ["2", "4"]]
    assert zoran.does("GET", f"/api/party/elections/{number}/stations")["votes"] == 45
    page = dana.browser().see(f"/party/elections/{number}")
    assert "This is not final" in page
    first, last = (dana.browser().see(f"/party/elections/{number}?per_page=2&page={page}") for page in (1, 2))
    assert (first.count('<th scope="row">'), last.count('<th scope="row">')) == (2, 2)
    assert ("of no polling station" in first, "of no polling station" in last) == (False, True)
    draft = recorded.election(hours=(now + HOUR, now + 2 * HOUR), stage="draft")
    for absent in (draft, 98):
        assert dana.call("GET", f"/api/party/elections/{absent}/stations").status_code == 404


def test_a_director_sees_no_votes_before_the_count_is_final_where_voters_cast_ballots_themselves(
    admin: Administration, recorded: Recorded
) -> None:
    now = datetime.now(UTC)
    hours = now - 2 * HOUR, now + HOUR
    number = recorded.election(["Left", "Right"], hours=hours, title="Of voters", ballot_key=key_text())
    recorded.part(number, {1: 7, 2: 3}, received_at=now - HOUR)
    with admin.database.reading() as session:
        own = store.election(session, number).entries[0].participant_id
    dana = director(admin, own)
    for path in ("stations", "stations.csv"):
        refused = dana.call("GET", f"/api/party/elections/{number}/{path}")
        assert refused.status_code == 409
        assert refused.get_json()["detail"] == "Votes are held back until every ballot is counted."
    dana.browser().see(f"/party/elections/{number}", 409)


def test_the_navigation_shows_what_a_role_may_and_the_first_page_leads_there(admin: Administration) -> None:
    (party,) = admin.participants(1)
    page = director(admin, party).browser()
    assert page.client.get("/").headers["Location"] == "/party"
    shown = page.see("/party")
    assert ("My party" in shown, "My candidacy" in shown, "Tally sheets" in shown) == (True, False, False)
    page.see("/candidates", 403)
    page.see("/candidacy", 403)
    own = candidate(admin, 41).browser()
    assert own.client.get("/").headers["Location"] == "/candidacy"
    assert "My party" not in own.see("/candidacy")
    own.see("/party", 403)


def test_what_directors_and_candidates_do_stands_in_the_journal_without_the_code(admin: Administration) -> None:
    (party,) = admin.participants(1)
    dana, eva = director(admin, party), candidate(admin, 41)
    number = put_forward(dana)
    code = dana.does("POST", f"/api/party/candidates/{number}/invitation", match=1)["code"]
    eva.does("POST", "/api/candidacies", {"code": code})
    completed(eva, number, "/api/candidacies")
    dana.does("PUT", "/api/party/order", {"candidates": [number]}, match=1)
    eva.call("POST", "/api/candidacies", {"code": "none"})
    told = admin.get("/api/journal?per_page=50")["items"]
    done = [(one["action"], one["actor"].partition("@")[0]) for one in told if one["outcome"] == "done"]
    assert done[:6] == [
        ("participant.ordered", "dana"),
        ("candidate.submitted", "candidate41"),
        ("picture.put", "candidate41"),
        ("candidate.changed", "candidate41"),
        ("candidate.linked", "candidate41"),
        ("candidate.invited", "dana"),
    ]
    assert [one["action"] for one in told if one["outcome"] == "refused"] == ["candidate.linked"]
    assert code not in str(told)


def _stream(content: bytes) -> Any:
    return BytesIO(content)
