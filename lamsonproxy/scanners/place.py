"""Where a daemon listens, and one question to it.

    127.0.0.1:3310, [::1]:3310          TCP
    unix:/run/clamav/clamd.ctl          a unix socket; an absolute path alone is one too

Law: a connection is for one question, and is closed whatever becomes of it. How long all that may take is its caller's
to say.

These are sockets, not asyncio's streams: there a daemon that stops reading loses the answer in which it says why.
"""

import asyncio
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


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

    async def exchange(self, pieces: Iterable[bytes]) -> bytes:
        """Say these, and give all that is said until the connection is closed. Raises OSError."""
        loop = asyncio.get_running_loop()
        with await self._connection() as connection:
            # Its answer tells more than that it does not read on.
            with suppress(OSError):
                for piece in pieces:
                    await loop.sock_sendall(connection, piece)
                # spamd reads lines: without an end it waits for that of a last one.
                connection.shutdown(socket.SHUT_WR)
            return await _heard(connection)

    async def _connection(self) -> socket.socket:
        if self.path:
            return await _connected(socket.AF_UNIX, self.path)
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        for family, _, _, _, address in found[:-1]:
            with suppress(OSError):
                return await _connected(family, address)
        family, _, _, _, address = found[-1]
        return await _connected(family, address)


async def _heard(connection: socket.socket) -> bytes:
    loop, answer = asyncio.get_running_loop(), b""
    try:
        while heard := await loop.sock_recv(connection, 1 << 16):
            answer += heard
    except ConnectionError:
        # Closed before it had read everything: its answer has come before that.
        if not answer:
            raise
    return answer


async def _connected(family: int, address: Any) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection
