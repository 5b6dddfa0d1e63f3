"""The page of voters and the page for receipts as services give them: what they may reach, keep and tell."""

import re
from html import unescape
from uuid import uuid4

import pytest

from authentication_service.rules.eligibility import Reason
from authentication_service.rules.signatures import SENTENCES
from results_service.app import create_app
from shared.config import ResultsSettings
from shared.terms import Refusal
from shared.web.cookies import COOKIE
from tests.services.casting import cast, signed, voted
from tests.services.counting import counting
from tests.services.station import Station
from tests.services.station import running as running_station
from tests.services.tokens import ServiceSettings, Token
from tests.source import ROOT
from voting_station_service.pages.voting import ANSWERS

FORM = {"Sec-Fetch-Site": "same-origin"}


def test_the_page_of_voters_reaches_two_services_and_no_other_and_nobody_keeps_it(station: Station) -> None:
    page = station.client.get("/ballot")
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert policy["connect-src"] == "'self'"
    assert policy["script-src"] == "'self'"
    assert page.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in page.headers
    assert "X-Request-ID" not in page.headers
    assert 'data-account="/authentication/"' in page.text


def test_services_on_ports_of_their_own_are_reached_by_the_name_that_the_browser_has_asked(
    redis_url: str, service_settings: ServiceSettings, token: Token
) -> None:
    sites = {"account_site": ":5000/", "results_site": "https://results.example/r/"}
    settings: ServiceSettings = lambda kind, **given: service_settings(kind, **sites, **given)  # noqa: E731 -- one line.
    with running_station(redis_url, settings, token) as station:
        page = station.client.get("/ballot", headers={"Host": "urna.example:5002"})
        policy = page.headers["Content-Security-Policy"]
    assert "connect-src 'self' http://urna.example:5000 https://results.example;" in policy
    assert 'data-account="http://urna.example:5000/"' in page.text


def test_whose_browser_says_who_is_signed_in_is_asked_to_sign_out_and_gets_no_script(station: Station) -> None:
    assert "voting.js" in station.client.get("/ballot").text
    page = station.app.test_client(use_cookies=False).get("/ballot", headers={"Cookie": f"{COOKIE}=anything"}).text
    assert "voting.js" not in page
    assert "Sign out there first" in page


def test_what_the_page_says_in_another_language_is_what_services_answer() -> None:
    said = "".join(
        re.sub(r'"\s*\n\s*"', "", path.read_text())
        for folder in ("authentication_service", "voting_station_service/actions")
        for path in sorted((ROOT / folder).rglob("*.py"))
    )
    assert [sentence for sentence in ANSWERS if sentence not in said] == []
    assert all(str(text) == sentence for sentence, text in ANSWERS.items())


def test_who_may_not_vote_reads_on_the_page_what_the_service_says_and_what_to_do(station: Station) -> None:
    words = dict(re.findall(r"<dt>(\w+)</dt><dd>(.*?)</dd>", station.client.get("/ballot").text))
    assert set(Reason) == set(SENTENCES)
    for reason, sentence in SENTENCES.items():
        assert unescape(words[reason.value]) == sentence


def test_every_word_of_the_script_stands_in_the_page(station: Station) -> None:
    page = station.client.get("/ballot").text
    terms = set(re.findall(r"<dt>(\w+)</dt>", page))
    script = (ROOT / "voting_station_service" / "static" / "voting.js").read_text()
    used = set(re.findall(r'(?:words|askToSignIn)\("(\w+)"', script))
    assert used
    assert sorted(used - terms) == []
    # Those that are chosen by a name.
    for name in ("not_of_age", "deceased", "moved_away", "another_region", "another_federal_unit", "not_listed"):
        assert name in terms


@pytest.mark.parametrize("kind", ["counted", "no number", "nothing"])
def test_a_receipt_is_looked_up_by_a_form_and_no_log_line_has_its_number(
    sqlite_url: str,
    redis_url: str,
    service_settings: ServiceSettings,
    token: Token,
    kind: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with (
        counting(sqlite_url, redis_url, partitions=2) as suite,
        running_station(redis_url, service_settings, token, prepared=False) as station,
    ):
        election = voted(suite)
        ballot = signed(election)
        assert cast(station, ballot).status_code == 202
        suite.record_all()
        stores = {"election_database_url": sqlite_url, "redis_url": redis_url}
        results = create_app(service_settings(ResultsSettings, **stores, log_level="info"))
        guid = ballot.guid if kind == "counted" else uuid4()
        given = {"election": str(election), "guid": str(guid) if kind != "no number" else "no GUID"}
        capsys.readouterr()
        answer = results.test_client().post("/receipts", data=given, headers=FORM)
        written = "".join(capsys.readouterr())
        results.extensions["database"].close()
    status, told = {
        "counted": (200, "The ballot is counted."),
        "nothing": (404, "No ballot with this GUID is recorded in this election."),
        "no number": (422, "32 digits and letters from a to f"),
    }[kind]
    assert answer.status_code == status
    assert told in answer.text.partition('id="words"')[0]
    assert "X-Request-ID" not in answer.headers
    assert '"/receipts"' in written
    assert str(guid) not in written


def test_each_reason_for_which_a_ballot_is_not_counted_has_a_sentence(
    sqlite_url: str, redis_url: str, service_settings: ServiceSettings
) -> None:
    with counting(sqlite_url, redis_url, partitions=2):
        results = create_app(service_settings(ResultsSettings, election_database_url=sqlite_url, redis_url=redis_url))
        page = results.test_client().get("/receipts")
        results.extensions["database"].close()
    assert set(re.findall(r"<dt>(\w+)</dt>", page.text)) > {reason.value for reason in Refusal}
    assert page.headers["Cache-Control"] == "public, max-age=60"
