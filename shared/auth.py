"""Who may use a route, said on the route, and who is asking.

Every view declares exactly one of ``public``, ``requires``, ``requires_refresh``, their classic twins or those of pages
in ``shared.web.cookies``;
``shared.web.finish`` refuses to start a service with a view that declares none. There is no switch that turns this off.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from typing import Any, ParamSpec, TypeVar

from flask import Flask, current_app, g, request
from flask_jwt_extended import JWTManager, get_jwt, verify_jwt_in_request
from jwt.exceptions import InvalidSignatureError

from shared.config import WebSettings
from shared.errors import Forbidden, Unauthenticated
from shared.journal import events
from shared.sentences import listed, say
from shared.terms import Role
from shared.token_keys import TokenKeys, signing_name

P = ParamSpec("P")
R = TypeVar("R")

ACCESS_SECONDS = 3600
REFRESH_SECONDS = 2_592_000
# The polling stations that an official belongs to, by their numbers.
STATIONS_CLAIM = "stations"
# Of which participant a campaign director is one, and by which account a candidate acts, by their numbers.
PARTICIPANT_CLAIM = "participant"
ACCOUNT_CLAIM = "account"
MISSING_HEADER = "Missing Authorization Header"

_MOST_KNOWN_TOKENS = 1000


@dataclass(frozen=True)
class Access:
    """What a view has declared: ``token`` is None for public views, else the type of token that it takes."""

    token: str | None
    roles: frozenset[Role]
    classic: bool = False
    # A page or its form: the token is in a cookie, and in no header.
    page: bool = False


@dataclass(frozen=True)
class Identity:
    """Who a valid token speaks for."""

    email: str
    jmbg: str
    forename: str
    surname: str
    roles: frozenset[str]
    # The ids of the log-in that the token comes from and of the token itself.
    session: str = ""
    token: str = ""
    stations: frozenset[int] = frozenset()
    participant: int | None = None
    account: int | None = None

    def has(self, role: Role) -> bool:
        return role.value in self.roles


class ClassicUnauthorized(Exception):
    """A classic route was called with a role that may not use it; answered with 401 as the contract says."""


def public(view: Callable[P, R]) -> Callable[P, R]:
    """Anybody may use this route, without a token."""
    view.access = Access(None, frozenset())  # type: ignore[attr-defined]  # A view carries its own rule.
    return view


def requires(*roles: Role) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Holders of an access token with one of ``roles`` may use this route; no roles: any account."""
    return _guard(Access("access", frozenset(roles)))


def requires_refresh(view: Callable[P, R]) -> Callable[P, R]:
    """This route takes a refresh token."""
    return _guard(Access("refresh", frozenset()))(view)


def classic_requires(*roles: Role) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """As ``requires``, and a wrong role gets the classic contract's 401."""
    return _guard(Access("access", frozenset(roles), classic=True))


def classic_requires_refresh(view: Callable[P, R]) -> Callable[P, R]:
    """As ``requires_refresh``, on a classic route."""
    return _guard(Access("refresh", frozenset(), classic=True))(view)


def identity() -> Identity:
    """Who is asking. Only inside a view that is not public."""
    claims = g.claims
    return Identity(
        email=str(claims["sub"]),
        jmbg=str(claims.get("jmbg", "")),
        forename=str(claims.get("forename", "")),
        surname=str(claims.get("surname", "")),
        roles=_roles(claims),
        session=str(claims.get("sid", "")),
        token=str(claims.get("jti", "")),
        stations=_stations(claims),
        participant=_number(claims, PARTICIPANT_CLAIM),
        account=_number(claims, ACCOUNT_CLAIM),
    )


def admit(access: Access, claims: dict[str, Any]) -> None:
    """Let the holder of a valid token in, or refuse who needs another one."""
    g.claims = claims
    # Flask-JWT-Extended takes whatever is not a refresh token for an access token.
    if claims["type"] != access.token:
        raise Unauthenticated(say("This route takes a token of the type {type}.", type=str(access.token)))
    if "exp" not in claims:
        # The library takes it for good for ever.
        raise Unauthenticated("The token does not say when it expires.")
    if not isinstance(claims.get("sub"), str):
        raise Unauthenticated("The token does not say whom it speaks for.")
    # Before the roles are looked at: who may not do something has tried it, and that is for the journal, too.
    events.act_as(claims["sub"])
    if access.roles and not access.roles & _roles(claims):
        if access.classic:
            raise ClassicUnauthorized
        names = [_ROLES[role] for role in sorted(access.roles, key=lambda role: role.value)]
        raise Forbidden(say("This needs one of these roles: {names}.", names=listed(names)))


