"""How Redis is reached, and what its failures mean."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import DriverInfo, Redis, __version__
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, OutOfMemoryError, ReadOnlyError, RedisError, WatchError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from shared import metrics
from shared.errors import Unavailable
from shared.queue import keys

TIMEOUT_SECONDS = 5.0
# The library would look its version up in the package's files, anew for every connection.
_DRIVER = DriverInfo(lib_version=__version__)

# A script that begins with this is executed also when Redis has no memory left, since only a script's first write is
# refused for that, and this one needs none. Whatever drains the queues begins so, or nothing would ever free memory
# again. For the same reason it is never a MULTI, inside which a full Redis refuses even to read.
ALSO_WHEN_FULL = f"redis.call('PERSIST', '{keys.PARTITIONS}')\n"


def connect(url: str) -> Redis:
    """A client with a pool of connections; nothing is connected before the first command."""
    metrics.redis_errors()
    return Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        health_check_interval=30,
        driver_info=_DRIVER,
        # The client would otherwise send a whole transaction a second time after a lost connection, although the
        # first one may have been executed; whoever called decides about a repetition.
        retry=Retry(NoBackoff(), 0),
    )


def is_reachable(redis: Redis) -> bool:
    """Whether Redis answers right now."""
    try:
        return bool(redis.ping())
    except RedisError as error:
        count_error(error)
        return False


def as_bytes(value: bytes | str) -> bytes:
    """An answer as our clients get it; the library's types allow for clients that decode."""
    return value if isinstance(value, bytes) else value.encode()


def count_error(error: BaseException) -> None:
    """Count what Redis said; whoever catches an error of it elsewhere than in ``translated`` calls this."""
    if isinstance(error, RedisConnectionError | RedisTimeoutError | BusyLoadingError | OSError):
        kind = "away"
    elif isinstance(error, OutOfMemoryError):
        kind = "full"
    else:
        kind = "read_only" if isinstance(error, ReadOnlyError) else "refused"
    metrics.redis_errors().count(kind)


@contextmanager
def translated() -> Iterator[None]:
    """Turn every failure of Redis, whether it is away, full, read-only or loading, into ``Unavailable``."""
    try:
        yield
    except WatchError:
        raise
    except RedisError as error:
        count_error(error)
        raise Unavailable("The queue cannot take anything at the moment; nothing was stored. Send it again.") from error
