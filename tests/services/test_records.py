"""The records as documents: signed with the service's own key, the same bytes each time, and checked by a command."""

import csv
import io
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from cli.app import main
from cli.failure import REFUSED, SUCCESS, UNAVAILABLE, USAGE
from results_service.actions import ground
from results_service.app import create_app
from shared.config import ResultsSettings
from shared.errors import Misconfigured
from shared.schema.election import CANCELLED, DRAFT, PollingCentre, SheetEvent, TallySheet
from shared.signed_records import RecordKeys, Signed, Signer
from shared.token_keys import private_key
from tests.services.places import accept_sheet
from tests.services.recorded import Recorded
from tests.services.test_results_views import HOSTILE, HOUR, NO_REDIS, NOW, OPEN, OVER, election
from tests.services.tokens import ServiceSettings, new_keys

__all__ = ["election"]
OURS, OTHERS = new_keys(), new_keys()
KEYS = RecordKeys.read(OURS.public_pem, "a test")

Serve = Callable[..., APIFlask]


@pytest.fixture
def serve(night: Recorded, sqlite_url: str, service_settings: ServiceSettings) -> Iterator[Serve]:
    """Makes services on the store of the night: ``serve(record_signing_key=…)``."""
    made = []

    def make(**settings: Any) -> APIFlask:
        made.append(
            create_app(
                service_settings(ResultsSettings, election_database_url=sqlite_url, redis_url=NO_REDIS, **settings)
            )
        )
        return made[-1]

    yield make
    for app in made:
        app.extensions["database"].close()


@pytest.fixture
def client(serve: Serve) -> FlaskClient:
    return serve(record_signing_key=OURS.private_pem).test_client()


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    (tmp_path / "key.pem").write_text(OURS.public_pem)
    return str(tmp_path / "key.pem")


def of_whole(election: int) -> str:
    return f"/api/elections/{election}/record"


def of_station(election: int) -> str:
    return f"/api/elections/{election}/record/stations/1"


def without_fractions(text: str) -> float:
    raise AssertionError(f"{text} could be written in more than one way.")


