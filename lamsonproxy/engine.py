"""One mail: decide, relay, commit, answer, in that order (design law 3).

Law: the answer is the last thing that happens, and 250 is said only when downstream has the mail or what we keep of it
is on disk. Whatever goes wrong inside is 451, and then nothing has been relayed and nothing kept. Handlers decide, the
fold table (mail/fold.py) makes one answer of many, downstream has a word at RCPT and the last one at the final dot.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lamsonproxy import __version__
from lamsonproxy.app.application import verdict_from
from lamsonproxy.app.mail import Copy, Mail
from lamsonproxy.app.routing import Match, Routes
from lamsonproxy.errors import RemoteError, StorageError
from lamsonproxy.mail.dsn import Refusal, failure_notice
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.fold import Fate, Fold, Outcome, fold
from lamsonproxy.mail.reply import TROUBLE, Reply, with_trace
from lamsonproxy.mail.trace import received_line
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.mail.verdict import (
    ACCEPT,
    Accept,
    Consume,
    Defer,
    Discard,
    Quarantine,
    Reject,
    Verdict,
    name_of,
    reply_to,
)
from lamsonproxy.ports import Clock, Conversations, Courier, MailLog, Notices, Offer, Parts
from lamsonproxy.ports import Quarantine as QuarantinePort
from lamsonproxy.runner import Overran, Raised, Runner

OnError = Literal["defer", "accept", "quarantine"]

TOO_MANY_HOPS = Reject("5.4.6", "Too many hops", whole=True)
UNMATCHED = Reject("5.1.1", "Unknown recipient")
FAILED = Defer(TROUBLE.status, TROUBLE.text)
DISK_FULL = Reply(452, "4.3.1", "Insufficient storage")
NOBODY_WAITS = Reply(451, "4.4.2", "The client went away")

_DISK_FULL = frozenset({28, 122})  # ENOSPC, EDQUOT

RELAY_SHARE = 0.1
"""The part of a door's deadline that handlers leave to the relay."""


