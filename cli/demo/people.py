"""The people of the demonstration: officials with invented names and valid citizen numbers."""

from dataclasses import dataclass
from typing import Any

from cli import registration
from cli.client import Client
from cli.suite.directory import make_password
from shared.terms import Role

_WEIGHTS = (7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_NAMES = (("Ана", "Аврамов"), ("Борис", "Бабић"), ("Вера", "Вујић"), ("Горан", "Гаврић"))


@dataclass(frozen=True)
class Official:
    """An official who may hand in ballots."""

    email: str
    password: str
    forename: str
    surname: str
    jmbg: str


def make_official(number: int) -> Official:
    """The official of this number, from 1, with a password that is made anew in every run."""
    forename, surname = _NAMES[(number - 1) % len(_NAMES)]
    return Official(f"official{number}@urna.example", make_password(), forename, surname, jmbg_of_birth(number))


def make_officials() -> list[Official]:
    """As many officials as there are names."""
    return [make_official(number) for number in range(1, len(_NAMES) + 1)]


def jmbg_of_birth(number: int) -> str:
    """A valid JMBG: the ``number``-th girl born in Belgrade on 1 January 1990."""
    digits = f"010199071{500 + number:03d}"
    control = 11 - sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=True)) % 11
    return digits + str(control if control < 10 else 0)


def register(client: Client, official: Official) -> dict[str, Any]:
    """Register an official; the account as the service made it."""
    return registration.register(client, **vars(official), role=Role.OFFICIAL.value)
