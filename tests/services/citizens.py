"""A citizens' register for tests: its citizens, and files of them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from werkzeug.test import TestResponse

from authentication_service.rules import jmbg_control_digit
from authentication_service.rules.citizens import COLUMNS, name_key
from shared.database import Database
from shared.schema.accounts import Citizen
from shared.sealing import NationalIds


def national_id(number: int, born_on: date = date(1990, 1, 1)) -> str:
    """The ``number``-th valid national id of somebody born on that day."""
    first_twelve = f"{born_on:%d%m}{born_on.year % 1000:03d}{71 + number // 1000}{number % 1000:03d}"
    return first_twelve + str(jmbg_control_digit(first_twelve))


def citizen(number: int = 1, **changed: Any) -> dict[str, Any]:
    """A citizen as a line of a file has him; ``changed`` replaces columns."""
    described = {
        "national_id": national_id(number),
        "forename": "Vera",
        "surname": "Verić",
        "born_on": "1990-01-01",
        "birthplace": "Ниш",
        "address": f"Главна {number}",
        "region": "Нишавски",
        "federal_unit": "Србија",
    }
    return {**described, **changed}


def csv_of(rows: Iterable[dict[str, Any]], columns: Iterable[str] = COLUMNS[:-1]) -> bytes:
    """The file with these lines."""
    names = list(columns)
    lines = [",".join(names), *(",".join(str(row.get(name, "")) for name in names) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def have_citizens(database: Database, key: str, national_ids: Iterable[str], **changed: Any) -> None:
    """Put citizens into the register past the service, those who are not in it yet."""
    ids = NationalIds(key)
    described = citizen(**changed)
    described |= {"born_on": date.fromisoformat(described["born_on"])}
    del described["national_id"]
    fixed = {
        **described,
        "name_key": name_key(described["forename"], described["surname"]),
        "status": "registered",
        "imported_at": datetime.now(UTC),
        "version": 1,
    }
    rows = [{**fixed, **dict(zip(("jmbg_key", "jmbg_sealed"), ids.kept(one), strict=True))} for one in national_ids]
    with database.writing() as session:
        known = set(session.scalars(sa.select(Citizen.jmbg_key)))
        if new := [row for row in rows if row["jmbg_key"] not in known]:
            session.execute(sa.insert(Citizen), new)


def bring(accounts: Any, content: bytes, headers: dict[str, str] | None = None, **query: str) -> TestResponse:
    """Send a file of citizens."""
    response: TestResponse = accounts.client.post(
        "/api/citizens/import",
        data=content,
        query_string=query,
        headers={**(headers or accounts.logged_in()), "Content-Type": "text/csv"},
    )
    return response
