"""One mail on one connection: offered, and then delivered or taken back.

Law: MAIL and all RCPTs are answered before any DATA; DATA is sent along only behind a single RCPT, because
with one RCPT taken and one refused a pipelined DATA would deliver an empty mail. What is not delivered is
undone: by RSET while no DATA has been accepted, else by breaking the connection without the dot. Nothing is
ever sent on a second connection, unless the first was a kept one that had died before it agreed to anything
of this mail.

    stage       refused (4xx, 5xx)         421, closed, stalled, nonsense
    ----------  -------------------------  -------------------------------------------------
    xforward    RemoteError                RemoteError
    mail        `refusal`                  RemoteError (on a kept connection: once on a new one)
    rcpt        in `recipients`            RemoteError
    data        `refusal` or `deliver`     421: as any 4xx; else RemoteError
    body, end   `deliver`                  421: as any 4xx; else RemoteError, `ambiguous` behind the dot

RFC 5321 §3.3, §4.5.4.2; RFC 2920 §3.1 (pipelining).
"""

from collections.abc import Sequence
from types import TracebackType
from typing import ClassVar, Self

from lamsonproxy.errors import LamsonError, RemoteError
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Parts
from lamsonproxy.relay.client import Client, Stage
from lamsonproxy.relay.commands import Commands, commands_for
from lamsonproxy.relay.pool import Pool

_GO_AHEAD = 354


class SmtpOffer:
    """One mail on one connection; see the port `Offer`."""

    _may_send_data_along: ClassVar[bool] = True

    def __init__(self, pool: Pool, envelope: Envelope, deadline: float) -> None:
        self.refusal: Reply | None = None
        self.recipients: Sequence[Reply] = ()
        self._pool = pool
        self._envelope = envelope
        self._deadline = deadline
        self._client: Client
        self._is_held = False
        """The connection is ours, and must be given back."""
        self._is_pipelined = False
        self._is_data_open = False
        """DATA has been sent and not been refused: content is awaited, and only the dot or the end of the
        connection can end it."""
        self._is_over = False

    async def __aenter__(self) -> Self:
        await self._ask_on(await self._pool.take(self._deadline))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_held:
            return
        if self._is_over:
            self._pool.put_back(self._client)
        elif kind is None and not self._is_data_open and self._client.is_clean:
            await self._undo()
        else:
            self._drop(self._client)

    async def deliver(self, content: Parts) -> Reply:
        """See the port."""
        if self.refusal is not None:
            return self.refusal
        if not any(reply.is_positive for reply in self.recipients):
            raise ValueError("no recipient of this mail was taken")
        if not self._is_data_open:
            refusal = await self._open_data()
            if refusal is not None:
                return refusal
        reply = await self._client.finish(content)
        self._is_data_open, self._is_over = False, True
        return reply

    async def _ask_on(self, client: Client) -> None:
        """Ask on this connection, or on a new one in its place."""
        self._is_held = False
        if not await self._is_heard(client):
            await self._is_heard(await self._pool.renew(client, self._deadline))
        self._is_held = True

    async def _is_heard(self, client: Client) -> bool:
        """Ask on this connection. False when it is a kept one that was dead, and must be renewed."""
        self._client = client
        try:
            commands = commands_for(self._envelope, client.extensions)
        except LamsonError:
            self._pool.put_back(client)  # Nothing was said on it.
            raise
        client.begin(self._deadline)
        try:
            await self._ask(commands)
        except RemoteError as error:
            if client.mails > 1 and error.kind in ("closed", "reset") and not client.has_agreed:
                return False
            self._drop(client)
            raise
        except BaseException:
            self._drop(client)
            raise
        return True

    async def _ask(self, commands: Commands) -> None:
        self._is_pipelined = "PIPELINING" in self._client.extensions
        is_data_along = self._may_send_data_along and self._is_pipelined and len(commands.rcpts) == 1
        if self._is_pipelined:
            await self._client.send((*commands.in_order, *((b"DATA",) if is_data_along else ())))
        for command in commands.xforward:
            await self._attribute(command)
        mail = await self._answer("mail", commands.mail)
        if mail.is_positive:
            self.recipients = [await self._answer("rcpt", command) for command in commands.rcpts]
        else:
            self.refusal = mail
            await self._skip(len(commands.rcpts) if self._is_pipelined else 0)
        if is_data_along:
            await self._data_along()

    async def _attribute(self, command: bytes) -> None:
        reply = await self._answer("xforward", command)
        if not reply.is_positive:
            raise self._client.broken("rejected", str(reply))

    async def _skip(self, replies: int) -> None:
        """Downstream had the RCPTs before it refused MAIL; what it says to them means nothing."""
        for _ in range(replies):
            await self._client.reply("rcpt")

    async def _data_along(self) -> None:
        self._is_data_open = True
        reply = await self._client.reply("data")
        if reply.code == _GO_AHEAD:
            # With nobody to deliver to, the connection is broken at the end: a dot would deliver an empty
            # mail.
            return
        self._is_data_open = False
        self._demand_refusal(reply)
        if self.refusal is None and self.recipients[0].is_positive:
            self.refusal = reply

    async def _open_data(self) -> Reply | None:
        """Send DATA by itself; gives the reply if it is a refusal."""
        self._is_data_open = True
        await self._client.send((b"DATA",))
        reply = await self._client.reply("data")
        if reply.code == _GO_AHEAD:
            return None
        self._is_data_open = False
        self._demand_refusal(reply)
        return reply

    async def _answer(self, stage: Stage, command: bytes) -> Reply:
        """The reply to a command, which is sent unless it has been. Raises RemoteError for 421 and
        nonsense."""
        if not self._is_pipelined:
            await self._client.send((command,))
        reply = await self._client.reply(stage)
        if reply.ends_session:
            raise self._client.broken("closed", str(reply))
        if not reply.is_positive:
            self._demand_refusal(reply)
        return reply

    def _demand_refusal(self, reply: Reply) -> None:
        if not (reply.is_transient or reply.is_permanent):
            raise self._client.broken("garbage", str(reply))

    async def _undo(self) -> None:
        if await self._is_reset():
            self._pool.put_back(self._client)
        else:
            self._drop(self._client)

    async def _is_reset(self) -> bool:
        """Say RSET; whether the connection is good for another mail."""
        try:
            await self._client.send((b"RSET",))
            return (await self._client.reply("rset")).is_positive
        except RemoteError:
            return False  # The connection is broken, and the mail was never given: nobody has to know.
        except BaseException:
            self._is_held = False
            self._drop(self._client)
            raise

    def _drop(self, client: Client) -> None:
        client.abort()
        self._pool.discard(client)
