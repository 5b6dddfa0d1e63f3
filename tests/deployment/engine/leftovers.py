"""What a run left on the engine that was itself killed.

Its containers come up with the engine and take the machine's time, and its volumes know the passwords of a checkout
that is gone: a deployment of the same name would wait for its own databases.
"""

from tests.deployment.engine.docker import docker
from tests.deployment.engine.stage import PROJECT
from tests.deployment.engine.swarm import in_a_swarm, remove_stack

_LABEL = "com.docker.compose.project"
# In this order, for a network or a volume in use cannot be removed.
_KINDS = {
    "container": ("{{.ID}}", ("ls", "--all"), ("rm", "--force", "--volumes")),
    "network": ("{{.ID}}", ("ls",), ("rm",)),
    "volume": ("{{.Name}}", ("ls",), ("rm",)),
}


def remove_leftovers() -> None:
    """Remove everything that bears the names of the tests' deployments."""
    if in_a_swarm():
        remove_stack()
    for kind, (name, every, remove) in _KINDS.items():
        listed = docker(kind, *every, "--format", f'{name} {{{{.Label "{_LABEL}"}}}}').splitlines()
        for line in listed:
            found, _, project = line.partition(" ")
            if project.startswith(PROJECT):
                docker(kind, *remove, found)
