"""The engine: takes a mail, gives the answer.

Law: the answer is the last thing that happens. Whatever goes wrong inside is 451, and then nothing has been
relayed and nothing kept. The log says of each recipient what became of it, which the one answer cannot.
"""

import errno
from collections.abc import AsyncIterator, Callable, Sequence

from lamsonproxy.app.routing import Routes
from lamsonproxy.engine.deciding import Deciding, Decision
from lamsonproxy.engine.each import Ends, SettlingEach, Unit, units_of
from lamsonproxy.engine.guarding import NOTHING_EARLIER, Earlier, Guarding, log_refusal
from lamsonproxy.engine.policy import DoorPolicy, Means
from lamsonproxy.engine.proxying import Proxying
from lamsonproxy.engine.settling import NOBODY_WAITS, Settled, Settling
from lamsonproxy.errors import RemoteError, StorageError
from lamsonproxy.mail.fold import Fate
from lamsonproxy.mail.reply import TROUBLE, Reply, with_trace
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.mail.verdict import name_of
from lamsonproxy.ports import Clock, Conversations, Courier, MailLog, Notices, Probes, Quarantine
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
    ) -> None:
        self._routes = routes
        self._log, self._clock = log, clock
        self._means = Means(
            runner, courier, quarantine, notices, probes, conversations, log, clock, hostname, instance
        )

    async def guard(self, transaction: Transaction, policy: DoorPolicy) -> Reply:
        """Answer the RCPT of the last recipient so far, without asking downstream. Never raises what handlers do."""
        begun = self._clock.monotonic()
        until = begun + policy.rcpt_timeout_s
        heard = await Guarding(self._routes, self._means, policy, transaction, until).run()
        if not heard.reply.is_positive:
            log_refusal(self._means, transaction, heard, begun)
        return heard.reply

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
        Never raises."""
        begun = self._clock.monotonic()
        self._log.received(transaction)
        deadline, courier = begun + policy.deadline_s, self._means.courier
        deciding = Deciding(self._routes, self._means, policy, transaction, policy.handlers_end(begun), {})
        decisions: Sequence[Decision] = ()
        ends: Ends = {}
        unlogged = list(range(len(transaction.envelope.recipients)))
        try:
            decisions, ends = await self._decide_each(transaction, deciding)
            units = {min(unit): unit for unit in units_of(decisions)}
            while unlogged:
                n = unlogged[0]
                if n not in ends:
                    settling = SettlingEach(self._means, policy, transaction, withdrawn, deadline, courier)
                    ends |= await self._settle_unit(transaction, settling, units[n])
                self._log_end(transaction, unlogged.pop(0), decisions, ends[n], begun)
                yield ends[n]
        finally:
            for n in unlogged:
                self._log_end(transaction, n, decisions, ends.get(n, NOBODY_WAITS), begun)

    async def _decide_each(
        self, transaction: Transaction, deciding: Deciding
    ) -> tuple[Sequence[Decision], Ends]:
        """What is to happen to each, and the ends of all where that is one end for all."""
        places = range(len(transaction.envelope.recipients))
        try:
            decisions = await deciding.run_each()
        except Exception as error:
            return (), dict.fromkeys(places, self._answer_to(transaction, error))
        whole = next((decision.outcome for decision in decisions if decision.outcome.whole), None)
        return decisions, dict.fromkeys(places, whole.reply) if whole else {}

    async def _settle_unit(self, transaction: Transaction, settling: SettlingEach, unit: Unit) -> Ends:
        try:
            return await settling.run_unit(unit)
        except Exception as error:
            return dict.fromkeys(unit, self._answer_to(transaction, error))

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
        handlers_end = policy.handlers_end(begun)
        deciding = Deciding(self._routes, self._means, policy, transaction, handlers_end, earlier.refused)
        offers = earlier.offers or self._means.courier
        settling = Settling(self._means, policy, transaction, withdrawn, deadline, offers)
        decisions: Sequence[Decision] = ()
        settled = Settled(NOBODY_WAITS)
        try:
            if earlier.deferred is not None:
                # No handler runs now, for it would run again when the mail comes again.
                settled = Settled(earlier.deferred)
            else:
                decisions = await deciding.run()
                settled = await settling.run(decisions)
        except Exception as error:
            settled = Settled(self._answer_to(transaction, error))
        finally:
            for n in range(len(transaction.envelope.recipients)):
                self._log_end(transaction, n, decisions, _end_of(settled, n), begun)
        return settled.reply

    def _answer_to(self, transaction: Transaction, error: Exception) -> Reply:
        match error:
            case RemoteError():
                self._log.relay_failed(transaction, error)
            case StorageError(errno=errno.ENOSPC | errno.EDQUOT):
                self._log.storage_failed(transaction, error)
                return with_trace(DISK_FULL, transaction.trace)
            case StorageError():
                self._log.storage_failed(transaction, error)
            case _:
                self._log.bug(transaction, error)
        return with_trace(TROUBLE, transaction.trace)

    def _log_end(
        self,
        transaction: Transaction,
        n: int,
        decisions: Sequence[Decision],
        end: Reply,
        begun: float,
    ) -> None:
        decision = decisions[n] if n < len(decisions) else None
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


def _end_of(settled: Settled, n: int) -> Reply:
    """The reply that holds for one recipient, which the one answer does not say."""
    if not settled.outcomes or settled.outcomes[n].fate is Fate.PASS:
        return settled.reply
    return settled.outcomes[n].reply


def _queued_as(reply: Reply) -> str:
    """The queue id in downstream's 250, by which the two logs are matched; "" when it names none."""
    _, has_one, queue_id = reply.text.rpartition("queued as ")
    return queue_id.strip() if has_one and reply.is_positive else ""
