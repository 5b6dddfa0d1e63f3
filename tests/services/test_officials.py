"""Officials and their polling stations from a file: looked at, taken over whole or not at all, and found by station."""

import io
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authentication_service.rules import MOST_STATIONS
from cli.app import main
from cli.failure import REFUSED, SUCCESS
from shared.terms import Role
from tests.services import administration
from tests.services.accounts import (
    ADMIN_EMAIL,
    ADMIN_PASSWORD,
    PASSWORD,
    Accounts,
    at_once,
    faulty_fields,
    jmbg,
    problem,
    register,
    running,
)
from tests.services.mailboxes import Sender, link_in, mail_server, mail_settings, text_of
from tests.services.test_account_pages import FROM_HERE, sign_in, token_in
from tests.services.test_geography import bring as bring_stations
from tests.services.test_register_pages import field
from tests.services.tokens import Keys, ServiceSettings, Token
from tests.services.voting import served

VERA, MILA, IVAN = (f"vera{number}@gmail.com" for number in (1, 2, 3))
NUMBERS = ("done", "new", "changed", "same", "wrong")
FILE = f"account,station_id,note\n{VERA},17,a\n{VERA.upper()},18,b\n mila ,305,c\n"


def with_officials(accounts: Accounts) -> Accounts:
    """Vera of the stations 17 and 5, and Mila of none, who has a username, too."""
    register(accounts, 1, role="official")
    register(accounts, 2, role="official", username="mila")
    accounts.change(VERA, stations=[17, 5])
    return accounts


@pytest.fixture
def officials(accounts: Accounts) -> Accounts:
    return with_officials(accounts)


def send(accounts: Accounts, text: str | bytes, **query: str) -> TestResponse:
    content = text.encode() if isinstance(text, str) else text
    return accounts.client.post(
        "/api/officials/import",
        data=content,
        query_string=query,
        headers={**accounts.logged_in(), "Content-Type": "text/csv"},
    )


