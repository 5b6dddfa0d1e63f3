"""The pages on which voters register, and those of the citizens' register and of whom elections are for."""

import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.ballot_proofs import carried_key, read_key
from shared.schema.accounts import VoterElection
from tests.services.accounts import ADMIN_EMAIL, ADMIN_PASSWORD, PASSWORD, Accounts, jmbg, person
from tests.services.citizens import citizen, csv_of
from tests.services.test_account_pages import FROM_HERE, sign_in, submit, token_in


@pytest.fixture
def admin(accounts: Accounts) -> FlaskClient:
    return sign_in(accounts, ADMIN_EMAIL, ADMIN_PASSWORD)


def sent(admin: FlaskClient, path: str, content: bytes, page: str = "/citizens/import", **fields: str) -> TestResponse:
    """A form with a file, as the browser sends it that shows ``page``."""
    form: dict[str, Any] = {"csrf_token": token_in(admin.get(page)), **fields}
    return admin.post(path, data={**form, "file": (io.BytesIO(content), "citizens.csv")}, headers=FROM_HERE)


def field(page: TestResponse, name: str) -> str:
    found = re.search(rf'<input [^>]*name="{name}"[^>]* value="([^"]*)"', page.text)
    assert found is not None, name
    return found[1]


def main_of(page: TestResponse) -> str:
    """What is on a page besides what is on all of them."""
    return page.text.split("<main")[1].split("</main>")[0]


def test_a_voter_registers_on_a_page_and_signs_in(accounts: Accounts) -> None:
    client = accounts.client
    assert 'href="/sign-up"' in client.get("/sign-in").text
    form = {**person(1), "role": "voter", "repeated_password": PASSWORD}
    for wrong, words in (
        ({"repeated_password": "another"}, "not repeated as it was"),
        ({"forename": "Vesna"}, "no entry of this national id and this name"),
        ({"role": "administrator"}, "cannot be read"),
    ):
        refused = client.post("/sign-up", data={**form, **wrong}, headers=FROM_HERE)
        assert refused.status_code == 422
        assert words in refused.text
        assert PASSWORD not in refused.text
    assert client.post("/sign-up", data=form, headers={"Origin": "https://elsewhere.example"}).status_code == 403
    done = client.post("/sign-up", data=form, headers=FROM_HERE)
    assert (done.status_code, done.headers["Location"]) == (303, "/sign-in?notice=registered")
    own = sign_in(accounts).get("/", query_string={"language": "fr"}).text
    assert 'href="/station/ballot?language=fr"' in own


def test_a_register_is_looked_at_and_taken_over_on_a_page(admin: FlaskClient) -> None:
    rows = [citizen(600, surname="<i>Новић"), citizen(601, born_on="1990-02-30")]
    content = csv_of(rows)
    looked_at = sent(admin, "/citizens/import/preview", content)
    assert looked_at.status_code == 200
    assert "A date of birth is written as in 1990-12-31." in looked_at.text
    assert "&lt;i&gt;Новић" in looked_at.text
    assert rows[0]["national_id"] not in looked_at.text
    about = {name: field(looked_at, name) for name in ("sha256", "planned")}
    assert "Line 3, born_on" in sent(admin, "/citizens/import", content, **about).text
    another = sent(admin, "/citizens/import", content + b"\n", **about, skip_wrong="1")
    assert another.status_code == 412
    assert "This is not the file that you have looked at." in another.text
    done = sent(admin, "/citizens/import", content, **about, skip_wrong="1")
    assert "New: 1; changed: 0; left as they were: 0; wrong and left out: 1." in done.text
    # By now the same lines would come to something else.
    assert sent(admin, "/citizens/import", content, **about, skip_wrong="1").status_code == 412
    listed = admin.get("/citizens", query_string={"search": rows[0]["national_id"]})
    assert "1 citizen<" in listed.text
    assert rows[0]["national_id"] not in listed.text.partition("<tbody>")[2]


