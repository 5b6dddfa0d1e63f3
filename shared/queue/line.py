"""One connection to Redis for the time of an upload: a look at what is there, then the transaction that rests on it."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, cast

from hiredis import pack_command
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError, WatchError
from redis.exceptions import TimeoutError as RedisTimeoutError

Command = tuple[str | bytes | int, ...]

# Larger words go to the socket as they are; smaller ones are put together, so that they take one system call.
_LARGE_BYTES = 1 << 16


class Line:
    """What one upload says to Redis.

    The library's own pipelines would do, but they take a millisecond for the two dozen commands of an upload, and they
    copy what they send.
    """

    def __init__(self, redis: Redis) -> None:
        self._pool = redis.connection_pool
        self._watching = False

    def __enter__(self) -> Self:
        self._connection = self._pool.get_connection()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Whoever gets the connection next must not fail for what was watched here.
        if self._watching:
            with suppress(RedisError):
                self._ask([("UNWATCH",)])
        self._pool.release(self._connection)

    def watch(self, watched: Sequence[str], *commands: Command) -> list[Any]:
        """Watch keys and ask what is there, in one round trip; the answers are those to ``commands``."""
        self._watching = True
        return self._ask([("WATCH", *watched), *commands])[1:]

    def execute(self, commands: Sequence[Command]) -> list[Any]:
        """Execute commands in one MULTI/EXEC, all or none; raises ``WatchError`` if a watched key has changed."""
        answers = self._ask([("MULTI",), *commands, ("EXEC",)])[-1]
        self._watching = False
        if answers is None:
            raise WatchError
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise answer
        return cast("list[Any]", answers)

    def _ask(self, commands: Sequence[Command]) -> list[Any]:
        answers: list[Any] = []
        refusal: ResponseError | None = None
        try:
            self._connection.send_packed_command(_packed(commands))  # type: ignore[no-untyped-call]  # The library's.
            for _ in commands:
                try:
                    answers.append(self._connection.read_response())
                except ResponseError as error:
                    # The answers to the others have to be read all the same; and none says more than the first.
                    refusal = refusal or error
        except (RedisConnectionError, RedisTimeoutError):
            # The library has closed the connection, and Redis watches nothing for it any more.
            self._watching = False
            raise
        if refusal is not None:
            raise refusal
        return answers


def _packed(commands: Iterable[Command]) -> list[bytes]:
    """Commands as Redis reads them; a large last word is not copied."""
    packed: list[bytes] = []
    together: list[bytes] = []
    for command in commands:
        *words, last = command
        if isinstance(last, bytes) and len(last) >= _LARGE_BYTES:
            encoded = (str(word).encode() for word in words)
            announced = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)
            together.append(b"*%d\r\n%b$%d\r\n" % (len(command), announced, len(last)))
            packed += [b"".join(together), last]
            together = [b"\r\n"]
        else:
            together.append(pack_command(command))  # type: ignore[arg-type]  # Typed for one word.
    packed.append(b"".join(together))
    return packed
