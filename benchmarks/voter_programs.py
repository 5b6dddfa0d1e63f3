"""Voters' programs: each blinds a ballot of its own, has it signed, unblinds and checks that, and casts it.

A companion that acts for many voters on some connections at a time, and does for each what ``urna vote`` does. It works
in steps, each on a word: voters log in, get their signatures, cast, and at last some of them try to vote twice. Between
those of getting and casting the ballots are shuffled, as voters would be well advised to let time pass.

Moments are those of ``time.monotonic``, which is one clock for all processes of a machine.
"""

import base64
import http.client
import json
import math
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from benchmarks.companion import FAILED, answer, told, wait_for_the_word
from benchmarks.people import person
from shared.ballot_proofs import read_key
from shared.blind_signatures import Blinded, ballot_message, blind, finalize, new_prefix, prepare
from shared.errors import InvalidInput
from shared.terms import Role
from tests.services.tokens import access_claims

_PATIENCE = 120.0
_CONNECTIONS_AGAIN = 5
_FOR_NOW = (429, 503)
_SECONDS_TO_SPARE = 60.0


@dataclass(frozen=True)
class Plan:
    """Whose programs these are: voters ``first``, ``first + step`` and so on, one for each byte of ``choices``.

    ``choices`` are poll numbers in hexadecimal. Voters with a number below ``by_password`` register and log in with
    ``password``; those of the others have sessions, for which ``signing_key`` makes access tokens as the service does.
    """

    authentication: int
    station: int
    election: int
    ballot_key: str
    first: int
    step: int
    choices: str
    by_password: int
    password: str
    signing_key: str
    connections: int
    tries: int


@dataclass
class Step:
    """What happened in a step: ``took`` are seconds of an answer each, ``seconds`` those of the processor."""

    began: float = 0.0
    ended: float = 0.0
    seconds: float = 0.0
    took: list[float] = field(default_factory=list)
    refused_for_now: int = 0
    sent_again: int = 0


@dataclass
class Voter:
    """A voter with what his program keeps."""

    number: int
    choice: int
    token: str = ""
    good_until: float = -math.inf
    blinded: Blinded | None = None
    guid: UUID = field(default_factory=uuid4)
    prefix: bytes = field(default_factory=new_prefix)
    signature: bytes = b""

    def ballot(self, choice: int) -> dict[str, Any]:
        """What is cast."""
        proof = {"prefix": _text(self.prefix), "signature": _text(self.signature)}
        return {"guid": str(self.guid), "poll_number": choice, **proof}


class Refused(Exception):
    """A service answers otherwise than it has to."""


class Line:
    """One connection that is kept."""

    def __init__(self, port: int, step: Step) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        self._step = step

    def post(self, path: str, body: dict[str, Any], token: str = "") -> tuple[int, Any]:
        """Status and JSON of the answer. Asked again while it is one for now, or when the connection was lost."""
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        began, broken = time.monotonic(), 0
        while True:
            try:
                self._connection.request("POST", path, json.dumps(body), headers)
                found = self._connection.getresponse()
                content = found.read()
            except (OSError, http.client.HTTPException):
                # The server has ended an idle connection, as it may.
                broken += 1
                if broken > _CONNECTIONS_AGAIN:
                    raise
                self._step.sent_again += 1
                self._connection.close()
                continue
            if found.status not in _FOR_NOW:
                self._step.took.append(time.monotonic() - began)
                return found.status, json.loads(content)
            self._step.refused_for_now += 1
            time.sleep(float(found.headers.get("Retry-After", "1")))

    def right(self, wanted: int, path: str, body: dict[str, Any], token: str = "") -> Any:
        """The JSON of an answer with this status; raises ``Refused`` for any other."""
        status, found = self.post(path, body, token)
        if status != wanted:
            raise Refused(f"{path} answered {status}: {found}")
        return found

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


