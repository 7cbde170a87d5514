"""Sends the DSNs that wait (design law 7), again and again until downstream answers for good.

Law: one process at a time; a notice is forgotten only after a 250 or a 5xx. A DSN has the null sender, so a 5xx to it is
the end: nobody is told about a bounce that bounced (RFC 5321 §6.1).
"""

import asyncio

from lamsonproxy.errors import LamsonError, StorageError
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Clock, Courier, MailLog, Notices

SEND_S = 120
"""Seconds for one notice."""


class Sweep:
    """Goes through the waiting notices."""

    def __init__(self, notices: Notices, courier: Courier, log: MailLog, clock: Clock) -> None:
        self._notices = notices
        self._courier = courier
        self._log = log
        self._clock = clock

    async def run(self, every_s: float) -> None:
        """Sweep now and then, until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(every_s)

    async def once(self) -> None:
        """Send what waits, unless another process does."""
        try:
            with self._notices.claim() as is_ours:
                if is_ours:
                    await self._send_all()
                    await asyncio.to_thread(self._notices.forget_orphans)
        except (OSError, StorageError) as error:
            self._log.notice_failed("", error)  # the next sweep tries again

    async def _send_all(self) -> None:
        for name in await asyncio.to_thread(self._notices.waiting):
            try:
                reply = await self._send(name)
            except (LamsonError, ValueError) as error:
                self._log.notice_failed(name, error)
                continue
            if reply.is_transient:
                self._log.notice_failed(name, RuntimeError(str(reply)))
                continue
            await asyncio.to_thread(self._notices.done, name)
            self._log.notice_sent(name, reply)

    async def _send(self, name: str) -> Reply:
        envelope, content = await asyncio.to_thread(self._notices.read, name)
        async with self._courier.offer(envelope, deadline=self._clock.monotonic() + SEND_S) as offer:
            if offer.refusal is not None:
                return offer.refusal
            if not offer.recipients[0].is_positive:
                return offer.recipients[0]
            return await offer.deliver((content,))
