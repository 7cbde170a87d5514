"""Claims what is due, signs it, offers it downstream, settles it; some mails at a time.

Law: nothing but its cancellation ends it, and what downstream has answered is never sent again while this process
lives, whatever becomes of the database. While downstream cannot be talked to nothing is claimed: a backlog that is
tried and fails row by row would only be late afterwards.
"""

import asyncio
import math
import random
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from lamsonproxy.crash import crash_at
from lamsonproxy.errors import AppError, RemoteError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.reply import Reply
from lamsonproxy.outbox.judging import Answer, notice_of
from lamsonproxy.outbox.pace import Pace
from lamsonproxy.outbox.signing import SigningThread
from lamsonproxy.ports import Backlog, Clock, Courier, Due, MailLog, Outbox, Signer

LAST_WORDS_S = 3.0
"""Seconds for mail that is on its way when we are told to end: what has not been answered by then is sent again when
its lease is over."""

REST_S = 5.0
"""Seconds without a claim after downstream could not be talked to."""

_AWAY = frozenset(("pool", "connect", "banner", "ehlo"))
"""The stages at which a failure is not about one mail."""


class Sending:
    """Empties the outbox."""

    def __init__(
        self,
        outbox: Outbox,
        courier: Courier,
        log: MailLog,
        clock: Clock,
        pace: Pace,
        chance: Callable[[], float] = random.random,
        hostname: str = "localhost",
        signer: Signer | None = None,
    ) -> None:
        self._outbox = outbox
        self._courier = courier
        self._log = log
        self._clock = clock
        self._pace = pace
        self._chance = chance
        self._hostname = hostname
        self._signing = SigningThread(signer, log) if signer is not None else None
        self._kicked = asyncio.Event()
        self._on_their_way: set[asyncio.Task[None]] = set()
        self._unmarked: dict[int, Answer] = {}
        """What downstream has answered and the database does not know yet, by row."""
        self._marking: set[int] = set()
        """The rows of which the database is being told."""
        self._counted_at = self._rests_until = -math.inf
        self.backlog = Backlog()
        """What the outbox held when it was last counted, whoever empties it."""

    def kick(self) -> None:
        """Something was committed: look at once. Called on the event loop."""
        self._kicked.set()

    async def run(self) -> None:
        """Send until cancelled; then give what is on its way a moment to end."""
        looking: asyncio.Task[None] | None = None
        try:
            while True:
                self._kicked.clear()
                # Shielded: what is claimed in the moment of our end should not have to wait for its lease.
                looking = asyncio.create_task(self._look())
                await asyncio.shield(looking)
                # Not wait_for: before Python 3.12 a kick at the same moment swallowed our cancellation.
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pace.sweep_s):
                        await self._kicked.wait()
        finally:
            await self._end(looking)

    async def once(self) -> None:
        """Send all that is due now, and what becomes due by that. Never raises."""
        await self._look()
        while self._on_their_way:
            await asyncio.wait(self._on_their_way, return_when=asyncio.FIRST_COMPLETED)
            await self._begin()

    async def _look(self) -> None:
        """Settle what could not be settled before, and begin to send what is due."""
        for number in self._unmarked.keys() - self._marking:
            self._start(number, self._mark(self._unmarked[number]), has_followers=False)
        await self._begin()

    async def _begin(self) -> None:
        """Begin to send what is due, as far as there is room. Never raises."""
        try:
            await self._claim()
            await self._count()
        except Exception as error:
            self._log.outbox_failed(error)  # the next sweep tries again

    async def _claim(self) -> None:
        room = self._pace.parallel - len(self._on_their_way)
        if room <= 0 or self._clock.monotonic() < self._rests_until:
            return  # each that ends kicks, and after a rest the sweep comes
        # Both are taken before the claim: the mail must be over before the lease is.
        now, deadline = self._clock.now(), self._clock.monotonic() + self._pace.send_s
        lease_until = now + timedelta(seconds=self._pace.lease_s)
        claimed = await self._outbox.claim(room, now=now, lease_until=lease_until)
        if claimed:
            crash_at("outbox-claimed")
        for due in claimed:
            # The next mail of its conversation waits for this one, and others for its place.
            self._start(due.id, self._finish(due, deadline), has_followers=bool(due.outgoing.conversation))

    def _start(self, number: int, act: Coroutine[object, object, None], has_followers: bool) -> None:
        was_full = len(self._on_their_way) + 1 >= self._pace.parallel
        task = asyncio.create_task(act)
        self._on_their_way.add(task)
        task.add_done_callback(self._on_their_way.discard)
        if has_followers or was_full:
            task.add_done_callback(lambda _: self._go_on(number))

    def _go_on(self, number: int) -> None:
        # What the database did not hear of waits for the sweep: a kick would tell it again at once, and for ever.
        if number not in self._unmarked:
            self.kick()

    async def _count(self) -> None:
        now = self._clock.monotonic()
        if now - self._counted_at >= self._pace.sweep_s:
            self.backlog = await self._outbox.backlog(self._clock.now())
            self._counted_at = now

    async def _finish(self, due: Due, deadline: float) -> None:
        """Send one mail, unless downstream has answered before and only the database did not hear of it."""
        before = self._unmarked.get(due.id)
        if before is not None:
            await self._mark(replace(before, due=due))
        else:
            await self._mark(self._told(due, await self._sent(due, deadline)))

    async def _sent(self, due: Due, deadline: float) -> Mapping[Address, Reply]:
        """Downstream's reply for every recipient, or ours where it gave none."""
        crash_at("outbox-before-send")
        heard: dict[Address, Reply] = {}
        try:
            # Before the offer: behind its DATA downstream would be kept waiting.
            content = await self._content(due, deadline)
            last = await self._offered(due.outgoing.envelope, content, heard, deadline)
        except Exception as error:
            # Behind the final dot too: nobody knows whether downstream has it, so it is sent again.
            last = self._reply_for(error)
        crash_at("outbox-sent")
        replies = dict.fromkeys((r.address for r in due.outgoing.envelope.recipients), last)
        return replies | {address: reply for address, reply in heard.items() if not reply.is_positive}

    async def _content(self, due: Due, deadline: float) -> bytes:
        """What is sent: signed, where somebody signs. At most half of the time goes into that."""
        if self._signing is None:
            return due.outgoing.content
        return await self._signing.content(due, timeout=(deadline - self._clock.monotonic()) / 2)

    async def _offered(
        self, envelope: Envelope, content: bytes, heard: dict[Address, Reply], deadline: float
    ) -> Reply:
        """Offer a mail, note each recipient's reply, and give the one that all others share."""
        async with self._courier.offer(envelope, deadline=deadline) as offer:
            if offer.refusal is not None:
                return offer.refusal
            addresses = (recipient.address for recipient in envelope.recipients)
            heard.update(zip(addresses, offer.recipients, strict=True))
            if any(reply.is_positive for reply in offer.recipients):
                return await offer.deliver((content,))
            return offer.recipients[0]

    def _reply_for(self, error: Exception) -> Reply:
        match error:
            case RemoteError():
                if error.stage in _AWAY:
                    self._rests_until = self._clock.monotonic() + REST_S
                return Reply(451, "4.4.2", str(error))
            case AppError():  # an address that no command can carry
                return Reply(554, "5.1.3", str(error))
            case _:
                self._log.outbox_failed(error)
                return Reply(451, "4.3.0", f"an error of ours: {type(error).__name__}")

    def _told(self, due: Due, replies: Mapping[Address, Reply]) -> Answer:
        """Judge the replies and tell of them."""
        now = self._clock.now()
        answer = Answer(due, replies, now + self._pace.pause(due.attempts, self._chance()))
        if now - due.written_at >= self._pace.give_up:
            answer = answer.given_up(self._pace.give_up)
        if taken := answer.taken:
            self._log.outbox_sent(due, taken, answer.replies[taken[0]])
        for address in answer.refused:
            self._log.outbox_refused(due, address, answer.replies[address])
        if waiting := answer.waiting:
            self._log.outbox_deferred(due, waiting, answer.replies[waiting[0]], answer.retry_at)
        return self._with_notice(answer).without_content()

    def _with_notice(self, answer: Answer) -> Answer:
        try:
            return replace(answer, notice=notice_of(answer, hostname=self._hostname, at=self._clock.now()))
        except Exception as error:
            # Whatever is wrong with it, the mail has been sent, and must not be sent again.
            self._log.outbox_failed(error)
            return answer

    async def _mark(self, answer: Answer) -> None:
        """Settle a row. What cannot be settled is remembered, so that it is not sent again."""
        due = answer.due
        self._unmarked[due.id] = answer
        self._marking.add(due.id)
        try:
            await self._outbox.settle(
                due,
                answer.replies,
                now=self._clock.now(),
                retry_at=answer.retry_at,
                notice=answer.notice,
            )
        except Exception as error:
            self._log.outbox_failed(error)
        else:
            crash_at("outbox-marked")
            self._unmarked.pop(due.id, None)
            if answer.notice is not None:
                self.kick()
        finally:
            self._marking.discard(due.id)

    async def _end(self, looking: "asyncio.Task[None] | None") -> None:
        """Let what is on its way end. What was not answered in time is sent again when its lease is over."""
        limit = asyncio.get_running_loop().time() + LAST_WORDS_S
        if looking is not None:
            await asyncio.wait((looking,), timeout=LAST_WORDS_S)
        left = set(self._on_their_way)
        if left:
            _, left = await asyncio.wait(left, timeout=max(0.0, limit - asyncio.get_running_loop().time()))
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
