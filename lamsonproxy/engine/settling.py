"""The settling of one mail: relay what passes, keep what is kept, commit, and know the answer.

Law: 250 is said only when downstream has the mail or what we keep of it is on disk. Until downstream has said 250
everything can be undone, and is, whatever goes wrong; from then on nothing is undone, and not even a cancelled
task stops half-way (design law 6). What fails while leaving changes no answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from lamsonproxy import __version__
from lamsonproxy.app.mail import Copy
from lamsonproxy.crash import crash_at
from lamsonproxy.engine.act import Act
from lamsonproxy.engine.addressing import Addressed, Unserved
from lamsonproxy.engine.decision import Decision
from lamsonproxy.engine.keeping import Keeping
from lamsonproxy.engine.policy import DoorPolicy, Means
from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.conversation import Outgoing
from lamsonproxy.mail.fold import Fate, Fold, Outcome, fold
from lamsonproxy.mail.reply import TROUBLE, Reply, with_trace
from lamsonproxy.mail.trace import received_line
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.mail.verdict import Quarantine
from lamsonproxy.ports import Offer, Offers, Parts

_T = TypeVar("_T")

NOBODY_WAITS = Reply(451, "4.4.2", "The client went away")


@dataclass(frozen=True, slots=True)
class Settled:
    """The answer; when it is positive, what became of each recipient, and whether downstream took the mail."""

    reply: Reply
    outcomes: Sequence[Outcome] = ()
    was_relayed: bool = False


@dataclass(frozen=True, slots=True)
class Copies:
    """Recipients of one relay transaction: their places among the decisions, and what downstream is asked."""

    places: Sequence[int]
    addressed: Addressed
    offer: Offer | None = None

    @property
    def copy(self) -> Copy:
        return self.addressed.decisions[0].copy

    @property
    def replies(self) -> Sequence[Reply]:
        """Downstream's word on each RCPT; what it said to MAIL holds for all."""
        assert self.offer is not None
        if self.offer.refusal is not None:
            return [to_our_client(self.offer.refusal)] * len(self.addressed.recipients)
        return [to_our_client(reply) for reply in self.offer.recipients]


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

    async def run(self, decisions: Sequence[Decision], act: Act) -> Settled:
        """Settle. Raises RemoteError, StorageError and StoreError, with everything undone but the act, which its owner
        ends."""
        if self._withdrawn():
            return Settled(NOBODY_WAITS)
        outcomes = [decision.outcome for decision in decisions]
        folded = fold(outcomes)
        if all(decision.is_settled for decision in decisions):
            return Settled(outcomes[0].reply)
        if not folded.goes_on:
            if _is_refused_by_handlers(decisions, outcomes):
                await _to_its_end(act.settle(folded.reply))
            return Settled(folded.reply)
        copies = _copies(decisions, outcomes)
        if len(copies) > 1:
            return await self._relay_several(decisions, outcomes, copies, act)
        if not copies and not folded.strays and not any(_is_kept(decision) for decision in decisions):
            # By far the most of what applications take: two round trips through the threads less.
            await _to_its_end(act.settle(folded.reply))
            return Settled(folded.reply, outcomes)
        if not copies:
            return await self._finish(decisions, outcomes, folded, [], act)
        await act.begin_late()
        return await self._ask(copies, [], lambda asked: self._give(decisions, outcomes, asked, act))

    async def _relay_several(
        self, decisions: Sequence[Decision], outcomes: Sequence[Outcome], copies: Sequence[Copies], act: Act
    ) -> Settled:
        """Each copy has a relay transaction of its own, and all are asked about before any is delivered."""
        if not self._means.conversations.is_there or len(copies) > self._means.copies_limit:
            self._means.log.copies_differ(self._transaction)
            return Settled(with_trace(TROUBLE, self._transaction.trace))
        act.must_write = True
        await act.begin_late()
        # One such mail at a time: two that hold connections and wait for more would wait for each other.
        async with self._means.several:
            return await self._ask(copies, [], lambda asked: self._give(decisions, outcomes, asked, act))

    async def _ask(
        self,
        copies: Sequence[Copies],
        asked: Sequence[Copies],
        give: Callable[[Sequence[Copies]], Awaitable[_T]],
    ) -> _T:
        """Ask downstream about one copy after another, and then give."""
        if not copies:
            return await give(asked)
        first, *others = copies
        # Before the queue downstream has been asked already, in one transaction: the first one goes on there.
        offers = self._means.courier if asked else self._offers
        return await self._offered(
            offers,
            first.addressed,
            lambda offer: self._ask(others, [*asked, replace(first, offer=offer)], give),
        )

    async def _offered(
        self, offers: Offers, addressed: Addressed, give: Callable[[Offer], Awaitable[_T]]
    ) -> _T:
        """Ask downstream, and then give; what fails while leaving changes no end."""
        envelope = addressed.envelope(self._transaction.envelope)
        settled: _T | None = None
        try:
            async with offers.offer(envelope, deadline=self._deadline) as offer:
                settled = await give(offer)
        except Exception as error:
            if settled is None:
                raise
            self._means.log.relay_failed(self._transaction, error)
        return settled

    async def _give(
        self, decisions: Sequence[Decision], before: Sequence[Outcome], copies: Sequence[Copies], act: Act
    ) -> Settled:
        crash_at("after-rcpt")
        if len(copies) == 1 and copies[0].offer is not None and copies[0].offer.refusal is not None:
            return Settled(to_our_client(copies[0].offer.refusal))
        outcomes = list(before)
        for some in copies:
            replies = some.replies
            for n, place in enumerate(some.places):
                outcomes[place] = some.addressed.asked(n, before[place], replies)
        folded = fold(outcomes)
        if not folded.goes_on:
            return Settled(folded.reply)
        return await self._finish(decisions, outcomes, folded, copies, act)

    async def _finish(
        self,
        decisions: Sequence[Decision],
        outcomes: Sequence[Outcome],
        folded: Fold,
        copies: Sequence[Copies],
        act: Act,
    ) -> Settled:
        """Keep, deliver, release, commit."""
        unserved = [one for some in copies for one in _unserved(some, outcomes)]
        to_deliver = [some for some in copies if _passing_of(some, outcomes)]
        reply = folded.reply
        try:
            await act.write(reply)
            await self._keeping.hold(decisions, outcomes, folded, unserved)
            if to_deliver:
                reply = await self._deliver(to_deliver[0])
        except BaseException:
            await self._keeping.cancel()
            raise
        if not reply.is_positive:
            await self._keeping.cancel()
            return Settled(reply)
        if len(to_deliver) > 1 or not self._keeping.is_empty or act.is_needed:
            await _to_its_end(self._conclude(act, reply, to_deliver[1:]))
        for one in unserved:
            self._means.log.added_recipient_refused(self._transaction, one.recipient.address, one.reply)
        return Settled(reply, outcomes, was_relayed=bool(to_deliver))

    async def _deliver(self, copies: Copies) -> Reply:
        if self._withdrawn():
            return NOBODY_WAITS
        return await self._hand_over(copies)

    async def _hand_over(self, copies: Copies) -> Reply:
        assert copies.offer is not None
        crash_at("before-relay")
        begun = self._means.clock.monotonic()
        reply = await copies.offer.deliver(self._content_of(copies.copy))
        self._means.log.relay_answered(reply, self._means.clock.monotonic() - begun)
        crash_at("after-relay")
        return to_our_client(reply)

    async def _conclude(self, act: Act, reply: Reply, others: Sequence[Copies]) -> None:
        try:
            for copies in others:
                await self._hand_over_later(act, copies)
            await self._keeping.release()
            crash_at("after-release")
            await act.commit(reply)
        except BaseException:
            # 451: Postfix sends the mail again, and it is there twice (RFC 1047), but it is there.
            await self._keeping.cancel()
            raise

    async def _hand_over_later(self, act: Act, copies: Copies) -> None:
        """One more copy, when another has been taken: nothing goes back now. What downstream wants later goes to the
        outbox, what it refuses to the quarantine, with a DSN (design law 7)."""
        try:
            reply = await self._hand_over(copies)
        except RemoteError as error:
            self._means.log.relay_failed(self._transaction, error)
            reply = TROUBLE
        if reply.is_permanent:
            await self._keeping.hold_refused(copies.addressed.decisions, reply)
        elif not reply.is_positive:
            envelope = copies.addressed.envelope(self._transaction.envelope)
            content = b"".join(bytes(part) for part in self._content_of(copies.copy))
            await act.add(Outgoing(envelope, content, "relay"))

    def _content_of(self, copy: Copy) -> Parts:
        return copy.content.below(self._trace_line()) if self._policy.trace_header else copy.content.parts()

    def _trace_line(self) -> bytes:
        return received_line(
            self._transaction.session,
            hostname=self._means.hostname,
            version=__version__,
            instance=self._means.instance,
            trace=self._transaction.trace,
            at=self._means.clock.now(),
        )