def told(accounts: Accounts, text: str | bytes, **query: str) -> dict[str, Any]:
    answer = send(accounts, text, **query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


def stations(accounts: Accounts, email: str) -> list[int]:
    (found,) = accounts.client.get(f"/api/users?search={email}", headers=accounts.logged_in()).get_json()["items"]
    assert isinstance(found["stations"], list)
    return found["stations"]


def of_station(accounts: Accounts, station: int) -> list[str]:
    found = accounts.client.get(f"/api/users?station={station}&role=official", headers=accounts.logged_in())
    return [one["email"] for one in found.get_json()["items"]]


def test_a_file_is_looked_at_then_taken_over_and_then_says_nothing_new(accounts_anywhere: Accounts) -> None:
    accounts = with_officials(accounts_anywhere)
    looked_at = told(accounts, FILE, preview="true")
    assert {name: looked_at[name] for name in NUMBERS} == dict(zip(NUMBERS, (False, 0, 2, 0, 0), strict=True))
    assert looked_at["ignored_columns"] == ["note"]
    assert looked_at["changed_officials"] == [
        {"line": 2, "account": VERA, "is_new": False, "granted": [18], "taken": [5]},
        {"line": 4, "account": "mila", "is_new": False, "granted": [305], "taken": []},
    ]
    assert (stations(accounts, VERA), stations(accounts, MILA)) == ([5, 17], [])
    before = len(accounts.journal())
    assert told(accounts, FILE)["done"]
    assert (stations(accounts, VERA), stations(accounts, MILA)) == ([17, 18], [305])
    assert (of_station(accounts, 305), of_station(accounts, 18), of_station(accounts, 5)) == ([MILA], [VERA], [])
    entries = [one for one in accounts.journal()[before:] if one.action == "account.stations_changed"]
    assert [(one.actor, one.subject, json.loads(one.details)) for one in entries] == [
        (ADMIN_EMAIL, f"account {accounts.user_id(VERA)}", {"granted": [18], "taken": [5]}),
        (ADMIN_EMAIL, f"account {accounts.user_id(MILA)}", {"granted": [305], "taken": []}),
    ]
    # It is in the next token.
    assert accounts.claims(accounts.tokens(VERA, PASSWORD)["accessToken"])["stations"] == [17, 18]
    again = told(accounts, FILE)
    assert {name: again[name] for name in NUMBERS} == dict(zip(NUMBERS, (True, 0, 0, 2, 0), strict=True))
    assert again["changed_officials"] == []
    assert len([one for one in accounts.journal() if one.action == "account.stations_changed"]) == len(entries) + 1


def test_of_two_files_at_the_same_instant_each_is_taken_whole(accounts_anywhere: Accounts) -> None:
    accounts = with_officials(accounts_anywhere)
    files = [f"account,station_id\n{VERA},{number}\nmila,{number}\n" for number in (401, 402)]
    answers = at_once(*(lambda text=text: send(accounts, text) for text in files))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert stations(accounts, VERA) == stations(accounts, MILA)
    assert stations(accounts, VERA) in ([401], [402])


TOO_MANY = "".join(f"{VERA},{number}\n" for number in range(1, MOST_STATIONS + 2))


@pytest.mark.parametrize(
    ("lines", "line", "column", "words"),
    [
        ("nobody@example.org,17", 2, "account", "There is no account 'nobody@example.org', and none can be made"),
        (f"{ADMIN_EMAIL},17", 2, "account", "is no official's"),
        (f"17,{VERA}", 2, "account", "This is no email address, username or phone number: '17'."),
        (f"{VERA},Ада 1", 2, "station_id", "this is 'Ада 1'"),
        (f"{VERA},0", 2, "station_id", "a whole number from 1"),
        (f"{VERA},2147483648", 2, "station_id", "a whole number from 1"),
        (f"{VERA},", 2, "station_id", "a whole number from 1"),
        (",17", 2, "account", "This is no email address"),
        (f"{VERA}", 2, "line", "This line has 1 value, and the header names 2 columns."),
        (f"{VERA},17\n\nmila,5\n{VERA},17", 5, "station_id", "stand in line 2 already"),
        (f"mila,17\n{MILA},17", 3, "station_id", "stand in line 2 already"),
        (TOO_MANY, MOST_STATIONS + 2, "station_id", "at most 100 polling stations"),
    ],
)
def test_a_wrong_line_is_named_and_keeps_everything_out(
    officials: Accounts, lines: str, line: int, column: str, words: str
) -> None:
    text = f"account,station_id\n{lines}\n"
    looked_at = told(officials, text, preview="true")
    first = looked_at["problems"][0]
    assert (first["line"], first["field"]) == (line, column)
    assert words in first["message"]
    before = len(officials.journal())
    refused = send(officials, text + f"{MILA},999\n")
    assert faulty_fields(refused) == ["file"]
    assert f"Line {line}, {column}: " in refused.get_json()["detail"]
    assert (stations(officials, VERA), stations(officials, MILA)) == ([5, 17], [])
    assert [one.action for one in officials.journal()[before:] if one.outcome == "refused"] == [
        "account.stations_changed"
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty"),
        (f"account,station\n{VERA},17\n".encode(), "Line 1 names no column station_id. It names: account, station."),
        (f"station_id,login\n17,{VERA}\n".encode(), "Line 1 names no column account."),
        (b"account,station_id,account\n", "stands twice in line 1"),
        (f"account,station_id\n{VERA},17\n".encode() + b"\xff,18\n", "Line 3 is not UTF-8"),
        (b'account,station_id\n"vera,17\n', "Line 2 is not CSV"),
        (b"account,station_id\n" + b"mila,1\n" * 20_000, "more than 20,000 lines"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_words(officials: Accounts, content: bytes, words: str) -> None:
    for query in ({}, {"preview": "true"}):
        assert words in problem(send(officials, content, **query), 422)["detail"]
    assert stations(officials, VERA) == [5, 17]


def test_a_file_that_is_too_large_is_refused(officials: Accounts) -> None:
    assert send(officials, b"account,station_id\n" + b"#" * 900 * 1024).status_code == 413


def test_somebody_without_an_account_gets_one_and_a_link_to_choose_a_password(
    sqlite_url: str, service_settings: ServiceSettings, keys: Keys
) -> None:
    with mail_server() as box, running(sqlite_url, service_settings, keys, **mail_settings()) as accounts:
        with_officials(accounts)
        sender = Sender.of(accounts, service_settings, box.port)
        header = "account;station_id;forename;surname;national_id\n"
        wrong = (
            f"{IVAN};17;;Ивић;{jmbg(3)}\n"  # 2: says no forename.
            "ivan;17;Иван;Ивић;\n"  # 3: a mail cannot go to a username.
            f"{IVAN};17;Иван;Ивић;{jmbg(1)}\n"  # 4: Vera's.
            f"{IVAN};17;Иван;Ивић;{jmbg(3)}\n"
            f"ana@example.org;17;Ана;Анић;{jmbg(3)}\n"  # 6: Ivan's.
            f"{IVAN};18;Јован;Ивић;{jmbg(3)}\n"  # 7: another forename.
            f"{IVAN};19;Иван;Ивић;0101990710001\n"  # 8: no national id.
        )
        assert [(one["line"], one["field"]) for one in told(accounts, header + wrong, preview="true")["problems"]] == [
            (2, "account"),
            (3, "account"),
            (4, "national_id"),
            (6, "national_id"),
            (7, "account"),
            (8, "national_id"),
        ]
        assert (send(accounts, header + wrong).status_code, sender.send()) == (422, 0)
        right = f"{IVAN};17;Иван;Ивић;{jmbg(3)}\n{IVAN};18;;;\nmila;17;;;\n"
        assert told(accounts, header + right, preview="true")["changed_officials"][0]["is_new"]
        assert sender.send() == 0
        done = told(accounts, header + right)
        assert (done["new"], done["changed"]) == (1, 1)
        assert sender.send() == 1
        assert "within 7 days" in text_of(box.mails[-1])
        assert accounts.post("/api/login", {"login": IVAN, "password": PASSWORD}).status_code == 401
        token, _ = link_in(box.mails[-1])
        used = {"token": token, "password": PASSWORD}
        assert accounts.post("/api/password-resets/use", used).status_code == 204
        claims = accounts.claims(accounts.tokens(IVAN, PASSWORD)["accessToken"])
        assert (claims["roles"], claims["stations"], claims["jmbg"]) == ([Role.OFFICIAL], [17, 18], jmbg(3))
        assert faulty_fields(accounts.post("/api/password-resets/use", used)) == ["token"]
        (made,) = [one for one in accounts.journal() if one.subject == f"account {accounts.user_id(IVAN)}"][:1]
        assert (made.action, made.actor) == ("account.registered", ADMIN_EMAIL)
        assert json.loads(made.details) == {"approval": "approved", "role": "official", "stations": [17, 18]}


def test_a_file_is_looked_at_and_taken_over_on_a_page_and_its_officials_are_listed(officials: Accounts) -> None:
    admin = sign_in(officials, ADMIN_EMAIL, ADMIN_PASSWORD)
    wrong = on_page(admin, "/preview", FILE + "17,18,d\n")
    assert "This is no email address" in wrong.text
    assert "Mend the wrong lines" in wrong.text
    assert "Import 2 officials" not in wrong.text
    looked_at = on_page(admin, "/preview", FILE)
    assert "Import 2 officials" in looked_at.text
    about = {name: field(looked_at, name) for name in ("sha256", "planned")}
    another = on_page(admin, "", FILE + f"{VERA},19,\n", **about)
    assert (another.status_code, stations(officials, VERA)) == (412, [5, 17])
    assert "This is not the file that you have looked at." in another.text
    # By now the same lines would come to something else.
    officials.change(VERA, stations=[1])
    assert on_page(admin, "", FILE, **about).status_code == 412
    about = {name: field(on_page(admin, "/preview", FILE), name) for name in about}
    done = on_page(admin, "", FILE, **about)
    assert "polling stations changed: 2; left as they were: 0." in done.text
    listed = admin.get("/accounts?station=18&role=official").text.partition("<tbody>")[2]
    assert VERA in listed
    assert MILA not in listed
    for none in ("x", "0", "2147483648", "1.5"):
        assert admin.get(f"/accounts?station={none}").status_code == 422


def on_page(admin: FlaskClient, path: str, text: str, **fields: str) -> TestResponse:
    form: dict[str, Any] = {"csrf_token": token_in(admin.get("/officials/import")), **fields}
    form["file"] = (io.BytesIO(text.encode()), "officials.csv")
    return admin.post(f"/officials/import{path}", data=form, headers=FROM_HERE)


class Terminal:
    """An administrator at a terminal, before both services with their own stores."""

    def __init__(self, accounts: Accounts, addresses: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        self.accounts, self._addresses, self._capsys = accounts, addresses, capsys

    def run(self, *words: str) -> tuple[int, dict[str, Any], str]:
        """Call ``urna official``; its status, what it says as JSON, and what it says beside."""
        urls = self._addresses if words[0] == "import" else {"authentication": self._addresses["authentication"]}
        options = [word for name, url in urls.items() for word in (f"--{name}-url", url)]
        who = ("--email", ADMIN_EMAIL, "--password", ADMIN_PASSWORD)
        self._capsys.readouterr()
        status = main(["--json", "official", *words, *options, *who, "--patience", "0.1"])
        said = self._capsys.readouterr()
        return status, json.loads(said.out or "{}"), said.err


@pytest.fixture
def terminal(
    sqlite_url: str,
    officials: Accounts,
    service_settings: ServiceSettings,
    token: Token,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Iterator[Terminal]:
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'election.sqlite3'}"
        admin = stack.enter_context(administration.running(url, service_settings, token))
        bring_stations(admin, "municipality,station,registered\nАда,Ђ 1,9\nАда,Ада 1,700\nАда,Ада 2,650\n")
        apps = {"authentication": officials.app, "admin": admin.app}
        addresses = {name: stack.enter_context(served(app)) for name, app in apps.items()}
        yield Terminal(officials, addresses, capsys)


def test_at_a_terminal_stations_are_named_by_their_codes(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "officials.csv"
    file.write_text(f'station,account,remark\nада  1,{VERA},"two\nlines"\n\nАда 2,{VERA},\nАда 9,mila,\n')
    status, _, said = terminal.run("import", str(file))
    assert status == REFUSED
    assert "Line 6, station: There is no polling station with the code 'Ада 9'." in said
    file.write_text(f'station,account,remark\nада  1,{VERA},"two\nlines"\n\nАда 2,{VERA},\nАда 2,17,\n')
    status, found, _ = terminal.run("import", str(file), "--preview")
    assert (status, [one["line"] for one in found["problems"]]) == (REFUSED, [6])
    file.write_text(f"station,account\nАда 1,{VERA}\nАда 2,{VERA}\n")
    assert terminal.run("import", str(file), "--preview")[1]["changed_officials"][0]["granted"] == [2, 3]
    assert stations(terminal.accounts, VERA) == [5, 17]
    status, found, _ = terminal.run("import", str(file))
    assert (status, found["changed"], stations(terminal.accounts, VERA)) == (SUCCESS, 1, [2, 3])
    # Numbers are sent as they are.
    file.write_text(f"station_id,station,account\n3,Ада 1,{MILA}\n")
    assert terminal.run("import", str(file))[0] == SUCCESS
    assert [one["email"] for one in terminal.run("list", "--station", "3")[1]["items"]] == [VERA, MILA]
    assert [one["email"] for one in terminal.run("list", "--station", "2")[1]["items"]] == [VERA]
