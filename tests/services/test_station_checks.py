"""The route that says what a file would come to: it reads like an upload, refuses like one, and stores nothing."""

from collections.abc import Iterator

import pytest

from shared.web.pages import language, said
from tests.services.sheets import prepare_desk
from tests.services.station import COMING, NAMED, OPEN, VOTE, Station, contents, file_of, guid, json_of, running
from tests.services.tokens import ServiceSettings, Token
from voting_station_service.rules.examination import ADVICE, Hint

CHECK = f"{NAMED}/check"


@pytest.fixture
def station(redis_url: str, service_settings: ServiceSettings, token: Token) -> Iterator[Station]:
    with running(redis_url, service_settings, token, refused_uploads_per_minute=30) as made:
        prepare_desk(made)
        yield made


def test_a_check_says_what_an_upload_would_and_stores_nothing(station: Station) -> None:
    before = contents(station.redis)
    good = station.send(file_of(9), CHECK)
    assert (good.status_code, json_of(good)["good"]) == (200, True)
    assert (json_of(good)["ballots"], json_of(good)["votes"]) == (9, {"1": 3, "2": 3, "3": 3})
    swapped = json_of(station.send(f"1,{guid(1)}\n2,{guid(2)}\n".encode(), CHECK))
    assert (swapped["good"], swapped["hint"], swapped["ballots"]) == (False, "swapped_columns", 0)
    assert [(fault["line"], fault["problem"]) for fault in swapped["faults"]] == [
        (0, "Incorrect poll number"),
        (1, "Incorrect poll number"),
    ]
    assert contents(station.redis) == before
    assert swapped["advice"] == ADVICE[Hint.SWAPPED_COLUMNS]
    # An upload is refused for its first bad line, and says the same of the whole file.
    refused = station.send(f"1,{guid(1)}\n2,{guid(2)}\n".encode(), NAMED)
    assert (refused.status_code, json_of(refused)["errors"][0]["field"]) == (422, "file")
    assert json_of(refused)["detail"] == f"Incorrect poll number on line 0. {ADVICE[Hint.SWAPPED_COLUMNS]}"
    assert json_of(station.send(f"{guid(1)},x\n".encode(), NAMED))["detail"] == "Incorrect poll number on line 0."
    # The words of the classic route are its contract's, to the letter.
    classic = station.send(f"1,{guid(1)}\n".encode(), VOTE)
    assert json_of(classic) == {"message": "Incorrect poll number on line 0."}


def test_every_hint_has_advice_which_pages_give_in_their_language(station: Station) -> None:
    assert set(ADVICE) == set(Hint)
    with station.app.test_request_context(headers={"Cookie": f"{language.COOKIE}=fr"}):
        told = {hint: said(advice) for hint, advice in ADVICE.items()}
    assert told[Hint.TABS].startswith("Les valeurs")
    assert not [advice for advice in told.values() if "lang=" in advice]


@pytest.mark.parametrize(
    ("path", "content", "status", "said"),
    [
        (CHECK, b"", 422, "The file is empty"),
        (f"/api/elections/{COMING}/batches/check", file_of(1), 409, "has not begun yet"),
        ("/api/elections/99/batches/check", file_of(1), 404, "No published election"),
        (f"{CHECK}?station=1", file_of(1), 403, "do not belong to polling station 1"),
        (f"{CHECK}?place=1", file_of(1), 422, "place"),
    ],
)
def test_a_check_is_refused_where_an_upload_is(
    station: Station, path: str, content: bytes, status: int, said: str
) -> None:
    for one in (path, path.replace("/check", "")):
        answer = station.send(content, one)
        assert (answer.status_code, said in answer.text) == (status, True), answer.text


def test_nobody_has_more_files_checked_in_a_minute_than_may_be_refused(station: Station) -> None:
    for _ in range(30):
        assert station.send(file_of(1), CHECK).status_code == 200
    assert station.send(file_of(1), CHECK).status_code == 429
    other = station.send(file_of(1), CHECK, header=station.official(2))
    assert other.status_code == 200
    assert station.send(file_of(1), f"/api/elections/{OPEN}/batches").status_code == 202
