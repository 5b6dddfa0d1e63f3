"""The stream of a result over WebSockets, from a real server, with a client of the same library's other half."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Ping, Pong, Request, TextMessage

from results_service.rules.holding_back import UNTIL_FINAL
from shared.queue import keys as queue_keys
from shared.schema.election import DRAFT, Election
from tests.servers import Redis, SQLite
from tests.services.casting import key_text
from tests.services.recorded import Recorded
from tests.services.results import SECONDS, Results, running_results
from tests.services.tokens import Keys

HOUR = timedelta(hours=1)


class Client:
    """A reader of a WebSocket."""

    def __init__(self, port: int, target: str) -> None:
        self.protocol = WSConnection(ConnectionType.CLIENT)
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.events: Iterator[Event] = iter(())
        self.send(Request(host="results", target=target))

    def send(self, event: Event) -> None:
        self.connection.sendall(self.protocol.send(event))

    def next(self) -> Event:
        """What the server says next."""
        while True:
            for event in self.events:
                return event
            received = self.connection.recv(65536)
            assert received, "The connection has ended."
            self.protocol.receive_data(received)
            self.events = iter(list(self.protocol.events()))

    def message(self) -> dict[str, Any]:
        """The next message; what keeps the connection alive is answered."""
        while True:
            event = self.next()
            if isinstance(event, Ping):
                self.send(event.response())
            if isinstance(event, TextMessage):
                assert event.message_finished
                found = json.loads(event.data)
                assert set(found) == {"id", "data"}
                return dict(found)


@contextmanager
def reading(service: Results, election: int, seen: str = "") -> Iterator[Client]:
    client = Client(service.port, f"/api/elections/{election}/live" + (f"?seen={seen}" if seen else ""))
    try:
        assert isinstance(client.next(), AcceptConnection)
        yield client
    finally:
        client.connection.close()


def message_with(client: Client, **values: Any) -> dict[str, Any]:
    """The data of the first message from now on that have these values."""
    while True:
        data: dict[str, Any] = client.message()["data"]
        if all(data[name] == value for name, value in values.items()):
            return data


def open_election(night: Recorded) -> int:
    now = datetime.now(UTC)
    return night.election(("Liste „A“", "B"), hours=(now - HOUR, now + HOUR))


def publish(redis_server: Redis, election: int) -> None:
    with redis_server.client() as client:
        client.publish(queue_keys.CHANGED, str(election))


@pytest.fixture(scope="module")
def store_url(sqlite_files: SQLite) -> Iterator[str]:
    url = sqlite_files.new_database()
    yield url
    sqlite_files.drop_database(url)


@pytest.fixture(scope="module")
def night(store_url: str) -> Iterator[Recorded]:
    recorded = Recorded(store_url)
    yield recorded
    recorded.close()


@pytest.fixture(scope="module")
def service(night: Recorded, store_url: str, redis_server: Redis, keys: Keys) -> Iterator[Results]:
    with running_results(store_url, redis_server.url, keys.public_pem) as running:
        yield running


def test_messages_say_what_the_events_say(night: Recorded, service: Results, redis_server: Redis) -> None:
    election = open_election(night)
    with reading(service, election) as client, service.watching(election) as stream:
        for total in range(3):
            if total:
                night.part(election, {1: 1}, received_at=datetime.now(UTC))
                publish(redis_server, election)
            event, message = stream.event(), client.message()
            assert message == {"id": event.id, "data": event.data}
            assert event.data["valid_votes"] == total


def test_of_voters_own_ballots_messages_say_how_many_there_are_and_the_votes_when_all_are_counted(
    night: Recorded, service: Results
) -> None:
    election = night.election(hours=(datetime.now(UTC) - HOUR, datetime.now(UTC) + HOUR), ballot_key=key_text())
    with reading(service, election) as client:
        assert client.message()["data"]["held_back"]["why"] == UNTIL_FINAL
        night.part(election, {2: 3}, received_at=datetime.now(UTC))
        data = message_with(client, valid_votes=3)
        assert (data["lists"], data["state"]) == ([], "open")
        with night.database.writing() as session:
            session.get_one(Election, election).end = datetime.now(UTC)
        assert message_with(client, state="counting")["lists"] == []
        # The same message tells them where nothing holds them back any more.
        night.drained(datetime.now(UTC), datetime.now(UTC))
        data = message_with(client, certainty="final")
        assert (data["held_back"], [line["votes"] for line in data["lists"]]) == (None, [0, 3])


def test_who_comes_back_with_the_newest_message_is_not_told_it_again(night: Recorded, service: Results) -> None:
    election = open_election(night)
    with reading(service, election) as client:
        newest = client.message()["id"]
    with reading(service, election, newest) as client:
        night.part(election, {1: 1}, received_at=datetime.now(UTC))
        assert client.message()["data"]["valid_votes"] == 1


def test_a_ping_is_answered_and_a_message_ends_the_connection(night: Recorded, service: Results) -> None:
    election = open_election(night)
    with reading(service, election) as client:
        client.message()
        client.send(Ping(b"there?"))
        answer = client.next()
        assert isinstance(answer, Pong)
        assert answer.payload == b"there?"
        client.send(TextMessage("SELECT"))
        closed = client.next()
        assert isinstance(closed, CloseConnection)
        assert (closed.code, closed.reason) == (
            1008,
            "Nothing is taken in here; close the connection to end the stream.",
        )
        assert client.connection.recv(1) == b""


def test_who_leaves_makes_room_however_he_leaves(
    night: Recorded, store_url: str, redis_server: Redis, keys: Keys
) -> None:
    election = open_election(night)
    with running_results(store_url, redis_server.url, keys.public_pem, LIVE_WATCHERS="1") as service:
        for politely in (True, False) * 3:
            with reading(service, election) as client:
                client.message()
                with service.watching(election) as refused:
                    assert refused.answer.status == 503
                if politely:
                    client.send(CloseConnection(1000))
                    assert isinstance(client.next(), CloseConnection)
            wait_for_room(service, election)


def wait_for_room(service: Results, election: int) -> None:
    """Until somebody else can watch, and has left again."""
    for _ in range(int(SECONDS / 0.05)):
        with service.watching(election) as stream:
            if stream.answer.status == 200:
                stream.event()
                break
        threading.Event().wait(0.05)
    else:
        pytest.fail("Nobody made room.")
    while service.get(f"/api/elections/{election}/live", "HEAD")[0] != 200:
        threading.Event().wait(0.05)


def test_a_refusal_is_an_ordinary_answer(night: Recorded, service: Results) -> None:
    draft = night.election(hours=(datetime.now(UTC), datetime.now(UTC) + HOUR), stage=DRAFT)
    election = open_election(night)
    key = {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    assert handshake(service, election, upgrade | key).startswith("HTTP/1.1 101")
    for offered in ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"):
        assert handshake(service, election, upgrade | key | {offered: "é;="}).startswith("HTTP/1.1 101")
    for path, headers, status in (
        (draft, upgrade | key, 404),
        (999, upgrade | key, 404),
        (election, upgrade, 422),
        (election, upgrade | key | {"Sec-WebSocket-Version": "8"}, 422),
        (election, upgrade | key | {"Connection": "Upgrade, é"}, 422),
    ):
        answer = handshake(service, path, headers)
        assert answer.startswith(f"HTTP/1.1 {status}"), answer
        assert "application/problem+json" in answer


def handshake(service: Results, election: int, headers: dict[str, str]) -> str:
    """The head of the answer to a request made by hand."""
    lines = [f"GET /api/elections/{election}/live HTTP/1.1", "Host: results"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
    return received.decode(errors="replace")


def test_streams_end_properly_when_the_service_is_asked_to_end(
    night: Recorded, store_url: str, redis_server: Redis, keys: Keys
) -> None:
    election = open_election(night)
    with (
        running_results(store_url, redis_server.url, keys.public_pem) as service,
        reading(service, election) as client,
    ):
        client.message()
        service.process.terminate()
        closed = client.next()
        assert isinstance(closed, CloseConnection)
        assert closed.code == 1001
        assert service.process.wait(timeout=SECONDS) == 0
