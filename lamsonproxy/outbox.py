"""Sends what handlers have written: right after the commit, and by a sweep for whatever was left behind.

    claimed -> offered downstream -> settled: taken      the row goes
                                              refused    a dead letter with the reply
                                              deferred   due again: 30 s, doubling, at most 1 h
                                              too old    a dead letter (5.4.7), after 5 days

What an application sent bounces to the application. Mail of somebody else's (`relay`) does not: when it dies here its
sender gets a DSN, written with the dead letter (RFC 5321 §6.1).

Law: at least once. A mail is settled after downstream's answer, so a crash between the two sends it again, and so does
a connection lost behind the final dot (RFC 1047): a generated mail that is lost is worse than one that comes twice. A
claim outlives the deadline of its relay, so no two processes send one row at a time; the clocks of machines that share
a database may differ by the difference. What was answered while the database was away is remembered here and settled as
soon as it is back. Nothing but its cancellation ends the sweeping.
"""

import asyncio
import math
import random
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lamsonproxy.crash import crash_at
from lamsonproxy.errors import AppError, RemoteError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import Outgoing
from lamsonproxy.mail.dsn import Refusal, failure_notice
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Backlog, Clock, Courier, Due, MailLog, Outbox

LAST_WORDS_S = 3.0
"""Seconds for mail that is on its way when we are told to end: what has not been answered by then is sent again when
its lease is over."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast, how often, how long."""

    sweep_s: float = 10.0
    """Seconds between two looks for mail whose time has come, or that another process left behind."""
    lease_s: float = 300.0
    """Seconds that a claim lasts: after a crash, what was being sent waits so long."""
    send_s: float = 240.0
    """Seconds to send one mail. Below `lease_s`, by more than the clocks of two machines may differ."""
    parallel: int = 8
    """Mails on their way at one time, per worker, each on a connection to downstream."""
    retry_min_s: float = 30.0
    """Seconds until the second attempt; each later pause is twice the one before."""
    retry_max_s: float = 3600.0
    """Seconds of the longest pause."""
    give_up: timedelta = timedelta(days=5)
    """How long it is tried: `maximal_queue_lifetime` in Postfix."""

    def pause(self, attempts: int, chance: float) -> timedelta:
        """How long to wait after so many attempts and one more. `chance` from 0 to 1 spreads what failed together:
        between half of the pause and all of it."""
        # 2 ** 30 seconds are beyond any limit; more would overflow.
        whole = min(self.retry_max_s, self.retry_min_s * 2.0 ** min(attempts, 30))
        return timedelta(seconds=whole * (1 + chance) / 2)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What downstream said of a mail, and when those who must wait are tried again."""

    due: Due
    """Without the octets: they are not needed any more."""
    replies: Mapping[Address, Reply]
    retry_at: datetime
    notice: Outgoing | None


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
    ) -> None:
        self._outbox = outbox
        self._courier = courier
        self._log = log
        self._clock = clock
        self._pace = pace
        self._chance = chance
        self._hostname = hostname
        self._kicked = asyncio.Event()
        self._on_their_way: set[asyncio.Task[None]] = set()
        self._unmarked: dict[int, _Answer] = {}
        """What downstream has answered and the database does not know yet, by row."""
        self._counted_at = -math.inf
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
        for answer in list(self._unmarked.values()):
            self._start(self._mark(answer), has_followers=False)
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
        if room <= 0:
            return  # each that ends kicks
        # Both are taken before the claim: the mail must be over before the lease is.
        now, deadline = self._clock.now(), self._clock.monotonic() + self._pace.send_s
        lease_until = now + timedelta(seconds=self._pace.lease_s)
        claimed = await self._outbox.claim(room, now=now, lease_until=lease_until)
        if claimed:
            crash_at("outbox-claimed")
        for due in claimed:
            # The next mail of its conversation waits for this one, and others for its place.
            self._start(self._finish(due, deadline), has_followers=bool(due.outgoing.conversation))

    def _start(self, act: Coroutine[object, object, None], has_followers: bool) -> None:
        was_full = len(self._on_their_way) + 1 >= self._pace.parallel
        task = asyncio.create_task(act)
        self._on_their_way.add(task)
        task.add_done_callback(self._on_their_way.discard)
        if has_followers or was_full:
            task.add_done_callback(lambda _: self.kick())

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
            last = await self._offered(due.outgoing, heard, deadline)
        except Exception as error:
            # Behind the final dot too: nobody knows whether downstream has it, so it is sent again.
            last = self._reply_for(error)
        crash_at("outbox-sent")
        replies = dict.fromkeys((r.address for r in due.outgoing.envelope.recipients), last)
        return replies | {address: reply for address, reply in heard.items() if not reply.is_positive}

    async def _offered(self, outgoing: Outgoing, heard: dict[Address, Reply], deadline: float) -> Reply:
        """Offer a mail, note each recipient's reply, and give the one that all others share."""
        async with self._courier.offer(outgoing.envelope, deadline=deadline) as offer:
            if offer.refusal is not None:
                return offer.refusal
            addresses = (recipient.address for recipient in outgoing.envelope.recipients)
            heard.update(zip(addresses, offer.recipients, strict=True))
            if any(reply.is_positive for reply in offer.recipients):
                return await offer.deliver((outgoing.content,))
            return offer.recipients[0]

    def _reply_for(self, error: Exception) -> Reply:
        match error:
            case RemoteError():
                return Reply(451, "4.4.2", str(error))
            case AppError():  # an address that no command can carry
                return Reply(554, "5.1.3", str(error))
            case _:
                self._log.outbox_failed(error)
                return Reply(451, "4.3.0", f"an error of ours: {type(error).__name__}")

    def _told(self, due: Due, replies: Mapping[Address, Reply]) -> _Answer:
        """Judge the replies and tell of them."""
        now = self._clock.now()
        retry_at = now + self._pace.pause(due.attempts, self._chance())
        if now - due.written_at >= self._pace.give_up:
            replies = {address: self._final(reply) for address, reply in replies.items()}
        taken = [address for address, reply in replies.items() if reply.is_positive]
        if taken:
            self._log.outbox_sent(due, taken, replies[taken[0]])
        for address, reply in replies.items():
            if reply.is_permanent:
                self._log.outbox_refused(due, address, reply)
        waiting = [a for a, reply in replies.items() if not (reply.is_positive or reply.is_permanent)]
        if waiting:
            self._log.outbox_deferred(due, waiting, replies[waiting[0]], retry_at)
        slim = replace(due, outgoing=replace(due.outgoing, content=b""))
        return _Answer(slim, replies, retry_at, self._notice(due, replies))

    def _notice(self, due: Due, replies: Mapping[Address, Reply]) -> Outgoing | None:
        """What the sender of mail that was only on its way through must be told."""
        outgoing = due.outgoing
        heard = ((recipient, replies[recipient.address]) for recipient in outgoing.envelope.recipients)
        refusals = [Refusal(recipient, reply) for recipient, reply in heard if reply.is_permanent]
        if outgoing.kind != "relay" or not refusals:
            return None
        notice = failure_notice(
            outgoing.envelope,
            Message(outgoing.content),
            refusals,
            hostname=self._hostname,
            # Its Message-ID is made of this, and must differ from that of a DSN at the time of the relay.
            trace=f"{due.trace}.{due.id}.{due.attempts + 1}",
            at=self._clock.now(),
        )
        return None if notice is None else Outgoing(*notice, "notice")

    def _final(self, reply: Reply) -> Reply:
        if reply.is_positive or reply.is_permanent:
            return reply
        # RFC 3463 §3.5: X.4.7, delivery time expired.
        return Reply(554, "5.4.7", f"Given up after {self._pace.give_up / timedelta(days=1):g} days: {reply}")

    async def _mark(self, answer: _Answer) -> None:
        """Settle a row. What cannot be settled is remembered, so that it is not sent again."""
        due = answer.due
        self._unmarked[due.id] = answer
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
