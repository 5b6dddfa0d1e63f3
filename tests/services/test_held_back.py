"""Votes that are held back: of voters' own ballots, nothing tells how anybody voted before all are counted."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from results_service.app import create_app
from results_service.rules.holding_back import FOR_EVER, OF_MOMENTS, UNTIL_FINAL
from shared.config import ResultsSettings
from shared.schema.election import CANCELLED, Election
from tests.servers import SQLite
from tests.services.casting import key_text
from tests.services.places import accept_sheet
from tests.services.recorded import Recorded
from tests.services.tokens import ServiceSettings

NO_REDIS = "redis://127.0.0.1:1/0"
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
OPEN = (NOW - HOUR, NOW + HOUR)
OVER = (NOW - 3 * HOUR, NOW - 2 * HOUR)
# As many votes as nothing else on any page: 73,581 and the share 0.9196.
VOTES = {1: 73_581, 2: 6_431}
# And as many blank ballots on a sheet: 17,917, and the share 0.2239.
BLANK = 17_917
TELLING = re.compile(r"73\D?581|6\D?431|0\.9196|91[.,]96|17\D?917|0\.2239|22[.,]39")
_FILLED_IN = {"candidate_id": 1, "level": "region", "place": "1", "station": "1", "station_id": "1", "guid": "0" * 32}


@pytest.fixture
def client(sqlite_url: str, service_settings: ServiceSettings) -> Iterator[FlaskClient]:
    app = create_app(service_settings(ResultsSettings, election_database_url=sqlite_url, redis_url=NO_REDIS))
    yield app.test_client()
    app.extensions["database"].close()


def counted(night: Recorded, hours: tuple[datetime, datetime], *, by_voters: bool = True, **values: Any) -> int:
    """An election with votes, in which officials have counted or voters have cast ballots themselves."""
    if not night.sequences[0]:
        night.stations([100_000])
    election = night.election(hours=hours, ballot_key=key_text() if by_voters else None, **values)
    night.part(election, VOTES, received_at=hours[0] + timedelta(minutes=1), station=1)
    accept_sheet(night, election, 1, hours[0] + timedelta(minutes=2), voted=80_012, in_box=80_012, blank=BLANK)
    return election


def get(client: FlaskClient, path: str, status: int = 200) -> Any:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return answer.get_json()


def everything(client: FlaskClient, election: int) -> dict[str, TestResponse]:
    """What the service says at each of its addresses of an election, the pages in four languages."""
    found = {}
    with client.application.test_request_context():
        for rule in client.application.url_map.iter_rules():
            if "election_id" in rule.arguments and "GET" in (rule.methods or ()) and not rule.websocket:
                if rule.endpoint == "results.watch_result":
                    continue
                arguments = {name: _FILLED_IN.get(name) for name in rule.arguments if name != "election_id"}
                built = rule.build({"election_id": election, **arguments})
                assert built is not None, rule
                path = built[1] + ("?level=region" if rule.endpoint == "places.list_places" else "")
                found[path] = client.get(path)
    return found


def telling(answers: dict[str, TestResponse]) -> list[str]:
    return [path for path, answer in answers.items() if TELLING.search(answer.text)]


def test_nothing_tells_how_anybody_voted_before_the_count_is_final(night: Recorded, client: FlaskClient) -> None:
    election, of_officials = counted(night, OPEN), counted(night, OPEN, by_voters=False, jurisdiction_id=1)
    shown, answers = telling(everything(client, of_officials)), everything(client, election)
    assert telling(answers) == []
    # The very same addresses tell it where voters do not cast ballots themselves.
    assert len(shown) > 12
    result = get(client, f"/api/elections/{election}/results")
    assert result["held_back"] == {"why": UNTIL_FINAL, "until": OPEN[1].isoformat().replace("+00:00", "Z")}
    assert (result["lists"], result["apportionment"], result["declared"]) == ([], None, None)
    assert result["ballots"]["counted"] == result["valid_votes"] == 80_012
    assert result["turnout"] == "0.8001"
    # Everything else says why, the pages in words and programs by a status.
    for path in shown:
        said = path.replace(f"/{of_officials}", f"/{election}", 1)
        answer = answers[said]
        if said.startswith("/api/"):
            expected = 200 if said.endswith("/results") else 409
            assert (answer.status_code, UNTIL_FINAL in answer.text) == (expected, True), said
        else:
            assert (answer.status_code, 'id="held-back"' in answer.text) == (200, True), said
    first = client.get("/").text
    assert "Votes are held back until every ballot is counted." in first
    assert UNTIL_FINAL not in str(get(client, f"/api/elections/{of_officials}/results"))


@pytest.mark.parametrize("late", ["counted later", "laid aside"])
def test_the_end_alone_does_not_tell_them_but_that_everything_is_counted(
    night: Recorded, client: FlaskClient, late: str
) -> None:
    election = counted(night, OVER)
    night.drained(NOW, OVER[1] - timedelta(seconds=1) if late == "counted later" else NOW)
    letter = night.dead_letter(OVER[0]) if late == "laid aside" else None
    assert telling(everything(client, election)) == []
    night.drained(NOW, NOW)
    if letter:
        # A replay records the part.
        night.part(election, {1: 1}, received_at=OVER[0], batch_id=letter, with_batch=False)
    result = get(client, f"/api/elections/{election}/results")
    assert (result["certainty"], result["held_back"]) == ("final", None)
    assert (result["lists"][1]["votes"], result["declared"]["blank"]) == (VOTES[2], BLANK)
    assert len(telling(everything(client, election))) > 12


def test_a_cancelled_election_never_tells_them(night: Recorded, client: FlaskClient) -> None:
    election = counted(night, OVER, stage=CANCELLED, cancelled_reason="Flood")
    night.drained(NOW, NOW)
    assert telling(everything(client, election)) == []
    result = get(client, f"/api/elections/{election}/results")
    assert result["held_back"] == {"why": FOR_EVER, "until": None}
    assert result["certainty"] == "void"
    of_officials = counted(night, OVER, by_voters=False, stage=CANCELLED)
    assert get(client, f"/api/elections/{of_officials}/results")["lists"][1]["votes"] == VOTES[2]


@pytest.mark.parametrize(
    "path",
    ["/api/elections/{}/results?as_of={}", "/api/elections/{}/results/places?level=region&as_of={}",
     "/api/elections/{}/results/places/region/1?as_of={}", "/api/elections/{}/results/certainty?as_of={}",
     "/elections/{}/why?as_of={}", "/elections/{}/places?as_of={}", "/elections/{}/moments?as_of={}"],
)  # fmt: skip
def test_moments_within_the_hours_are_never_told(night: Recorded, client: FlaskClient, path: str) -> None:
    election, of_officials = counted(night, OVER), counted(night, OVER, by_voters=False)
    night.drained(NOW, NOW)
    within = [OVER[0] + timedelta(minutes=5), OVER[1] - timedelta(microseconds=1)]

    def at(one: int, moment: datetime) -> TestResponse:
        return client.get(path.format(one, moment.isoformat().replace("+00:00", "Z")))

    for moment in within:
        answer = at(election, moment)
        assert answer.status_code == 422
        assert OF_MOMENTS in answer.text
        assert at(of_officials, moment).status_code == 200
    assert at(election, OVER[1]).status_code == 200


def test_how_many_ballots_there_were_is_told_over_time_and_no_moment_is_offered(
    night: Recorded, client: FlaskClient
) -> None:
    election, of_officials = counted(night, OVER), counted(night, OVER, by_voters=False)
    night.drained(NOW, NOW)
    assert get(client, f"/api/elections/{election}/results/timeline")["moments"][-1]["counted"] == 80_012
    for one, offers in ((election, False), (of_officials, True)):
        page = client.get(f"/elections/{one}/moments").text
        assert ('id="moments"' in page, "moments.js" in page) == (offers, offers)


def tags(files: SQLite, settings: ServiceSettings, votes: dict[int, int], hours: Sequence[datetime]) -> list[str]:
    """The names of the states that the answers about an election have, in a store of its own."""
    url = files.new_database()
    night = Recorded(url)
    app = create_app(settings(ResultsSettings, election_database_url=url, redis_url=NO_REDIS))
    try:
        election = night.election(hours=(hours[0], hours[1]), ballot_key=KEY)
        night.part(election, votes, received_at=hours[0], batch_id="0" * 32)
        night.stations([100])
        accept_sheet(night, election, 1, hours[0], voted=5, in_box=5, blank=min(votes))
        night.drained(NOW, NOW)
        answers = [
            app.test_client().get(f"/api/elections/{election}{path}")
            for path in ("/results", "/results/timeline", "/refused-ballots")
        ]
        return [answer.headers["ETag"] for answer in answers]
    finally:
        night.close()
        app.extensions["database"].close()
        files.drop_database(url)


KEY = "a key that nothing is checked with"


def test_no_tag_differs_by_how_somebody_voted(
    sqlite_files: SQLite, service_settings: ServiceSettings, time_machine: Any
) -> None:
    # While it is open the time line grows as time goes by.
    time_machine.move_to(NOW, tick=False)
    # Who tries what a tag is made of would find the votes in it.
    ways = ({1: 1}, {2: 1})
    held, told = ([tags(sqlite_files, service_settings, votes, hours) for votes in ways] for hours in (OPEN, OVER))
    assert held[0] == held[1]
    assert told[0] != told[1]


def test_votes_are_not_told_once_an_end_is_put_off(night: Recorded, client: FlaskClient) -> None:
    # Nothing does this to an election that is open; whatever the process has kept, the store decides.
    election = counted(night, OVER)
    night.drained(NOW, NOW)
    assert len(telling(everything(client, election))) > 12
    with night.database.writing() as session:
        session.get_one(Election, election).end = NOW + HOUR
    assert telling(everything(client, election)) == []