@pytest.mark.parametrize("path_of", [of_whole, of_station])
def test_the_very_bytes_of_a_record_are_signed_and_are_the_same_in_every_process(
    election: int, client: FlaskClient, serve: Serve, path_of: Callable[[int], str]
) -> None:
    path = path_of(election)
    record, signed = client.get(path), client.get(f"{path}/signed")
    assert (record.status_code, record.mimetype) == (200, "application/json")
    assert (signed.status_code, signed.mimetype) == (200, "application/jose+json")
    found = Signed.of(signed.data)
    assert (KEYS.check(found), found.content) == (KEYS.as_set()[0]["kid"], record.data)
    # RFC 8785, for which names in their order do where no number has a fraction.
    parsed = json.loads(record.data, parse_float=without_fractions)
    assert json.dumps(parsed, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() == record.data
    another = serve(record_signing_key=OURS.private_pem).test_client()
    for one in (record, signed):
        again = another.get(one.request.path)
        assert (again.data, again.headers["ETag"]) == (one.data, one.headers["ETag"])
        assert one.headers["Cache-Control"] == "public, max-age=1"
        same = client.get(one.request.path, headers={"If-None-Match": one.headers["ETag"]})
        assert (same.status_code, same.data) == (304, b"")
    # Nobody takes a signature by another key for the one that he has.
    renewed = serve(record_signing_key=OTHERS.private_pem).test_client()
    assert renewed.get(path).headers["ETag"] == record.headers["ETag"]
    assert renewed.get(f"{path}/signed").headers["ETag"] != signed.headers["ETag"]


def test_a_record_says_what_it_is_of_and_what_it_was_computed_from(
    election: int, night: Recorded, client: FlaskClient
) -> None:
    record = client.get(of_whole(election)).json
    assert record is not None
    assert (record["form"], record["election"]["id"], record["place"]) == ("urna-record/2", election, None)
    assert (record["certainty"], record["waits_for"]) == ("provisional", ["The election is open."])
    assert record["counted_until"] == NOW.isoformat().replace("+00:00", "Z")
    figures = record["figures"]
    assert [(one["name"], one["votes"]) for one in figures["lists"]] == list(zip(HOSTILE, (40, 70, 30), strict=True))
    assert figures["sheets"] == {"sheets": 1, "in_box": 62, "cast": 61, "different": 1}
    declared = figures["declared"]
    assert (declared["sheets"], declared["invalid"], declared["blank"], declared["blank_share"]) == (1, 1, 2, "0.0323")
    assert sum(one["valid_votes"] for one in figures["places"]) == figures["valid_votes"] == 140
    result = client.get(f"/api/elections/{election}/results")
    stations = client.get(f"/api/elections/{election}/results/stations.csv")
    assert record["computed_from"]["result_sha256"] == sha256(result.data).hexdigest()
    assert record["computed_from"]["stations_sha256"] == sha256(stations.data).hexdigest()
    # Which other ballots came from where is in the digest of the whole, and so in its signature.
    first = next(csv.DictReader(io.StringIO(stations.text)))
    of_first = client.get(of_station(election)).json
    assert of_first is not None
    assert (of_first["place"]["level"], of_first["place"]["id"]) == ("station", first["station_id"])
    assert [one["name"] for one in of_first["ballot"]] == HOSTILE
    assert [str(one["votes"]) for one in of_first["figures"]["lists"]] == [first[f"votes_{n}"] for n in (1, 2, 3)]
    assert of_first["figures"]["declared"]["in_box"] == 62
    before = client.get(f"{of_whole(election)}/signed")
    night.part(election, {1: 5}, received_at=OPEN[0] + HOUR)
    after = client.get(f"{of_whole(election)}/signed", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert json.loads(Signed.of(after.data).content)["figures"]["lists"][0]["votes"] == 45


def test_the_table_of_all_stations_is_made_when_something_was_counted_and_not_each_second(
    election: int, night: Recorded, client: FlaskClient
) -> None:
    documents = client.application.extensions["desk"].documents
    kept, digests = [], []
    for second in (1, 2):
        night.drained(NOW + timedelta(seconds=second), NOW + timedelta(seconds=second))
        digests.append((client.get(of_whole(election)).json or {})["computed_from"]["stations_sha256"])
        kept.append(documents.get((election, "csv")))
    assert kept[0] is kept[1] is not None
    accept_sheet(night, election, 2, voted=81, in_box=81)
    night.part(election, {1: 5}, received_at=OPEN[0] + HOUR, station=3)
    digests.append((client.get(of_whole(election)).json or {})["computed_from"]["stations_sha256"])
    assert digests[0] == digests[1] != digests[2]
    stations = client.get(f"/api/elections/{election}/results/stations.csv")
    assert digests[2] == sha256(stations.data).hexdigest()


def test_a_final_record_says_so_and_stays_as_it_is(night: Recorded, client: FlaskClient) -> None:
    number = night.election(hours=OVER)
    night.part(number, {1: 3, 2: 1}, received_at=OVER[0] + HOUR)
    night.drained(NOW, NOW)
    first = client.get(f"{of_whole(number)}/signed")
    assert json.loads(Signed.of(first.data).content)["certainty"] == "final"
    assert first.headers["Cache-Control"] == "public, max-age=60"
    night.drained(NOW + HOUR, NOW + HOUR)
    night.part(night.election(hours=OVER), {1: 1}, received_at=OVER[0] + HOUR)
    assert client.get(f"{of_whole(number)}/signed").data == first.data


def test_a_corrected_sheet_and_another_name_of_a_place_are_in_a_record_though_nothing_was_counted(
    election: int, night: Recorded, client: FlaskClient, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ground, "SECONDS_BETWEEN_LOOKS", 0.0)
    before = {path: client.get(path) for path in (of_whole(election), of_station(election))}
    with night.database.writing() as session:
        # Reopened, corrected and accepted, while nobody looked.
        sheet = session.get_one(TallySheet, (election, 1))
        sheet.last, sheet.changed_at = 6, NOW
        entry = session.get_one(SheetEvent, (election, 1, 2))
        entry.numbers = {**(entry.numbers or {}), "voted": 63}
        centre = session.scalars(sa.select(PollingCentre)).first()
        assert centre is not None
        centre.municipality = "Elsewhere"
    another = serve(record_signing_key=OURS.private_pem).test_client()
    for path, kept in before.items():
        after = client.get(path, headers={"If-None-Match": kept.headers["ETag"]})
        assert after.status_code == 200
        assert after.data == another.get(path).data != kept.data
    record = json.loads(client.get(of_station(election)).data)
    assert record["figures"]["declared"]["voted"] == 63
    assert "Elsewhere" in [one["name"] for one in record["place"]["trail"]]


def test_the_page_bears_the_signature_of_the_record_that_is_given_out(election: int, client: FlaskClient) -> None:
    for page, path in (("protocol", of_whole(election)), ("protocol/station/1", of_station(election))):
        shown = client.get(f"/elections/{election}/{page}").text
        record, signed = client.get(path).data, Signed.of(client.get(f"{path}/signed").data)
        assert sha256(record).hexdigest() in shown
        assert f'id="signature">{signed.signature}<' in shown
        assert f'id="signing-key">{KEYS.check(signed)}<' in shown
        assert f'href="{path}"' in shown
        assert f'href="{path}/signed"' in shown
        assert "no digital signature" not in shown


def test_without_a_key_nothing_is_signed_and_everybody_is_told(
    election: int, client: FlaskClient, serve: Serve
) -> None:
    unsigned = serve().test_client()
    assert unsigned.get("/api/record-keys").json == {"keys": [], "signing": None}
    for path in (of_whole(election), of_station(election)):
        assert unsigned.get(path).data == client.get(path).data
        refused = unsigned.get(f"{path}/signed")
        assert refused.status_code == 404
        assert "not signed here" in (refused.json or {})["detail"]
    page = unsigned.get(f"/elections/{election}/protocol")
    assert "bears no digital signature" in page.text
    # Who has the unsigned page does not keep it when there is a key.
    signed = client.get(f"/elections/{election}/protocol", headers={"If-None-Match": page.headers["ETag"]})
    assert signed.status_code == 200


def test_what_is_not_there_has_no_record(night: Recorded, election: int, client: FlaskClient) -> None:
    draft = night.election(stage=DRAFT)
    for path in (of_whole(draft), of_whole(77), f"/api/elections/{election}/record/stations/77"):
        assert client.get(path).status_code == client.get(f"{path}/signed").status_code == 404
    assert client.get(f"{of_whole(election)}?as_of=2026-01-01T00:00:00Z").status_code == 422


def test_a_key_can_be_changed_and_old_records_are_checked_with_the_keys_that_are_given_out(
    election: int, client: FlaskClient, serve: Serve
) -> None:
    old = Signed.of(client.get(f"{of_whole(election)}/signed").data)
    both = {"record_public_key": OTHERS.public_pem + OURS.public_pem}
    renewed = serve(record_signing_key=OTHERS.private_pem, **both).test_client()
    new = Signed.of(renewed.get(f"{of_whole(election)}/signed").data)
    answer = renewed.get("/api/record-keys")
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    given = RecordKeys.read(answer.text, "the service")
    assert [given.check(new), given.check(old)] == list(given.by_name)
    assert (answer.json or {})["signing"] == given.check(new)
    with pytest.raises(Misconfigured, match="RECORD_PUBLIC_KEY lacks"):
        serve(record_signing_key=OTHERS.private_pem, record_public_key=OURS.public_pem)


def test_a_record_is_kept_and_checked_without_any_service(
    election: int, client: FlaskClient, tmp_path: Path, key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, bare = tmp_path / "record.jws.json", tmp_path / "record.json"
    file.write_bytes(client.get(f"{of_whole(election)}/signed").data)
    bare.write_bytes(client.get(of_whole(election)).data)
    printed = Signed.of(file.read_bytes()).signature

    def verify(*arguments: str) -> tuple[int, dict[str, Any]]:
        status = main(["--json", "record", "verify", *arguments])
        said = capsys.readouterr()
        return status, json.loads(said.out or said.err)

    status, found = verify(str(file), "--key", key_file)
    assert (status, found["sha256"]) == (SUCCESS, sha256(bare.read_bytes()).hexdigest())
    assert found["record"] == json.loads(bare.read_bytes())
    assert verify(str(bare), "--key", key_file, "--signature", printed) == (status, found)

    (tmp_path / "others.pem").write_text(OTHERS.public_pem)
    wrong = str(tmp_path / "others.pem")
    assert verify(str(file), "--key", wrong, "--key", key_file)[0] == SUCCESS
    changed = json.loads(file.read_bytes())
    changed["payload"] = Signed.of(file.read_bytes()).payload[:-4] + "AAAA"
    (tmp_path / "changed.json").write_text(json.dumps(changed))
    for arguments, problem in (
        ((str(tmp_path / "changed.json"), "--key", key_file), "changed"),
        ((str(file), "--key", wrong), "unknown_key"),
        ((str(bare), "--key", key_file), "unsigned"),
        ((key_file, "--key", key_file), "no_record"),
        ((str(bare), "--key", wrong, "--signature", printed), "changed"),
        ((str(bare), "--key", key_file, "--signature", "no signature!"), "no_record"),
    ):
        status, said = verify(*arguments)
        assert (status, said["problem"]) == (REFUSED, problem)
    assert verify(str(file), "--key", str(bare))[0] == USAGE

    # What was signed before the whole said what sheets declare is good all the same; a later form is not known.
    before, signer = json.loads(bare.read_bytes()), Signer(private_key(OURS.private_pem, "a test"))
    for figures in (before["figures"], *before["figures"]["places"]):
        for name in ("invalid_share", "blank_share"):
            (figures["declared"] or {}).pop(name, None)
    del before["figures"]["declared"]
    for form, status in (("urna-record/1", SUCCESS), ("urna-record/3", REFUSED)):
        written = signer.sign(json.dumps({**before, "form": form}).encode()).written()
        (tmp_path / "other.jws.json").write_bytes(written)
        assert main(["record", "verify", str(tmp_path / "other.jws.json"), "--key", key_file]) == status
    told = capsys.readouterr()
    assert ("The signature is good" in told.out, "By the accepted tally sheets" in told.out) == (True, False)
    assert "use the command of a newer version" in told.err

    assert main(["record", "verify", str(file), "--key", key_file]) == SUCCESS
    shown = capsys.readouterr().out
    by_sheets = "By the accepted tally sheets of 1 of 4 polling stations: 1 invalid (1.61 %) and 2 blank (3.23 %) of 62"
    assert by_sheets in " ".join(shown.split())
    assert "The signature is good" in shown
    assert "70" in shown
    assert "provisional" in shown


def test_the_command_says_why_an_election_was_cancelled_and_counts_ballots_of_no_polling_station(
    night: Recorded, client: FlaskClient, tmp_path: Path, key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    number = night.election(hours=OVER, stage=CANCELLED, cancelled_reason="The rolls were exchanged.")
    night.part(number, {1: 3, 2: 1}, received_at=OVER[0] + HOUR)
    (tmp_path / "record.jws.json").write_bytes(client.get(f"{of_whole(number)}/signed").data)
    assert main(["record", "verify", str(tmp_path / "record.jws.json"), "--key", key_file]) == SUCCESS
    said = capsys.readouterr().out
    assert "cancelled, the result is void\nWhy it was cancelled: The rolls were exchanged." in said
    assert "Ballots in the box: 4." in said


def test_the_command_fetches_checks_and_keeps_what_was_asked_for_and_nothing_else(
    election: int,
    night: Recorded,
    serve: Serve,
    tmp_path: Path,
    key_file: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = serve(record_signing_key=OURS.private_pem)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    where = ("--results-url", f"http://127.0.0.1:{server.server_port}", "--patience", "0")
    kept, keys = tmp_path / "kept.json", tmp_path / "keys.json"
    try:
        assert main(["record", "keys", "--save", str(keys), *where]) == SUCCESS
        assert f"{KEYS.as_set()[0]['kid']}  signs now" in capsys.readouterr().out
        asked = ["record", "fetch", str(election), "--station", "1", "--save", str(kept), "--key"]
        assert main([*asked, str(keys), *where]) == SUCCESS
        said = capsys.readouterr().out
        assert "Polling station 1 (id 1), in: Region 1, Part 1, A" in said
        assert main(["record", "verify", str(kept), "--key", key_file]) == SUCCESS
        assert capsys.readouterr().out == said
        (tmp_path / "others.pem").write_text(OTHERS.public_pem)
        kept.unlink()
        assert main([*asked, str(tmp_path / "others.pem"), *where]) == REFUSED
        assert "none of those given" in capsys.readouterr().err
        # The signature is good, and it is not what was asked for.
        app.view_functions["records.read_signed_record"] = lambda election_id: app.test_client().get(
            f"{of_station(election)}/signed"
        )
        assert main(["record", "fetch", str(election), "--save", str(kept), "--key", key_file, *where]) == REFUSED
        assert "another election or place" in capsys.readouterr().err
        assert not kept.exists()
        assert main(["record", "fetch", "77", "--station", "1", "--key", key_file, *where]) == REFUSED
        capsys.readouterr()
        for answered, sentence in (("<html>", "did not answer with JSON"), ('{"keys": [{}]}', "has to be a key set")):
            app.view_functions["records.read_record_keys"] = lambda answered=answered: answered
            assert main(["record", "keys", "--save", str(kept), *where]) in (UNAVAILABLE, USAGE)
            assert sentence in capsys.readouterr().err
        assert not kept.exists()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
