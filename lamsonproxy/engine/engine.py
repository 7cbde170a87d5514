"""The engine: takes a mail, gives the answer.

Law: the answer is the last thing that happens. Whatever goes wrong inside is 451, and then nothing has been
relayed and nothing kept. The log says of each recipient what became of it, which the one answer cannot.
"""

import errno
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from itertools import count

from lamsonproxy.app.routing import Routes
from lamsonproxy.app.scene import REPLIES_PER_HOUR
from lamsonproxy.engine.deciding import Deciding
from lamsonproxy.engine.decision import Decision
from lamsonproxy.engine.each import Ends, SettlingEach, Unit, units_of
from lamsonproxy.engine.firing import Firing
from lamsonproxy.engine.gating import NOTHING_EARLIER, Earlier, Gating, Heard, log_refusal
from lamsonproxy.engine.planning import Acquaintances
from lamsonproxy.engine.policy import ATTEMPTS, DoorPolicy, Means
from lamsonproxy.engine.proxying import Proxying
from lamsonproxy.engine.settling import NOBODY_WAITS, Settled, Settling
from lamsonproxy.engine.unheard import Unheard
from lamsonproxy.errors import AlreadySettled, ConflictError, RemoteError, StorageError, StoreError
from lamsonproxy.mail.conversation import Timer
from lamsonproxy.mail.fold import Fate
from lamsonproxy.mail.reply import TROUBLE, Reply, with_trace
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.mail.verdict import name_of
from lamsonproxy.ports import (
    Clock,
    Conversations,
    Courier,
    MailLog,
    Notices,
    Probes,
    Quarantine,
    Templates,
)
from lamsonproxy.runner import Runner

DISK_FULL = Reply(452, "4.3.1", "Insufficient storage")


