"""How the commands meet services that are away, slow, or refuse: against real sockets that answer as they are told."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.app import main
from cli.client import Addresses, Client, Credentials
from cli.failure import NOT_ALLOWED, REFUSED, UNAVAILABLE, Failure
from cli.upload import hand_in
from tests.servers import free_port

RECEIPT = {"id": "b1", "election_id": 1, "lines": 1, "received_at": "2026-01-01T00:00:00Z", "repeated": False}


class Script:
    """A service that gives the next answer of its script to each request, and remembers the requests."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], Any]] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                script.requests.append((self.command, self.path, headers, body))
                status, extra, content = script.answers.pop(0)
                if status == 0:
                    # A service that is killed while it answers.
                    self.close_connection = True
                    return
                payload = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(payload)), **extra}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = _answer  # noqa: N815 -- the library calls these names.

            def log_message(self, format: str, *_: Any) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def expect(self, status: int, content: Any = None, **headers: str) -> None:
        """Give this answer after those that were said before."""
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, content or {}))

    def logs_in(self) -> None:
        self.expect(200, {"access_token": "token", "refresh_token": "renews"})


@pytest.fixture
def script() -> Iterator[Script]:
    """A scripted service."""
    made = Script()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def client(script: Script) -> Iterator[Client]:
    """An official's client whose services are all the scripted one; it gives up after two seconds."""
    everywhere = Addresses(script.url, script.url, script.url, script.url)
    with Client(everywhere, Credentials("official@example.org", "Password1"), patience=2.0) as made:
        yield made


@pytest.fixture
def ballots(tmp_path: Path) -> Path:
    path = tmp_path / 'a "strange"\nname.csv'
    path.write_text("0f8fad5b-d9cb-469f-a165-70867728950e,1\n")
    return path


