"""One connection to a door, as octets in and replies out: aiosmtpd's SMTP, mended for a filter behind Postfix.

What aiosmtpd gives: the stream, its flow control, the session timer. What is mended here (each was measured): a client
that closes, or half-closes, does not cancel what is being settled (design law 6); a client that does not read our last
words is cut off in the end; and nothing is scanned by dir() for each connection.

Law: nothing here knows a command. No exception text reaches the wire.
"""

import asyncio
import logging
import socket
from abc import abstractmethod

from aiosmtpd.smtp import SMTP

from lamsonproxy.doors.door import Door
from lamsonproxy.doors.inbox import Flood, Inbox
from lamsonproxy.mail.reply import TROUBLE, Reply
from lamsonproxy.mail.wire import BLOCK

# aiosmtpd logs each command with its argument at INFO, and every client's going; ours is the mail log.
logging.getLogger("mail.log").setLevel(logging.WARNING)

TIMED_OUT = Reply(421, "4.4.2", "Time limit exceeded")
ENDLESS_LINE = Reply(421, "4.7.0", "A line has an end")
BROKEN = Reply(421, TROUBLE.status, TROUBLE.text)


class _NoHooks:
    """aiosmtpd's handler object: we use none of its hooks."""

    def __dir__(self) -> list[str]:
        return []


class Connection(SMTP):
    """The life of a connection; whoever talks over it fills in `_converse`."""

    # The StreamReader's limit: reading pauses when twice this is buffered.
    line_length_limit = BLOCK // 2

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
        self._unsent = bytearray()
        self.is_settling = self._is_over = False
        self._linger: asyncio.TimerHandle | None = None

    def __dir__(self) -> list[str]:
        # aiosmtpd scans dir() for verbs and AUTH mechanisms on each connection: a quarter of what a short session
        # costs. Our dialogue knows the verbs.
        return []

    @abstractmethod
    async def _converse(self) -> None:
        """Talk until it is over. OSError and EOFError say that the client has gone."""

    @abstractmethod
    def leave_if_idle(self) -> None:
        """Go, unless a mail is under way."""

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
            self._hang_up()
            self._is_over = True
            self._part()

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
