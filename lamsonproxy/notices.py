"""Sends the DSNs that wait (design law 7), again and again until downstream answers for good.

Law: one process at a time; a notice is forgotten only after a 250 or a 5xx, and never sent again after one, even
while the disk will not forget it. A DSN has the null sender, so a 5xx to it is the end: nobody is told about a
bounce that bounced (RFC 5321 §6.1). Nothing but its cancellation ends the sweeping.
"""

import asyncio
from collections.abc import Sequence

from lamsonproxy.crash import crash_at
from lamsonproxy.errors import LamsonError
from lamsonproxy.mail.envelope import Envelope
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
        self._answered: set[str] = set()
        """Those that downstream has answered for good and the disk did not forget yet."""
        self.pending = 0
        """How many waited when it was last seen, whichever process sends them."""

    async def run(self, every_s: float) -> None:
        """Sweep now and then, until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(every_s)

    async def once(self) -> None:
        """Send what waits, unless another process does. Never raises."""
        try:
            claim = await asyncio.to_thread(self._notices.claim)
            if claim is not None:
                with claim:
                    for name in await self._waiting():
                        await self._finish(name)
                    await asyncio.to_thread(self._notices.forget_orphans)
            await self._waiting()
        except Exception as error:
            self._log.notice_failed("", error)  # the next sweep tries again

    async def _waiting(self) -> Sequence[str]:
        names = await asyncio.to_thread(self._notices.waiting)
        self.pending = len(names)
        return names

    async def _finish(self, name: str) -> None:
        """Send one notice and forget it. What goes wrong with one is no reason to keep the others waiting."""
        try:
            if name not in self._answered:
                await self._send(name)
                crash_at("notice-sent")
            await asyncio.to_thread(self._notices.done, name)
            crash_at("notice-done")
            self._answered.discard(name)
        except Exception as error:
            self._log.notice_failed(name, error)

    async def _send(self, name: str) -> None:
        envelope, content = await asyncio.to_thread(self._notices.read, name)
        reply = await self._offer(envelope, content)
        if not (reply.is_positive or reply.is_permanent):
            raise NotYet(str(reply))
        self._answered.add(name)
        self._log.notice_sent(name, reply)

    async def _offer(self, envelope: Envelope, content: bytes) -> Reply:
        async with self._courier.offer(envelope, deadline=self._clock.monotonic() + SEND_S) as offer:
            if offer.refusal is not None:
                return offer.refusal
            if not offer.recipients[0].is_positive:
                return offer.recipients[0]
            return await offer.deliver((content,))


class NotYet(LamsonError):
    """Downstream wants to be asked again later."""
