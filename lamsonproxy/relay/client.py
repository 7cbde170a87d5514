"""One connection to downstream: aiosmtplib's protocol, mended for a proxy.

    aiosmtplib's SMTPProtocol                           here
    --------------------------------------------------  ----------------------------------------------------
    one reply at a time, what else arrives is dropped   one reply for each command outstanding (RFC 2920)
    any number is a code                                a reply is 200 to 599, or the connection is broken
    the message is copied, its line ends rewritten      blocks, written as fast as downstream reads them
    a timer and a task for each reply                   one timer for each connection

Law: nothing is believed of downstream that it did not say, and nothing is said twice. A connection on which
anything went wrong is broken on the spot and stays so: whoever waits on it is told by a RemoteError, and it
sends no dot.

RFC 5321 §4.5.4.2 (the end of data and its reply), RFC 1047 (what a connection lost between them means).
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from math import inf
from typing import Literal, cast

from aiosmtplib.protocol import SMTPProtocol

from lamsonproxy.crash import crash_at
from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Parts
from lamsonproxy.relay.content import blocks
from lamsonproxy.relay.limit import TimeLimit
from lamsonproxy.relay.replies import ReplyReader
from lamsonproxy.relay.settings import RelaySettings

Stage = Literal[
    "pool", "connect", "banner", "ehlo", "xforward", "mail", "rcpt", "data", "body", "end", "rset", "quit"
]
Kind = Literal[
    "busy", "refused", "unreachable", "timeout", "reset", "closed", "garbage", "rejected", "lacking", "loop"
]


class Client(SMTPProtocol):
    """A connection that is spoken on by one task at a time."""

    def __init__(self, settings: RelaySettings, lost: Callable[["Client"], None] | None = None) -> None:
        super().__init__(asyncio.get_running_loop())
        self.extensions: Mapping[str, str] = {}
        """Downstream's EHLO keywords, in capitals, each with its arguments."""
        self.mails = 0
        """Mails begun on this connection."""
        self.has_agreed = False
        """Whether a reply since `begin` was positive."""
        self.idle_since = inf
        self.early: Reply | None = None
        """The refusal that came before the end of data had been sent."""
        self._settings = settings
        self._limits: Mapping[Stage, float] = {"end": inf, "rset": settings.quit_s}
        self._lost = lost
        self._stage: Stage = "banner"
        self._limit = TimeLimit(
            self._loop, lambda: self._fail("timeout", "downstream did not answer in time")
        )
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
        self._outstanding = 1  # the banner
        self._waiter: asyncio.Future[None] | None = None
        self._failure: tuple[Kind, str] | None = None
        self._is_dot_sent = False
        self._is_ending = False

    # What the pool asks.

    @property
    def is_clean(self) -> bool:
        """Whether everything that was said has been answered, and another mail may follow."""
        return self._failure is None and not (
            self._is_ending or self._outstanding or self._replies or self._reader.is_amid
        )

    def leave(self) -> None:
        """Say QUIT, and close when that is answered or has taken too long. Neither waits nor raises."""
        if not self.is_clean:
            return self.abort()
        self._stage, self._is_ending, self._limit.deadline = "quit", True, inf
        self._outstanding += 1
        self._limit.begin(self._settings.quit_s)
        self.write(b"QUIT\r\n")

    def abort(self) -> None:
        """Close at once; what was not yet sent is not sent."""
        self._fail("closed", "by us")

    async def closed(self) -> None:
        """Wait for the end of the connection; bounded by whoever called `leave` or `abort` before."""
        await asyncio.shield(self._closed_future)

    # What the courier says and hears.

    async def greet(self, deadline: float) -> Reply:
        """Hear the banner and say EHLO; gives the reply to it."""
        self._limit.deadline = deadline
        banner = self._demand(await self.reply("banner"))
        if self._settings.instance and banner.text.endswith(f" lamsonproxy {self._settings.instance}"):
            raise self.broken("loop", f"{banner}: relay.host and relay.port lead to a door of our own")
        await self.send((b"EHLO " + self._settings.helo.encode("ascii", "replace"),))
        reply = self._demand(await self.reply("ehlo"))
        words = (line.split(None, 1) for line in reply.text.split("\n")[1:] if line.strip())
        self.extensions = {keyword.upper(): "".join(arguments) for keyword, *arguments in words}
        return reply

    def begin(self, deadline: float) -> None:
        """From here on it is about another mail. `deadline` is a time of the loop's clock."""
        self.mails += 1
        self.has_agreed = False
        self._limit.deadline = deadline

    def extend(self, deadline: float) -> None:
        """Go on with the same mail, until another deadline."""
        self._limit.deadline = deadline

    async def send(self, commands: Sequence[bytes]) -> None:
        """Send commands in one write.

        Replies are read while this waits, however many there are, so no number of commands can come to a
        deadlock with a downstream that stops reading until its replies are read (RFC 2920 §3.1).
        """
        self._outstanding += len(commands)
        self.write(b"\r\n".join(commands) + b"\r\n")
        if self._paused:
            await self._drained(self._settings.command_s)

    async def reply(self, stage: Stage) -> Reply:
        """The next reply. Raises RemoteError when none comes."""
        self._stage = stage
        if not self._replies:
            await self._news(self._limits.get(stage, self._settings.command_s))
        reply = self._replies.popleft()
        self.has_agreed = self.has_agreed or reply.is_positive
        return reply

    async def finish(self, content: Parts) -> Reply:
        """Send the content behind a 354, then the dot, and give the reply.

        A refusal that came before the dot was sent is the reply too: then the connection is broken, not the
        dot sent.
        """
        try:
            await self._send_content(content)
            reply = await self.reply("end")
        except RemoteError:
            if self.early is None:
                raise
            return self.early
        if 300 <= reply.code < 400 or reply.code == 221:
            # 221 says goodbye, not that the mail was taken.
            raise self.broken("garbage", str(reply))
        self._is_dot_sent = False
        return reply

    def broken(self, kind: Kind, detail: str) -> RemoteError:
        """Break the connection, and give the error to raise."""
        self._fail(kind, detail)
        return self._error()

    # Sending.

    async def _send_content(self, content: Parts) -> None:
        self._stage = "body"
        for block, is_last in blocks(content):
            self.write(block)
            if is_last:
                # From here on nobody can tell whether downstream has it all, until it says so (RFC 1047). Its
                # word is all that is waited for, or it might be missed beside the end of the connection.
                self._outstanding, self._is_dot_sent = 1, True
            elif self._paused:
                await self._drained(inf)
        crash_at("dot-sent")

    def write(self, data: bytes) -> None:
        """Put octets into the transport. Raises RemoteError when the connection is broken."""
        if self._failure is not None:
            raise self._error()
        cast(asyncio.Transport, self.transport).write(data)

    async def _drained(self, limit_s: float) -> None:
        self._limit.begin(limit_s)
        # connection_lost has noted why, so what it throws at those who drain says nothing new.
        with suppress(OSError):
            await self._drain_helper()
        self._limit.end()
        if self._failure is not None:
            raise self._error()

    # Hearing.

    async def _news(self, limit_s: float) -> None:
        while not self._replies:
            if self._failure is not None:
                raise self._error()
            self._limit.begin(limit_s)
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
                self._limit.end()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # The dot must not wait for the acknowledgement of what went before it (Nagle: 40 ms a mail).
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        try:
            for reply in self._reader.feed(data):
                if self._failure is None:
                    self._take(reply)
        except ValueError as error:
            self._fail("garbage", str(error))

    def eof_received(self) -> bool:
        # Not merely closed: closing would first wait for what is still to be written, which nobody reads any
        # more.
        self._fail("closed", "downstream closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("reset" if exc else "closed", str(exc or "downstream closed the connection"))
        super().connection_lost(exc)
        if not self._closed_future.done():
            self._closed_future.set_result(None)
        if self._lost is not None:
            self._lost(self)

    def _take(self, reply: Reply) -> None:
        if self._outstanding:
            self._outstanding -= 1
            self._replies.append(reply)
            self._wake()
            self._is_ending = self._is_ending or reply.ends_session
            if self._stage == "quit":
                self.abort()
        elif self._stage == "body" and reply.code >= 400:
            self.early = reply
            self._fail("rejected", str(reply))
        else:
            self._fail("closed" if reply.ends_session else "garbage", f"unasked: {reply}")

    def _demand(self, reply: Reply) -> Reply:
        if not reply.is_positive:
            raise self.broken("rejected", str(reply))
        return reply

    # Ending.

    def _fail(self, kind: Kind, detail: str) -> None:
        if self._failure is not None:
            return
        self._failure = kind, detail
        self._limit.cancel()
        if self.transport is not None:
            cast(asyncio.Transport, self.transport).abort()
        self._wake()

    def _error(self) -> RemoteError:
        kind, detail = self._failure or ("closed", "")
        return RemoteError(self._stage, kind, detail, ambiguous=self._is_dot_sent)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def connect(
    settings: RelaySettings, deadline: float, lost: Callable[[Client], None] | None = None
) -> tuple[Client, Reply]:
    """Open a connection; gives it with the reply to EHLO. `lost` is called when it has ended."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout_at(min(loop.time() + settings.connect_s, deadline)):
            _, client = await loop.create_connection(
                lambda: Client(settings, lost), settings.host, settings.port
            )
    except TimeoutError as error:
        raise RemoteError("connect", "timeout", f"{settings.host}:{settings.port}") from error
    except OSError as error:
        kind = "refused" if isinstance(error, ConnectionRefusedError) else "unreachable"
        raise RemoteError("connect", kind, str(error)) from error
    try:
        return client, await client.greet(deadline)
    except BaseException:
        client.abort()
        raise
