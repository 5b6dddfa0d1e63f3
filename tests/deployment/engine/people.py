"""Who works in a deployment, and the election that they hold."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

from cli import elections, participants
from cli.client import Client
from cli.demo.people import Official, jmbg_of_birth, register
from cli.suite.directory import make_password
from tests.deployment.engine.deployment import Deployment, until

# Two accounts of one deployment may not have the same citizen number.
_BIRTHS = count(1)


def new_official(deployment: Deployment, admin: Client) -> Client:
    """Register an official, whom the administrator approves; logged in."""
    person = Official(f"{uuid4().hex}@urna.example", make_password(), "Vera", "Vujić", jmbg_of_birth(next(_BIRTHS)))
    register(admin, person)
    (account,) = admin.get("authentication", "/api/users", search=person.email)["items"]
    answer = admin.authorized("GET", "authentication", f"/api/users/{account['id']}")
    admin.authorized(
        "PATCH",
        "authentication",
        f"/api/users/{account['id']}",
        body={"approval": "approved"},
        headers={"If-Match": answer.headers["ETag"]},
    )
    client = deployment.client(person.email, person.password)
    client.log_in()
    return client


def open_election(admin: Client, official: Client, lists: Sequence[str], **details: object) -> int:
    """Make an election that is open for a day in an area of its own, and wait until the stations know it."""
    area = admin.authorized("POST", "admin", "/api/jurisdictions", body={"name": f"Area {uuid4().hex}"}).json()["id"]
    now = datetime.now(UTC)
    made = elections.create(
        admin,
        {
            "title": "A night at the harbour",
            "kind": "parliamentary",
            "jurisdiction_id": area,
            "start": now.isoformat(),
            "end": (now + timedelta(days=1)).isoformat(),
            **(details or {"entries": [{"participant_id": participants.create(admin, name)["id"]} for name in lists]}),
        },
    )
    number = int(made["id"])
    until(
        lambda: any(one["id"] == number and one["open"] for one in official.get("station", "/api/elections")["items"]),
        f"The stations did not learn of election {number}.",
    )
    return number
