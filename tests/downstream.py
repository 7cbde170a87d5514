"""Doubles for what stands behind us: an SMTP server that records octets, and one that plays faults.

Law: nothing here knows lamsonproxy's relay or doors, so that a mistake cannot hide by being made twice. What
was received is kept exactly as it came.

    RawSink  takes every mail and remembers its very octets; fast, strict or lenient about end of data

A server runs in the running loop (`async with RawSink() as sink`) or in a thread of their own
(`with RawSink.threaded() as sink`).
"""

import asyncio
import re
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, cast

XFORWARD = "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"
EVERYTHING = ("PIPELINING", "SIZE 104857600", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", XFORWARD)

_STRICT_END = re.compile(rb"\r\n\.\r\n")
# What one server or another was found to take for an end of data (CVE-2023-51764 and its kin).
_LENIENT_END = re.compile(rb"(?:\r\n|\n|\r)\x00?\.\x00?(?:\r\n|\n|\r)")
_LONGEST_END = 7


@dataclass(frozen=True, slots=True)
class SunkMail:
    """One mail as it came over the wire; commands are without their CRLF."""

    mail: bytes
    rcpts: tuple[bytes, ...]
    xforward: tuple[bytes, ...]
    wire: bytes
    """The octets behind 354 up to the dot that ended the data, the line end in front of that dot included."""
    queue_id: str
    session: int
    """Which connection it came over, counted from 0."""

    @property
    def content(self) -> bytes:
        """The message: `wire` with the dots taken off."""
        unstuffed = self.wire.replace(b"\r\n.", b"\r\n")
        return unstuffed[1:] if unstuffed.startswith(b".") else unstuffed


@dataclass(slots=True)
class SunkSession:
    """One connection: every command line, and every block that arrived while commands were expected."""

    number: int
    commands: list[bytes] = field(default_factory=list)
    blocks: list[bytes] = field(default_factory=list)
    is_open: bool = True


class Server:
    """What the doubles have in common: a listening socket on the loopback, in this loop or in a thread."""

    host = "127.0.0.1"

    def __init__(self, port: int = 0) -> None:
        self.port = port

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @classmethod
    @contextmanager
    def threaded(cls, *args: Any, **options: Any) -> Iterator[Self]:
        """The same server in a thread of its own, for those who have no loop."""
        server = cls(*args, **options)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name=cls.__name__, daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()


class RawSink(Server):
    """Takes mail and remembers it octet for octet.

    `without` names EHLO keywords that are not offered. `answers` gives the reply to commands that begin with
    a text ("RCPT TO:<no@": "550 5.1.1 no"); "." stands for the end of data, and a mail refused there is not
    kept. `lenient` takes what careless servers take for an end of data: a smuggled mail shows up as a second
    one.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        without: Collection[str] = (),
        answers: Mapping[str, str] | None = None,
        lenient: bool = False,
    ) -> None:
        super().__init__(port)
        self.mails: list[SunkMail] = []
        self.sessions: list[SunkSession] = []
        self.offers = [offer for offer in EVERYTHING if offer.split()[0] not in without]
        self.answers = {text.upper().encode(): reply for text, reply in (answers or {}).items()}
        self.end_of_data = _LENIENT_END if lenient else _STRICT_END
        self._connections: set[_SinkConnection] = set()
        self._arrival = threading.Condition()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _SinkConnection(self), self.host, self.port, backlog=1024, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and break every connection."""
        if self._server is not None:
            self._server.close()
        self.disconnect()
        await asyncio.sleep(0)

    def disconnect(self) -> None:
        """Break every connection that is open; new ones are welcome."""
        for connection in list(self._connections):
            connection.transport.abort()

    @property
    def open_sessions(self) -> int:
        return sum(session.is_open for session in self.sessions)

    def wait_for(self, count: int, limit_s: float = 10.0) -> list[SunkMail]:
        """Block until so many mails have come (for `threaded` sinks). Raises TimeoutError."""
        with self._arrival:
            if not self._arrival.wait_for(lambda: len(self.mails) >= count, limit_s):
                raise TimeoutError(f"{len(self.mails)} of {count} mails in {limit_s} s")
        return self.mails

    def keep(self, mail: SunkMail) -> None:
        with self._arrival:
            self.mails.append(mail)
            self._arrival.notify_all()


class _SinkConnection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, sink: RawSink) -> None:
        self.sink = sink
        self.session = SunkSession(len(sink.sessions))
        self._buffer = bytearray()
        self._searched = 0
        self._in_data = False
        self._skip_lf = False
        self._forget()

    def _forget(self) -> None:
        self._mail = b""
        self._rcpts: list[bytes] = []
        self._xforward: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asserted: uvloop's transports do not inherit from asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        self.session.number = len(self.sink.sessions)
        self.sink.sessions.append(self.session)
        self.sink._connections.add(self)
        self.transport.write(b"220 sink.test ESMTP\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        self.session.is_open = False
        self.sink._connections.discard(self)

    def data_received(self, block: bytes) -> None:
        if not self._in_data:
            self.session.blocks.append(block)
        self._buffer += block
        replies: list[str] = []
        while (reply := self._next_reply()) is not None:
            replies.append(reply)
        if replies and not self.transport.is_closing():
            self.transport.write("".join(f"{reply}\r\n" for reply in replies).encode())
        if replies and replies[-1][:3] in ("221", "421"):
            self.transport.close()

    def _next_reply(self) -> str | None:
        """Take one command or one whole message out of the buffer; None when there is none yet."""
        if self._skip_lf and self._buffer:
            # The lenient end was found at a CR; the LF behind it, if one follows, is no command line.
            self._skip_lf = False
            if self._buffer.startswith(b"\n"):
                del self._buffer[0]
        return self._end_of_data() if self._in_data else self._command()

    def _command(self) -> str | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            return None
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        self.session.commands.append(line)
        return self._scripted(line) or self._ordinary(line)

    def _scripted(self, line: bytes) -> str | None:
        upper = line.upper()
        return next((reply for text, reply in self.sink.answers.items() if upper.startswith(text)), None)

    def _ordinary(self, line: bytes) -> str:
        match line[:4].upper():
            case b"EHLO":
                return "\r\n".join(f"250-{word}" for word in ("sink.test", *self.sink.offers[:-1])) + (
                    f"\r\n250 {self.sink.offers[-1]}" if self.sink.offers else "\r\n250 HELP"
                )
            case b"XFOR":
                self._xforward.append(line)
            case b"MAIL" if self._mail:
                return "503 5.5.1 nested MAIL"
            case b"MAIL":
                self._mail = line
            case b"RCPT" if not self._mail:
                return "503 5.5.1 need MAIL"
            case b"RCPT":
                self._rcpts.append(line)
            case b"DATA":
                return self._data()
            case b"RSET":
                self._forget()
            case b"NOOP":
                pass
            case b"QUIT":
                return "221 2.0.0 bye"
            case _:
                return "500 5.5.2 what?"
        return "250 2.0.0 Ok"

    def _data(self) -> str:
        if not self._rcpts:
            return "554 5.5.1 no valid recipients"
        self._in_data = True
        # The CRLF of the DATA line itself: a dot in the first line of the content is at a line's start too.
        self._buffer[0:0] = b"\r\n"
        self._searched = 0
        return "354 go ahead"

    def _end_of_data(self) -> str | None:
        end = self.sink.end_of_data.search(self._buffer, self._searched)
        if end is None:
            self._searched = max(0, len(self._buffer) - _LONGEST_END)
            return None
        ending = end.group()
        # The line end in front of the dot belongs to the content; a NUL between the two does not.
        line_end = len(ending[: ending.index(b".")].rstrip(b"\x00"))
        with memoryview(self._buffer) as received:
            wire = bytes(received[2 : end.start() + line_end])
        del self._buffer[: end.end()]
        self._skip_lf = ending.endswith(b"\r")
        return self._take(wire)

    def _take(self, wire: bytes) -> str:
        self._in_data = False
        refused = self.sink.answers.get(b".")
        queue_id = f"S{len(self.sink.mails) + 1:09X}"
        if refused is None:
            mail = SunkMail(
                self._mail, tuple(self._rcpts), tuple(self._xforward), wire, queue_id, self.session.number
            )
            self.sink.keep(mail)
        self._forget()
        return refused or f"250 2.0.0 Ok: queued as {queue_id}"
