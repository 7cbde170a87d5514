"""One connection to a door: aiosmtpd's SMTP, mended for a filter behind Postfix.

What aiosmtpd gives: the stream, its flow control, the session timer. What is mended here (each was measured): commands
are read by our own dialogue, which keeps parameters and XFORWARD; DATA is read in blocks, not by lines (a tenth of the
CPU at 1 MB); lines have no limit but the mail's; the session timer stands still while a mail is settled; and a client
that closes does not cancel what is being settled: each mail ends fully done or fully undone (design law 6).

Law: nothing here knows what a mail is for. Whoever settles it is behind `Desk`. No exception text reaches the wire.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from aiosmtpd.smtp import SMTP

from lamsonproxy.doors.budget import Budget
from lamsonproxy.doors.dialogue import NO_ROOM, NOT_HTTP, TOO_BIG, TOO_MANY_ERRORS, Dialogue, Next, Rules
from lamsonproxy.doors.inbox import Flood, Inbox
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.reply import TROUBLE, Reply, with_trace
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction, new_trace
from lamsonproxy.mail.wire import BLOCK, BareCr, BareNewline, DataReader, Refused
from lamsonproxy.ports import MailLog

# aiosmtpd logs each command with its argument at INFO, and every client's going; ours is the mail log.
logging.getLogger("mail.log").setLevel(logging.WARNING)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SHUTTING_DOWN = Reply(421, "4.3.2", "Shutting down")
TIMED_OUT = Reply(421, "4.4.2", "Time limit exceeded")
NOT_TRUSTED = Reply(421, "4.7.1", "This door answers its own mail server only")
TOO_MANY_SESSIONS = Reply(421, "4.3.2", "Too many sessions")
ENDLESS_LINE = Reply(421, "4.7.0", "A line has an end")
BROKEN = Reply(421, TROUBLE.status, TROUBLE.text)

_REFUSALS = {
    Refused.TOO_BIG: TOO_BIG,
    Refused.NO_ROOM: NO_ROOM,
    Refused.BARE_LF: Reply(554, "5.6.0", "Message has a bare LF (RFC 5321 section 2.3.8)"),
    Refused.BARE_CR: Reply(554, "5.6.0", "Message has a bare CR (RFC 5321 section 2.3.8)"),
}

COMMANDS_AT_ONCE = 16 * 1024
"""Octets of pipelined commands that are answered before other sessions have their turn; of a mail it is a `BLOCK`."""


@dataclass(frozen=True)
class DoorSettings:
    """What one door is told; each field is described in docs/settings.md."""

    name: str
    rules: Rules
    trust: tuple[Network, ...]
    bare_newline: BareNewline = BareNewline.NORMALIZE
    bare_cr: BareCr = BareCr.KEEP
    command_bytes: int = 4096
    sessions: int = 500
    idle_timeout_s: float = 300
    data_timeout_s: float = 600
    linger_s: float = 10
    """How long a client may take to read our last words; then the connection is cut."""


class Desk(Protocol):
    """Where a mail goes when it has been read."""

    def settle(self, transaction: Transaction, withdrawn: Callable[[], bool]) -> AsyncIterator[Reply]:
        """Decide, relay, commit, and give the answer: one for all recipients, or, where the door's protocol has that
        many, one for each in envelope order and as soon as it is true. `withdrawn` is true once nobody waits for it
        any more."""


class Gate(Protocol):
    """Who is asked about each recipient when it is named."""

    async def ask(self, transaction: Transaction) -> Reply:
        """Whether the last recipient so far is taken. There is no message yet."""

    async def forget(self, trace: str) -> None:
        """The mail of this trace has ended, settled or not. Never raises."""


class Door:
    """What the sessions of one door share: the settings, the desk, the budget, and the list of sessions.

    Without a gate every recipient is taken.
    """

    def __init__(
        self, settings: DoorSettings, desk: Desk, budget: Budget, log: MailLog, gate: Gate | None = None
    ) -> None:
        self.settings = settings
        self.desk = desk
        self.gate = gate
        self.budget = budget
        self.log = log
        self.sessions: set[SmtpSession] = set()
        self.is_closing = False
        self.is_empty = asyncio.Event()
        self.is_empty.set()
        self._trusts = lru_cache(maxsize=1024)(self._compare)

    def session(self) -> "SmtpSession":
        """A protocol for one connection: give this method to `create_server`."""
        return SmtpSession(self)

    def entered(self, session: "SmtpSession") -> None:
        self.sessions.add(session)
        self.is_empty.clear()

    def left(self, session: "SmtpSession") -> None:
        self.sessions.discard(session)
        if not self.sessions:
            self.is_empty.set()

    @property
    def in_flight(self) -> int:
        """How many mails are being settled."""
        return sum(session.is_settling for session in self.sessions)

    def refuse(self, peer: str) -> Reply | None:
        """Why this peer is not let in, if it is not."""
        if not self._trusts(peer):
            self.log.refused_peer(self.settings.name, peer)
            return NOT_TRUSTED
        if self.is_closing:
            return SHUTTING_DOWN
        if len(self.sessions) > self.settings.sessions:
            self.log.refused_session(self.settings.name, peer, "sessions")
            return TOO_MANY_SESSIONS
        return None

    def close(self) -> None:
        """Let nobody in, send the idle away; those with a mail under way end it first."""
        self.is_closing = True
        for session in tuple(self.sessions):
            session.leave_if_idle()

    def abandon(self) -> None:
        """Send everybody away now: 421, and what had not reached downstream is undone."""
        for session in tuple(self.sessions):
            session.leave(SHUTTING_DOWN)

    def _compare(self, peer: str) -> bool:
        if not peer:
            return False  # gone before the kernel could say who it was
        if peer.startswith("/"):
            return True  # a unix socket: its permissions are the trust
        address = ipaddress.ip_address(peer.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self.settings.trust)


class _NoHooks:
    """aiosmtpd's handler object: we use none of its hooks."""

    def __dir__(self) -> list[str]:
        return []


