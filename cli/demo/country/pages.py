"""What people do on single pages of the suite: fill in a sheet, hand in a file, decide about sheets."""

from pathlib import Path
from urllib.parse import urlsplit

from cli.demo.country.browser import Browser
from cli.failure import Failure
from shared.sheets import COUNTS, Numbers

_EXPLANATION = "explanations."
_OK = 200


def enter_sheet(browser: Browser, address: str, numbers: Numbers) -> None:
    """Type the numbers of a sheet, and explain what the page wants explained."""
    typed = {name: str(getattr(numbers, name)) for name in COUNTS}
    typed |= {f"votes.{number}": str(votes) for number, votes in numbers.votes.items()}
    page = browser.send(browser.open(address).form("sheet"), typed)
    if page.status != _OK and "sheet" in page.forms:
        asked = [name for name, _ in page.form("sheet").named if name.startswith(_EXPLANATION)]
        page = browser.send(page.form("sheet"), {**typed, **dict.fromkeys(asked, "So it stands on the paper.")})
    if page.status != _OK:
        raise Failure(f"{address} answered {page.status}, and the sheet was not taken.")


def hand_in(browser: Browser, address: str, file: Path) -> str:
    """Hand in a file of ballots; the number of its batch."""
    page = browser.send(browser.open(address).form("hand-in"), {}, file=(file.name, file.read_bytes()))
    path = urlsplit(page.address).path
    if page.status != _OK or not path.startswith("/files/"):
        raise Failure(f"{address} answered {page.status}, and {file} was not taken.")
    return path.rpartition("/")[2]


def resolve_sheet(browser: Browser, address: str, reason: str) -> None:
    """Let the first of two differing entries stand."""
    form = browser.open(address).form("resolution")
    page = browser.send(form, {"chosen": form.values("chosen")[0], "reason": reason})
    if page.status != _OK or "resolution" in page.forms:
        raise Failure(f"{address} answered {page.status}, and the sheet is not resolved.")


def accept_sheets(browser: Browser, address: str) -> None:
    """Tick and accept all sheets of the first page of the board."""
    form = browser.open(address).form("accept")
    page = browser.send(form, [("seen", one) for one in form.values("seen")])
    if page.status != _OK:
        raise Failure(f"{address} answered {page.status}, and the sheets are not accepted.")
