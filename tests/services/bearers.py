"""Everything that a caller may send as a token, and what it is worth.

The accounts are real ones of an authentication service; the forgeries are an attacker's, who knows the public key, as
everybody may, and would be an administrator.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from jwt.utils import base64url_decode

from shared.terms import Approval, Role
from shared.token_keys import TokenKeys
from tests.services.accounts import Accounts
from tests.services.tokens import Keys, access_claims, bearer, new_keys, signed

MISSING = "Missing Authorization Header"
EXPIRED = "Token has expired"
INVALID = "The token is not valid: "
NO_ACCESS_TOKEN = f"{INVALID}Only non-refresh tokens are allowed."
NO_REFRESH_TOKEN = f"{INVALID}Only refresh tokens are allowed."
NO_ACCESS_TYPE = "This route takes a token of the type access."
BAD_SIGNATURE = f"{INVALID}Signature verification failed."
BAD_ALGORITHM = f"{INVALID}The specified alg value is not allowed."
TOO_DEEP = "maximum recursion depth exceeded while decoding a JSON array from a unicode string"
PAGE_VALUE = "the value of a form"
SAME_ORIGIN = {"Origin": "http://localhost"}
# With all that a page asks for; of no use to a route. What it is worth on a page, test_access_cookies.py says.
# The participant of all campaign directors, and the account of the one who is a candidate and nothing else.
DIRECTED, CANDIDATE_ACCOUNT = 77, 5
COOKIE_OF_A_PAGE = "a cookie as from a page"
# Longer than the whole matrix takes on a busy machine.
SOON = timedelta(hours=12)


@dataclass(frozen=True)
class Bearer:
    """A caller: what is sent, and either why it is no token or what a good one says.

    ``refused`` are the words of the refusal on every route that needs a token; ``refused_refresh`` on those that need
    a refresh token, where they differ. ``account`` is what has become of the account since the token was made: nothing,
    ``deleted``, ``replaced`` by another person's with the same address, ``refused`` or ``demoted``.
    """

    name: str
    headers: dict[str, str]
    refused: str | None = None
    refused_refresh: str | None = None
    roles: frozenset[str] = frozenset()
    refresh: bool = False
    account: str = ""
    query: dict[str, str] = field(default_factory=dict)
    json: dict[str, str] = field(default_factory=dict)


def accounts_bearers(accounts: Accounts) -> list[Bearer]:
    """Callers with tokens of accounts: one for each role, some with several, and some that are none any more."""
    found = []
    groups: dict[str, list[Role]] = {
        **{role.value: [role] for role in Role},
        "voter and official": [Role.VOTER, Role.OFFICIAL],
        "voter and auditor": [Role.VOTER, Role.AUDITOR],
        "candidate and campaign director": [Role.CANDIDATE, Role.CAMPAIGN_DIRECTOR],
        "voter and administrator": [Role.VOTER, Role.ADMINISTRATOR],
    }
    for number, (name, roles) in enumerate(groups.items(), start=1):
        found += _pair(accounts, number, name, roles)
    for number, fate in enumerate(("deleted", "replaced", "refused", "demoted"), start=len(groups) + 1):
        found += _pair(accounts, number, f"administrator, {fate} since", [Role.ADMINISTRATOR], fate)
    return found


def _pair(accounts: Accounts, number: int, name: str, roles: list[Role], fate: str = "") -> list[Bearer]:
    body = accounts.register(number)
    directs = {"participant": DIRECTED} if Role.CAMPAIGN_DIRECTOR in roles else {}
    accounts.change(body["email"], roles=[role.value for role in roles], approval="approved", **directs)
    if roles == [Role.CANDIDATE]:
        assert accounts.user_id(body["email"]) == CANDIDATE_ACCOUNT
    tokens = accounts.tokens(body["email"], body["password"])
    if fate in ("deleted", "replaced"):
        assert accounts.post("/delete", {"email": body["email"]}, accounts.logged_in()).status_code == 200
    if fate == "replaced":
        accounts.register(number + 100, email=body["email"])
        accounts.change(body["email"], roles=[Role.ADMINISTRATOR.value], approval="approved")
    elif fate == "refused":
        accounts.change(body["email"], approval=Approval.REFUSED.value)
    elif fate == "demoted":
        accounts.change(body["email"], roles=[Role.VOTER.value])
    held = frozenset(role.value for role in roles)
    return [
        Bearer(name, bearer(tokens["accessToken"]), roles=held, account=fate),
        Bearer(f"{name}: refresh token", bearer(tokens["refreshToken"]), roles=held, account=fate, refresh=True),
    ]


def strangers(keys: Keys, good: str) -> list[Bearer]:
    """Callers without a token that is good for anything, also where ``good``, an administrator's access token, is."""
    page = signed(claims(csrf=PAGE_VALUE), keys.private_pem)
    return [
        *(Bearer(name, headers, refused=MISSING) for name, headers in _without_token(good, page)),
        *(Bearer(name, bearer(text), refused=f"{INVALID}{words}.") for name, text, words in _garbage(good)),
        *(Bearer(name, {"Authorization": text}, refused=words) for name, text, words in _bad_headers(good)),
        *(Bearer(name, bearer(text), refused=words) for name, text, words in forgeries(keys)),
        *(Bearer(name, bearer(signed(said, keys.private_pem)), *words) for name, said, *words in _bad_claims()),
        *(Bearer(name, bearer(signed(said, keys.private_pem)), roles=roles) for name, said, roles in _odd_claims()),
        Bearer("a good token in the query", {}, refused=MISSING, query={"jwt": good, "access_token": good}),
        Bearer("a good token in the body", {}, refused=MISSING, json={"access_token": good, "jwt": good}),
    ]


