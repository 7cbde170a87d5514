"""The port `Courier` over SMTP.

Law: all that is said about mails is said by `SmtpOffer`; here is who knows the pool and the clock.
"""

import asyncio

from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Clock
from lamsonproxy.relay.client import connect
from lamsonproxy.relay.inquiry import SmtpInquiry
from lamsonproxy.relay.offer import SmtpOffer
from lamsonproxy.relay.pool import Pool
from lamsonproxy.relay.settings import RelaySettings


class SmtpCourier:
    """Hands mail to one downstream over connections that are kept open."""

    def __init__(self, settings: RelaySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._pool = Pool(settings)

    def __repr__(self) -> str:
        return f"<SmtpCourier over {self._pool!r}>"

    def offer(self, envelope: Envelope, *, deadline: float) -> SmtpOffer:
        """See the port."""
        return SmtpOffer(self._pool, envelope, self._on_loop(deadline))

    def inquiry(self, envelope: Envelope) -> SmtpInquiry:
        """See the port."""
        return SmtpInquiry(self._pool, envelope, self._on_loop)

    async def probe(self, *, deadline: float) -> Reply:
        """Whether downstream can be talked to: a connection of its own up to EHLO, whose reply this is.

        Raises RemoteError.
        """
        client, reply = await connect(self._settings, self._on_loop(deadline))
        client.leave()
        await client.closed()
        return reply

    async def close(self) -> None:
        """Close the connections that are idle; those in use close when their mail has ended."""
        await self._pool.close()

    def _on_loop(self, deadline: float) -> float:
        return asyncio.get_running_loop().time() + deadline - self._clock.monotonic()
