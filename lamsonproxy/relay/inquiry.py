"""The port `Inquiry` over SMTP: downstream is asked about one recipient after another, while our client names them.

Law: as for `SmtpOffer`, of which this is the slow form. Between two commands the connection waits for our client,
not for downstream; if it ends there it was a kept one that died, and the mail, of which no content was sent, may be
asked about anew. A connection that fails while it is spoken on has failed for this mail.

SMTPD_PROXY_README (a filter before the queue), RFC 5321 §4.1.1.5 (RSET).
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from lamsonproxy.errors import LamsonError
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Offer
from lamsonproxy.relay.commands import commands_for
from lamsonproxy.relay.offer import SmtpOffer
from lamsonproxy.relay.pool import Pool


class SmtpInquiry:
    """One mail whose recipients are not all known yet; see the port `Inquiry`."""

    def __init__(self, pool: Pool, envelope: Envelope, on_loop: Callable[[float], float]) -> None:
        """`on_loop` makes a time of the courier's clock one of the loop's."""
        self._pool = pool
        self._envelope = replace(envelope, recipients=())
        self._on_loop = on_loop
        self._growing: GrowingOffer | None = None
        self._trouble: LamsonError | None = None

    async def ask(self, recipient: Recipient, *, deadline: float) -> Reply:
        """See the port."""
        if self._trouble is not None:
            raise self._trouble
        until = self._on_loop(deadline)
        try:
            if self._growing is None:
                first = replace(self._envelope, recipients=(recipient,))
                self._growing = await GrowingOffer(self._pool, first, until).__aenter__()
            else:
                await self._growing.add(recipient, until)
        except LamsonError as error:
            self._trouble = error
            raise
        return self._growing.refusal or self._growing.recipients[-1]

    @asynccontextmanager
    async def offer(self, envelope: Envelope, *, deadline: float) -> AsyncIterator[Offer]:
        """See the port."""
        if self._trouble is not None:
            raise self._trouble
        until = self._on_loop(deadline)
        growing, self._growing = self._growing, None
        async with AsyncExitStack() as stack:
            if growing is None:
                yield await stack.enter_async_context(SmtpOffer(self._pool, envelope, until))
                return
            stack.push_async_exit(growing)
            await growing.resume(envelope, until)
            yield growing

    async def end(self) -> None:
        """See the port."""
        growing, self._growing = self._growing, None
        if growing is not None:
            await growing.__aexit__(None, None, None)


class GrowingOffer(SmtpOffer):
    """An offer that begins with one recipient."""

    # Behind the first RCPT there may come another.
    _may_send_data_along = False

    async def add(self, recipient: Recipient, deadline: float) -> None:
        """Ask about one more recipient, unless MAIL was refused. Raises RemoteError."""
        if self.refusal is not None:
            return
        self._client.extend(deadline)
        self._envelope = replace(self._envelope, recipients=(*self._envelope.recipients, recipient))
        command = commands_for(self._envelope, self._client.extensions).rcpts[-1]
        self._is_pipelined = False
        self.recipients = (*self.recipients, await self._answer("rcpt", command))

    async def resume(self, envelope: Envelope, deadline: float) -> None:
        """Go on with this envelope: with the replies that there are, if they are about the same; else ask anew.

        Raises RemoteError.
        """
        replies = self._replies_to(envelope)
        self._envelope, self._deadline = envelope, deadline
        self._client.extend(deadline)
        if replies is not None and self._client.is_clean:
            self.recipients = replies
            return
        self.refusal, self.recipients = None, ()
        is_reset = self._client.is_clean and await self._is_reset()
        self._is_held = False
        await self._ask_on(self._client if is_reset else await self._pool.renew(self._client, deadline))

    def _replies_to(self, envelope: Envelope) -> Sequence[Reply] | None:
        """The replies to this envelope's recipients; None when downstream has taken others, or another mail."""
        if replace(envelope, recipients=self._envelope.recipients) != self._envelope:
            return None
        wanted = list(envelope.recipients)
        replies = []
        for recipient, reply in zip(self._envelope.recipients, self.recipients, strict=True):
            if wanted and wanted[0] == recipient:
                replies.append(reply)
                del wanted[0]
            elif reply.is_positive:
                return None
        return None if wanted else replies