class SmtpSession(SMTP):
    """One connection. Reads commands and mails; answers each in order."""

    # The StreamReader's limit: reading pauses when twice this is buffered.
    line_length_limit = BLOCK // 2
    dialogue: type[Dialogue] = Dialogue

    def __init__(self, door: Door) -> None:
        super().__init__(
            _NoHooks(),
            hostname=door.settings.rules.hostname,
            timeout=door.settings.idle_timeout_s,
            loop=asyncio.get_running_loop(),
        )
        self._door = door
        self._settings = door.settings
        self._peer, self._port = "", 0
        self._inbox = Inbox(door.settings.command_bytes)
        self._lease = door.budget.lease()
        self._dialogue = self.dialogue(door.settings.rules, self._lease.grow_to)
        self._unsent = bytearray()
        self._trace = ""
        """The name of the mail under way."""
        self.is_settling = self._is_over = False
        self._linger: asyncio.TimerHandle | None = None

    def __dir__(self) -> list[str]:
        # aiosmtpd scans dir() for verbs and AUTH mechanisms on each connection: a quarter of what a short session
        # costs. Our dialogue knows the verbs.
        return []

    # -- the life of the connection --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._peer, self._port = _peer_of(transport)
        _no_delay(transport)
        self._door.entered(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        # Not aiosmtpd's: it cancels what is being settled, after downstream may have taken it.
        self._stop_timer()
        if self._linger is not None:
            self._linger.cancel()
        self.transport = None
        asyncio.StreamReaderProtocol.connection_lost(self, error)
        self._part()

    def eof_received(self) -> bool:
        # Not aiosmtpd's, for the same reason. True keeps our half open: a half-closed peer still reads replies.
        asyncio.StreamReaderProtocol.eof_received(self)
        return True

    def leave_if_idle(self) -> None:
        """Go, unless a mail is under way."""
        if not self.is_settling and not self._dialogue.in_transaction:
            self.leave(SHUTTING_DOWN)

    def leave(self, reply: Reply) -> None:
        """Say a last word and close. A mail that is being settled hears of it by `withdrawn`."""
        if not self._is_cut:
            self._say(reply)
            self._hand_over()
            self._hang_up()

    def _hang_up(self) -> None:
        """Close when our last words have left. A client that does not read them must not keep the session for ever."""
        if not self._is_cut:
            self._linger = self.loop.call_later(self._settings.linger_s, self._writer.transport.abort)
            self._writer.close()

    def _part(self) -> None:
        """The session ends with its connection or with its mail, whichever is later."""
        if self._is_over and self.transport is None:
            self._door.left(self)
            # aiosmtpd's sessions are cycles: what nobody read would stay until the next garbage collection.
            del self._reader, self._writer, self._inbox

    def _timeout_cb(self) -> None:
        self._door.log.refused_session(self._settings.name, self._peer, "timeout")
        self.leave(TIMED_OUT)

    def _stop_timer(self) -> None:
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()

    def _withdrawn(self) -> bool:
        """Whether nobody waits for the answer any more. A client that sent QUIT along and then closed its half
        (`nc -N`) still waits; Postfix never closes before it has read our reply."""
        return self._is_cut or (self._reader.at_eof() and not self._inbox)

    # -- commands --------------------------------------------------------------------------------------------

    async def _handle_client(self) -> None:
        try:
            await self._converse()
        except (OSError, EOFError):
            pass  # the client is gone, or its host or its network; Postfix keeps whatever had no reply
        except Flood:
            self._door.log.refused_session(self._settings.name, self._peer, "flood")
            self.leave(ENDLESS_LINE)
        except Exception as error:
            # Ours, and of a kind we did not foresee. Postfix must not read it as anything but "later".
            logging.getLogger("lamsonproxy").exception("session ended by a bug", exc_info=error)
            self.leave(BROKEN)
        finally:
            self._stop_timer()
            self._lease.end()
            self._hang_up()
            self._is_over = True
            self._part()

    async def _converse(self) -> None:
        if (refused := self._door.refuse(self._peer)) is not None:
            self.leave(refused)
            return
        self._say(self._dialogue.greeting())
        try:
            while self._dialogue.next is not Next.CLOSE:
                await self._take_turns()
        finally:
            await self._forget()
        await self._flush()

    async def _take_turns(self) -> None:
        """One command and its reply; and the mail, and the replies to it, when the command was DATA."""
        self._reset_timeout()
        line = await self._line()
        reply = self._dialogue.command(line) if line else self._dialogue.overlong()
        if self._dialogue.has_named and self._door.gate is not None:
            reply = await self._ask(self._door.gate)
        self._say(reply)
        if reply in (TOO_MANY_ERRORS, NOT_HTTP):
            self._door.log.refused_session(self._settings.name, self._peer, "errors")
        if self._dialogue.next is Next.DATA:
            await self._mail()
        if not self._dialogue.in_transaction:
            await self._forget()
            self._lease.end()
            if self._door.is_closing and self._dialogue.next is not Next.CLOSE:
                self._say(self._dialogue.answered(SHUTTING_DOWN))

    async def _ask(self, gate: Gate) -> Reply:
        """Whether the gate takes the recipient that was named."""
        self._stop_timer()
        # The gate may take its time, and the client's patience with the replies before this one is running.
        await self._flush()
        transaction = self._transaction(self._dialogue.envelope, b"")
        try:
            reply = await gate.ask(transaction)
        except Exception as error:
            self._door.log.bug(transaction, error)
            reply = with_trace(TROUBLE, transaction.trace)
        if not reply.is_positive:
            self._dialogue.refuse_named()
        return self._dialogue.answered(reply)

    async def _forget(self) -> None:
        """There is no mail under way any more."""
        trace, self._trace = self._trace, ""
        if trace and self._door.gate is not None:
            await self._door.gate.forget(trace)

    async def _line(self) -> bytes:
        while (line := self._inbox.line()) is None:
            # Replies leave together when the peer waits for one: the other half of PIPELINING (RFC 2920 §3.2).
            await self._flush()
            block = await self._block(COMMANDS_AT_ONCE)
            if len(block) == COMMANDS_AT_ONCE:
                await asyncio.sleep(0)  # more is waiting, and reading it would not suspend us
            self._inbox.feed(block)
        return line

    async def _block(self, limit: int = BLOCK) -> bytes:
        # Whoever has heard our last word gets no other, so what is left of his mail in the stream is nobody's.
        block = b"" if self._is_cut else await self._reader.read(limit)
        if not block or self._is_cut:
            raise EOFError
        return block

    def _say(self, reply: Reply) -> None:
        self._unsent += reply.encoded

    async def _flush(self) -> None:
        if self._unsent:
            if self._is_cut:
                raise ConnectionResetError
            self._hand_over()
            await self._writer.drain()

    def _hand_over(self) -> None:
        """Give the replies to the kernel; it is over with them if the client has gone."""
        if not self._is_cut:
            self._writer.write(bytes(self._unsent))
            self._unsent.clear()

    @property
    def _is_cut(self) -> bool:
        return self.transport is None or self.transport.is_closing()

    # -- a mail ----------------------------------------------------------------------------------------------

    async def _mail(self) -> None:
        self._reset_timeout(self._settings.data_timeout_s)
        await self._flush()
        reader = await self._read_data()
        self._stop_timer()
        envelope = self._dialogue.take_envelope()
        if reader.refused is not None:
            self._answer(_REFUSALS[reader.refused], self._replies_to(envelope))
            return
        message = reader.message()
        del reader
        await self._settle(envelope, message)

    def _replies_to(self, envelope: Envelope) -> int:
        """How many replies the protocol has to the end of data."""
        return 1

    def _answer(self, reply: Reply, times: int = 1) -> None:
        for _ in range(times):
            self._say(self._dialogue.answered(reply))

    async def _read_data(self) -> DataReader:
        reader = DataReader(
            self._settings.rules.size_limit, self._settings.bare_newline, self._settings.bare_cr
        )
        behind = reader.feed(self._inbox.take_all())
        self._hold(reader)
        while behind is None:
            behind = reader.feed(await self._block())
            self._hold(reader)
        self._inbox.feed(behind)
        return reader

    def _hold(self, reader: DataReader) -> None:
        if reader.refused is None and not self._lease.grow_to(reader.size):
            reader.refuse(Refused.NO_ROOM)
        if reader.refused is not None:
            self._lease.end()

    def _transaction(self, envelope: Envelope, content: bytes) -> Transaction:
        self._trace = self._trace or new_trace()
        session = Session(
            door=self._settings.name,
            peer=self._peer,
            port=self._port,
            helo=self._dialogue.helo,
            protocol=self._dialogue.protocol(envelope),
        )
        return Transaction(self._trace, session, envelope, Message(content))

    async def _settle(self, envelope: Envelope, content: bytes) -> None:
        transaction = self._transaction(envelope, content)
        awaited = self._replies_to(envelope)
        self.is_settling = True
        try:
            async for reply in self._door.desk.settle(transaction, self._withdrawn):
                self._answer(reply)
                awaited -= 1
                self._hand_over()
            if awaited:
                raise RuntimeError(f"the desk gave {awaited} replies too few")
        except Exception as error:
            self._door.log.bug(transaction, error)
            self._answer(with_trace(TROUBLE, transaction.trace), awaited)
        finally:
            self.is_settling = False


def _peer_of(transport: asyncio.BaseTransport) -> tuple[str, int]:
    """Address and port; the path of our own end of a unix socket; "" when the kernel does not say any more."""
    peername, sockname = (transport.get_extra_info(name) for name in ("peername", "sockname"))
    if isinstance(peername, tuple):
        return peername[0], peername[1]
    return (sockname, 0) if isinstance(sockname, str) else ("", 0)


def _no_delay(transport: asyncio.BaseTransport) -> None:
    # asyncio does this itself only for sockets whose protocol number is set; a listening socket that was handed over
    # by a supervisor may have none, and then each reply waits 40 ms for a delayed ACK.
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