def claims(**changed: Any) -> dict[str, Any]:
    """The claims of the first administrator's access token; ``...`` takes one out."""
    said = access_claims(
        Role.ADMINISTRATOR, email="admin@admin.com", jmbg="0000000000000", forename="admin", surname="admin"
    )
    return {name: value for name, value in {**said, **changed}.items() if value is not ...}


def _without_token(good: str, page: str) -> Iterable[tuple[str, dict[str, str]]]:
    return [
        ("no header", {}),
        ("an empty header", {"Authorization": ""}),
        ("blanks", {"Authorization": "   "}),
        ("a comma", {"Authorization": ","}),
        ("a token without a scheme", {"Authorization": good}),
        ("Basic", {"Authorization": "Basic YWRtaW5AYWRtaW4uY29tOjE="}),
        ("Digest", {"Authorization": f'Digest username="admin", response="{good}"'}),
        ("the scheme in small letters", {"Authorization": f"bearer {good}"}),
        ("the scheme and a colon", {"Authorization": f"Bearer: {good}"}),
        ("two tokens", {"Authorization": f"Bearer {good}, Bearer {good}"}),
        ("a cookie", {"Cookie": f"__Host-urna={page}"}),
        (COOKIE_OF_A_PAGE, {"Cookie": f"__Host-urna={page}", "X-CSRF-TOKEN": PAGE_VALUE, **SAME_ORIGIN}),
        ("other cookies", {"Cookie": f"access_token_cookie={page}; access_token={good}; jwt={good}"}),
        ("another header", {"X-Authorization": f"Bearer {good}", "Proxy-Authorization": f"Bearer {good}"}),
    ]


def _bad_headers(good: str) -> Iterable[tuple[str, str, str]]:
    words = f"{INVALID}Bad Authorization header. Expected 'Authorization: Bearer <JWT>'."
    return [
        ("the scheme alone", "Bearer", words),
        ("the scheme and a blank", "Bearer ", words),
        ("a token and a word", f"Bearer {good} {good}", words),
    ]


def _garbage(good: str) -> Iterable[tuple[str, str, str]]:
    head, body, signature = good.split(".")
    return [
        ("a word", "garbage", "Not enough segments"),
        ("letters of another script", "гарбаж", "Not enough segments"),
        ("two segments", f"{head}.{body}", "Not enough segments"),
        ("four segments", f"{good}.{signature}", "Invalid payload padding"),
        ("five segments", f"{good}.{signature}.{signature}", "Invalid payload padding"),
        ("empty segments", "..", "Invalid header string: Expecting value: line 1 column 1 (char 0)"),
        ("no base64", "!!.##.$$", "Invalid header padding"),
        ("base64 of a wrong length", f"a.{body}.{signature}", "Invalid header padding"),
        (
            "a header that is no JSON",
            f"{_part(b'none')}.{body}.{signature}",
            "Invalid header string: Expecting value: line 1 column 1 (char 0)",
        ),
        (
            "a header that is a list",
            f"{_part(b'[]')}.{body}.{signature}",
            "Invalid header string: must be a json object",
        ),
        (
            "a header nested deeply",
            f"{_part(b'[' * 5000)}.{body}.{signature}",
            f"Invalid header string: {TOO_DEEP}",
        ),
        ("a header without an algorithm", f"{_part(b'{}')}.{body}.{signature}", "Algorithm not specified"),
        (
            "a header with an algorithm that is a list",
            f"{_header(alg=[])}.{body}.{signature}",
            "The specified alg value is not allowed",
        ),
        (
            "a header with a number for the key",
            f"{_header(alg='EdDSA', kid=1)}.{body}.{signature}",
            "Key ID header parameter must be a string",
        ),
        (
            "claims that are no JSON",
            f"{head}.{_part(b'none')}.{signature}",
            "Invalid payload string: Expecting value: line 1 column 1 (char 0)",
        ),
        (
            "claims that are a list",
            f"{head}.{_part(b'[]')}.{signature}",
            "Invalid payload string: must be a json object",
        ),
        (
            "claims nested deeply",
            f"{head}.{_part(b'[' * 5000)}.{signature}",
            f"Invalid payload string: {TOO_DEEP}",
        ),
        ("no signature", f"{head}.{body}.", "Signature verification failed"),
        (
            "the signature backwards",
            f"{head}.{body}.{_part(base64url_decode(signature)[::-1])}",
            "Signature verification failed",
        ),
        # Of the last character of 64 bytes only two bits count, and the others have to be 0.
        (
            "a signature in other letters",
            f"{head}.{body}.{signature[:-1]}{chr(ord(signature[-1]) + 1)}",
            "Invalid crypto padding",
        ),
        ("a signature of another length", f"{head}.{body}.{signature[:40]}", "Signature verification failed"),
        (
            "other claims with a good signature",
            f"{head}.{_json(claims(sub='other@example.org'))}.{signature}",
            "Signature verification failed",
        ),
    ]