def test_an_entry_is_changed_on_its_page_unless_somebody_else_was_first(admin: FlaskClient) -> None:
    (path,) = re.findall(r'href="(/citizens/[0-9]+)"', admin.get("/citizens", query_string={"search": jmbg(3)}).text)
    shown = admin.get(path)
    assert jmbg(3) in shown.text
    form = {name: field(shown, name) for name in ("version", "forename", "surname", "region")}
    done = submit(admin, path, path, **form, status="deceased", address="")
    assert done.status_code == 303
    assert "deceased" in admin.get(path).text
    late = submit(admin, path, path, **form, status="registered")
    assert late.status_code == 412
    assert submit(admin, path, path, **{**form, "version": "2", "surname": ""}, status="deceased").status_code == 422


def test_an_election_is_made_known_to_voters_on_a_page_with_its_list_and_roll(
    accounts: Accounts, admin: FlaskClient
) -> None:
    form = {
        "election_id": "7",
        "title": "<u>Home",
        "opens_at": "2030-01-01T06:00",
        "closes_at": "2030-01-01T20:00",
        "restriction": "citizens",
        "values": "",
    }
    for wrong in (
        {"election_id": "seven"},
        {"title": "x" * 257},
        {"title": "Two\0parts"},
        {"closes_at": "later"},
        {"closes_at": "2030-01-01T20:00+02:00"},
        {"restriction": "region"},
        {"restriction": "x"},
    ):
        assert submit(admin, "/voters/new", "/voters/new", **{**form, **wrong}).status_code == 422
    assert submit(admin, "/voters/new", "/voters/new", **form).headers["Location"].startswith("/voters/7?")
    again = submit(admin, "/voters/new", "/voters/new", **form)
    assert (again.status_code, "know an election of this number already" in again.text) == (409, True)
    version = field(admin.get("/voters/7"), "version")
    wrong_list = sent(admin, "/voters/7/citizens", b"national_id\n1\n", "/voters/7", version=version)
    assert "Line 2: this is no national id" in wrong_list.text
    content = f"national_id\n{jmbg(2)}\n".encode()
    assert sent(admin, "/voters/7/citizens", content, "/voters/7", version=version).status_code == 303
    assert "1 citizen is on it." in admin.get("/voters/7").text
    roll = admin.get("/voters/7/roll.csv")
    assert roll.headers["Content-Type"].startswith("text/csv")
    assert len(roll.text.splitlines()) == 2
    assert jmbg(2) not in roll.text
    version = field(admin.get("/voters/7"), "version")
    changed = {**form, "restriction": "region", "values": "Нишавски\nJužni", "version": version}
    assert submit(admin, "/voters/7", "/voters/7", **changed).status_code == 303
    assert submit(admin, "/voters/7", "/voters/7", **changed).status_code == 412
    # Seconds, and what is less than one, are as they were where nobody changes them.
    with accounts.database.writing() as session:
        session.execute(sa.update(VoterElection).values(opens_at=datetime(2030, 1, 1, 6, 0, 9, 500000, UTC)))
    shown = admin.get("/voters/7")
    kept = {name: field(shown, name) for name in ("opens_at", "closes_at", "version")}
    assert kept["opens_at"] == "2030-01-01T06:00:09"
    assert submit(admin, "/voters/7", "/voters/7", **{**changed, **kept}).status_code == 303
    path = "/api/voter-elections/7"
    stored = accounts.client.get(path, headers=accounts.logged_in()).get_json()
    assert stored["opens_at"] == "2030-01-01T06:00:09.500000Z"
    kept |= {"opens_at": "2030-01-01T06:00:10", "version": field(admin.get("/voters/7"), "version")}
    assert submit(admin, "/voters/7", "/voters/7", **{**changed, **kept}).status_code == 303
    stored = accounts.client.get(path, headers=accounts.logged_in()).get_json()
    assert stored["opens_at"] == "2030-01-01T06:00:10Z"
    assert "&lt;u&gt;Home" in admin.get("/voters").text