def _is_refused_by_handlers(decisions: Sequence[Decision], outcomes: Sequence[Outcome]) -> bool:
    """Whether the handlers themselves have refused everybody, so that their steps are taken and final."""
    return all(
        outcome.fate is Fate.REFUSED and not outcome.whole and decision.said is None
        for decision, outcome in zip(decisions, outcomes, strict=True)
    )


def _is_kept(decision: Decision) -> bool:
    return isinstance(decision.verdict, Quarantine)


def _copies(decisions: Sequence[Decision], outcomes: Sequence[Outcome]) -> list[Copies]:
    """The relay transactions, in the order of the first recipient of each."""
    places: dict[Hashable, list[int]] = {}
    for n in _passing(outcomes):
        places.setdefault(decisions[n].copy.likeness, []).append(n)
    return [Copies(some, Addressed([decisions[n] for n in some])) for some in places.values()]


def _passing_of(copies: Copies, outcomes: Sequence[Outcome]) -> list[int]:
    """Which of the decisions of these copies still pass."""
    return [n for n, place in enumerate(copies.places) if outcomes[place].fate is Fate.PASS]


def _unserved(copies: Copies, outcomes: Sequence[Outcome]) -> list[Unserved]:
    passing = _passing_of(copies, outcomes)
    return copies.addressed.unserved(passing, copies.replies) if passing else []


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
        # A conflict is no reason to begin anew for somebody who has gone.
        await asyncio.wait((task,))
        task.exception()
        raise
