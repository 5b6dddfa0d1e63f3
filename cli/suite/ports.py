"""Which TCP ports the suite may have."""

import errno
import random
import socket
from collections.abc import Sequence

from cli.failure import CANNOT_START, Failure

# Below the ports that the kernel gives to outgoing connections: one of those could take the port of a process of ours
# while it is being restarted.
_FIRST, _LAST = 15_000, 32_000


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there right now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # The services set this too; without it a port would count as taken for a minute after its last connection.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return False
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise Failure(
                    f"{host} is no address of this machine ({error.strerror}); choose another with --host.",
                    status=CANNOT_START,
                ) from None
            if port == 0:
                raise
            return False
    return True


def free_base(host: str, count: int) -> int:
    """The first of ``count`` free ports in a row."""
    numbers = random.SystemRandom()
    for _ in range(200):
        base = numbers.randrange(_FIRST, _LAST - count)
        if all(is_free(host, base + place) for place in range(count)):
            return base
    raise Failure("No free ports were found; end some of the servers on this machine.", status=CANNOT_START)


def refuse_taken(host: str, ports: Sequence[int]) -> None:
    """Fail when a port is taken, before anything has been started."""
    taken = [str(port) for port in ports if not is_free(host, port)]
    if taken:
        raise Failure(
            f"Something else listens on port {', '.join(taken)} of {host} (or you may not use it); "
            "end it, or choose other ports with --port-base (0 takes any that are free).",
            status=CANNOT_START,
        )
