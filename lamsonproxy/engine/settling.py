"""The settling of one mail: relay what passes, keep what is kept, commit, and know the answer.

Law: 250 is said only when downstream has the mail or what we keep of it is on disk. Until downstream has said 250
everything can be undone, and is, whatever goes wrong; from then on nothing is undone, and not even a cancelled
task stops half-way (design law 6). What fails while leaving changes no answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from lamsonproxy import __version__
from lamsonproxy.app.mail import Copy
from lamsonproxy.engine.addressing import Addressed, Unserved
from lamsonproxy.engine.deciding import Decision
from lamsonproxy.engine.keeping import Keeping
from lamsonproxy.engine.policy import DoorPolicy, Means
from lamsonproxy.mail.fold import Fate, Fold, Outcome, fold
from lamsonproxy.mail.reply import TROUBLE, Reply, with_trace
from lamsonproxy.mail.trace import received_line
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.ports import Offer, Offers, Parts, Unit

_T = TypeVar("_T")

NOBODY_WAITS = Reply(451, "4.4.2", "The client went away")


@dataclass(frozen=True, slots=True)
class Settled:
    """The answer; when it is positive, what became of each recipient, and whether downstream took the mail."""

    reply: Reply
    outcomes: Sequence[Outcome] = ()
    was_relayed: bool = False


class Settling:
    """The steps, in order; `deadline` is a time of the clock."""

    def __init__(
        self,
        means: Means,
        policy: DoorPolicy,
        transaction: Transaction,
        withdrawn: Callable[[], bool],
        deadline: float,
        offers: Offers,
    ) -> None:
        self._means = means
        self._offers = offers
        self._policy = policy
        self._transaction = transaction
        self._withdrawn = withdrawn
        self._deadline = deadline
        self._keeping = Keeping(means, transaction, deadline)

    async def run(self, decisions: Sequence[Decision]) -> Settled:
        """Settle. Raises RemoteError and StorageError, with everything undone."""
        if self._withdrawn():
            return Settled(NOBODY_WAITS)
        outcomes = [decision.outcome for decision in decisions]
        folded = fold(outcomes)
        if not folded.goes_on:
            return Settled(folded.reply)
        passing = _passing(outcomes)
        if not passing:
            return await self._finish(decisions, outcomes, folded, None)
        if not all(decisions[passing[0]].copy.same_as(decisions[n].copy) for n in passing[1:]):
            self._means.log.copies_differ(self._transaction)
            return Settled(with_trace(TROUBLE, self._transaction.trace))
        return await self._relay(decisions, outcomes)

    async def _relay(self, decisions: Sequence[Decision], outcomes: Sequence[Outcome]) -> Settled:
        addressed = Addressed([decisions[n] for n in _passing(outcomes)])
        return await self._offered(addressed, lambda offer: self._give(decisions, outcomes, addressed, offer))

    async def _offered(self, addressed: Addressed, give: Callable[[Offer], Awaitable[_T]]) -> _T:
        """Ask downstream, and then give; what fails while leaving changes no end."""
        envelope = addressed.envelope(self._transaction.envelope)
        settled: _T | None = None
        try:
            async with self._offers.offer(envelope, deadline=self._deadline) as offer:
                settled = await give(offer)
        except Exception as error:
            if settled is None:
                raise
            self._means.log.relay_failed(self._transaction, error)
        return settled

    async def _give(
        self, decisions: Sequence[Decision], before: Sequence[Outcome], addressed: Addressed, offer: Offer
    ) -> Settled:
        if offer.refusal is not None:
            return Settled(to_our_client(offer.refusal))
        replies = [to_our_client(reply) for reply in offer.recipients]
        outcomes, asked = list(before), _passing(before)
        for n, place in enumerate(asked):
            outcomes[place] = addressed.asked(n, before[place], replies)
        folded = fold(outcomes)
        if not folded.goes_on:
            return Settled(folded.reply)
        passing = [n for n, place in enumerate(asked) if outcomes[place].fate is Fate.PASS]
        return await self._finish(decisions, outcomes, folded, offer, addressed.unserved(passing, replies))

    async def _finish(
        self,
        decisions: Sequence[Decision],
        outcomes: Sequence[Outcome],
        folded: Fold,
        offer: Offer | None,
        unserved: Sequence[Unserved] = (),
    ) -> Settled:
        """Keep, deliver, release, commit."""
        passing = _passing(outcomes)
        reply = folded.reply
        unit = await self._means.conversations.begin(self._transaction)
        try:
            await unit.flush()
            await self._keeping.hold(decisions, outcomes, folded, unserved)
            if passing and offer is not None:
                reply = await self._deliver(offer, decisions[passing[0]].copy)
        except BaseException:
            await self._undo(unit)
            raise
        if not reply.is_positive:
            await self._undo(unit)
            return Settled(reply)
        if not (self._keeping.is_empty and unit.is_empty):
            await _to_its_end(self._conclude(unit))
        for one in unserved:
            self._means.log.added_recipient_refused(self._transaction, one.recipient.address, one.reply)
        return Settled(reply, outcomes, was_relayed=bool(passing))

    async def _deliver(self, offer: Offer, copy: Copy) -> Reply:
        if self._withdrawn():
            return NOBODY_WAITS
        begun = self._means.clock.monotonic()
        reply = await offer.deliver(self._content_of(copy))
        self._means.log.relay_answered(reply, self._means.clock.monotonic() - begun)
        return to_our_client(reply)

    async def _conclude(self, unit: Unit) -> None:
        try:
            await self._keeping.release()
            await unit.commit()
        except BaseException:
            # 451: Postfix sends the mail again, and it is there twice (RFC 1047), but it is there.
            await self._undo(unit)
            raise

    async def _undo(self, unit: Unit) -> None:
        await self._keeping.cancel()
        try:
            await unit.rollback()
        except Exception as error:
            self._means.log.bug(self._transaction, error)

    def _content_of(self, copy: Copy) -> Parts:
        return (*self._trace_line(), *copy.content.parts())

    def _trace_line(self) -> tuple[bytes, ...]:
        if not self._policy.trace_header:
            return ()
        line = received_line(
            self._transaction.session,
            hostname=self._means.hostname,
            version=__version__,
            instance=self._means.instance,
            trace=self._transaction.trace,
            at=self._means.clock.now(),
        )
        return (line,)


def _passing(outcomes: Sequence[Outcome]) -> list[int]:
    return [n for n, outcome in enumerate(outcomes) if outcome.fate is Fate.PASS]


def to_our_client(reply: Reply) -> Reply:
    """A 421 speaks of downstream's connection, and ours to Postfix goes on: to it, it is 451 (RFC 5321 §3.8)."""
    return replace(reply, code=451) if reply.code == 421 else reply


async def _to_its_end(act: Coroutine[Any, Any, None]) -> None:
    """Await what must not stop half-way: a cancellation is heard when it is over."""
    task = asyncio.ensure_future(act)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
