"""The citizens' register: imported, looked at, changed, and what voters need of it."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from authentication_service.app import create_app
from authentication_service.prepare import prepare
from authentication_service.rules.citizens import COLUMNS
from shared.errors import Misconfigured
from shared.schema.accounts import AccountsBase, Citizen, User
from tests.services.accounts import PASSWORD, REGISTER_KEY, Accounts, at_once, faulty_fields, jmbg, person, problem
from tests.services.citizens import bring, citizen, csv_of, national_id

OF_AN_IMPORT = ("done", "new", "changed", "same", "wrong")


def told(accounts: Accounts, content: bytes, **query: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What became of a file, in numbers, and its problems."""
    response = bring(accounts, content, None, **query)
    assert response.status_code == 200, response.get_data(as_text=True)
    body = response.get_json()
    return {name: body[name] for name in OF_AN_IMPORT}, body["problems"]


def number_of(accounts: Accounts) -> int:
    with accounts.database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Citizen)) or 0


def found(accounts: Accounts, **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = accounts.client.get(
        "/api/citizens", query_string=query, headers=accounts.logged_in()
    ).get_json()["items"]
    return items


def test_a_file_is_looked_at_then_taken_over_and_then_says_nothing_new(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    before = number_of(accounts)
    rows = [citizen(number, surname=f"Петровић{number}") for number in range(500, 512)]
    # What means something to one of the databases where rows are written as text.
    rows[7]["address"] = "Трг d'Artagnan \\N 5\\7 \\' %s :x"
    content = csv_of(rows)
    looked_at = {"done": False, "new": 12, "changed": 0, "same": 0, "wrong": 0}
    assert told(accounts, content, preview="true") == (looked_at, [])
    assert number_of(accounts) == before
    assert told(accounts, content) == ({**looked_at, "done": True}, [])
    assert told(accounts, content) == ({**looked_at, "done": True, "new": 0, "same": 12}, [])
    rows[3] |= {"address": "Нова 3", "status": "moved_away"}
    rows[4] |= {"status": "deceased"}
    for row in (*rows[:3], *rows[5:]):
        row["status"] = ""
    answer = bring(accounts, csv_of(rows, COLUMNS), preview="true").get_json()
    columns = [(one["line"], one["columns"]) for one in answer["changed_citizens"]]
    assert columns == [(5, ["address", "status"]), (6, ["status"])]
    assert told(accounts, csv_of(rows, COLUMNS))[0] == {
        **looked_at,
        "done": True,
        "new": 0,
        "changed": 2,
        "same": 10,
    }
    (moved,) = found(accounts, search=rows[3]["national_id"])
    assert (moved["status"], moved["address"], moved["national_id"][:9]) == ("moved_away", "Нова 3", "•" * 9)
    (quoted,) = found(accounts, search=rows[7]["national_id"])
    assert {name: quoted[name] for name in COLUMNS[1:-1]} == {name: rows[7][name] for name in COLUMNS[1:-1]}
    assert (quoted["status"], quoted["updated_at"]) == ("registered", None)
    assert [one["id"] for one in found(accounts, search="petrovic503 ve")] == [moved["id"]]
    assert found(accounts, search="petrovic503 x") == []
    entries = [entry for entry in accounts.journal() if entry.action == "citizen.imported"]
    assert len(entries) == 3
    assert rows[3]["national_id"] not in "".join(entry.details for entry in entries)


def test_wrong_lines_are_named_and_keep_the_others_out_unless_they_are_left_aside(accounts: Accounts) -> None:
    before = number_of(accounts)
    again = citizen(502)
    rows = [
        citizen(501),
        again,
        citizen(503, national_id="0101990710001"),
        citizen(504, born_on="1991-01-01"),
        citizen(505, born_on="19900101", surname=" "),
        citizen(506, status="asleep"),
        again,
    ]
    content = csv_of(rows, [*rows[0], "status", "shoe_size"])
    numbers, problems = told(accounts, content, preview="true")
    assert numbers == {"done": False, "new": 2, "changed": 0, "same": 0, "wrong": 5}
    assert [(one["line"], one["field"]) for one in problems] == [
        (4, "national_id"),
        (5, "born_on"),
        (6, "surname"),
        (6, "born_on"),
        (7, "status"),
        (8, "national_id"),
    ]
    assert problems[-1]["message"] == "The national id of this line stands in line 3 already."
    refused = bring(accounts, content)
    assert faulty_fields(refused) == ["file"]
    assert "Line 4, national_id" in refused.get_json()["detail"]
    assert number_of(accounts) == before
    assert told(accounts, content, skip_wrong="true")[0]["new"] == 2
    assert number_of(accounts) == before + 2
    for wrong, words in ((b"", "empty"), (b"national_id,forename\n", "no column"), (b"\xff,a\n", "UTF-8")):
        assert words in problem(bring(accounts, wrong), 422)["detail"]


def test_of_two_files_with_one_citizen_at_the_same_instant_each_is_whole_or_refused(
    accounts_anywhere: Accounts,
) -> None:
    accounts, before = accounts_anywhere, number_of(accounts_anywhere)
    admin = accounts.logged_in()
    files = [csv_of([citizen(700), *(citizen(710 + 10 * turn + number) for number in range(5))]) for turn in range(2)]
    statuses = sorted(
        response.status_code
        for response in at_once(*(lambda content=content: bring(accounts, content, admin) for content in files))
    )
    assert statuses in ([200, 200], [200, 409])
    assert number_of(accounts) - before == (11 if statuses == [200, 200] else 6)


def test_a_citizen_is_changed_by_who_has_read_him_and_is_an_administrator(accounts: Accounts) -> None:
    admin = accounts.logged_in()
    (listed,) = found(accounts, search=jmbg(3))
    path = f"/api/citizens/{listed['id']}"
    read = accounts.client.get(path, headers=admin)
    assert read.get_json()["national_id"] == jmbg(3)
    change = {"status": "deceased"}
    assert accounts.client.patch(path, json=change, headers=admin).status_code == 428
    match = {**admin, "If-Match": read.headers["ETag"]}
    changed = accounts.client.patch(path, json=change, headers=match)
    assert (changed.status_code, changed.get_json()["status"]) == (200, "deceased")
    assert accounts.client.patch(path, json=change, headers=match).status_code == 412
    assert faulty_fields(accounts.client.patch(path, json={"surname": ""}, headers={**admin, "If-Match": "*"})) == [
        "surname"
    ]
    accounts.register(30)
    accounts.change("vera30@gmail.com", roles=["auditor"])
    auditor = accounts.logged_in("vera30@gmail.com", PASSWORD)
    assert accounts.client.get(path, headers=auditor).get_json()["national_id"] == "•" * 9 + jmbg(3)[-4:]
    assert accounts.client.patch(path, json=change, headers=auditor).status_code == 403
    last = accounts.journal()[-1]
    entry = next(one for one in accounts.journal() if (one.action, one.outcome) == ("citizen.changed", "done"))
    assert (entry.subject, '"deceased"' in entry.details) == (f"citizen {listed['id']}", True)
    assert last.outcome == "refused"


@pytest.mark.parametrize(
    ("changed", "fits"),
    [
        ({}, True),
        ({"forename": "  vERA ", "surname": "veric"}, True),
        ({"forename": "Вера", "surname": "Верић"}, True),
        ({"forename": "Vesna"}, False),
        ({"jmbg": national_id(999)}, False),
    ],
)
def test_a_voter_needs_an_entry_of_the_same_id_and_name(accounts: Accounts, changed: Any, fits: bool) -> None:
    response = accounts.post("/api/register", person(1, role="voter", **changed))
    if fits:
        assert response.status_code == 201
        assert found(accounts, search=jmbg(1))[0]["has_account"]
        assert problem(accounts.post("/api/register", person(1, email="v@gmail.com")), 409)
    else:
        # The same words for whoever is not known and for whoever has another name.
        assert problem(response, 422)["detail"].startswith("The citizens' register has no entry of this national id")
        assert faulty_fields(response) == ["jmbg"]


def test_who_has_died_or_moved_away_gets_no_voters_account_and_an_official_needs_no_entry(accounts: Accounts) -> None:
    for number, status in ((4, "deceased"), (5, "moved_away")):
        with accounts.database.writing() as session:
            key = session.info["national ids"].key_of(jmbg(number))
            session.execute(sa.update(Citizen).where(Citizen.jmbg_key == key).values(status=status))
        assert faulty_fields(accounts.post("/api/register", person(number))) == ["jmbg"]
    made = accounts.post("/api/register", person(900, role="official"))
    assert made.status_code == 201
    # Nor does an administrator make a voter of whom the register does not know.
    path, headers = f"/api/users/{made.get_json()['id']}", {**accounts.logged_in(), "If-Match": "*"}
    assert faulty_fields(accounts.client.patch(path, json={"roles": ["voter"]}, headers=headers)) == ["jmbg"]


def test_of_registrations_of_one_citizen_at_the_same_instant_one_wins(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    bodies = [person(2, email=f"vera{turn}@gmail.com", role="voter") for turn in range(4)]
    responses = at_once(*(lambda body=body: accounts.post("/api/register", body) for body in bodies))
    assert sorted(response.status_code for response in responses) == [201, 409, 409, 409]
    with accounts.database.reading() as session:
        assert len(session.scalars(sa.select(User.citizen_id).where(User.citizen_id.is_not(None))).all()) == 1


def test_no_table_of_a_filled_store_has_a_national_id_in_plain(accounts_anywhere: Accounts) -> None:
    accounts = accounts_anywhere
    admin = accounts.logged_in()
    accounts.post("/api/register", person(1))
    accounts.register(2)
    bring(accounts, csv_of([citizen(600), citizen(601)]), admin)
    bring(accounts, csv_of([citizen(602, national_id="0101990710001")]), admin)
    found(accounts, search=jmbg(1))
    _put(accounts, 7, restriction="citizens")
    accounts.client.put(
        "/api/voter-elections/7/citizens",
        data=f"national_id\n{jmbg(1)}\n",
        headers={**admin, "If-Match": "*", "Content-Type": "text/csv"},
    )
    ids = [jmbg(number).encode() for number in (1, 2)] + [national_id(number).encode() for number in (600, 601)]
    rows = 0
    with accounts.database.reading() as session:
        for table in AccountsBase.metadata.sorted_tables:
            for row in session.execute(sa.select(table)):
                rows += 1
                for value in row:
                    plain = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                    assert not [one for one in ids if one in plain], table.name
        assert rows > 40
        key, sealed = session.execute(sa.select(User.jmbg_key, User.jmbg_sealed).limit(1)).one()
        assert session.info["national ids"].open(sealed, key) == "0" * 13
        with pytest.raises(Misconfigured, match="REGISTER_KEY"):
            session.info["national ids"].open(sealed, session.info["national ids"].key_of(jmbg(1)))


def test_another_key_takes_the_place_of_the_first_and_a_wrong_one_is_refused(accounts: Accounts) -> None:
    accounts.post("/api/register", person(1))
    other = {"register_key": SecretStr("another key of the register, for the second half")}
    with pytest.raises(Misconfigured, match="REGISTER_KEY is not the key"):
        prepare(accounts.settings.model_copy(update=other), wait_seconds=10)
    changed = accounts.settings.model_copy(update={**other, "register_key_former": SecretStr(REGISTER_KEY)})
    for _ in range(2):
        prepare(changed, wait_seconds=10)
    with pytest.raises(Misconfigured, match="REGISTER_KEY is not the key"):
        prepare(accounts.settings, wait_seconds=10)
    renewed = Accounts(create_app(changed), changed, accounts.keys)
    assert found(renewed, search=jmbg(1))[0]["has_account"]
    assert [entry.action for entry in renewed.journal()].count("register.key_changed") == 1
    renewed.database.close()


def _put(accounts: Accounts, number: int, **changed: Any) -> Any:
    opens = datetime.fromisoformat("2030-01-01T06:00:00+00:00")
    body = {"title": "A", "opens_at": opens.isoformat(), "closes_at": (opens + timedelta(hours=14)).isoformat()}
    path, headers = f"/api/voter-elections/{number}", {**accounts.logged_in(), "If-Match": "*"}
    return accounts.client.put(path, json={**body, **changed}, headers=headers)


def roll(accounts: Accounts, number: int) -> list[str]:
    """The lines of an electoral roll, without its header."""
    response = accounts.client.get(f"/api/voter-elections/{number}/roll.csv", headers=accounts.logged_in())
    assert response.status_code == 200
    return response.get_data(as_text=True).splitlines()[1:]


def test_a_restriction_decides_who_is_on_the_electoral_roll(accounts: Accounts) -> None:
    before = len(roll_of_everyone(accounts))
    young = date(2012, 1, 2)
    rows = [
        citizen(800, surname="Severić", region="Severni", federal_unit="Prva"),
        citizen(801, surname="Južić", region="Јужни", federal_unit="Druga"),
        citizen(802, surname="Mladić", born_on=str(young), national_id=national_id(802, young), region="Severni"),
        citizen(803, surname="Pokojnić", status="deceased", region="Severni"),
    ]
    assert bring(accounts, csv_of(rows, [*rows[0], "status"])).status_code == 200
    assert len(roll_of_everyone(accounts)) == before + 2
    assert _put(accounts, 1, restriction="region", values=["SEVERNI", "Južni"]).status_code == 200
    lines = roll(accounts, 1)
    assert [line.split(",")[2] for line in lines] == ["Severić", "Južić"]
    assert rows[0]["national_id"] not in lines[0]
    assert rows[0]["national_id"][-4:] in lines[0]
    assert _put(accounts, 1, restriction="federal_unit", values=["druga"]).status_code == 200
    assert [line.split(",")[2] for line in roll(accounts, 1)] == ["Južić"]
    assert _put(accounts, 1, restriction="citizens").status_code == 200
    assert roll(accounts, 1) == []
    headers = {**accounts.logged_in(), "If-Match": "*", "Content-Type": "text/csv"}
    path = "/api/voter-elections/1/citizens"
    listed = f"national_id\n{rows[1]['national_id']}\n{rows[3]['national_id']}\n"
    assert accounts.client.put(path, data=listed, headers=headers).get_json()["listed"] == 2
    assert [line.split(",")[2] for line in roll(accounts, 1)] == ["Južić"]
    for wrong, words in (("1", "no national id"), (national_id(899), "no citizen"), (rows[1]["national_id"], "line 2")):
        refused = accounts.client.put(path, data=f"{listed}{wrong}\n", headers=headers)
        assert words in problem(refused, 422)["detail"]
    assert accounts.client.get("/api/voter-elections/1", headers=accounts.logged_in()).get_json()["listed"] == 2


def roll_of_everyone(accounts: Accounts) -> list[str]:
    """That of an election for everyone."""
    assert _put(accounts, 1).status_code in (200, 201)
    return roll(accounts, 1)


def test_an_election_of_voters_is_changed_by_who_has_read_it_and_before_it_opens(accounts: Accounts) -> None:
    made = _put(accounts, 3)
    assert (made.status_code, made.get_json()["has_key"]) == (201, False)
    for wrong, field in (
        ({"restriction": "region"}, "values"),
        ({"values": ["Severni"]}, "values"),
        ({"closes_at": "2029-01-01T00:00:00Z"}, "closes_at"),
        ({"title": " "}, "title"),
        ({"opens_at": "2030-01-01T06:00:00"}, "opens_at"),
    ):
        assert faulty_fields(_put(accounts, 3, **wrong)) == [field]
    path, admin = "/api/voter-elections/3", accounts.logged_in()
    body = {**{name: made.get_json()[name] for name in ("title", "opens_at", "closes_at")}, "title": "B"}
    assert accounts.client.put(path, json=body, headers=admin).status_code == 428
    match = {**admin, "If-Match": made.headers["ETag"]}
    assert accounts.client.put(path, json=body, headers=match).status_code == 200
    assert accounts.client.put(path, json=body, headers=match).status_code == 412
    opened = {**body, "opens_at": "2020-01-01T06:00:00Z"}
    assert accounts.client.put("/api/voter-elections/4", json=opened, headers=admin).status_code == 201
    late = accounts.client.put("/api/voter-elections/4", json=opened, headers={**admin, "If-Match": "*"})
    assert problem(late, 409)["detail"].startswith("This election has opened")
    listed = accounts.client.get("/api/voter-elections", headers=admin).get_json()["items"]
    assert [item["election_id"] for item in listed] == [3, 4]