class Engine:
    """Settles one mail after another; holds no state of any."""

    def __init__(
        self,
        routes: Routes,
        *,
        runner: Runner,
        courier: Courier,
        quarantine: Quarantine,
        notices: Notices,
        probes: Probes,
        conversations: Conversations,
        log: MailLog,
        clock: Clock,
        hostname: str,
        instance: str,
        undeliverable: Quarantine | None = None,
        templates: Templates | None = None,
        replies_per_hour: int = REPLIES_PER_HOUR,
        authserv_id: str = "",
        lock_wait_s: float = 30,
        copies_limit: int = 10,
        verp: bool = False,
        kick: Callable[[], None] = lambda: None,
    ) -> None:
        """`kick` is called whenever there is something new in the outbox."""
        self._routes = routes
        self._log, self._clock = log, clock
        self._acquaintances = Acquaintances.told_by(routes.machines)
        self._unheard = Unheard(conversations, log)
        self._means = Means(
            runner,
            courier,
            quarantine,
            notices,
            probes,
            conversations,
            log,
            clock,
            hostname,
            instance,
            undeliverable or quarantine,
            templates,
            replies_per_hour,
            authserv_id,
            lock_wait_s,
            copies_limit,
            verp=verp,
            kick=kick,
        )

    def heard(self, transaction: Transaction) -> None:
        """The client has read our answer, so this mail does not come again."""
        self._unheard.heard(transaction)

    async def ask_gate(self, transaction: Transaction, policy: DoorPolicy) -> Reply:
        """Answer the RCPT of the last recipient so far, without asking downstream. Never raises what handlers do."""
        begun = self._clock.monotonic()
        until = begun + policy.rcpt_timeout_s
        heard = await Gating(self._routes, self._means, policy, transaction, until).run()
        if not heard.reply.is_positive:
            log_refusal(self._means, transaction, heard, begun)
        return heard.reply

    async def fire(self, timer: Timer) -> None:
        """Run what a timer is for, if nothing has happened in its conversation since. Never raises."""
        await Firing(self._routes, self._means).fire(timer)

    def receive(self, policy: DoorPolicy) -> Proxying:
        """Begin a mail before the queue."""
        return Proxying(self._routes, self._means, policy, self._settle)

    async def settle(
        self, transaction: Transaction, policy: DoorPolicy, withdrawn: Callable[[], bool] = lambda: False
    ) -> Reply:
        """Settle one mail and give the one answer for all of its recipients. Never raises."""
        return await self._settle(transaction, policy, withdrawn)

    async def settle_each(
        self, transaction: Transaction, policy: DoorPolicy, withdrawn: Callable[[], bool] = lambda: False
    ) -> AsyncIterator[Reply]:
        """Settle one mail and give an answer for each recipient, in envelope order, each as soon as it is true.
        Never raises.

        Who has a transaction is settled at once, by itself, before the next one is asked: nobody waits under the locks
        of somebody else. All others are decided first, because those whose copies are equal go together.
        """
        begun = self._clock.monotonic()
        self._log.received(transaction)
        deadline = begun + policy.deadline_s
        deciding = self._deciding(transaction, policy, begun, {})
        decisions: dict[int, Decision] = {}
        ends: Ends = {}
        unlogged = list(range(len(transaction.envelope.recipients)))

        def settling() -> SettlingEach:
            return SettlingEach(self._means, policy, transaction, withdrawn, deadline, self._means.courier)

        try:
            await self._decide_each(transaction, deciding, settling, decisions, ends)
            shared = {n: decision for n, decision in decisions.items() if n not in ends}
            units = {min(unit): unit for unit in units_of(shared)}
            while unlogged:
                n = unlogged[0]
                if n not in ends:
                    ends |= await self._settle_unit(transaction, deciding, settling(), units[n])
                self._log_end(transaction, unlogged.pop(0), decisions, ends[n], begun)
                yield ends[n]
        finally:
            for n in unlogged:
                self._log_end(transaction, n, decisions, ends.get(n, NOBODY_WAITS), begun)

    async def _decide_each(
        self,
        transaction: Transaction,
        deciding: Deciding,
        settling: Callable[[], Settling],
        decisions: dict[int, Decision],
        ends: Ends,
    ) -> None:
        """Decide for each, and settle those that have a transaction."""
        places = range(len(transaction.envelope.recipients))
        for n in places:
            if deciding.is_late:
                decisions[n] = deciding.unasked(n)
                continue
            try:
                decided, settled = await self._attempt(transaction, deciding, [n], settling, is_alone=False)
            except Exception as error:
                ends[n] = self._answer_to(transaction, error)
                continue
            decisions[n] = decided[0]
            if settled is not None:
                ends[n] = settled.reply
            if decided[0].outcome.whole:
                # Whoever was settled before, in a transaction of its own, stays settled.
                for other in places:
                    ends.setdefault(other, decided[0].outcome.reply)
                return

    async def _settle_unit(
        self, transaction: Transaction, deciding: Deciding, settling: SettlingEach, unit: Unit
    ) -> Ends:
        act = deciding.act(tuple(unit))
        try:
            return await settling.run_unit(unit, act)
        except Exception as error:
            return dict.fromkeys(unit, self._answer_to(transaction, error))
        finally:
            await act.end()

    async def _settle(
        self,
        transaction: Transaction,
        policy: DoorPolicy,
        withdrawn: Callable[[], bool],
        earlier: Earlier = NOTHING_EARLIER,
    ) -> Reply:
        begun = self._clock.monotonic()
        self._log.received(transaction)
        deadline = begun + policy.deadline_s
        offers = earlier.offers or self._means.courier
        places = range(len(transaction.envelope.recipients))
        decisions: Sequence[Decision] = ()
        settled: Settled | None = Settled(NOBODY_WAITS)
        try:
            if earlier.deferred is not None:
                # No handler runs now, for it would run again when the mail comes again.
                settled = Settled(earlier.deferred)
            else:
                deciding = self._deciding(transaction, policy, begun, earlier.refused)
                decisions, settled = await self._attempt(
                    transaction,
                    deciding,
                    places,
                    lambda: Settling(self._means, policy, transaction, withdrawn, deadline, offers),
                )
        except Exception as error:
            settled = Settled(self._answer_to(transaction, error))
        finally:
            assert settled is not None
            known = dict(enumerate(decisions))
            for n in places:
                self._log_end(transaction, n, known, _end_of(settled, n), begun)
        return settled.reply

    def _deciding(
        self, transaction: Transaction, policy: DoorPolicy, begun: float, refused: Mapping[int, Heard]
    ) -> Deciding:
        until = policy.handlers_end(begun)
        return Deciding(self._routes, self._means, policy, transaction, until, refused, self._acquaintances)

    async def _attempt(
        self,
        transaction: Transaction,
        deciding: Deciding,
        places: Sequence[int],
        settling: Callable[[], Settling],
        *,
        is_alone: bool = True,
    ) -> tuple[Sequence[Decision], Settled | None]:
        """Decide for these recipients and settle them, again from the beginning where two transactions met before the
        relay (design law 3). Who is not alone is settled here only if there is a transaction; else None."""
        await self._unheard.wait(transaction)
        for attempt in count(1):
            act = deciding.act(places)
            decisions: Sequence[Decision] = ()
            try:
                decisions = await deciding.decide(places, act)
                if not (is_alone or act.is_needed or decisions[0].is_settled):
                    return decisions, None
                return decisions, await settling().run(decisions, act)
            except (ConflictError, AlreadySettled) as error:
                if attempt == ATTEMPTS or deciding.is_late:
                    raise
                # Only what has begun knows what was settled.
                deciding.must_begin |= isinstance(error, AlreadySettled)
                self._log.done_again(transaction, error)
            finally:
                await act.end()
                keys = act.remembered or _answered_again(transaction, decisions)
                self._unheard.remember(transaction, frozenset(keys))
                await deciding.count_failures(decisions)
        raise AssertionError("an endless loop ended")

    def _answer_to(self, transaction: Transaction, error: Exception) -> Reply:
        match error:
            case RemoteError():
                self._log.relay_failed(transaction, error)
            case StorageError(errno=errno.ENOSPC | errno.EDQUOT):
                self._log.storage_failed(transaction, error)
                return with_trace(DISK_FULL, transaction.trace)
            case StorageError():
                self._log.storage_failed(transaction, error)
            case StoreError():
                self._log.store_failed(transaction, error)
            case _:
                self._log.bug(transaction, error)
        return with_trace(TROUBLE, transaction.trace)

    def _log_end(
        self,
        transaction: Transaction,
        n: int,
        decisions: Mapping[int, Decision],
        end: Reply,
        begun: float,
    ) -> None:
        decision = decisions.get(n)
        # Who was not asked any more shares the verdict of the one that decided for all.
        unasked = "reject" if end.is_permanent else "defer"
        self._log.decided(
            transaction,
            n,
            verdict=name_of(decision.verdict) if decision else unasked,
            route=decision.route if decision else "",
            reply=end,
            queued_as=_queued_as(end),
            seconds=self._clock.monotonic() - begun,
        )


def _answered_again(transaction: Transaction, decisions: Sequence[Decision]) -> Sequence[str]:
    """The keys of a mail that an earlier attempt has settled, all of it: nobody has read that one's answer."""
    if not all(decision.is_settled for decision in decisions):
        return ()
    return tuple(transaction.key(decision.recipient) for decision in decisions)


def _end_of(settled: Settled, n: int) -> Reply:
    """The reply that holds for one recipient, which the one answer does not say."""
    if not settled.outcomes or settled.outcomes[n].fate is Fate.PASS:
        return settled.reply
    return settled.outcomes[n].reply


def _queued_as(reply: Reply) -> str:
    """The queue id in downstream's 250, by which the two logs are matched; "" when it names none."""
    _, has_one, queue_id = reply.text.rpartition("queued as ")
    return queue_id.strip() if has_one and reply.is_positive else ""
