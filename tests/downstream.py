"""Doubles for what stands behind us: an SMTP server that records octets, and one that plays faults.

Law: nothing here knows lamsonproxy's relay or doors, so that a mistake cannot hide by being made twice. What
was received is kept exactly as it came.

    RawSink             takes every mail and remembers its very octets; strict or lenient about end of data
    ScriptedDownstream  takes mail until the stage at which its fault is to happen
    FakeCourier         the port `Courier` without a network

Both servers run in the running loop (`async with RawSink() as sink`) or in a thread of their own
(`with RawSink.threaded() as sink`).
"""

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self, cast

from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Parts

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
        # asyncio gives us an accepted connection two turns of the loop later and closes an aborted one in the next;
        # one that was left behind would keep its peer waiting for a banner.
        for _ in range(5):
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


STAGES = (
    "connect",
    "banner",
    "ehlo",
    "xforward",
    "mail",
    "rcpt1",
    "rcpt_k",
    "data",
    "mid_body",
    "after_dot",
    "quit",
)
FAULTS = ("refused", "timeout", "4xx", "5xx", "421+close", "rst", "fin", "garbage", "flood", "drip")

_REFUSALS = {"4xx": "450 4.7.1 later", "5xx": "550 5.7.1 never"}
_FLOOD = b"250-" + b"x" * 58 + b"\r\n"


