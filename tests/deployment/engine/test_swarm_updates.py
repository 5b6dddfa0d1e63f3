"""On a swarm, while files are handed in and results are read: updates, a broken image, deaths, scaling."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.deployment.engine.deployment import OURS, PARTS, STORES, until
from tests.deployment.engine.docker import docker, kill_hard
from tests.deployment.engine.night import Night, Seen
from tests.deployment.engine.report import Report
from tests.deployment.engine.swarm import Swarm
from tests.deployment.test_files import STACK as DESCRIBED
from tests.deployment.test_files import TARGETS

# How stack.yaml updates is not changed, only how long it looks on afterwards, which is for real failures.
QUICKLY = ("--update-monitor", "2s", "--update-delay", "0s", "--rollback-monitor", "2s")
NEXT = "test-2"
_NEVER_WELL = 'HEALTHCHECK --interval=1s --timeout=3s --start-period=1s --retries=2 CMD ["false"]'


# Parts whose image is that of no service of the same name.
_IMAGES = {"nginx": "nginx", "mailer": TARGETS["authentication"]}


def _image(part: str, version: str) -> str:
    return f"urna-{_IMAGES.get(part) or TARGETS[part]}:{version}"


def _make_image(part: str, base: str, version: str, *instructions: str) -> str:
    """An image that differs from one that runs."""
    lines = [f"FROM {_image(part, base)}", f"LABEL org.opencontainers.image.version={version}", *instructions]
    docker("build", "--quiet", "--tag", _image(part, version), "-", given="\n".join(lines))
    return _image(part, version)


def _images_in_use(swarm: Swarm, part: str) -> set[str]:
    label = f"label=com.docker.swarm.service.name={swarm.service(part)}"
    return set(docker("ps", "--filter", label, "--format", "{{.Image}}").split())


def _runs_only(swarm: Swarm, part: str, image: str) -> Callable[[], bool]:
    return lambda: _images_in_use(swarm, part) == {image}


def _row(what: str, seen: dict[str, Seen]) -> str:
    cells = "".join(f"{one.requests:>10} /{len(one.failures):3}" for _, one in sorted(seen.items()))
    return f"{what:22}{cells}"


def _head(seen: dict[str, Seen]) -> str:
    return f"{'':22}" + "".join(f"{kind:>15}" for kind in sorted(seen))


def _failures(seen: dict[str, Seen]) -> list[str]:
    return [f"{kind}: {failure}" for kind, one in seen.items() for failure in one.failures]


def test_every_service_is_updated_without_a_failed_request_and_with_exact_counts(swarm: Swarm, report: Report) -> None:
    rows = []
    wrong = {}
    images = {part: _make_image(part, swarm.version, NEXT) for part in OURS}

    def update(part: str) -> None:
        swarm.update(part, *QUICKLY, "--image", images[part])

    def update_ours() -> None:
        # All at once, as when an operator deploys the stack with another version.
        with ThreadPoolExecutor(len(OURS)) as pool:
            list(pool.map(update, OURS))
        night.let_pass(files=2)

    with report.timed("an update of every service under load, on a swarm"), Night(swarm) as night:
        seen = night.watch(update_ours)
        rows.append(_row("ours, all at once", seen))
        if failures := _failures(seen):
            wrong["ours"] = failures
        for part, image in images.items():
            # The old ones end what they have begun, which nobody waits for.
            until(_runs_only(swarm, part, image), f"An old container of {part} does not end.")
        for part in STORES:

            def restart(part: str = part) -> None:
                swarm.update(part, *QUICKLY, "--force")
                night.let_pass(files=2)

            before = swarm.containers(part)
            seen = night.watch(restart)
            rows.append(_row(part, seen))
            assert set(swarm.containers(part)).isdisjoint(before), part
            # Of a store there is one. While it is away whoever needs it is told to come back; results are still read.
            if failures := [one for one in _failures(seen) if one.startswith("results") or " 503 " not in one]:
                wrong[part] = failures
        night.stop()
        night.close_and_check()
    accepted = f"{night.accepted} files with {night.ledger.ballots['received']} ballots, every count exact"
    report.add("Requests / failed ones during each update on a swarm", "\n".join([_head(seen), *rows, accepted]))
    assert wrong == {}


def test_broken_images_are_rolled_back_by_themselves(swarm: Swarm, report: Report) -> None:
    parts = ("station", "results")
    before = {part: _images_in_use(swarm, part) for part in parts}
    broken = {part: _make_image(part, swarm.version, f"broken-{part}", _NEVER_WELL) for part in parts}
    with report.timed("broken images of two services and back, on a swarm"), Night(swarm) as night:

        def update() -> None:
            for part, image in broken.items():
                docker("service", "update", "--detach", "--quiet", *QUICKLY, "--image", image, swarm.service(part))
            for part in parts:
                until(_is_rolled_back(swarm, part), f"{part} was not rolled back.", seconds=300)
            night.let_pass(files=2)

        seen = night.watch(update)
        night.stop()
        night.close_and_check()
    report.add("Broken images: requests / failed ones", "\n".join([_head(seen), _row(" and ".join(parts), seen)]))
    for part in parts:
        (image,) = before[part]
        until(_runs_only(swarm, part, image), f"The broken container of {part} does not end.")
    assert _failures(seen) == []


@pytest.mark.release
def test_every_count_is_exact_after_the_death_of_each_container_under_load(swarm: Swarm, report: Report) -> None:
    rows = []
    with report.timed("the death of each container under load, on a swarm"), Night(swarm) as night:
        for part in PARTS:

            def die_and_come_back(part: str = part) -> None:
                before = swarm.containers(part)
                kill_hard(before[0])
                until(_whole(swarm, part, before[0]), f"{part} does not come back.")
                night.let_pass(files=2)

            seen = night.watch(die_and_come_back)
            rows.append(_row(part, seen))
        night.stop()
        night.close_and_check()
    report.add("The death of each container on a swarm", "\n".join([_head(seen), *rows]))


@pytest.mark.release
def test_scaling_stations_and_daemons_during_the_night_changes_nothing(swarm: Swarm, report: Report) -> None:
    with report.timed("scaling under load, on a swarm"), Night(swarm) as night:

        def scale() -> None:
            for stations, daemons in ((5, 4), (1, 1), (3, 2)):
                numbers = (f"{swarm.service('station')}={stations}", f"{swarm.service('daemon')}={daemons}")
                docker("service", "scale", "--detach=false", *numbers, seconds=300)
                night.let_pass(files=4)

        seen = night.watch(scale)
        night.stop()
        night.close_and_check()
    assert _failures(seen) == []


def _is_rolled_back(swarm: Swarm, part: str) -> Callable[[], bool]:
    def rolled_back() -> bool:
        described = json.loads(docker("service", "inspect", swarm.service(part)))[0]
        return bool((described.get("UpdateStatus") or {}).get("State") == "rollback_completed")

    return rolled_back


def _whole(swarm: Swarm, part: str, without: str) -> Callable[[], bool]:
    """Whether as many containers as wanted are healthy, and the dead one is not among them."""

    def whole() -> bool:
        found = swarm.containers(part)
        wanted = DESCRIBED["services"][part]["deploy"]["replicas"]
        return without not in found and len(found) == wanted and swarm.is_healthy(part)

    return whole
