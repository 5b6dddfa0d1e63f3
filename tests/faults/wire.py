"""The wires between the parts of the suite: each connection goes through here, where it can be cut and slowed.

`tests.services.wire` cuts at an exact word, which a test of one transaction needs; this one carries a whole suite.
"""

import asyncio
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

_BLOCK = 1 << 15
T = TypeVar("T")


class Wires:
    """One thread that carries all wires of a suite."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._wires: list[Wire] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def lay(self, target: int) -> "Wire":
        """A new wire to the server on the port ``target``."""
        wire = Wire(self, target)
        self.do(wire.open())
        self._wires.append(wire)
        return wire

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Let the thread of the wires do something, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _end(self) -> None:
        for wire in self._wires:
            await wire.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class Wire:
    """Carries connections on ``port`` to the server on ``target``, unless it is cut or slow."""

    def __init__(self, wires: Wires, target: int) -> None:
        self.target = target
        self.port = 0
        self.passed = 0.0
        """When a byte went through last, by ``time.monotonic``."""
        self._wires = wires
        self._cut = False
        self._after: int | None = None
        self._delay = 0.0
        self._changed = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Let nothing through any more."""
        self._server.close()
        self._break()

    def cut(self, after: int) -> None:
        """Break every connection, and each new one, from now on or when so many bytes more have passed."""
        self._wires.do(self._cut_soon(after))

    def cut_now(self) -> None:
        """Cut a wire over which too little went to reach its end."""
        self._wires.do(self._cut_soon(0))

    def slow(self, delay: float) -> None:
        """Hold every block back for so long."""
        self._wires.do(self._set_delay(delay))

    def mend(self) -> None:
        """Let everything through again."""
        self._wires.do(self._mend())

    @property
    def is_cut(self) -> bool:
        return self._cut

    @property
    def is_used(self) -> bool:
        """Whether somebody said something over it a moment ago."""
        return time.monotonic() - self.passed < 0.5

    async def _cut_soon(self, after: int) -> None:
        if after:
            self._after = after
        else:
            self._break()

    async def _set_delay(self, delay: float) -> None:
        self._delay = delay

    async def _mend(self) -> None:
        self._cut, self._after, self._delay = False, None, 0.0
        self._changed.set()
        self._changed = asyncio.Event()

    def _break(self) -> None:
        self._cut, self._after = True, None
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        server: asyncio.StreamWriter | None = None
        try:
            if not self._cut:
                answers, server = await asyncio.open_connection("127.0.0.1", self.target)
                self._open.add(server)
                await self._carry(reader, server, answers, writer)
        except OSError:
            # Nobody listens at the other end; the client learns it by the end of its connection.
            pass
        finally:
            for one in (writer, server):
                if one is not None:
                    self._open.discard(one)
                    one.transport.abort()

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        server: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        both = [asyncio.create_task(self._pump(*ends)) for ends in ((reader, server), (answers, writer))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while block := await reader.read(_BLOCK):
                if self._delay:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), self._delay)
                self.passed = time.monotonic()
                if self._after is not None:
                    block, self._after = block[: self._after], self._after - len(block)
                    writer.write(block)
                    if self._after <= 0:
                        self._break()
                        return
                else:
                    writer.write(block)
                await writer.drain()
            # What was sent last may still be on its way.
            with suppress(TimeoutError):
                await asyncio.wait_for(_flushed(writer), 1.0)


async def _flushed(writer: asyncio.StreamWriter) -> None:
    while writer.transport.get_write_buffer_size() and not writer.transport.is_closing():
        await asyncio.sleep(0.01)
