"""The election night of a whole country, step by step: through the pages where people use pages, else over the API."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from cli import elections, results
from cli.client import Addresses, Client, Credentials
from cli.demo import run
from cli.demo.ballots import BallotFile
from cli.demo.country import pages
from cli.demo.country.browser import Browser
from cli.demo.country.people import Pair, Person, employ
from cli.demo.country.plan import Plan, Station, explanations
from cli.demo.people import Official
from cli.failure import UNAVAILABLE, Failure
from cli.listing import everything
from cli.suite.directory import Administrator
from cli.upload import hand_in
from shared.terms import SheetState

AT_ONCE = 8
_MOST_ACCEPTED_AT_ONCE = 500


@dataclass(frozen=True)
class Stage:
    """How long a stage took; ``count`` of ``unit`` were done."""

    name: str
    count: int
    unit: str
    seconds: float

    @property
    def rate(self) -> float:
        return self.count / self.seconds if self.seconds else 0.0


@dataclass
class Night:
    """What happened: how long each stage took, and the answers of the services at the end.

    ``numbers`` are those of the polling stations in the suite, by code. ``batches`` are those of the files that were
    handed in by page, by code.
    """

    stages: list[Stage] = field(default_factory=list)
    election: dict[str, Any] = field(default_factory=dict)
    officials: list[Official] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    registered: dict[str, int] = field(default_factory=dict)
    slipped: dict[str, list[str]] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    first_result: float | None = None
    answers: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, count: int, unit: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.stages.append(Stage(name, count, unit, time.perf_counter() - began))


@dataclass
class _Desk:
    """Everything that the steps need."""

    plan: Plan
    files: dict[str, BallotFile]
    night: Night
    admin: Client
    office: Browser
    addresses: Addresses
    stack: ExitStack
    pool: ThreadPoolExecutor
    say: Callable[[str], None]
    pairs: list[Pair] = field(default_factory=list)

    @property
    def election(self) -> int:
        return int(self.night.election["id"])

    def officials(self) -> Iterator[tuple[Station, int, Pair]]:
        """Each polling station with its number and its officials; neighbours are not in one group."""
        by_number = {self.night.numbers[one.code]: one for one in self.plan.stations}
        longest = max(len(pair.first.stations) for pair in self.pairs)
        for place in range(longest):
            for pair in self.pairs:
                if place < len(pair.first.stations):
                    number = pair.first.stations[place]
                    yield by_number[number], number, pair

    def board(self) -> dict[str, int]:
        """How many sheets are in each state."""
        found = self.admin.get("admin", f"/api/elections/{self.election}/sheets", per_page=1)
        return {one["state"]: one["stations"] for one in found["states"]}


def hold(
    addresses: Addresses,
    administrator: Administrator,
    plan: Plan,
    files: dict[str, BallotFile],
    stations_file: Path,
    say: Callable[[str], None],
) -> Night:
    """Hold the whole election; ``files`` are the ballots of the stations that have any, by code."""
    night = Night()
    with ExitStack() as stack:
        login = Credentials(administrator.email, administrator.password)
        admin = stack.enter_context(Client(addresses, login, patience=run.PATIENCE))
        office = stack.enter_context(Browser())
        office.sign_in(addresses.authentication, administrator.email, administrator.password)
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        desk = _Desk(plan, files, night, admin, office, addresses, stack, pool, say)
        _import_stations(desk, stations_file)
        _employ_officials(desk)
        _open(desk)
        _enter(desk, "first")
        _hand_in_ballots(desk)
        _enter(desk, "second")
        _resolve(desk)
        _accept(desk)
        _close(desk)
        _read(desk)
    return night


def _import_stations(desk: _Desk, file: Path) -> None:
    total = len(desk.plan.stations)
    desk.say(f"The administrator imports {total:,} polling stations on the page, after a look at the preview")
    content = file.read_bytes()
    with desk.night.stage("polling stations imported by page", total, "stations"):
        page = desk.office.open(f"{desk.addresses.admin}/stations/import")
        preview = desk.office.send(page.form("import"), {}, file=(file.name, content))
        form = preview.form("import")
        if form.hidden.get("sha256") != sha256(content).hexdigest() or not form.buttons:
            raise Failure(f"The preview of {file} (status {preview.status}) offers no import.")
        done = desk.office.send(form, {}, file=(file.name, content), button=form.buttons[0])
        if done.status != 200 or done.form("import").buttons:
            raise Failure(f"The import of {file} was answered with status {done.status}, and is not done.")
    known = everything(desk.admin, "admin", "/api/polling-stations")
    desk.night.numbers = {one["code"]: one["id"] for one in known}
    desk.night.registered = {one["code"]: one["registered"] for one in known}
    if missing := [one.code for one in desk.plan.stations if one.code not in desk.night.numbers]:
        raise Failure(f"The polling station {missing[0]} is not there after the import.")


def _employ_officials(desk: _Desk) -> None:
    numbers = [desk.night.numbers[one.code] for one in desk.plan.stations]
    desk.say("Officials register, and the administrator approves them and tells them their polling stations")
    began = time.perf_counter()
    desk.pairs = employ(desk.stack, desk.pool, desk.admin, desk.addresses, numbers)
    took = time.perf_counter() - began
    desk.night.officials = [one.official for pair in desk.pairs for one in (pair.first, pair.second)]
    count = len(desk.night.officials)
    desk.night.stages.append(Stage("officials registered, approved and assigned", count, "officials", took))


def _open(desk: _Desk) -> None:
    desk.night.election = run.make_election(desk.admin)
    run.wait_until_open(desk.pairs[0].first.client, desk.election)
    path = f"/api/elections/{desk.election}/stations"
    for pair in desk.pairs:
        _until(partial(_knows_its_stations, pair.first, path), "The stations did not learn of the polling stations.")


def _knows_its_stations(person: Person, path: str) -> bool:
    return all(one["status"] and one["code"] for one in person.client.get("station", path)["items"])


def _enter(desk: _Desk, which: str) -> None:
    total = len(desk.plan.stations)
    desk.say(f"The {which} official of each polling station enters its sheet")

    def enter(station: Station, number: int, person: Person) -> None:
        numbers = station.sheet if which == "first" else station.second
        path = f"/elections/{desk.election}/stations/{number}/sheet"
        if station.by_page:
            with person.browsing:
                pages.enter_sheet(person.browser(desk.stack), f"{desk.addresses.station}{path}", numbers)
            return
        body = {**numbers.to_dict(), "explanations": explanations(numbers, station.paper.registered)}
        headers = {"Idempotency-Key": f"demo-{which}-{number}"}
        person.client.authorized("POST", "station", f"/api{path}", body=body, headers=headers, repeatable=True)

    with desk.night.stage(f"{which} entries of the sheets", total, "entries"):
        work = [
            (station, number, pair.first if which == "first" else pair.second)
            for station, number, pair in desk.officials()
        ]
        for future in _started(desk.pool, enter, work):
            future.result()
        if which == "first":
            _until(
                lambda: desk.board()[SheetState.ENTERED_ONCE] == total,
                "The first entries were not recorded.",
                progress=desk.board,
            )
            return
        done = (SheetState.ACCEPTED, SheetState.WAITING_FOR_REVIEW, SheetState.DIFFERING)
        _until(
            lambda: sum(desk.board()[one] for one in done) == total,
            "The second entries were not recorded.",
            progress=desk.board,
        )


def _hand_in_ballots(desk: _Desk) -> None:
    lines = sum(file.ballots for file in desk.files.values())
    desk.say(f"{lines:,} ballots of {len(desk.files):,} polling stations are handed in")
    by_page: dict[str, str] = {}

    def send(station: Station, number: int, person: Person) -> None:
        file = desk.files[station.code].path
        if station.by_page:
            address = f"{desk.addresses.station}/elections/{desk.election}/files?station={number}"
            with person.browsing:
                by_page[station.code] = pages.hand_in(person.browser(desk.stack), address, file)
        else:
            hand_in(person.client, file, desk.election, station=number)

    with desk.night.stage("files of ballots accepted", len(desk.files), "files"):
        began = time.perf_counter()
        work = [
            (station, number, pair.first) for station, number, pair in desk.officials() if station.code in desk.files
        ]
        futures = _started(desk.pool, send, work)
        while desk.night.first_result is None and wait(futures, timeout=0.02).not_done:
            if results.read(desk.admin, desk.election)["ballots"]["counted"]:
                desk.night.first_result = time.perf_counter() - began
        for future in futures:
            future.result()

    def received() -> int:
        return run.ballots_received(desk.admin, desk.election)

    _until(lambda: received() == lines, "Not all ballots were counted.", progress=received)
    took = time.perf_counter() - began
    desk.night.first_result = desk.night.first_result or took
    desk.night.stages.append(Stage("ballots handed in and counted", lines, "ballots", took))
    clients = {number: pair.first.client for _, number, pair in desk.officials()}
    for code, batch in by_page.items():
        client = clients[desk.night.numbers[code]]
        desk.night.batches[code] = client.get("station", f"/api/batches/{batch}")


def _resolve(desk: _Desk) -> None:
    differing = [one for one in desk.plan.stations if one.has_slip]
    desk.say(f"The administrator resolves {len(differing):,} sheets whose entries differ")
    reason = "The paper says what the first entry says."

    def resolve(station: Station) -> None:
        number = desk.night.numbers[station.code]
        path = f"/api/elections/{desk.election}/sheets/{number}"
        read = desk.admin.authorized("GET", "admin", path)
        found = read.json()
        desk.night.slipped[station.code] = found["differing"]
        body = {"chosen": found["entries"][0]["number"], "reason": reason}
        headers = {"If-Match": read.headers["ETag"]}
        desk.admin.authorized("POST", "admin", f"{path}/resolution", body=body, headers=headers)

    with desk.night.stage("differing sheets resolved", len(differing), "sheets"):
        for station in differing[:1]:
            address = f"{desk.addresses.admin}/sheets/{desk.election}/{desk.night.numbers[station.code]}"
            desk.night.slipped[station.code] = station.slipped()
            pages.resolve_sheet(desk.office, address, reason)
        for future in _started(desk.pool, resolve, [(one,) for one in differing[1:]]):
            future.result()


def _accept(desk: _Desk) -> None:
    total = desk.board()[SheetState.WAITING_FOR_REVIEW]
    desk.say(f"The administrator accepts {total:,} sheets on which something was explained")
    with desk.night.stage("explained sheets accepted", total, "sheets"):
        # The first page of the board by hand, the others as a program does it.
        address = f"{desk.addresses.admin}/sheets/{desk.election}?state={SheetState.WAITING_FOR_REVIEW.value}"
        if total:
            pages.accept_sheets(desk.office, address)
        path = f"/api/elections/{desk.election}/sheets"
        waiting = everything(desk.admin, "admin", path, state=SheetState.WAITING_FOR_REVIEW.value)
        for start in range(0, len(waiting), _MOST_ACCEPTED_AT_ONCE):
            some = waiting[start : start + _MOST_ACCEPTED_AT_ONCE]
            body = {"stations": [{"station_id": one["station_id"], "last": one["last"]} for one in some]}
            answer = desk.admin.authorized("POST", "admin", f"{path}/acceptance", body=body).json()
            if answer["accepted"] != len(some):
                problem = next(one["problem"] for one in answer["stations"] if not one["accepted"])
                raise Failure(f"Only {answer['accepted']} of {len(some)} sheets were accepted: {problem}")


def _close(desk: _Desk) -> None:
    desk.say("The administrator closes the election, and its result becomes final")
    began = time.perf_counter()
    elections.close(desk.admin, desk.election)
    desk.night.answers["result"] = results.wait_until_final(desk.admin, desk.election, run.SECONDS_OF_STANDSTILL)
    desk.night.stages.append(Stage("from closing to the final result", 1, "result", time.perf_counter() - began))


def _read(desk: _Desk) -> None:
    """Fetch everything that is checked."""
    desk.say("Everything is fetched and held against what has to come of it")
    public, supervised = f"/api/elections/{desk.election}", f"/api/elections/{desk.election}/reconciliation"

    def text(service: str, path: str) -> str:
        return desk.admin.authorized("GET", service, path).text

    answers = desk.night.answers
    with desk.night.stage("final state fetched, with the exports", 1, "reading"):
        answers["board"] = desk.board()
        answers["stations.csv"] = text("results", f"{public}/results/stations.csv")
        answers["results.csv"] = text("results", f"{public}/results.csv")
        answers["nist"] = desk.admin.get("results", f"{public}/results.nist.json", public=True, level="station")
        whole = desk.admin.get("admin", supervised, per_page=1)
        answers["reconciliation"] = {
            name: whole[name] for name in ("stations", "clean", "open", "explained", "lacking")
        }
        answers["nowhere"] = whole["nowhere"]
        answers["differences"] = everything(desk.admin, "admin", supervised)
        answers["differences.csv"] = text("admin", f"{supervised}.csv")
        answers["page"] = desk.office.open(f"{desk.addresses.results}/elections/{desk.election}").status


def _started(
    pool: ThreadPoolExecutor, work: Callable[..., None], items: Iterable[tuple[Any, ...]]
) -> list[Future[None]]:
    """All work in the pool; after a first failure the rest is not begun."""
    broken = threading.Event()

    def guarded(item: tuple[Any, ...]) -> None:
        if broken.is_set():
            return
        try:
            work(*item)
        except BaseException:
            broken.set()
            raise

    return [pool.submit(guarded, item) for item in items]


def _until(is_so: Callable[[], bool], otherwise: str, progress: Callable[[], Any] | None = None) -> None:
    """Ask until it is so; fails when nothing moves for a minute."""
    deadline, reached = time.monotonic() + run.SECONDS_OF_STANDSTILL, None
    while not is_so():
        if progress is not None and (now := progress()) != reached:
            reached, deadline = now, time.monotonic() + run.SECONDS_OF_STANDSTILL
        if time.monotonic() > deadline:
            raise Failure(otherwise, status=UNAVAILABLE)
        time.sleep(0.1)
