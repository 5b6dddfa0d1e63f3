"""Devices that make codes, and accounts that have a second factor."""

import base64
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from werkzeug.test import TestResponse

from tests.services.accounts import PASSWORD, Accounts
from tests.services.tokens import bearer


@dataclass
class Device:
    """What makes codes of a secret, as it was shown in base 32."""

    secret: str

    def code(self, moment: datetime) -> str:
        """The six digits that it shows at this moment."""
        return TOTP(base64.b32decode(self.secret), 6, SHA1(), 30).generate(int(moment.timestamp())).decode()


@dataclass
class Owner:
    """Somebody with an account on a running service, whose second factor may be set up."""

    accounts: Accounts
    email: str
    password: str = PASSWORD
    device: Device = field(default_factory=lambda: Device(""))
    recovery_codes: list[str] = field(default_factory=list)

    def begin(self, **headers: str) -> TestResponse:
        """The first step of a log-in."""
        return self.accounts.post("/api/login", {"login": self.email, "password": self.password}, headers)

    def challenge(self) -> str:
        """What the first step answers where a second factor is wanted."""
        response = self.begin()
        assert response.status_code == 202, response.get_data(as_text=True)
        return str(response.get_json()["challenge"])

    def finish(self, code: str, challenge: str = "") -> TestResponse:
        """The second step of a log-in."""
        return self.accounts.post("/api/login/code", {"challenge": challenge or self.challenge(), "code": code})

    def set_up(self, moment: datetime) -> dict[str, str]:
        """Set the second factor up, with the code of this moment; the header of the session that did it."""
        tokens: dict[str, Any] = self.begin().get_json()
        headers = bearer(tokens["access_token"])
        offer = self.accounts.post("/api/second-factor", {"password": self.password}, headers).get_json()
        self.device = Device(offer["secret"])
        body = {"offer": offer["offer"], "code": self.device.code(moment)}
        response = self.accounts.post("/api/second-factor/confirmation", body, headers)
        assert response.status_code == 201, response.get_data(as_text=True)
        self.recovery_codes = response.get_json()["recovery_codes"]
        return headers