class Programs:
    """All programs of one process."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.key = read_key(plan.ballot_key)
        # Read in once, and not for each voter.
        signing_key = load_pem_private_key(plan.signing_key.encode(), None)
        if not isinstance(signing_key, Ed25519PrivateKey):
            raise TypeError("The key is one of Ed25519.")
        self._signing_key = signing_key
        self._signature_path = f"/api/elections/{plan.election}/signature"
        self._ballots_path = f"/api/elections/{plan.election}/ballots"
        choices = bytes.fromhex(plan.choices)
        self.voters = [Voter(plan.first + plan.step * place, choice) for place, choice in enumerate(choices)]
        # Both of those who log in and of those who have a session.
        self._trying = {one.number for one in self.voters[: plan.tries] + self.voters[-plan.tries :]}

    def log_in(self, step: Step) -> None:
        """Let those voters register and log in who have no session."""

        def register(line: Line, voter: Voter) -> None:
            one = person(voter.number)
            named = {"jmbg": one.national_id, "forename": one.forename, "surname": one.surname}
            said = {"email": one.email, "password": self.plan.password, "role": Role.VOTER.value}
            line.right(201, "/api/register", {**named, **said})
            self._token(line, voter)

        self._each([one for one in self.voters if self._has_password(one)], self.plan.authentication, step, register)

    def sign(self, step: Step) -> None:
        """Let each voter get the signature of a ballot that nobody else has seen."""

        def sign(line: Line, voter: Voter) -> None:
            blinded = self._blind(voter)
            asked = {"blinded": _text(blinded.message)}
            signed = line.right(200, self._signature_path, asked, self._token(line, voter))
            # Verified with the election's key there.
            voter.signature = finalize(self.key, blinded, base64.b64decode(signed["signature"]))
            if voter.number in self._trying:
                voter.blinded = blinded

        self._each(self.voters, self.plan.authentication, step, sign)

    def cast(self, step: Step) -> None:
        """Cast all ballots, in no order that the signatures had, over connections over which nobody has logged in."""
        shuffled = random.Random(self.plan.first).sample(self.voters, len(self.voters))

        def cast(line: Line, voter: Voter) -> None:
            status, found = line.post(self._ballots_path, voter.ballot(voter.choice))
            # Whose answer was lost, and who sent the ballot again, may be told that it is stored already.
            is_stored = status == 409 and [one["field"] for one in found.get("fields", ())] == ["guid"]
            if status != 202 and not is_stored:
                raise Refused(f"{self._ballots_path} answered {status}: {found}")

        self._each(shuffled, self.plan.station, step, cast)

    def try_again(self) -> dict[str, Any]:
        """Let some voters try to have a second ballot, and say what each was answered; and the GUIDs of all ballots."""
        step = Step()
        accounts, station = Line(self.plan.authentication, step), Line(self.plan.station, step)
        found: dict[str, Any] = {"another": [], "same": [], "cast": [], "guids": [one.guid.hex for one in self.voters]}
        for voter in self.voters:
            if voter.blinded is None:
                continue
            token = self._token(accounts, voter)
            other = self._blind(Voter(voter.number, voter.choice))
            found["another"].append(accounts.post(self._signature_path, {"blinded": _text(other.message)}, token)[0])
            again = accounts.right(200, self._signature_path, {"blinded": _text(voter.blinded.message)}, token)
            same = finalize(self.key, voter.blinded, base64.b64decode(again["signature"]))
            found["same"].append(same == voter.signature)
            # For somebody else, with the same signature.
            changed = voter.ballot(2 if voter.choice == 1 else 1)
            found["cast"].append(station.post(self._ballots_path, changed)[0])
        accounts.close()
        station.close()
        return found

    def _blind(self, voter: Voter) -> Blinded:
        return blind(self.key, prepare(ballot_message(self.plan.election, voter.guid.bytes), voter.prefix))

    def _has_password(self, voter: Voter) -> bool:
        return voter.number < self.plan.by_password

    def _token(self, line: Line, voter: Voter) -> str:
        """An access token that is good now. None is made long before it is used: it is good for an hour."""
        if self._has_password(voter):
            if time.monotonic() > voter.good_until:
                proven = {"login": person(voter.number).email, "password": self.plan.password}
                found = line.right(200, "/api/login", proven)
                voter.token = str(found["access_token"])
                voter.good_until = time.monotonic() + float(found["expires_in"]) - _SECONDS_TO_SPARE
            return voter.token
        one = person(voter.number)
        claims = access_claims(
            Role.VOTER, email=one.email, jmbg=one.national_id, forename=one.forename, surname=one.surname
        )
        claims |= {"jti": str(uuid4()), "sid": one.session_id}
        return jwt.encode(claims, self._signing_key, algorithm="EdDSA")

    def _each(self, voters: Sequence[Voter], port: int, step: Step, work: Callable[[Line, Voter], None]) -> None:
        """Do ``work`` for all voters, each connection for its share as fast as answers come."""
        failed = threading.Event()

        def act_for(share: Sequence[Voter]) -> None:
            own = Step()
            line = Line(port, own)
            try:
                for voter in share:
                    if failed.is_set():
                        return
                    work(line, voter)
            except BaseException:
                failed.set()
                raise
            finally:
                line.close()
                with turn:
                    step.took += own.took
                    step.refused_for_now += own.refused_for_now
                    step.sent_again += own.sent_again

        turn, count = threading.Lock(), self.plan.connections
        with ThreadPoolExecutor(count) as connections:
            list(connections.map(act_for, [voters[place::count] for place in range(count)]))


def main() -> int:
    """Do what the plan on the input says, each step on a word."""
    programs = Programs(Plan(**told()))
    wait_for_the_word()
    try:
        for work in (programs.log_in, programs.sign, programs.cast):
            step, used = Step(began=time.monotonic()), time.process_time()
            work(step)
            step.ended, step.seconds = time.monotonic(), time.process_time() - used
            answer(asdict(step))
            if not sys.stdin.readline():
                return 0
        answer(programs.try_again())
    except (Refused, InvalidInput, OSError, http.client.HTTPException) as error:
        answer({FAILED: str(error)})
        return 1
    return 0


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


if __name__ == "__main__":
    sys.exit(main())
