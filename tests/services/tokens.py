"""Keys and access tokens for the tests, made as the authentication service makes them but without it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.auth import ACCESS_SECONDS
from shared.config import CommonSettings
from shared.terms import Role

S = TypeVar("S", bound=CommonSettings)


@dataclass(frozen=True)
class Keys:
    """An Ed25519 pair as PEM texts."""

    private_pem: str
    public_pem: str


class Token(Protocol):
    """The type of the fixture `token`."""

    def __call__(
        self,
        *roles: Role | str,
        email: str = "official@example.org",
        jmbg: str = "0101994704401",
        forename: str = "Vera",
        surname: str = "Verić",
        **claims: Any,
    ) -> dict[str, str]:
        """The Authorization header of an account with these roles; ``claims`` replace or add claims."""


class ServiceSettings(Protocol):
    """The type of the fixture `service_settings`."""

    def __call__(self, kind: type[S], **values: Any) -> S:
        """Settings of this kind for a service that checks tokens with the test's public key."""


def new_keys() -> Keys:
    """A new pair of keys."""
    private = Ed25519PrivateKey.generate()
    return Keys(
        private_pem=private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        public_pem=private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    )


def access_claims(*roles: Role | str, email: str, jmbg: str, forename: str, surname: str) -> dict[str, Any]:
    """The claims of an access token that is good from now on."""
    now = datetime.now(UTC)
    return {
        "type": "access",
        "fresh": False,
        "jti": "0" * 32,
        "sub": email,
        "nbf": now,
        "exp": now + timedelta(seconds=ACCESS_SECONDS),
        "email": email,
        "jmbg": jmbg,
        "forename": forename,
        "surname": surname,
        "roles": [str(role) for role in roles],
    }


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def signed(claims: dict[str, Any], key: str, algorithm: str = "EdDSA") -> str:
    """A token with these claims."""
    return jwt.encode(claims, key, algorithm=algorithm)
