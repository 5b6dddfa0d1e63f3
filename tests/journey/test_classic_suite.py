"""A client of the classic contract against ``urna up --classic``, over real HTTP."""

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import jwt
import pytest

from tests.journey.conftest import StartSuite

OFFICIAL = {
    "jmbg": "0101994704401",
    "forename": "Vera",
    "surname": "Verić",
    "email": "vera@example.org",
    "password": "Password1",
}
KEY = "JWT_SECRET_DEV_KEY"


# Old clients share a short key with the suite, which PyJWT warns of when we check a token with it here.
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_the_classic_journey_with_the_classic_administrator_and_hs256(start_suite: StartSuite) -> None:
    suite = start_suite("--classic", JWT_SECRET_KEY=KEY, ELECTION_TIMEZONE="Europe/Belgrade")
    where = suite.addresses
    assert "FOR DEVELOPMENT ONLY" in suite.said()
    with httpx.Client(timeout=20) as http:

        def log_in(email: str, password: str) -> dict[str, str]:
            answer = http.post(f"{where.authentication}/login", json={"email": email, "password": password})
            assert answer.status_code == 200, answer.text
            claims = jwt.decode(answer.json()["accessToken"], KEY, algorithms=["HS256"])
            assert (claims["email"], claims["exp"] - claims["nbf"]) == (email, 3600)
            return {"Authorization": f"Bearer {answer.json()['accessToken']}"}

        admin = log_in("admin@admin.com", "1")
        assert http.post(f"{where.authentication}/register", json=OFFICIAL).status_code == 200
        official = log_in(OFFICIAL["email"], OFFICIAL["password"])

        ids = []
        for name in ("First", "Second", "Third"):
            party = {"name": name, "individual": False}
            ids.append(http.post(f"{where.admin}/createParticipant", json=party, headers=admin).json()["id"])
        start = datetime.now(UTC) - timedelta(seconds=2)
        end = start + timedelta(seconds=14)
        period = {"start": start.isoformat(), "end": end.isoformat()}
        election = {**period, "individual": False, "participants": ids}
        made = http.post(f"{where.admin}/createElection", json=election, headers=admin)
        assert made.json() == {"pollNumbers": [1, 2, 3]}
        number = http.get(f"{where.admin}/getElections", headers=admin).json()["elections"][0]["id"]

        refused = http.post(f"{where.station}/vote", files={"file": ("x.csv", b"1,2,3\n")}, headers=official)
        assert refused.json() == {"message": "Incorrect number of values on line 0."}
        again, wrong = str(uuid4()), str(uuid4())
        lines = [f"{uuid4()},1" for _ in range(60)] + [f"{uuid4()},2" for _ in range(38)]
        lines += [f"{again},3", f"{again},1", f"{wrong},7"]
        sent = http.post(
            f"{where.station}/vote", files={"file": ("x.csv", "\n".join(lines).encode())}, headers=official
        )
        assert (sent.status_code, sent.content) == (200, b"")
        results = f"{where.admin}/getResults"
        query = {"id": str(number)}
        assert http.get(results, params=query, headers=admin).json() == {"message": "Election is ongoing."}
        deadline = time.monotonic() + 40
        while (answer := http.get(results, params=query, headers=admin)).status_code != 200:
            assert answer.json() == {"message": "Election is ongoing."}
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert datetime.now(UTC) >= end
        assert answer.json()["participants"] == [
            {"pollNumber": 1, "name": "First", "result": 153},
            {"pollNumber": 2, "name": "Second", "result": 97},
            {"pollNumber": 3, "name": "Third", "result": 0},
        ]
        assert answer.json()["invalidVotes"] == [
            {
                "electionOfficialJmbg": OFFICIAL["jmbg"],
                "ballotGuid": again,
                "pollNumber": 1,
                "reason": "Duplicate ballot.",
            },
            {
                "electionOfficialJmbg": OFFICIAL["jmbg"],
                "ballotGuid": wrong,
                "pollNumber": 7,
                "reason": "Invalid poll number.",
            },
        ]
