"""Says at the doors that nobody is in: 421 at once, instead of a connection and silence.

Law: it accepts only while no worker is ready, and has no other words than these; it never waits for a client, and takes
so many a round, so that the supervisor has time for its workers.

RFC 5321 §3.1 and §3.8 (421 in the place of the greeting), RFC 2033 §4 (the same over LMTP), RFC 3463 (4.3.2).
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress

from lamsonproxy.workers.journal import Journal

PATIENCE_S = 5.0
"""Seconds without a worker before the first is turned away: a worker that died is usually replaced sooner, and clients
wait longer (`smtp_helo_timeout`, 300 s)."""

ROUND_S = 0.5
"""Seconds between two looks at the doors."""

A_ROUND = 256
"""Connections turned away at each door in a round."""

NOBODY = b"421 4.3.2 Service not available, closing transmission channel\r\n"


class Porter:
    """Stands behind the doors, whichever there are at the moment."""

    def __init__(
        self, doors: Callable[[], Collection[socket.socket]], is_served: Callable[[], bool], journal: Journal
    ) -> None:
        self._doors = doors
        self._is_served = is_served
        self._journal = journal

    @asynccontextmanager
    async def on_duty(self) -> AsyncIterator[None]:
        """Turn clients away while the body runs and nobody serves them."""
        task = asyncio.create_task(self._stand())
        try:
            yield
        finally:
            task.cancel()

    async def _stand(self) -> None:
        clock = asyncio.get_running_loop()
        served_at = clock.time()
        while True:
            if self._is_served():
                served_at = clock.time()
            elif clock.time() >= served_at + PATIENCE_S:
                self._turn_away()
            await asyncio.sleep(ROUND_S)

    def _turn_away(self) -> None:
        for door in self._doors():
            # Nobody is left, or another has been faster; a table of files that is full gets room sometime.
            with suppress(OSError):
                for _ in range(A_ROUND):
                    client, _ = door.accept()
                    self._journal.turned_away()
                    _dismiss(client)


def _dismiss(client: socket.socket) -> None:
    with client, suppress(OSError):
        client.setblocking(False)
        client.send(NOBODY)