@dataclass(frozen=True, slots=True)
class DoorPolicy:
    """What a door wants of the engine."""

    unmatched: Literal["accept", "reject"] = "accept"
    on_error: OnError = "defer"
    deadline_s: float = 540
    """Seconds from end of data to our reply: below smtp(8)'s `smtp_data_done_timeout` of 600."""
    received_limit: int = 100
    trace_header: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for one recipient, and the copy that its handlers worked on."""

    recipient: Recipient
    verdict: Verdict
    copy: Copy
    route: str = ""

    @property
    def outcome(self) -> Outcome:
        match self.verdict:
            case Accept():
                return Outcome(Fate.PASS, reply_to(self.verdict))
            case Reject(whole=whole):
                return Outcome(Fate.REFUSED, reply_to(self.verdict), whole)
            case Defer():
                return Outcome(Fate.DEFERRED, reply_to(self.verdict))
            case Consume() | Discard() | Quarantine():
                return Outcome(Fate.TAKEN, reply_to(self.verdict))


@dataclass(frozen=True, slots=True)
class Settled:
    """The answer, and whether it means that downstream took the mail."""

    reply: Reply
    was_relayed: bool = False


class Engine:
    """Settles one mail after another; holds no state of any."""

    def __init__(
        self,
        routes: Routes,
        *,
        runner: Runner,
        courier: Courier,
        quarantine: QuarantinePort,
        notices: Notices,
        conversations: Conversations,
        log: MailLog,
        clock: Clock,
        hostname: str,
    ) -> None:
        self._routes = routes
        self._runner = runner
        self._courier = courier
        self._quarantine = quarantine
        self._notices = notices
        self._conversations = conversations
        self._log = log
        self._clock = clock
        self._hostname = hostname

    async def settle(
        self, transaction: Transaction, policy: DoorPolicy, withdrawn: Callable[[], bool] = lambda: False
    ) -> Reply:
        """Settle one mail and give the one answer for all of its recipients. Never raises."""
        begun = self._clock.monotonic()
        self._log.received(transaction)
        work = _Work(self, transaction, policy, withdrawn, begun + policy.deadline_s)
        decisions: Sequence[Decision] = ()
        try:
            decisions = await work.decide()
            settled = await work.settle(decisions)
        except Exception as error:
            settled = Settled(self._answer_to(transaction, error))
        self._log_each(transaction, decisions, settled, self._clock.monotonic() - begun)
        return settled.reply

    def _answer_to(self, transaction: Transaction, error: Exception) -> Reply:
        match error:
            case RemoteError():
                self._log.relay_failed(transaction, error)
            case StorageError(errno=errno):
                self._log.storage_failed(transaction, error)
                if errno in _DISK_FULL:
                    return with_trace(DISK_FULL, transaction.trace)
            case _:
                self._log.bug(transaction, error)
        return with_trace(TROUBLE, transaction.trace)

    def _log_each(
        self, transaction: Transaction, decisions: Sequence[Decision], settled: Settled, seconds: float
    ) -> None:
        queued_as = _queued_as(settled.reply) if settled.was_relayed else ""
        for n in range(len(transaction.envelope.recipients)):
            decision = decisions[n] if n < len(decisions) else None
            passed = decision is not None and isinstance(decision.verdict, Accept)
            self._log.decided(
                transaction,
                n,
                verdict=name_of(decision.verdict) if decision else "defer",
                route=decision.route if decision else "",
                reply=settled.reply,
                queued_as=queued_as if passed else "",
                seconds=seconds,
            )


class _Work:
    """The settling of one mail: the steps, in order."""

    def __init__(
        self,
        engine: Engine,
        transaction: Transaction,
        policy: DoorPolicy,
        withdrawn: Callable[[], bool],
        deadline: float,
    ) -> None:
        self._engine = engine
        self._transaction = transaction
        self._policy = policy
        self._withdrawn = withdrawn
        self._deadline = deadline
        self._handlers_end = deadline - policy.deadline_s * RELAY_SHARE
        self._kept: list[str] = []
        self._held: list[str] = []

    # -- decide ----------------------------------------------------------------------------------------------

    async def decide(self) -> list[Decision]:
        """Run the handlers for each recipient, in envelope order, until one decides for all."""
        decisions: list[Decision] = []
        for recipient in self._transaction.envelope.recipients:
            decision = await self._decide_one(recipient)
            decisions.append(decision)
            if decision.outcome.fate is Fate.DEFERRED or decision.outcome.whole:
                break  # the fold is settled, and whoever comes next would only be asked twice
        return decisions

    async def _decide_one(self, recipient: Recipient) -> Decision:
        mail = Mail(self._transaction, recipient, deadline=self._handlers_end)
        if self._transaction.message.received_count > self._policy.received_limit:
            return Decision(recipient, TOO_MANY_HOPS, mail.copy)
        match: Match | None = None
        for match in self._engine._routes.matches(recipient.address.spec):
            verdict = await self._ask(match, mail)
            if verdict is not None:
                return Decision(recipient, verdict, mail.copy, match.route.name)
        if match is None and self._policy.unmatched == "reject":
            return Decision(recipient, UNMATCHED, mail.copy)
        return Decision(recipient, ACCEPT, mail.copy, match.route.name if match else "")

    async def _ask(self, match: Match, mail: Mail) -> Verdict | None:
        engine, route = self._engine, match.route
        begun = engine._clock.monotonic()
        ran = await engine._runner.run(
            route.handler, mail, timeout=max(0.0, self._handlers_end - begun), **match.captures
        )
        seconds = engine._clock.monotonic() - begun
        engine._log.handler_ran(self._transaction, route.name, seconds)
        if isinstance(ran, Overran):
            mail._revoke()
            engine._log.handler_overran(self._transaction, route.name, seconds)
            return self._after_failure(match, mail)
        try:
            if isinstance(ran, Raised):
                raise ran.error
            return verdict_from(ran.value)
        except BaseException as error:
            # Everything a handler may raise, KeyboardInterrupt included: it came out of a value, not out of us.
            engine._log.handler_failed(self._transaction, route.name, error)
            return self._after_failure(match, mail)

    def _after_failure(self, match: Match, mail: Mail) -> Verdict:
        mail._restore()
        match match.route.on_error or self._policy.on_error:
            case "accept":
                return ACCEPT
            case "quarantine":
                return Quarantine("the handler failed")
        return replace(FAILED, text=f"{FAILED.text} ({self._transaction.trace})")

    # -- relay, commit, answer -------------------------------------------------------------------------------

    async def settle(self, decisions: Sequence[Decision]) -> Settled:
        """Relay what passes, keep what is kept, and give the answer."""
        if self._withdrawn():
            return Settled(NOBODY_WAITS)
        outcomes = [decision.outcome for decision in decisions]
        folded = fold(outcomes)
        if not folded.goes_on:
            return Settled(folded.reply)
        passing = [n for n, outcome in enumerate(outcomes) if outcome.fate is Fate.PASS]
        if not passing:
            return await self._finish(decisions, outcomes, folded, None)
        if not all(decisions[passing[0]].copy.same_as(decisions[n].copy) for n in passing[1:]):
            self._engine._log.copies_differ(self._transaction)
            return Settled(with_trace(TROUBLE, self._transaction.trace))
        return await self._relay(decisions, outcomes, passing)

    async def _relay(
        self, decisions: Sequence[Decision], outcomes: list[Outcome], passing: Sequence[int]
    ) -> Settled:
        envelope = self._envelope_of([decisions[n].copy for n in passing])
        async with self._engine._courier.offer(envelope, deadline=self._deadline) as offer:
            if offer.refusal is not None:
                return Settled(offer.refusal)
            replies = iter(offer.recipients)
            for n in passing:
                own = [next(replies) for _ in decisions[n].copy.recipients]
                outcomes[n] = _asked_downstream(outcomes[n], own)
            folded = fold(outcomes)
            if not folded.goes_on:
                return Settled(folded.reply)
            return await self._finish(decisions, outcomes, folded, offer)

    async def _finish(
        self, decisions: Sequence[Decision], outcomes: Sequence[Outcome], folded: Fold, offer: Offer | None
    ) -> Settled:
        """Keep, deliver, release, commit. Whatever fails on the way, nothing is kept."""
        passing = [d for d, outcome in zip(decisions, outcomes, strict=True) if outcome.fate is Fate.PASS]
        unit = await self._engine._conversations.begin(self._transaction)
        reply = folded.reply
        try:
            await unit.flush()
            await self._keep(decisions, outcomes, folded)
            if passing and offer is not None:
                reply = await self._deliver(offer, passing[0].copy)
            if reply.is_positive:
                await self._release()
                await unit.commit()
                return Settled(reply, was_relayed=bool(passing))
        except BaseException:
            await self._take_back()
            await unit.rollback()
            raise
        await self._take_back()
        await unit.rollback()
        return Settled(reply)

    async def _deliver(self, offer: Offer, copy: Copy) -> Reply:
        if self._withdrawn():
            return NOBODY_WAITS
        begun = self._engine._clock.monotonic()
        reply = await offer.deliver(self._content_of(copy))
        self._engine._log.relay_answered(reply, self._engine._clock.monotonic() - begun)
        return reply

    def _envelope_of(self, copies: Sequence[Copy]) -> Envelope:
        recipients = tuple(recipient for copy in copies for recipient in copy.recipients)
        return replace(self._transaction.envelope, sender=copies[0].sender, recipients=recipients)

    def _content_of(self, copy: Copy) -> Parts:
        return (*self._trace_line(), *copy.edits.parts())

    def _trace_line(self) -> tuple[bytes, ...]:
        if not self._policy.trace_header:
            return ()
        line = received_line(
            self._transaction.session,
            hostname=self._engine._hostname,
            version=__version__,
            trace=self._transaction.trace,
            at=self._engine._clock.now(),
        )
        return (line,)

    # -- what we keep ----------------------------------------------------------------------------------------

    async def _keep(
        self, decisions: Sequence[Decision], outcomes: Sequence[Outcome], folded: Fold
    ) -> None:
        for n, decision in enumerate(decisions):
            if isinstance(decision.verdict, Quarantine):
                await self._keep_copy(decision, decision.verdict.reason)
            elif n in folded.strays:
                await self._keep_copy(decision, f"refused: {outcomes[n].reply}")
        strays = [Refusal(decisions[n].recipient, outcomes[n].reply) for n in folded.strays]
        if strays:
            await self._hold_notice(strays)

    async def _keep_copy(self, decision: Decision, reason: str) -> None:
        envelope = replace(self._transaction.envelope, recipients=(decision.recipient,))
        name = self._transaction.key(decision.recipient)
        self._kept.append(name)
        await self._engine._runner.in_thread(
            self._engine._quarantine.keep, name, envelope, decision.copy.edits.parts(), reason
        )

    async def _hold_notice(self, strays: Sequence[Refusal]) -> None:
        notice = failure_notice(
            self._transaction.envelope,
            self._transaction.message,
            strays,
            hostname=self._engine._hostname,
            trace=self._transaction.trace,
            at=self._engine._clock.now(),
        )
        if notice is None:
            return
        envelope, content = notice
        name = self._transaction.key(strays[0].recipient)
        self._held.append(name)
        await self._engine._runner.in_thread(self._engine._notices.hold, name, envelope, (content,))

    async def _release(self) -> None:
        for name in self._held:
            await self._engine._runner.in_thread(self._engine._notices.release, name)

    async def _take_back(self) -> None:
        cancels = [(self._engine._quarantine.cancel, name) for name in self._kept]
        cancels += [(self._engine._notices.cancel, name) for name in self._held]
        for cancel, name in cancels:
            try:
                await self._engine._runner.in_thread(cancel, name)
            except StorageError as error:
                # The answer stays what it is; the copy that stays behind is overwritten by Postfix's retry.
                self._engine._log.storage_failed(self._transaction, error)


def _asked_downstream(outcome: Outcome, replies: Sequence[Reply]) -> Outcome:
    """The outcome after downstream's replies to this copy's RCPTs: whoever must wait decides, then whoever is refused."""
    for fate, is_so in (
        (Fate.DEFERRED, lambda reply: not reply.is_positive and not reply.is_permanent),
        (Fate.REFUSED, lambda reply: reply.is_permanent),
    ):
        for reply in filter(is_so, replies):
            return Outcome(fate, reply)
    return outcome


def _queued_as(reply: Reply) -> str:
    """The queue id in downstream's 250, by which the two logs are matched; "" when it names none."""
    return reply.text.rpartition("queued as ")[2].strip() if "queued as " in reply.text else ""
