"""Whose turn it is, within this process.

Law: whoever waits here occupies neither a thread nor a connection. The row locks of the database keep processes and
machines apart; these keep one process from filling its connections with those who wait for each other's rows.
Taken in one order (conversations by id, then a place), so nobody waits in a circle.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from lamsonproxy.errors import StoreError


class KeyLocks:
    """One lock for each word that somebody holds or waits for."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        lock, users = self._locks.get(key) or (asyncio.Lock(), 0)
        self._locks[key] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            self._leave(key)

    def _leave(self, key: str) -> None:
        lock, users = self._locks.pop(key)
        if users > 1:
            self._locks[key] = lock, users - 1


class Turns:
    """The way in to a transaction."""

    def __init__(self, connections: int, *, has_one_writer: bool) -> None:
        self._keys = KeyLocks()
        self.places = 1 if has_one_writer else connections
        # SQLite's own waiting is by polling, and who polls is not served in the order in which he came.
        self._places = asyncio.Semaphore(self.places)

    async def take(self, keys: Iterable[str], *, wait_s: float) -> AsyncExitStack:
        """Wait for all of it, and give what gives it back. Raises StoreError when the time is over."""
        held = AsyncExitStack()
        try:
            async with asyncio.timeout(max(0.0, wait_s)):
                for key in sorted(keys):
                    await held.enter_async_context(self._keys.hold(key))
                await held.enter_async_context(self._places)
        except TimeoutError:
            await held.aclose()
            raise StoreError(f"the database was busy with other mail for {wait_s:.0f} s") from None
        except BaseException:
            await held.aclose()
            raise
        return held
