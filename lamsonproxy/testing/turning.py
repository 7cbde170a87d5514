"""An event loop in a thread of its own, for tests that have none, or another one.

Law: whoever asks waits until it is done, or fails after `LIMIT_S`.
"""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

LIMIT_S = 60.0
"""Seconds for one act: longer than a handler may run in the kit."""

_T = TypeVar("_T")


class Turning:
    """A loop that turns until `stop`."""

    def __init__(self) -> None:
        self._begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._turn()), name="world", daemon=True)
        self._thread.start()
        self._loop, self._leave = self._begun.result(LIMIT_S)

    async def _turn(self) -> None:
        leave = asyncio.Event()
        self._begun.set_result((asyncio.get_running_loop(), leave))
        await leave.wait()

    def do(self, act: Coroutine[Any, Any, _T]) -> _T:
        """Do it there, and wait. Raises what it raises, and TimeoutError."""
        return asyncio.run_coroutine_threadsafe(act, self._loop).result(LIMIT_S)

    def stop(self) -> None:
        """Cancel what is left, and end the thread."""
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join(LIMIT_S)
