"""Connections kept open between mails.

Law: lists change at once and awaits come after, so no task ever sees the pool between two states. A
connection is in one place only: idle here, or with the one who took it, who gives it back by exactly one of
`put_back`, `discard` and `renew`. Only a connection on which everything said has been answered is kept.

The one used last is taken first: under little load the others grow old and are closed.
"""

import asyncio
from collections import deque

from lamsonproxy.errors import RemoteError
from lamsonproxy.relay.client import Client, connect
from lamsonproxy.relay.settings import RelaySettings


class Pool:
    """At most `settings.connections` connections to one downstream. Times are those of the loop's clock."""

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._idle: list[Client] = []
        self._places = settings.connections
        """Connections that may still be opened."""
        self._waiters: deque[asyncio.Future[Client | None]] = deque()
        self._leaving: set[Client] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False

    def __repr__(self) -> str:
        taken = self._settings.connections - self._places
        return (
            f"<Pool {self._settings.host}:{self._settings.port}: {taken - len(self._idle)} busy and "
            f"{len(self._idle)} idle of {self._settings.connections}, {len(self._waiters)} waiting>"
        )

    async def take(self, deadline: float) -> Client:
        """A connection that is ready for a mail, kept or new. Raises RemoteError."""
        if self._is_closed:
            raise RemoteError("pool", "closed", repr(self))
        while self._idle:
            client = self._idle.pop()
            if client.is_clean:
                return client
            self.discard(client)
        if self._places:
            self._places -= 1
        else:
            handed_over = await self._handed_over(deadline)
            if handed_over is not None:
                return handed_over
        return await self._opened(deadline)

    async def renew(self, client: Client, deadline: float) -> Client:
        """A new connection in the place of one that turned out to be dead. Raises RemoteError."""
        client.abort()
        return await self._opened(deadline)

    def put_back(self, client: Client) -> None:
        """Keep the connection for another mail, if it is good for one."""
        if not client.is_clean or client.mails >= self._settings.mails_per_connection or self._is_closed:
            return self.discard(client)
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(client)
        else:
            self._keep(client)

    def discard(self, client: Client) -> None:
        """Close the connection; with a QUIT when there is nothing that it could end."""
        self._leave(client)
        self._free_place()

    async def close(self) -> None:
        """Close what is idle, and later what comes back; nothing can be taken any more."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        while (waiter := self._next_waiter()) is not None:
            waiter.set_exception(RemoteError("pool", "closed", repr(self)))
        while self._idle:
            self.discard(self._idle.pop())
        await asyncio.gather(*(client.closed() for client in self._leaving))

    async def _handed_over(self, deadline: float) -> Client | None:
        """Wait for somebody's connection, or for somebody's place (None)."""
        waiter: asyncio.Future[Client | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                return await waiter
        except BaseException as error:
            self._withdraw(waiter)
            if isinstance(error, TimeoutError):
                raise RemoteError("pool", "busy", repr(self)) from error
            raise

    def _withdraw(self, waiter: asyncio.Future[Client | None]) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        elif waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            # It was handed over in the very moment in which we were cancelled.
            client = waiter.result()
            self.put_back(client) if client is not None else self._free_place()

    async def _opened(self, deadline: float) -> Client:
        try:
            client, _ = await connect(self._settings, deadline, self._lost)
        except BaseException:
            self._free_place()
            raise
        return client

    def _next_waiter(self) -> "asyncio.Future[Client | None] | None":
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None

    def _free_place(self) -> None:
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(None)
        else:
            self._places += 1

    def _keep(self, client: Client) -> None:
        client.idle_since = asyncio.get_running_loop().time()
        self._idle.append(client)
        if self._sweep is None:
            self._sweep_after(client)

    def _leave(self, client: Client) -> None:
        if client.is_connected:
            self._leaving.add(client)
        client.leave()

    def _lost(self, client: Client) -> None:
        self._leaving.discard(client)
        if client in self._idle:
            self._idle.remove(client)
            self._free_place()

    def _sweep_after(self, oldest: Client) -> None:
        loop = asyncio.get_running_loop()
        self._sweep = loop.call_at(oldest.idle_since + self._settings.idle_s, self._close_old)

    def _close_old(self) -> None:
        self._sweep = None
        # One timer for all: the one idle longest is the first, since the last one is always taken first.
        limit = asyncio.get_running_loop().time() - self._settings.idle_s
        while self._idle and self._idle[0].idle_since <= limit:
            self.discard(self._idle.pop(0))
        if self._idle:
            self._sweep_after(self._idle[0])
