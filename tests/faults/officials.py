"""Clients of the stations as in real life: impatient, on bad lines, and certain of nothing without a receipt."""

import http.client
import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt

from shared.auth import ACCESS_SECONDS
from shared.terms import Role
from tests.faults.plan import STATIONS, Manner, Upload, Way
from tests.faults.record import Attempt, Record
from tests.services.station import MULTIPART, multipart
from tests.services.tokens import Keys, access_claims

# How long a client waits for an answer that it wants.
_PATIENCE = 4.0
# How long a file with an idempotency key is sent again and again; the faults are over long before.
_PERSISTENCE = 90.0


def email(official: int) -> str:
    return f"official{official}@example.org"


def token(keys: Keys, official: int) -> str:
    """An access token of one of the officials."""
    claims = access_claims(Role.OFFICIAL, email=email(official), jmbg="0101994704401", forename="Vera", surname="Verić")
    claims["exp"] += timedelta(seconds=ACCESS_SECONDS)
    return jwt.encode(claims, keys.private_pem, algorithm="EdDSA")


@dataclass(frozen=True)
class Surroundings:
    """Where the stations are, and the numbers that the elections of the plan have in the store."""

    seed: int
    ports: Mapping[str, int]
    elections: Sequence[int]
    keys: Keys
    record: Record


class Official(threading.Thread):
    """Hands its files in, one after the other, each as its plan says."""

    def __init__(self, number: int, uploads: Sequence[Upload], surroundings: Surroundings) -> None:
        super().__init__(name=f"official {number}", daemon=True)
        self.uploads = uploads
        self._surroundings = surroundings
        self._record = surroundings.record
        self._token = token(surroundings.keys, number)
        self._source = random.Random(number)
        self._stations = self._source.sample(STATIONS, len(STATIONS))

    def run(self) -> None:
        for upload in self.uploads:
            time.sleep(max(0.0, upload.at - self._record.now()))
            try:
                self._hand_in(upload)
            except Exception as error:
                self._record.complain(f"Upload {upload.number}: the client failed: {error!r}")

    def _hand_in(self, upload: Upload) -> None:
        if upload.manner is Manner.HANGS_UP:
            self._send(upload, half=True)
        patience = upload.patience if upload.manner is Manner.GIVES_UP else _PATIENCE
        deadline = time.monotonic() + _PERSISTENCE
        while True:
            attempt = self._send(upload, patience=patience)
            patience = _PATIENCE
            if attempt.accepted or attempt.refused_for_good or attempt.status == 500:
                return
            # Without a key, who got no answer cannot send again without becoming a second batch.
            if upload.key is None and not attempt.says_nothing_was_stored:
                return
            if time.monotonic() > deadline:
                self._record.complain(f"Upload {upload.number} got no answer in {_PERSISTENCE:.0f} s.")
                return
            time.sleep(self._source.uniform(0.05, 0.3))

    def _send(self, upload: Upload, *, half: bool = False, patience: float = _PATIENCE) -> Attempt:
        self._stations.reverse()
        number = sum(one.upload is upload for one in tuple(self._record.attempts))
        name = f"seed{self._surroundings.seed}-official{upload.official}-upload{upload.number}-{number}.csv"
        attempt = Attempt(upload, number, name, self._stations[0], self._record.now(), hung_up=half)
        self._record.sending(attempt)
        body = multipart(upload.content, name)
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": MULTIPART,
            "Content-Length": str(len(body)),
        }
        if upload.key is not None:
            headers["Idempotency-Key"] = upload.key
        try:
            with closing(self._connect(attempt.station, patience)) as connection:
                connection.connect()
                attempt.reached = True
                connection.putrequest("POST", self._path(upload))
                for header, value in headers.items():
                    connection.putheader(header, value)
                connection.endheaders()
                if half:
                    connection.send(body[: len(body) // 2])
                    time.sleep(upload.patience)
                else:
                    connection.send(body)
                    self._read(attempt, connection)
        except (OSError, http.client.HTTPException):
            # No answer; what became of the file is not known.
            pass
        finally:
            attempt.answered = self._record.now()
        return attempt

    def _connect(self, station: str, patience: float) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._surroundings.ports[station], timeout=patience)

    def _path(self, upload: Upload) -> str:
        match upload.way:
            case Way.NAMED:
                return f"/api/elections/{self._surroundings.elections[upload.election]}/batches"
            case Way.ONLY:
                return "/api/batches"
            case Way.CLASSIC:
                return "/vote"

    @staticmethod
    def _read(attempt: Attempt, connection: http.client.HTTPConnection) -> None:
        answer = connection.getresponse()
        text = answer.read()
        with suppress(ValueError):
            found = json.loads(text)
            attempt.body = found if isinstance(found, dict) else {}
        # Last, since an answer that is cut off is none.
        attempt.status = answer.status


def ask(port: int, path: str, bearer: str | None = None, timeout: float = 5.0) -> dict[str, Any] | None:
    """The JSON of an answer with status 200; None for anything else, also while nobody answers."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                return None
            found = json.loads(text)
        except (OSError, http.client.HTTPException, ValueError):
            return None
    return found if isinstance(found, dict) else None
