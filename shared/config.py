"""Every setting of the suite, read from the environment, from ``.env`` or from files of secrets.

A secret file lies in the directory that ``SECRETS_DIR`` names (Docker puts them into /run/secrets) and bears the
name of its setting in lower case. No secret has a default: a service that lacks one does not start and says which.
"""

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.errors import Misconfigured
from shared.terms import Role

# As a browser sends it in the header Origin; a name or an address, and a port where it is not the scheme's own.
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")

# Where the pages of a service begin: a path of the same host, a port of it, or another host; with a slash at the end.
_SITE = re.compile(r"((https?://([a-z0-9.-]+|\[[0-9a-f:]+\]))?(:[0-9]{1,5})?)(/[A-Za-z0-9._~-]+)*/")

# One mail address, and nothing that a header of a mail could take for more.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")

# Of the daemon and of whoever sends mails, which no one asks by HTTP whether they live.
_HEARTBEAT_FILE: Any = Field(
    None, description="File that this program touches while it works, for the check of its container."
)

MAX_UPLOAD_BYTES = 128 * 1024 * 1024


class CommonSettings(BaseSettings):
    """What the services and the daemon have in common."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", hide_input_in_errors=True)

    environment: Literal["development", "production"] = Field(
        "production", description="`development` allows a `JWT_SECRET_KEY` of fewer than 32 characters."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe log lines that are written."
    )


class WebSettings(CommonSettings):
    """What every service with routes needs."""

    jwt_algorithm: Literal["EdDSA", "HS256"] = Field(
        "EdDSA",
        description="How tokens are signed. HS256 serves old clients and needs `JWT_SECRET_KEY` everywhere.",
    )
    jwt_public_key: str | None = Field(
        None,
        description="PEM of the Ed25519 public key that checks tokens (EdDSA); while keys are changed, of several, "
        "the newest first.",
    )
    jwt_secret_key: SecretStr | None = Field(
        None, description="Secret. The key, at least 32 bytes, that signs and checks tokens (HS256)."
    )
    cors_origins: list[str] = Field(
        [], description="JSON list of the web origins whose pages may call the services; none by default."
    )
    trusted_proxies: int = Field(
        0, ge=0, le=5, description="How many proxies in front may be believed about the caller's address."
    )

    results_site: str = Field(
        "/results/",
        description="Where the pages of the results begin for a browser: a path such as `/results/`, a port of the "
        "same host such as `:5003/`, or an address.",
    )
    station_site: str = Field("/station/", description="The same for the pages of the voting station service.")
    administration_site: str = Field(
        "/administration/", description="The same for the pages of the administration service."
    )
    account_site: str = Field(
        "/authentication/", description="The same for the pages of the authentication service, where people sign in."
    )

    @field_validator("results_site", "station_site", "administration_site", "account_site")
    @classmethod
    def _is_a_site(cls, value: str) -> str:
        if not _SITE.fullmatch(value):
            raise ValueError(
                f"{value!r} is no place of pages such as /results/, :5003/ or https://urna.example/results/"
            )
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: list[str]) -> list[str]:
        # A path, a slash at the end or a pattern would match nothing, or more than was meant.
        for origin in value:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin such as https://urna.example or http://127.0.0.1:8080")
        return value

    @model_validator(mode="after")
    def _has_a_key_to_check_tokens(self) -> "WebSettings":
        if self.jwt_algorithm == "EdDSA" and not self.jwt_public_key:
            raise ValueError("JWT_PUBLIC_KEY is needed while JWT_ALGORITHM is EdDSA")
        if self.jwt_algorithm == "HS256":
            if self.jwt_secret_key is None:
                raise ValueError("JWT_SECRET_KEY is needed while JWT_ALGORITHM is HS256")
            # RFC 7518, section 3.2 asks for a key as long as the hash; old development keys are often shorter.
            if self.environment == "production" and len(self.jwt_secret_key.get_secret_value()) < 32:
                raise ValueError("JWT_SECRET_KEY has to have at least 32 characters outside development")
        return self


class ElectionTimeSettings(CommonSettings):
    """What everybody needs who says on which day an election is."""

    election_timezone: str = Field(
        "UTC",
        description="IANA time zone of dates that come without an offset, and of the classic answers; "
        "the day of an election is one there.",
    )

    @field_validator("election_timezone")
    @classmethod
    def _is_a_time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("this has to be an IANA name such as Europe/Belgrade") from error
        return value


class MailSettings(CommonSettings):
    """What the authentication service needs to put mails into its store."""

    accounts_database_url: SecretStr = Field(
        description="Secret. SQLAlchemy URL of the accounts store (`mysql+pymysql`, `postgresql+psycopg` or `sqlite`)."
    )
    register_key: SecretStr = Field(
        min_length=32,
        description="Secret. At least 32 characters that national ids, the private keys of elections and mails that "
        "wait are sealed with; who loses it loses these.",
    )
    smtp_host: str = Field(
        "", description="Server that takes mails, by SMTP; empty: this installation sends none, and its pages say so."
    )
    mail_sender: str = Field("", description="Address that mails come from.")
    account_address: str = Field(
        "",
        description="Public address of the account's pages, for links in mails, such as "
        "`https://urna.example/authentication/`.",
    )
    help_contact: str = Field(
        "",
        max_length=200,
        description="Whom people ask about their account, for pages and mails: an office, a phone number, an address.",
    )

    @model_validator(mode="after")
    def _can_write_mails(self) -> "MailSettings":
        if not self.smtp_host:
            return self
        if not _ADDRESS.fullmatch(self.mail_sender):
            raise ValueError("MAIL_SENDER has to be a mail address while SMTP_HOST is set")
        # Where a link leads must never be decided by what a caller says of himself, so it has to be said here.
        if not self.account_address.startswith(("http://", "https://")) or not _SITE.fullmatch(self.account_address):
            raise ValueError(
                "ACCOUNT_ADDRESS has to be the whole address of the account's pages, with a slash at its end, such as "
                "https://urna.example/authentication/, while SMTP_HOST is set"
            )
        return self


class MailerSettings(MailSettings):
    """What the program needs that sends the mails of the store (``python -m authentication_service.mailer``)."""

    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        description="How the way there is secured: `starttls` (usual on port 587), `tls` (on port 465), or `none`, for "
        "a server on the same machine.",
    )
    smtp_ca_file: Path | None = Field(
        None, description="PEM of the authorities that certify it; left out: those that the machine trusts."
    )
    smtp_user: str = Field("", description="As whom the program logs in there; empty: it does not.")
    smtp_password: SecretStr | None = Field(None, description="Secret. The password for `SMTP_USER`.")
    heartbeat_file: Path | None = _HEARTBEAT_FILE

    @model_validator(mode="after")
    def _tells_its_password_to_that_server_alone(self) -> "MailerSettings":
        if self.smtp_host and self.smtp_user:
            if self.smtp_password is None:
                raise ValueError("SMTP_PASSWORD is needed while SMTP_USER is set")
            if self.smtp_security == "none" and self.environment == "production":
                raise ValueError("SMTP_SECURITY has to be starttls or tls while SMTP_USER is set")
        return self


class AuthenticationSettings(WebSettings, ElectionTimeSettings, MailSettings):
    """What the authentication service needs."""

    jwt_private_key: SecretStr | None = Field(
        None, description="Secret. PEM of the Ed25519 private key that signs tokens (EdDSA)."
    )
    admin_email: str = Field(description="Address of the first administrator, made when the store has none.")
    admin_password: SecretStr = Field(description="Secret. Password of the first administrator.")
    admin_jmbg: str = Field(
        "0000000000000", pattern="^[0-9]{13}$", description="National id of the first administrator."
    )
    register_key_former: SecretStr | None = Field(
        None,
        description="Secret. While that key is changed, the one before: the program that prepares the store seals all "
        "anew.",
    )
    registration: Literal["open", "approval"] = Field(
        "approval",
        description="Whether new officials may act at once (`open`) or wait for an administrator (`approval`).",
    )
    second_factor_roles: Annotated[list[Role], NoDecode] = Field(
        [],
        description="Roles whose accounts may be used only with a second factor, with commas between them, such as "
        "`administrator,official`. The classic log-in is closed to them.",
    )
    password_memory_kib: int = Field(
        19456, ge=8, description="Memory in KiB that Argon2id takes for one password hash."
    )
    password_passes: int = Field(2, ge=1, le=100, description="How often Argon2id passes over that memory.")
    password_lanes: int = Field(1, ge=1, le=64, description="Lanes of Argon2id, each of at least 8 KiB.")
    login_failures: int = Field(
        10,
        ge=1,
        description="Failed log-ins with one name from one address within an hour from which on the next has to wait.",
    )
    login_failures_per_account: int = Field(
        30,
        ge=1,
        description="The same for one name from all addresses from which its account has not logged in before.",
    )
    login_failures_per_address: int = Field(
        100,
        ge=1,
        description="The same for one address and all names whose account has not logged in from there before.",
    )
    login_delay_seconds: int = Field(
        30, ge=1, le=3600, description="The first such wait in seconds; it doubles with each further failure."
    )
    login_longest_delay_seconds: int = Field(900, ge=1, le=3600, description="The longest such wait in seconds.")
    registrations_per_hour: int = Field(
        300, ge=1, description="Registrations from one address within an hour, from which on 429 is answered."
    )
    password_resets_per_hour: int = Field(
        20,
        ge=1,
        description="Links to set a password anew that one address may ask for within an hour, from which on 429 is "
        "answered.",
    )
    password_resets_per_name: int = Field(
        5, ge=1, description="The same for one name, whether or not somebody has it, from all addresses."
    )
    shared_addresses: list[str] = Field(
        [],
        description="JSON list of networks, such as Swarm's `10.0.0.0/8`, that hide who calls; the limits of one "
        "address do not hold there.",
    )

    @field_validator("second_factor_roles", mode="before")
    @classmethod
    def _are_roles(cls, value: object) -> object:
        named = value.replace(",", " ").split() if isinstance(value, str) else value
        if isinstance(named, list) and (wrong := [name for name in named if name not in set(Role)]):
            raise ValueError(f"{wrong[0]!r} is no role; there are {', '.join(Role)}")
        return named

    @field_validator("shared_addresses")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        for network in value:
            try:
                ip_network(network)
            except ValueError as error:
                raise ValueError(f"{network} is no network such as 10.0.0.0/8: {error}") from error
        return value

    @model_validator(mode="after")
    def _has_a_key_to_sign_tokens(self) -> "AuthenticationSettings":
        if self.jwt_algorithm == "EdDSA" and self.jwt_private_key is None:
            raise ValueError("JWT_PRIVATE_KEY is needed while JWT_ALGORITHM is EdDSA")
        return self

    @model_validator(mode="after")
    def _has_memory_for_each_lane(self) -> "AuthenticationSettings":
        if self.password_memory_kib < 8 * self.password_lanes:
            raise ValueError("PASSWORD_MEMORY_KIB has to be at least 8 for each of the PASSWORD_LANES")
        return self


class ElectionStoreSettings(CommonSettings):
    """What everybody needs who reaches the election store."""

    election_database_url: SecretStr = Field(
        description="Secret. SQLAlchemy URL of the election store, with the database user of this service."
    )


class AdministrationSettings(WebSettings, ElectionStoreSettings, ElectionTimeSettings):
    """What the administration service needs."""


class QueueSettings(CommonSettings):
    """What everybody needs who reaches Redis."""

    redis_url: SecretStr = Field(description="Secret. URL of Redis, with user and password.")


class StationSettings(WebSettings, QueueSettings):
    """What the voting station service needs."""

    max_upload_bytes: int = Field(
        MAX_UPLOAD_BYTES, ge=1, description="Size in bytes over which an upload is refused with 413."
    )
    max_part_ballots: int = Field(
        20_000, ge=1, le=200_000, description="The most ballots that one part of an upload holds."
    )
    max_queued_ballots: int = Field(
        20_000_000, ge=1, description="Ballots waiting in Redis from which on uploads are answered with 503."
    )
    uploads_per_minute: int = Field(
        6000,
        ge=1,
        description="Accepted uploads of one official in a minute, at all stations, from which on 429 is answered.",
    )
    refused_uploads_per_minute: int = Field(
        300,
        ge=1,
        description="Refused uploads of one official in a minute, and as many files that are only checked, at one "
        "process, from which on 429 is answered.",
    )
    ballot_repetitions_per_minute: int = Field(
        1,
        ge=1,
        description="How often a voter's ballot, which counts once, is taken in a minute at one process, from which on "
        "409 says that it was cast before.",
    )
    receipt_days: int = Field(
        30, ge=1, le=400, description="Days for which Redis remembers batches and idempotency keys."
    )


class DaemonSettings(QueueSettings, ElectionStoreSettings):
    """What the daemon needs."""

    partitions: int = Field(
        4,
        ge=1,
        le=256,
        description="Ordered queues that the ballots are parted into; recorded at the first start.",
    )
    lease_seconds: float = Field(
        10.0, ge=1, le=300, description="Seconds after which a silent daemon's partitions are taken over."
    )
    heartbeat_file: Path | None = _HEARTBEAT_FILE
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port on which the daemon answers `/metrics`, `/health/live` and `/health/ready`.",
    )
    metrics_bind: str = Field("127.0.0.1", description="Address on which it does so.")


class ResultsSettings(WebSettings, QueueSettings, ElectionStoreSettings):
    """What the results service needs."""

    live_watchers: int = Field(
        10_000, ge=1, description="Readers of live results in one process from which on more are answered with 503."
    )
    record_signing_key: SecretStr | None = Field(
        None,
        description="Secret. PEM of the Ed25519 private key that signs the records of results; without it they are not "
        "signed.",
    )
    record_public_key: str | None = Field(
        None,
        description="PEM of the Ed25519 public keys that check records, the newest first: that of "
        "`RECORD_SIGNING_KEY`, and those of records signed before; left out: that one alone.",
    )


SERVICE_SETTINGS: dict[str, type[CommonSettings]] = {
    "authentication_service": AuthenticationSettings,
    "admin_service": AdministrationSettings,
    "voting_station_service": StationSettings,
    "daemon": DaemonSettings,
    "results_service": ResultsSettings,
}

# Those, and the one program beside them that has settings of its own.
PROGRAM_SETTINGS: dict[str, type[CommonSettings]] = {**SERVICE_SETTINGS, "mailer": MailerSettings}

S = TypeVar("S", bound=CommonSettings)


def load(kind: type[S], **overrides: Any) -> S:
    """Read the settings of one kind; ``overrides`` win over environment and files.

    Raises ``Misconfigured`` with one line for each setting that is missing or wrong, never with a secret's value.
    """
    secrets = os.environ.get("SECRETS_DIR", "/run/secrets")
    try:
        # pydantic-settings takes this argument beside the fields and types it for its own class only.
        return kind(_secrets_dir=secrets if Path(secrets).is_dir() else None, **overrides)  # type: ignore[call-arg]
    except ValidationError as error:
        raise Misconfigured(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"]).upper()
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {message}" if name else message)
    return "These settings do not allow a start (environment, .env or secret file):\n  " + "\n  ".join(lines)