def forgeries(keys: Keys) -> Iterable[tuple[str, str, str]]:
    """Tokens that somebody without the private key has made, and what each is refused with."""
    other = new_keys()
    pem = keys.public_pem
    key = load_pem_public_key(pem.encode())
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    secrets = {
        "PEM": pem.encode(),
        "PEM without its last line end": pem.rstrip("\n").encode(),
        "PEM with two line ends": pem.encode() + b"\n",
        "PEM of Windows": pem.replace("\n", "\r\n").encode(),
        "PEM in one line": pem.replace("\n", "").encode(),
        "PEM as a secret of a file of settings": pem.replace("\n", "\\n").encode(),
        "base64 of the PEM": pem.splitlines()[1].encode(),
        "DER": key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "raw key": raw,
        "raw key in hexadecimal": raw.hex().encode(),
        "OpenSSH key": key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
    }
    found = [
        (f"HS256 signed with the public key: {name}", mac(claims(), secret), BAD_ALGORITHM)
        for name, secret in secrets.items()
    ]
    found += [
        (f"alg: {name}", f"{_header(alg=name)}.{_json(claims())}.", BAD_ALGORITHM)
        for name in ("none", "None", "nONE", "NONE", "", "RS256", "ES256", "Ed25519", "eddsa")
    ]
    found += [
        ("alg: none with a signature", f"{_header(alg='none')}.{_json(claims())}.{_part(raw)}", BAD_ALGORITHM),
        ("HS256 signed with nothing", mac(claims(), b""), BAD_ALGORITHM),
        ("HS256 named EdDSA", mac(claims(), pem.encode(), "EdDSA"), BAD_SIGNATURE),
        ("HS512 signed with the public key", mac(claims(), pem.encode(), "HS512"), BAD_ALGORITHM),
        ("another key", signed(claims(), other.private_pem), BAD_SIGNATURE),
        ("another key that the token brings along", _bringing_its_key(other), BAD_SIGNATURE),
    ]
    found += [(f"another key that is named {what}", naming(other, name), BAD_SIGNATURE) for what, name in _names(other)]
    own = _name_of(keys)
    found.append(("another key with the name of the right one", naming(other, own), BAD_SIGNATURE))
    # What the right key has signed is no forgery, but the name in it is.
    found += [
        (f"the right key that is named {what}", naming(keys, name), BAD_SIGNATURE) for what, name in _names(other)
    ]
    found += [
        ("the right key with its name in capital letters", naming(keys, own.upper()), BAD_SIGNATURE),
        ("the right key with its name and padding", naming(keys, own + "="), BAD_SIGNATURE),
        ("no algorithm and the right name", f"{_header(alg='none', kid=own)}.{_json(claims())}.", BAD_ALGORITHM),
        ("no algorithm and another name", f"{_header(alg='none', kid='none')}.{_json(claims())}.", BAD_SIGNATURE),
    ]
    return found


def naming(keys: Keys, name: str) -> str:
    """An administrator's token that says in its header that it was signed with the key of this name."""
    return jwt.encode(claims(), keys.private_pem, algorithm="EdDSA", headers={"kid": name})


def _name_of(keys: Keys) -> str:
    return next(iter(TokenKeys.of(keys.public_pem).by_name))


def _names(other: Keys) -> list[tuple[str, str]]:
    """What an attacker may hope that a service looks for, and the name of a key that it does not have."""
    return [
        ("by its own name", _name_of(other)),
        ("with nothing", ""),
        ("by a path", "../../../../dev/null"),
        ("by a file of the service", "/run/secrets/jwt_public_key"),
        ("by an address", "http://127.0.0.1:1/keys"),
        ("by a statement", "x' UNION SELECT 'key' --"),
        ("by a place", "0"),
        ("with a zero byte", "\0"),
        ("with a hundred thousand letters", "A" * 100_000),
    ]