def receipt(path: Path) -> dict[str, Any]:
    return {**RECEIPT, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_an_upload_is_sent_again_with_the_same_key_and_body_while_the_queue_is_away(
    script: Script, client: Client, ballots: Path
) -> None:
    script.logs_in()
    script.expect(503, {"detail": "The queue is away."}, Retry_After="1")
    script.expect(0)
    script.expect(202, receipt(ballots))
    assert hand_in(client, ballots, 7)["id"] == "b1"
    uploads = script.requests[1:]
    assert len(uploads) == 3
    assert {(method, path) for method, path, _, _ in uploads} == {("POST", "/api/elections/7/batches")}
    assert len({headers["idempotency-key"] for _, _, headers, _ in uploads}) == 1
    assert len({body for _, _, _, body in uploads}) == 1
    assert b'filename="a %22strange%22%0Aname.csv"' in uploads[0][3]
    assert ballots.read_bytes() in uploads[0][3]


def test_another_election_or_another_content_has_another_key(
    script: Script, client: Client, ballots: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.csv"
    other.write_text("7c9e6679-7425-40de-944b-e07fc1f90ae7,1\n")
    script.logs_in()
    for path in (ballots, ballots, other):
        script.expect(202, receipt(path))
    hand_in(client, ballots, 7)
    hand_in(client, ballots, None)
    hand_in(client, other, 7)
    assert len({headers["idempotency-key"] for _, _, headers, _ in script.requests[1:]}) == 3
    assert script.requests[2][1] == "/api/batches"


def test_what_may_not_be_repeated_is_not_when_the_answer_was_lost(script: Script, client: Client) -> None:
    script.logs_in()
    script.expect(0)
    with pytest.raises(Failure, match="look whether it was done before you repeat it") as found:
        client.authorized("POST", "admin", "/api/participants", body={})
    assert found.value.status == UNAVAILABLE
    assert len(script.requests) == 2


def test_a_token_that_has_run_out_is_renewed_once(script: Script, client: Client) -> None:
    script.logs_in()
    script.expect(401, {"detail": "Token has expired"})
    script.logs_in()
    script.expect(200, {"items": []})
    assert client.get("station", "/api/elections") == {"items": []}
    script.expect(401, {"detail": "Token has been revoked"})
    script.logs_in()
    script.expect(401, {"detail": "Token has been revoked"})
    with pytest.raises(Failure, match="Token has been revoked") as found:
        client.get("station", "/api/elections")
    assert found.value.status == NOT_ALLOWED


def test_patience_ends_and_says_why(script: Script, client: Client) -> None:
    for _ in range(20):
        script.expect(503, {"detail": "The queue cannot take anything."})
    with pytest.raises(Failure, match="The queue cannot take anything") as found:
        client.log_in()
    assert found.value.status == UNAVAILABLE
    assert len(script.requests) < 10


@pytest.mark.parametrize(
    ("status", "content", "said", "exit_status"),
    [
        (403, {"detail": "This needs one of these roles: official."}, "one of these roles", NOT_ALLOWED),
        (404, {"detail": "There is no such election."}, "There is no such election.", REFUSED),
        (413, b"<html>too large</html>", "It answered 413.", REFUSED),
        (500, b"", "It answered 500.", REFUSED),
        (400, {"message": "Field file is missing."}, "Field file is missing.", REFUSED),
    ],
)
def test_a_refusal_is_said_in_the_services_own_words(
    script: Script, client: Client, status: int, content: Any, said: str, exit_status: int
) -> None:
    script.expect(status, content)
    with pytest.raises(Failure, match=said) as found:
        client.log_in()
    assert (found.value.status, found.value.details["http_status"]) == (exit_status, status)


def test_nobody_there_is_a_sentence_with_the_address(capsys: pytest.CaptureFixture[str]) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    assert main(["results", "1", "--results-url", address, "--patience", "0", "--json"]) == UNAVAILABLE
    said = json.loads(capsys.readouterr().err)
    assert address in said["error"]
    assert "urna up" in said["error"]
    assert main(["results", "1", "--results-url", "nonsense", "--patience", "0"]) == UNAVAILABLE
    assert "Traceback" not in capsys.readouterr().err


def test_another_program_on_the_port_is_recognised(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script.expect(200, b"<html>Hello</html>")
    assert main(["results", "1", "--results-url", script.url, "--json"]) == UNAVAILABLE
    assert "is that the address of a service?" in json.loads(capsys.readouterr().err)["error"]


def test_wrong_usage_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "results", "first"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["exit_status"] == 2
    assert main(["results"]) == 2
    assert "Usage: urna results" in capsys.readouterr().err


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["upload", str(tmp_path / "missing.csv"), "--json"]) == 2
    assert "missing.csv" in json.loads(capsys.readouterr().err)["error"]


@pytest.mark.parametrize(
    "command",
    ["up", "demo", "upload", "results", "election", "official", "participant", "queue", "openapi", "schema"],
)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert "Usage: urna" in capsys.readouterr().out


def test_the_help_documents_every_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert "Exit status:" in said
    for status in ("0 everything", "130 interrupted"):
        assert status in " ".join(said.split())
    assert main(["--version"]) == 0


class TestSecondFactor:
    """An account whose log-in takes a code."""

    def test_the_code_is_sent_once_and_a_token_that_has_run_out_is_renewed_without_another(
        self, script: Script
    ) -> None:
        everywhere = Addresses(script.url, script.url, script.url, script.url)
        tokens = [{"access_token": f"token {number}", "refresh_token": f"renews {number}"} for number in (1, 2)]
        with Client(everywhere, Credentials("a@example.org", "Password1", "123456"), patience=2.0) as client:
            script.expect(202, {"second_factor": "code", "challenge": "c", "expires_in": 300})
            script.expect(200, tokens[0])
            script.expect(401)
            script.expect(200, tokens[1])
            script.expect(200, {"items": []})
            assert client.get("admin", "/api/elections") == {"items": []}
        paths = [(path, headers.get("authorization")) for _, path, headers, _ in script.requests]
        assert paths == [
            ("/api/login", None),
            ("/api/login/code", None),
            ("/api/elections", "Bearer token 1"),
            ("/api/refresh", "Bearer renews 1"),
            ("/api/elections", "Bearer token 2"),
        ]
        assert json.loads(script.requests[1][3]) == {"challenge": "c", "code": "123456"}

    @pytest.mark.parametrize(
        ("wanted", "said"), [("code", "set URNA_CODE"), ("set_up", "by `urna second-factor set-up` or in a browser: ")]
    )
    def test_what_nobody_can_answer_here_is_said(self, script: Script, client: Client, wanted: str, said: str) -> None:
        script.expect(202, {"second_factor": wanted, "challenge": "c", "expires_in": 300})
        with pytest.raises(Failure, match=said):
            client.log_in()
        assert len(script.requests) == 1
