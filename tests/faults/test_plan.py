"""A schedule is its seed: repeated it is the same, and 40 of them hold everything that is to be tried."""

from collections import Counter
from functools import cache

import pytest

from tests.faults.plan import DATABASE, ENGINES, Fault, Manner, Plan, Way, engine_of, links, plan
from tests.faults.suite import LEASE_SECONDS


@cache
def forty() -> list[Plan]:
    """The first forty schedules; made where they are wanted, for collecting tests must stay quick."""
    return [plan(seed) for seed in range(1, 41)]


def test_the_same_seed_gives_the_same_plan() -> None:
    for made in forty()[:10]:
        assert plan(made.seed) == made


def test_another_seed_gives_another_plan() -> None:
    assert len({made.uploads[0].content for made in forty()}) == len(forty())
    assert len({made.strokes for made in forty()}) == len(forty())


def test_the_engine_changes_no_upload() -> None:
    assert plan(1, "sqlite").uploads == plan(1, "postgresql").uploads


@pytest.mark.parametrize("first", range(0, 100, 7))
def test_forty_seeds_in_a_row_are_on_all_three_engines(first: int) -> None:
    engines = Counter(engine_of(seed) for seed in range(first, first + 40))
    assert set(engines) == {"mariadb", "postgresql", "sqlite"}
    assert min(engines.values()) >= 2


def test_forty_schedules_hold_every_fault_and_every_way_of_sending() -> None:
    strokes = [stroke for made in forty() for stroke in made.strokes]
    uploads = [upload for made in forty() for upload in made.uploads]
    assert {stroke.fault for stroke in strokes} == set(Fault)
    assert {upload.way for upload in uploads} == set(Way)
    assert {upload.manner for upload in uploads} == set(Manner)
    assert any(stroke.fault is Fault.FREEZE and stroke.seconds > LEASE_SECONDS for stroke in strokes)


def test_uploads_hold_duplicates_conflicts_wrong_numbers_bad_files_and_repeated_keys() -> None:
    uploads = [upload for made in forty() for upload in made.uploads]
    assert any(len({guid for guid, _ in upload.ballots}) < len(upload.ballots) for upload in uploads)
    choices: dict[str, set[int]] = {}
    for upload in uploads:
        for guid, number in upload.ballots:
            choices.setdefault(guid, set()).add(number)
    assert any(len(numbers) > 1 for numbers in choices.values())
    assert any(4711 in numbers for numbers in choices.values())
    assert any(upload.refused for upload in uploads)
    keys: dict[str, set[bytes]] = {}
    times = Counter(upload.key for upload in uploads if upload.key)
    for upload in uploads:
        if upload.key:
            keys.setdefault(upload.key, set()).add(upload.content)
    assert any(len(contents) > 1 for contents in keys.values())
    assert any(times[key] > 1 and len(contents) == 1 for key, contents in keys.items())


def test_the_ballots_of_a_bad_file_are_in_no_other() -> None:
    for made in forty():
        bad = {guid for upload in made.uploads if upload.refused for guid, _ in upload.ballots}
        good = {guid for upload in made.uploads if not upload.refused for guid, _ in upload.ballots}
        assert not bad & good


@pytest.mark.parametrize("engine", ENGINES)
def test_a_plan_strikes_only_what_there_is(engine: str) -> None:
    for seed in range(40):
        for stroke in plan(seed, engine).strokes:
            if stroke.fault in (Fault.CUT, Fault.SLOW):
                assert stroke.target in links(engine)
            if engine == "sqlite":
                assert stroke.fault is not Fault.READ_ONLY
                assert not (stroke.fault is Fault.KILL and stroke.target == DATABASE)
