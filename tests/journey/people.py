"""Who acts in a journey, and what they do over and over."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from cli import elections, participants
from cli.client import Client, Credentials
from cli.demo.people import Official, jmbg_of_birth, register
from cli.demo.suite import EmbeddedSuite

PASSWORD = "Password1"
# Settings of a suite whose tests log in over and over, and do not ask what it costs to guess a password.
CHEAP_HASHES = {"PASSWORD_MEMORY_KIB": "8", "PASSWORD_PASSES": "1"}
# Two accounts of one suite may not have the same citizen number.
_BIRTHS = count(1)


class Journey:
    """A suite, logged into by its administrator and by a new official; threads may share it."""

    def __init__(self, suite: EmbeddedSuite) -> None:
        self.suite = suite
        self._stack = ExitStack()
        login = suite.facts["administrator"]
        self.admin = self._client(login["email"], login["password"])
        self.person = Official(f"{uuid4().hex}@example.org", PASSWORD, "Vera", "Verić", jmbg_of_birth(next(_BIRTHS)))
        register(self.admin, self.person)
        self.official = self._client(self.person.email, PASSWORD)

    def _client(self, email: str, password: str) -> Client:
        return self._stack.enter_context(Client(self.suite.addresses, Credentials(email, password)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def new_area(self) -> int:
        """A jurisdiction without any election yet."""
        made = self.admin.authorized("POST", "admin", "/api/jurisdictions", body={"name": f"Area {uuid4().hex}"})
        return int(made.json()["id"])

    def open_election(self, lists: Sequence[str] = ("First", "Second", "Third"), **more: object) -> int:
        """Make an election that is open for an hour, and wait until the stations know it.

        It gets a jurisdiction of its own, because those of one jurisdiction may not overlap. ``more`` is whatever else
        it is made with, such as ``rules``.
        """
        now = datetime.now(UTC)
        made = elections.create(
            self.admin,
            {
                "title": "Journey",
                "kind": "parliamentary",
                "jurisdiction_id": self.new_area(),
                "start": now.isoformat(),
                "end": (now + timedelta(hours=1)).isoformat(),
                "entries": [{"participant_id": participants.create(self.admin, name)["id"]} for name in lists],
                **more,
            },
        )
        number = int(made["id"])
        self.wait_for_station(number)
        return number

    def wait_for_station(self, election: int) -> None:
        """Until the stations take ballots for the election."""
        for _ in range(200):
            known = self.official.get("station", "/api/elections")["items"]
            if any(one["id"] == election and one["open"] for one in known):
                return
            time.sleep(0.05)
        raise AssertionError(f"The stations did not learn of election {election}.")

    def change_account(self, email: str, **changed: object) -> None:
        """Change somebody's account; it holds from the next time that its owner logs in."""
        (found,) = self.admin.get("authentication", "/api/users", search=email)["items"]
        path = f"/api/users/{found['id']}"
        tag = self.admin.authorized("GET", "authentication", path).headers["ETag"]
        self.admin.authorized("PATCH", "authentication", path, body=changed, headers={"If-Match": tag})

    def environment(self, who: str = "official") -> dict[str, str]:
        """The environment of a command: addresses and an account."""
        where = self.suite.addresses
        login = self.suite.facts["administrator"]
        email, password = (self.person.email, PASSWORD) if who == "official" else (login["email"], login["password"])
        return {
            "URNA_AUTHENTICATION_URL": where.authentication,
            "URNA_ADMIN_URL": where.admin,
            "URNA_STATION_URL": where.station,
            "URNA_RESULTS_URL": where.results,
            "URNA_EMAIL": email,
            "URNA_PASSWORD": password,
        }

    def colleague(self) -> dict[str, str]:
        """The environment of one more official, who is new."""
        other = Official(f"{uuid4().hex}@example.org", PASSWORD, "Milan", "Milić", jmbg_of_birth(next(_BIRTHS)))
        register(self.admin, other)
        return {**self.environment(), "URNA_EMAIL": other.email}


def write_ballots(path: Path, poll_numbers: Sequence[int], guids: Sequence[str] = ()) -> list[str]:
    """Write a file with a ballot for each poll number; GUIDs that are not given are new. Returns all of them."""
    used = [*guids, *(str(uuid4()) for _ in range(len(poll_numbers) - len(guids)))]
    path.write_text("".join(f"{guid},{number}\n" for guid, number in zip(used, poll_numbers, strict=True)))
    return used


def read_result(client: Client, election: int) -> dict[str, Any]:
    """The result as everybody sees it."""
    return dict(client.get("results", f"/api/elections/{election}/results", public=True))