class ScriptedDownstream(Server):
    """Takes mail as RawSink does, but at one stage its fault happens.

        refused    connections are refused from now on, and this one is reset
        timeout    silence; at `connect` no connection is accepted, in `mid_body` nothing more is read
        4xx, 5xx   a refusal, and the dialogue goes on
        421+close  the reply, and the end
        rst, fin   the end without a reply, by a reset or in order
        garbage    a line that is no reply
        flood      a reply of 64 KiB
        drip       a good reply at one octet a second

    `from_mail` is the number of the mail on its connection at which it begins, `connections` how many
    connections have it (None: all), `k` which recipient is meant by `rcpt_k`. Beside STAGES there is `rset`.
    """

    def __init__(
        self,
        stage: str,
        fault: str,
        *,
        port: int = 0,
        from_mail: int = 1,
        connections: int | None = None,
        k: int = 3,
        without: Collection[str] = (),
    ) -> None:
        super().__init__(port)
        self.stage, self.fault = stage, fault
        self.from_mail, self.connections, self.k = from_mail, connections, k
        self.offers = [offer for offer in EVERYTHING if offer.split()[0] not in without]
        self.accepted = 0
        """Connections so far."""
        self.reached = False
        """Whether the fault has begun."""
        self.taken: list[bytes] = []
        """Each mail whose end of data was seen, as it was on the wire, whatever was replied."""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: list[socket.socket] = []

    async def start(self) -> None:
        listener = socket.create_server((self.host, self.port), backlog=0 if self._is_deaf else 100)
        self.port = listener.getsockname()[1]
        if self.stage == "connect" and self.fault == "refused":
            return listener.close()
        self._sockets.append(listener)
        if self._is_deaf:
            # A full backlog: the kernel drops what would connect next.
            self._sockets.append(socket.create_connection((self.host, self.port)))
            return
        self._server = await asyncio.start_server(self._serve, sock=listener)

    @property
    def _is_deaf(self) -> bool:
        return self.stage == "connect" and self.fault == "timeout"

    async def stop(self) -> None:
        self.refuse()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for open_socket in self._sockets:
            open_socket.close()

    def refuse(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        is_faulty = self.connections is None or self.accepted <= self.connections
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await _Dialogue(self, reader, writer, is_faulty).run()
        finally:
            self._tasks.discard(task)
            writer.transport.abort()


class _Dialogue:
    """One connection to a ScriptedDownstream."""

    def __init__(
        self,
        script: ScriptedDownstream,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        is_faulty: bool,
    ) -> None:
        self.script, self.reader, self.writer, self.is_faulty = script, reader, writer, is_faulty
        self.mails = 1
        self.rcpts = 0
        self.taken = 0
        self.has_mail = False

    async def run(self) -> None:
        if await self.comes("connect"):
            await self.comes("banner", "220 scripted.test ESMTP")
        while line := await self.reader.readline():
            await self.command(line)

    async def comes(self, stage: str, reply: str = "") -> bool:
        """Play the fault if this is its stage, else say the reply; False after a fault."""
        if self.is_faulty and stage == self.script.stage and self.mails >= self.script.from_mail:
            self.script.reached = True
            await self.play(self.script.fault)
            return False
        await self.say(reply)
        return True

    async def say(self, reply: str) -> None:
        if reply:
            self.writer.write(f"{reply}\r\n".encode())
            await self.writer.drain()

    async def command(self, line: bytes) -> None:
        match line[:4].upper():
            case b"EHLO":
                await self.comes("ehlo", "\r\n".join(f"250-{o}" for o in self.script.offers) + "\r\n250 HELP")
            case b"XFOR":
                await self.comes("xforward", "250 2.0.0 Ok")
            case b"MAIL":
                self.has_mail = await self.comes("mail", "250 2.1.0 Ok")
            case b"RCPT" if not self.has_mail:
                await self.say("503 5.5.1 need MAIL")
            case b"RCPT":
                self.rcpts += 1
                stage = {1: "rcpt1", self.script.k: "rcpt_k"}.get(self.rcpts, "rcpt")
                self.taken += await self.comes(stage, "250 2.1.5 Ok")
            case b"DATA" if not self.taken:
                await self.say("554 5.5.1 no valid recipients")
            case b"DATA":
                if await self.comes("data", "354 go ahead"):
                    await self.body()
            case b"QUIT":
                await self.comes("quit", "221 2.0.0 bye")
            case b"RSET":
                self.forget()
                await self.comes("rset", "250 2.0.0 Ok")
            case _:
                await self.say("500 5.5.2 what?")

    async def body(self) -> None:
        content = b"\r\n" + await self.reader.read(1024)
        if not await self.comes("mid_body"):
            await self.reader.read()
        while not content.endswith(b"\r\n.\r\n"):
            block = await self.reader.read(65536)
            if not block:
                return
            content += block
        self.script.taken.append(content[2:-3])
        await self.comes("after_dot", "250 2.0.0 Ok: queued as SCRIPTED")
        self.mails += 1
        self.forget()

    def forget(self) -> None:
        self.has_mail, self.rcpts, self.taken = False, 0, 0

    async def play(self, fault: str) -> None:
        match fault:
            case "4xx" | "5xx":
                await self.say(_REFUSALS[fault])
            case "421+close":
                await self.say("421 4.3.2 closing")
                await self.end()
            case "fin":
                await self.end()
            case "rst" | "refused":
                if fault == "refused":
                    self.script.refuse()
                self.reset()
            case "garbage":
                await self.say("999 \x01nonsense")
            case "flood":
                self.writer.write(_FLOOD * 1024)
            case "drip":
                await self.drip(b"250 2.0.0 Ok\r\n")
            case "timeout":
                await asyncio.Event().wait()

    async def end(self) -> None:
        # Closing with octets unread would be a reset: so one half now, the other when the peer has gone.
        self.writer.write_eof()
        await self.reader.read()
        raise ConnectionAbortedError

    def reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise ConnectionAbortedError

    async def drip(self, reply: bytes) -> None:
        for octet in reply:
            self.writer.write(bytes((octet,)))
            await asyncio.sleep(1)


class FakeCourier:
    """The port `Courier` without a network: what was delivered stands in `mails`, what it says can be set.

    `replies` gives the reply to a recipient by its address, `refusal` the one to MAIL, `final` the one to the
    dot; a RemoteError in `trouble` is raised instead, on entering or, when it is ambiguous, instead of the
    final reply.
    """

    def __init__(self) -> None:
        self.mails: list[tuple[Envelope, bytes]] = []
        """Each mail with the envelope as it was offered, recipients that were refused left out."""
        self.undone: list[Envelope] = []
        """Offers that were left without a delivery."""
        self.asked: list[str] = []
        """Recipients that inquiries asked about, each at its time."""
        self.replies: dict[str, Reply] = {}
        self.refusal: Reply | None = None
        self.final = Reply(250, "2.0.0", "Ok: queued as FAKE")
        self.trouble: RemoteError | None = None

    def offer(self, envelope: Envelope, *, deadline: float) -> "FakeOffer":
        return FakeOffer(self, envelope)

    def inquiry(self, envelope: Envelope) -> "FakeInquiry":
        return FakeInquiry(self, envelope)

    def reply_to(self, recipient: Recipient) -> Reply:
        return self.replies.get(recipient.address.raw, Reply(250, "2.1.5", "Ok"))


class FakeInquiry:
    """What FakeCourier is asked one recipient at a time."""

    def __init__(self, courier: FakeCourier, envelope: Envelope) -> None:
        self._courier = courier
        self._envelope = replace(envelope, recipients=())
        self._answers: dict[Recipient, Reply] = {}
        self._trouble: RemoteError | None = None

    async def ask(self, recipient: Recipient, *, deadline: float) -> Reply:
        trouble = self._trouble or self._courier.trouble
        if trouble is not None and not trouble.ambiguous:
            self._trouble = trouble
            raise trouble
        self._courier.asked.append(recipient.address.raw)
        self._answers[recipient] = self._courier.refusal or self._courier.reply_to(recipient)
        return self._answers[recipient]

    def offer(self, envelope: Envelope, *, deadline: float) -> "FakeOffer":
        if self._trouble is not None:
            raise self._trouble
        answers, self._answers = self._answers, {}
        taken = {recipient for recipient, reply in answers.items() if reply.is_positive}
        is_the_same = replace(envelope, recipients=()) == self._envelope
        if is_the_same and taken <= set(envelope.recipients) <= set(answers):
            return FakeOffer(self._courier, envelope, [answers[r] for r in envelope.recipients])
        return FakeOffer(self._courier, envelope)

    async def end(self) -> None:
        if self._answers:
            self._courier.undone.append(replace(self._envelope, recipients=tuple(self._answers)))


class FakeOffer:
    """What FakeCourier offers; `answers` are the replies that it gave before."""

    def __init__(
        self, courier: FakeCourier, envelope: Envelope, answers: Sequence[Reply] | None = None
    ) -> None:
        self._courier = courier
        self._envelope = envelope
        self._is_over = False
        self._answers = answers
        self.refusal = courier.refusal
        self.recipients: Sequence[Reply] = ()

    async def __aenter__(self) -> Self:
        trouble = self._courier.trouble
        if trouble is not None and not trouble.ambiguous:
            raise trouble
        if self.refusal is None:
            self.recipients = self._answers or [
                self._courier.reply_to(recipient) for recipient in self._envelope.recipients
            ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_over:
            self._courier.undone.append(self._envelope)

    async def deliver(self, content: Parts) -> Reply:
        if self.refusal is not None:
            return self.refusal
        pairs = zip(self._envelope.recipients, self.recipients, strict=True)
        taken = tuple(recipient for recipient, reply in pairs if reply.is_positive)
        if not taken:
            raise ValueError("no recipient of this mail was taken")
        self._is_over = True
        if self._courier.trouble is not None:
            raise self._courier.trouble
        if self._courier.final.is_positive:
            self._courier.mails.append((replace(self._envelope, recipients=taken), b"".join(content)))
        return self._courier.final
