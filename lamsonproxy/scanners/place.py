"""Where a daemon listens, and a connection to it.

    127.0.0.1:3310, [::1]:3310          TCP
    unix:/run/clamav/clamd.ctl          a unix socket; an absolute path alone is one too

Law: a connection is closed when its block is left, whatever happened in it; it waits for nobody then. How long the
block may take is its caller's to say.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A host and a port, or the path of a unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def read(cls, text: str) -> "Place":
        """Raises ValueError for what is no place."""
        path = text.removeprefix("unix:")
        if path.startswith("/"):
            return cls(path=path)
        host, _, port = text.rpartition(":")
        if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"{text!r} is no place: write host:port, or unix:/path")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Raises OSError."""
        opening = (
            asyncio.open_unix_connection(self.path)
            if self.path
            else asyncio.open_connection(self.host, self.port)
        )
        reader, writer = await opening
        try:
            yield reader, writer
        finally:
            # Not close(): that goes on sending what is left, to a daemon that may never read it.
            writer.transport.abort()
