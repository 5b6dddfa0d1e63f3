"""The table of who reaches whom: how it is made in a running deployment, and how it has to be."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.deployment.engine.compose import Compose
from tests.deployment.engine.deployment import ONCE, PARTS, STORES, Deployment
from tests.deployment.engine.docker import inside, inspect
from tests.deployment.engine.probes import GREETINGS, Table, heard, listening_programs, script, targets
from tests.deployment.test_files import ARROWS, PART_OF

WORLD = "world"


def own_networks(deployment: Deployment) -> set[str]:
    """The names of the networks that the deployment's parts are on."""
    return {
        network
        for container in inspect(*(one for part in PARTS for one in deployment.containers(part)))
        for network in container["NetworkSettings"]["Networks"]
    }


def reached_by_all(deployment: Deployment, outside: tuple[str, int]) -> Table:
    """What each part hears from every other one, tried from a container of each."""
    with listening_programs(deployment):
        places: Mapping[str, list[tuple[str, int]]] = {
            **targets(deployment, own_networks(deployment)),
            WORLD: [outside],
        }
        assert all(places.values()), places

        def row(source: str) -> dict[str, bool]:
            # A part hears itself, too, which says nothing.
            asked = {part: found for part, found in places.items() if part != PART_OF.get(source, source)}
            if source in ONCE:
                assert isinstance(deployment, Compose)
                # It has ended, so it is started once more with another thing to do.
                output = deployment.call(
                    *("run", "--rm", "--no-deps", "--no-TTY", "--entrypoint", "bash", source, "-c", script(asked))
                )
            else:
                output = inside(deployment.one(source), script(asked), seconds=180)
            return dict.fromkeys(places, False) | heard(asked, output)

        sources = [*PARTS, *(ONCE if isinstance(deployment, Compose) else ())]
        # They wait for answers that never come, most of the time.
        with ThreadPoolExecutor(7) as pool:
            rows = list(pool.map(row, sources))
    return dict(zip(sources, rows, strict=True))


def may_reach(table: Table) -> Table:
    """The same table as the design wants it. A network has no direction: whoever is asked over it may also ask.

    Work that is done once reaches the store that it prepares. Only nginx and the mailer have a network that leads out.
    """
    assert set(GREETINGS) == {*PARTS, WORLD}
    allowed = {(source, target) for arrow in ARROWS for source in arrow for target in arrow - {source}}
    allowed |= {(source, store) for source in ONCE for store in STORES if (PART_OF[source], store) in allowed}
    allowed |= {("nginx", WORLD), ("mailer", WORLD)}
    return {source: {target: (source, target) in allowed for target in row} for source, row in table.items()}