def test_an_auditor_looks_and_changes_nothing_and_others_see_nothing(accounts: Accounts) -> None:
    accounts.register(1)
    official = sign_in(accounts)
    assert official.get("/citizens").status_code == 403
    assert "/ballot" not in official.get("/").text
    assert "/citizens" not in official.get("/").text
    accounts.change("vera1@gmail.com", roles=["auditor"])
    auditor = sign_in(accounts)
    (path,) = re.findall(r'href="(/citizens/[0-9]+)"', auditor.get("/citizens", query_string={"search": jmbg(3)}).text)
    shown = auditor.get(path)
    assert jmbg(3) not in shown.text
    assert "<form" not in main_of(shown)
    assert submit(auditor, path, "/", version="1", status="deceased").status_code == 403
    assert auditor.get("/voters").status_code == 200
    # Nor does what others may change show its forms.
    accounts.make_known(5, opens_at="2040-01-01T06:00:00Z", closes_at="2040-01-01T20:00:00Z", restriction="citizens")
    assert 'href="/voters/5"' in auditor.get("/voters").text
    shown = auditor.get("/voters/5")
    assert "<form" not in main_of(shown)
    assert "It has none yet." in shown.text
    assert "0 citizens are on it." in shown.text
    assert "It has opened" not in shown.text
    assert submit(auditor, "/voters/5", "/", version="1").status_code == 403
    for page in ("/citizens/import", "/voters/new"):
        assert auditor.get(page).status_code == 403


def test_an_election_that_has_opened_shows_what_it_is_and_no_form_that_would_be_refused(
    accounts: Accounts, admin: FlaskClient
) -> None:
    hours = {"opens_at": "2020-01-01T06:00:00Z", "closes_at": "2040-01-01T20:00:00Z"}
    accounts.make_known(5, **hours, restriction="citizens")
    accounts.make_known(6, **hours, restriction="region", values=["<b>Jug", "Sever"])
    listed = admin.get("/voters/5")
    assert "<form" not in main_of(listed)
    assert "It has opened, so whom it is for cannot be changed any more." in listed.text
    assert "0 citizens are on it." in listed.text
    assert "It has none, and none can be made any more: the election has opened." in listed.text
    parted = main_of(admin.get("/voters/6"))
    assert "<dd>&lt;b&gt;Jug, Sever</dd>" in parted
    assert "List of citizens" not in parted
    # Somebody had the form open while the election opened; what he typed is wrong besides.
    late = submit(admin, "/voters/6", "/", version="1", title="", **hours, restriction="region", values="A")
    assert late.status_code == 422
    assert "<form" not in main_of(late)
    assert 'role="alert"' in main_of(late)


def test_a_ballot_key_is_made_once_on_a_page_and_its_public_half_carried_away(admin: FlaskClient) -> None:
    form = {
        "election_id": "8",
        "title": "Home",
        "opens_at": "2040-01-01T06:00",
        "closes_at": "2040-01-01T20:00",
        "restriction": "everyone",
        "values": "",
    }
    assert submit(admin, "/voters/new", "/voters/new", **form).status_code == 303
    assert admin.get("/voters/8/key.pem").status_code == 404
    page = admin.get("/voters/8")
    assert "key.pem" not in page.text
    version = field(page, "version")
    stale = submit(admin, "/voters/8/key", "/voters/8", version="77")
    assert stale.status_code == 412
    made = submit(admin, "/voters/8/key", "/voters/8", version=version)
    assert made.status_code == 303
    page = admin.get(made.headers["Location"])
    assert "The ballot key is made." in page.text
    file = admin.get("/voters/8/key.pem")
    assert file.headers["Content-Disposition"] == 'attachment; filename="election-8-ballot-key.pem"'
    key = load_pem_public_key(file.data)
    assert isinstance(key, RSAPublicKey)
    carried = carried_key(file.text)
    assert read_key(carried.key).fingerprint in page.text
    assert (carried.election_id, str(carried.hours)) == (8, "2040-01-01 06:00:00 – 2040-01-01 20:00:00 UTC")
    # The page offers no other one, and neither does whoever sends the form again.
    assert "make-key" not in page.text
    assert submit(admin, "/voters/8/key", "/voters/8", version=field(page, "version")).status_code == 409
    assert admin.get("/voters/8/key.pem").data == file.data