_ROLES = {
    Role.ADMINISTRATOR: say("administrator"),
    Role.OFFICIAL: say("official"),
    Role.VOTER: say("voter"),
    Role.CANDIDATE: say("candidate"),
    Role.CAMPAIGN_DIRECTOR: say("campaign_director"),
    Role.AUDITOR: say("auditor"),
}


def access_of(view: Any) -> Access | None:
    """What a view declares, or None when it declares nothing."""
    declared = getattr(view, "access", None)
    return declared if isinstance(declared, Access) else None


def configure_tokens(app: Flask, settings: WebSettings, private_key: str | None = None) -> JWTManager:
    """Let ``app`` check tokens, and sign them when it is given the private key (or shares the HS256 key).

    Raises ``Misconfigured`` when a key is none, or when nobody could check what the private key signs.
    """
    app.config.update(
        JWT_ALGORITHM=settings.jwt_algorithm,
        # Pages alone say that they take a cookie (shared.web.cookies).
        JWT_TOKEN_LOCATION=["headers"],
        # Would put a second value against forged requests into every token. Only one in a cookie needs it, and the
        # others have the claims of their contract.
        JWT_COOKIE_CSRF_PROTECT=False,
        JWT_ACCESS_TOKEN_EXPIRES=ACCESS_SECONDS,
        JWT_REFRESH_TOKEN_EXPIRES=REFRESH_SECONDS,
        # The algorithm of the settings only: a token may never choose how it is checked.
        JWT_DECODE_ALGORITHMS=[settings.jwt_algorithm],
    )
    tokens = JWTManager(app)
    if settings.jwt_algorithm == "EdDSA":
        _take_keys(tokens, TokenKeys.of(settings.jwt_public_key or ""), private_key)
    else:
        assert settings.jwt_secret_key is not None  # noqa: S101 -- the settings have checked it.
        app.config["JWT_SECRET_KEY"] = settings.jwt_secret_key.get_secret_value()
    app.extensions["known_tokens"] = _KnownTokens()
    return tokens


def _take_keys(tokens: JWTManager, keys: TokenKeys, private_key: str | None) -> None:
    """Check each token with the one of ``keys`` that it names, and name the key in those that are signed."""

    @tokens.decode_key_loader
    def _key(header: dict[str, Any], _claims: dict[str, Any]) -> Any:
        key = keys.find(header.get("kid"))
        if key is None:
            # The same words as for a signature that is not right: which keys there are is nobody's business.
            raise InvalidSignatureError("Signature verification failed")
        return key

    if private_key is not None:
        name = signing_name(private_key, keys)
        tokens.encode_key_loader(lambda _identity: private_key)
        tokens.additional_headers_loader(lambda _identity: {"kid": name})


class _KnownTokens:
    """The claims of access tokens that were found good; to check one takes a quarter of a millisecond.

    Nothing but its age makes a good access token a bad one, so it is known until it expires. It is known by its hash,
    because a token is as good as a password.
    """

    def __init__(self) -> None:
        self._claims: dict[bytes, dict[str, Any]] = {}

    def claims(self) -> dict[str, Any]:
        """The claims of the token that this request bears; raises what the library raises for one that is not good."""
        digest = sha256(request.headers.get("Authorization", "").encode()).digest()
        claims = self._claims.get(digest)
        if claims is None or int(claims["exp"]) <= time.time():
            verify_jwt_in_request()
            claims = get_jwt()
            if "exp" in claims:
                if len(self._claims) >= _MOST_KNOWN_TOKENS:
                    self._claims.clear()
                self._claims[digest] = claims
        return claims


def _roles(claims: dict[str, Any]) -> frozenset[str]:
    roles = claims.get("roles")
    return frozenset(str(role) for role in roles) if isinstance(roles, list) else frozenset()


def _stations(claims: dict[str, Any]) -> frozenset[int]:
    stations = claims.get(STATIONS_CLAIM)
    return frozenset(one for one in stations if type(one) is int) if isinstance(stations, list) else frozenset()


def _number(claims: dict[str, Any], name: str) -> int | None:
    number = claims.get(name)
    return number if type(number) is int else None


def _guard(access: Access) -> Callable[[Callable[P, R]], Callable[P, R]]:
    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if access.token == "refresh":
                verify_jwt_in_request(refresh=True)
                admit(access, get_jwt())
            else:
                admit(access, current_app.extensions["known_tokens"].claims())
            return view(*args, **kwargs)

        guarded.access = access  # type: ignore[attr-defined]  # A view carries its own rule.
        return guarded

    return decorate
