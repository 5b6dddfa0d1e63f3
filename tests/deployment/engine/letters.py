"""A dead letter in a deployment: something in a queue that no station has put there."""

from tests.deployment.engine.compose import Compose
from tests.deployment.engine.deployment import until
from tests.deployment.engine.docker import docker

# What stands where the id of a batch would, in its only part.
STRANGER = "a stranger's job"
# As whoever broke into a daemon could.
_PUSH = f"""
from redis import Redis
redis = Redis.from_url(open("/run/secrets/redis_url").read())
redis.rpush("rq:queue:ballots-0", {STRANGER!r})
"""


def bury(compose: Compose) -> None:
    """Let there be the dead letter of ``STRANGER``, part 0."""
    docker("exec", compose.one("daemon"), "python", "-c", _PUSH)
    wait_until_buried(compose)


def wait_until_buried(compose: Compose) -> None:
    """One that was replayed comes back."""
    until(
        lambda: '"reason"' in compose.call("run", "--rm", "operator", "urna", "--json", "queue"),
        "Nothing was buried.",
        pause=1,
    )
