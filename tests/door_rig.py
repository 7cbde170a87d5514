"""What the door's tests have in common: a door on the loopback, and a client that knows no manners.

Law: whoever opens a `Rig` proves without asking that nothing leaks: at its end every client is gone, and then no
session may be left, no octet of the budget be held, and nothing have been complained about by the event loop.
"""

import asyncio
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Self, cast

from lamsonproxy.doors.budget import Budget
from lamsonproxy.doors.dialogue import Rules
from lamsonproxy.doors.door import DoorSettings
from lamsonproxy.doors.lmtp import LmtpSession
from lamsonproxy.doors.smtp import SmtpDoor, SmtpSession
from tests.doubles import RecordingDesk, RecordingLog

LIMIT_S = 60.0
"""Seconds after which a test gives up waiting; none waits so long when it passes."""

LOOPBACK = (ipaddress.ip_network("127.0.0.1/32"), ipaddress.ip_network("::1/128"))
MAIL = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
CONTENT = b"Subject: x\r\n\r\ntext\r\n"


def rules(**changed: Any) -> Rules:
    return Rules(**{"hostname": "door.test", **changed})


async def until(is_so: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Wait for something to come true. Raises TimeoutError."""
    async with asyncio.timeout(limit_s):
        while not is_so():  # noqa: ASYNC110 (any state is asked, and most of it has no event)
            await asyncio.sleep(0.001)


class Client:
    """One connection to a door, by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, port: int, host: str = "127.0.0.1", *, source: str | None = None) -> Self:
        local = None if source is None else (source, 0)
        return cls(*await asyncio.open_connection(host, port, local_addr=local, limit=2**20))

    async def send(self, octets: bytes) -> None:
        if self._writer.is_closing():
            raise ConnectionResetError  # uvloop raises RuntimeError
        self._writer.write(octets)
        async with asyncio.timeout(LIMIT_S):
            await self._writer.drain()

    async def line(self) -> bytes:
        """The next line without its CRLF; b"" at the end of the connection."""
        async with asyncio.timeout(LIMIT_S):
            line = await self._reader.readline()
        assert not line or line.endswith(b"\r\n"), line
        return line[:-2]

    async def reply(self) -> str:
        """The next reply; its lines are joined by LF, "" at the end of the connection."""
        lines = [await self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(await self.line())
        return b"\n".join(lines).decode("ascii")

    async def ask(self, octets: bytes) -> str:
        await self.send(octets)
        return await self.reply()

    async def rest(self) -> bytes:
        """All that comes until the door closes."""
        received = bytearray()
        async with asyncio.timeout(LIMIT_S):
            with suppress(ConnectionError):
                while block := await self._reader.read(65536):
                    received += block
        return bytes(received)

    async def greet(self) -> None:
        hello = b"LHLO" if " LMTP " in (greeting := await self.reply()) else b"EHLO"
        assert greeting.startswith("220 ")
        assert (await self.ask(hello + b" client.test\r\n")).startswith("250-door.test")

    async def begin_data(self) -> None:
        """A mail up to 354."""
        await self.send(MAIL)
        assert [(await self.reply())[:3] for _ in range(3)] == ["250", "250", "354"]

    @property
    def is_over(self) -> bool:
        return self._reader.at_eof()

    def stop_reading(self) -> None:
        cast(asyncio.Transport, self._writer.transport).pause_reading()

    def half_close(self) -> None:
        self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        """Close with RST instead of FIN, as a host does whose process was killed with data unread."""
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


class WatchedSession(SmtpSession):
    """A session that can be asked whether its client has closed its half."""

    has_eof = False

    def eof_received(self) -> bool:
        self.has_eof = True
        return super().eof_received()


class WatchedLmtpSession(WatchedSession, LmtpSession):
    """The same, speaking LMTP."""


class Rig:
    """A door, its desk, its log, its budget, and those who knock."""

    def __init__(
        self, desk: RecordingDesk, budget: Budget, settings: DoorSettings, session: type[WatchedSession]
    ) -> None:
        self.desk, self.budget, self.session = desk, budget, session
        self.log = RecordingLog()
        self.door = SmtpDoor(settings, desk, budget, self.log)
        self.complaints: list[dict[str, Any]] = []
        self.clients: list[Client] = []
        self.watched: list[WatchedSession] = []
        self.server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self.server is not None
        return int(self.server.sockets[0].getsockname()[1])

    async def open(self, host: str = "127.0.0.1") -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: self.complaints.append(context))
        self.server = await loop.create_server(self._session, sock=_listener(host), backlog=1024)

    def _session(self) -> WatchedSession:
        self.watched.append(self.session(self.door))
        return self.watched[-1]

    async def connect(self, host: str = "127.0.0.1", *, source: str | None = None) -> Client:
        client = await Client.connect(self.port, host, source=source)
        self.clients.append(client)
        return client

    async def greeted(self) -> Client:
        client = await self.connect()
        await client.greet()
        return client

    async def close(self) -> None:
        assert self.server is not None
        self.server.close()
        self.desk.is_open.set()
        for client in self.clients:
            client.close()
        await until(lambda: not self.door.sessions)
        assert self.door.is_empty.is_set()
        assert self.budget.used == 0
        assert self.desk.ended == self.desk.begun
        assert self.complaints == []


def _listener(host: str) -> socket.socket:
    if ":" not in host:
        return socket.create_server((host, 0))
    listener = socket.socket(socket.AF_INET6)
    # Not `dualstack_ipv6` of create_server: it binds to `::`, and a test stays on the loopback.
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind((host, 0))
    return listener


@asynccontextmanager
async def open_rig(
    *,
    desk: RecordingDesk | None = None,
    budget: int = 2**30,
    host: str = "127.0.0.1",
    limits: Rules | None = None,
    lmtp: bool = False,
    **settings: Any,
) -> AsyncIterator[Rig]:
    """A door that is open; `settings` are those of `DoorSettings`."""
    settings.setdefault("trust", LOOPBACK)
    rig = Rig(
        desk or RecordingDesk(answers_each=lmtp),
        Budget(budget),
        DoorSettings(name="lmtp" if lmtp else "filter", rules=limits or rules(), **settings),
        WatchedLmtpSession if lmtp else WatchedSession,
    )
    await rig.open(host)
    try:
        yield rig
    finally:
        await rig.close()