def _bad_claims() -> Iterable[tuple[Any, ...]]:
    """Tokens that the service itself would have to have signed, and what each is refused with."""
    now = datetime.now(UTC)
    return [
        ("expired", claims(exp=now - timedelta(seconds=1)), EXPIRED),
        ("expired long ago", claims(exp=0), EXPIRED),
        ("expired before it began", claims(exp=-1), EXPIRED),
        ("an end that is no number", claims(exp="never"), f"{INVALID}Expiration Time claim (exp) must be an integer."),
        ("an end that is null", claims(exp=None), f"{INVALID}Expiration Time claim (exp) must be an integer."),
        (
            "an end that is infinite",
            claims(exp=float("inf")),
            f"{INVALID}Expiration Time claim (exp) must be an integer.",
        ),
        ("no end", claims(exp=...), "The token does not say when it expires.", NO_REFRESH_TOKEN),
        ("not yet good", claims(nbf=now + SOON), f"{INVALID}The token is not yet valid (nbf)."),
        ("made in the future", claims(iat=now + SOON), f"{INVALID}The token is not yet valid (iat)."),
        ("no subject", claims(sub=...), f"{INVALID}Missing claim: sub."),
        ("a subject that is a number", claims(sub=1), f"{INVALID}Subject must be a string."),
        ("a subject that is null", claims(sub=None), f"{INVALID}Subject must be a string."),
        ("a subject that is a list", claims(sub=["admin@admin.com"]), f"{INVALID}Subject must be a string."),
        ("an empty type", claims(type=""), NO_ACCESS_TYPE, NO_REFRESH_TOKEN),
        ("another type", claims(type="Access"), NO_ACCESS_TYPE, NO_REFRESH_TOKEN),
        ("a type that is a list", claims(type=["access"]), NO_ACCESS_TYPE, NO_REFRESH_TOKEN),
        ("a type that is null", claims(type=None), NO_ACCESS_TYPE, NO_REFRESH_TOKEN),
    ]


def _odd_claims() -> Iterable[tuple[str, dict[str, Any], frozenset[str]]]:
    """Tokens of an account that exists whose claims are odd, and the roles that they give."""
    none: frozenset[str] = frozenset()
    administrator = Role.ADMINISTRATOR.value
    return [
        # As its library, the suite takes it for an access token; only the authentication service could sign one.
        ("no type", claims(type=...), frozenset({administrator})),
        # No account may have all of them, but a token could say so.
        (
            "every role",
            claims(roles=list(Role), participant=DIRECTED, account=CANDIDATE_ACCOUNT),
            frozenset(role.value for role in Role),
        ),
        ("no roles", claims(roles=...), none),
        ("roles that are null", claims(roles=None), none),
        ("roles in one text", claims(roles=administrator), none),
        ("roles with a comma", claims(roles=["administrator,official"]), none),
        ("roles in an object", claims(roles={administrator: True}), none),
        ("roles in a list of lists", claims(roles=[[administrator]]), none),
        ("a role in capital letters", claims(roles=["ADMINISTRATOR"]), none),
        ("a role with a blank", claims(roles=["administrator "]), none),
        ("a role with a letter of another script", claims(roles=["аdministrator"]), none),
        ("an unknown role", claims(roles=["root", "*", "", None, 0, True]), none),
        ("a role beside an unknown one", claims(roles=["root", administrator]), frozenset({administrator})),
    ]


def mac(said: dict[str, Any], secret: bytes, algorithm: str = "HS256") -> str:
    """A token signed with a secret. PyJWT refuses to sign with a public key's text; an attacker's program does not."""
    text = f"{_header(alg=algorithm, typ='JWT')}.{_json(said)}"
    digest = hashlib.sha512 if algorithm == "HS512" else hashlib.sha256
    return f"{text}.{_part(hmac.digest(secret, text.encode(), digest))}"


def _bringing_its_key(keys: Keys) -> str:
    public = load_pem_public_key(keys.public_pem.encode())
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    head = {
        "jwk": {"kty": "OKP", "crv": "Ed25519", "x": _part(raw)},
        "jku": "http://127.0.0.1:1/keys",
        "kid": "../../dev/null",
    }
    return jwt.encode(claims(), keys.private_pem, algorithm="EdDSA", headers=head)


def _header(**said: Any) -> str:
    return _json(said)


def _json(said: dict[str, Any]) -> str:
    seconds = {name: int(value.timestamp()) if isinstance(value, datetime) else value for name, value in said.items()}
    return _part(json.dumps(seconds).encode())


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
