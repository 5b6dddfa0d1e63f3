"""The table of all settings, written from the code; ``python -m shared.settings_table`` prints it for the README."""

from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shared.config import PROGRAM_SETTINGS

_SHORT = {
    "authentication_service": "authentication",
    "admin_service": "administration",
    "voting_station_service": "voting station",
    "daemon": "daemon",
    "results_service": "results",
    "mailer": "mailer",
}
_SERVICES = [name for service, name in _SHORT.items() if service.endswith("_service")]

# What is read from the environment alone, because it is needed before the settings are, or by gunicorn.
PROCESS_SETTINGS = {
    "SECRETS_DIR": (list(_SHORT.values()), "`/run/secrets`", "Directory of secret files, when it is there."),
    "BIND": (_SERVICES, "`127.0.0.1`", "Address on which gunicorn listens."),
    "PORT": (_SERVICES, "`5000`", "Port on which gunicorn listens."),
    "WEB_WORKERS": (_SERVICES, "one for each core, at most 4", "Processes of gunicorn."),
    "WEB_THREADS": (_SERVICES, "`8`", "Threads in each process of gunicorn."),
    "METRICS_DIR": (
        _SERVICES,
        "one of its own in `TMPDIR`",
        "Directory in which the processes of gunicorn keep what they count; emptied at the start.",
    ),
}


def settings_table() -> str:
    """A Markdown table: every setting once, who reads it, its default and what it is for."""
    readers: dict[str, list[str]] = {}
    found: dict[str, FieldInfo] = {}
    for service, kind in PROGRAM_SETTINGS.items():
        for name, field in kind.model_fields.items():
            readers.setdefault(name.upper(), []).append(_SHORT[service])
            found[name.upper()] = field
    rows = [
        (f"`{name}`", _readers(readers[name]), _default(field), field.description or "")
        for name, field in found.items()
    ]
    rows += [
        (f"`{name}`", _readers(who), default, meaning) for name, (who, default, meaning) in PROCESS_SETTINGS.items()
    ]
    lines = ["| Setting | Read by | Default | Meaning |", "| --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def is_secret(field: FieldInfo) -> bool:
    """Whether the setting's value must never be shown."""
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be set"
    value: Any = field.default
    if value is None or value == "":
        return "none"
    return f"`{value}`"


def _readers(names: list[str]) -> str:
    if len(names) == len(_SHORT):
        return "all"
    if names == _SERVICES:
        return "the four services"
    return ", ".join(names)


if __name__ == "__main__":
    print(settings_table(), end="")
