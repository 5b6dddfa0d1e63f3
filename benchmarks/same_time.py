"""How long a failed log-in takes for a name that somebody has and for one that nobody has.

``python -m benchmarks.same_time [ROUNDS]`` prints the median processor time of each kind, and its ratio to an unknown
name's. Times of a network are left out: they would hide a difference, which an attacker can average out.
"""

import statistics
import sys
import tempfile
import time

import sqlalchemy as sa
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from authentication_service.app import create_app
from authentication_service.prepare import prepare
from authentication_service.rules import jmbg_control_digit
from shared.config import AuthenticationSettings, load
from shared.database import Database
from shared.schema.accounts import Attempt

ADMIN = {"email": "admin@example.org", "password": "Adm1nPassword"}
KINDS = ["unknown", "known", "waiting", "deleted"]


def settings(directory: str) -> AuthenticationSettings:
    """Those of a service on SQLite, with the hashes that it computes unless told otherwise."""
    private = Ed25519PrivateKey.generate()
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    public = private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    return load(
        AuthenticationSettings,
        _env_file=None,
        log_level="error",
        accounts_database_url=f"sqlite:///{directory}/accounts.sqlite3",
        jwt_private_key=private.private_bytes(pem, serialization.PrivateFormat.PKCS8, none).decode(),
        jwt_public_key=public.decode(),
        admin_email=ADMIN["email"],
        admin_password=ADMIN["password"],
        register_key="the key of a register without a citizen",
    )


def measure(rounds: int) -> dict[str, float]:
    """The median processor time in milliseconds of a failed log-in, by the kind of its name."""
    with tempfile.TemporaryDirectory() as directory:
        chosen = settings(directory)
        prepare(chosen)
        app = create_app(chosen)
        client, database = app.test_client(), app.extensions["database"]
        assert isinstance(database, Database)  # noqa: S101 -- create_app has put it there.
        for number, kind in enumerate(KINDS[1:]):
            twelve = f"01019907100{number}"
            person = {"jmbg": twelve + str(jmbg_control_digit(twelve)), "forename": "Vera", "surname": "Verić"}
            client.post("/register", json={**person, "email": f"{kind}@example.org", "password": "Str0ngPassword"})
        token = client.post("/login", json=ADMIN).get_json()["accessToken"]
        client.post("/delete", json={"email": "deleted@example.org"}, headers={"Authorization": f"Bearer {token}"})
        known = {"Authorization": f"Bearer {token}", "If-Match": "*"}
        client.patch("/api/users/2", json={"approval": "approved"}, headers=known)
        took: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for turn in range(rounds):
            # In turns, and each kind first once, so that what else the machine does meets all of them alike.
            for kind in KINDS[turn % len(KINDS) :] + KINDS[: turn % len(KINDS)]:
                began = time.thread_time()
                answer = client.post("/login", json={"email": f"{kind}@example.org", "password": "x"})
                took[kind].append(time.thread_time() - began)
                assert answer.get_json() == {"message": "Invalid credentials."}  # noqa: S101 -- Or it measures nothing.
            with database.writing() as session:
                session.execute(sa.delete(Attempt))
        database.close()
    return {kind: statistics.median(seconds) * 1000 for kind, seconds in took.items()}


if __name__ == "__main__":
    medians = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
    for kind, milliseconds in medians.items():
        print(f"{kind:8} {milliseconds:7.2f} ms  {milliseconds / medians['unknown']:.3f}")
