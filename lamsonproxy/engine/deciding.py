"""What is to happen to each recipient's mail: the handlers are asked, and only asked.

Law: handlers run once per recipient, in envelope order, each on a private copy (design law 7). Nothing that a
handler raises, returns or fails to return gets further than the log; the recipient's mail is deferred then, or
what `on_error` of the route or the door says, and its copy is as it came. Whose mail was settled by an earlier attempt
is answered again, and nobody is asked (design law 3).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lamsonproxy.app.mail import Mail
from lamsonproxy.app.routing import Routes
from lamsonproxy.engine.act import Act
from lamsonproxy.engine.asking import Asking, HandlerFailed
from lamsonproxy.engine.decision import PROBE, SETTLED, TOO_MANY_HOPS, Decision
from lamsonproxy.engine.failing import Failing
from lamsonproxy.engine.gating import Heard
from lamsonproxy.engine.planning import Acquaintances, Plan, Planning
from lamsonproxy.engine.policy import DISK_S, DoorPolicy, Means
from lamsonproxy.engine.walking import FailedAt, Walk
from lamsonproxy.errors import AlreadySettled
from lamsonproxy.mail.conversation import ConversationKey, Outgoing
from lamsonproxy.mail.dsn import delivery_notice
from lamsonproxy.mail.envelope import Recipient
from lamsonproxy.mail.probe import probe_name
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.trace import count_own
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.mail.verdict import Accept, Consume


class Deciding:
    """The deciding of one mail, until a time of the clock."""

    def __init__(
        self,
        routes: Routes,
        means: Means,
        policy: DoorPolicy,
        transaction: Transaction,
        until: float,
        refused: Mapping[int, Heard],
        acquaintances: Acquaintances,
    ) -> None:
        """`refused` are the recipients that were refused at RCPT already, by their place in the envelope."""
        self._machines = routes.machines
        self._means, self._log = means, means.log
        self._asking = Asking(means, transaction, until)
        self._planning = Planning(routes, acquaintances, transaction, self._asking)
        self._failing = Failing(means, policy, transaction)
        self._walking = Walk(
            routes.machines,
            means,
            policy,
            transaction,
            self._asking,
            self._planning,
            acquaintances,
            self._failing,
        )
        self._policy = policy
        self._transaction = transaction
        self._until = until
        self._refused = refused
        self.must_begin = False
        """Whether the database is to be looked into before anybody is asked, whatever the routes need."""

    @property
    def is_late(self) -> bool:
        """Whether no handler has any time left."""
        return self._means.clock.monotonic() >= self._until

    def act(self, places: Sequence[int]) -> Act:
        """A fresh attempt for the recipients at these places."""
        recipients = [self._transaction.envelope.recipients[n] for n in places]
        return Act(self._means, self._machines, self._transaction, recipients)

    async def decide(self, places: Sequence[int], act: Act) -> list[Decision]:
        """Decide for the recipients at these places, until one decides for all: whoever comes next would only be asked
        twice. Raises StoreError; ConflictError when another attempt is worth it."""
        known = {n: await self._known(n) for n in places}
        plans = {n: await self._plan(n) for n in places if known[n] is None}
        # Before the transaction: a database with one writer may have one connection to it.
        poisoned = await self._failing.poisoned(plan.recipient for plan in plans.values())
        await self._begin(act, [plan for plan in plans.values() if isinstance(plan, Plan)])
        decisions: list[Decision] = []
        for n in places:
            plan = plans.get(n)
            if isinstance(plan, Plan):
                is_poison = plan.recipient in poisoned
                decisions.append(await self._decide(plan, act, decisions, is_poison=is_poison))
            else:
                decisions.append(known[n] or plan or self._unasked(n))
            if decisions[-1].is_for_all:
                break
        act.left = self._asking.left
        return decisions

    def unasked(self, n: int) -> Decision:
        """For whom there is no time left: Postfix sends it again, without those that were served."""
        return self._unasked(n)

    async def count_failures(self, decisions: Iterable[Decision]) -> None:
        """To be called when nothing of these can be written any more. Never raises."""
        await self._failing.count(decision.recipient for decision in decisions if decision.has_failed)

    # -- before anybody is asked -----------------------------------------------------------------------------

    async def _known(self, n: int) -> Decision | None:
        """What is certain without asking."""
        recipient = self._transaction.envelope.recipients[n]
        heard = self._refused.get(n)
        if heard is not None:
            return Decision(recipient, heard.verdict, self._mail(recipient).copy, heard.route, heard.reply)
        if self._has_gone_round():
            return Decision(recipient, TOO_MANY_HOPS, self._mail(recipient).copy)
        if await self._is_awaited_probe(recipient):
            return Decision(recipient, Consume(), self._mail(recipient).copy, PROBE)
        return None

    async def _plan(self, n: int) -> Plan | Decision:
        recipient = self._transaction.envelope.recipients[n]
        mail = self._mail(recipient)
        try:
            return await self._planning.plan(recipient, mail)
        except HandlerFailed:
            mail._revoke()
            return self._unasked(n)

    async def _begin(self, act: Act, plans: Sequence[Plan]) -> None:
        if not self._means.conversations.is_there or not any(plan.steps for plan in plans):
            return
        act.correspondent = self._planning.correspondent
        if not (self.must_begin or any(plan.must_begin for plan in plans)):
            return
        await act.begin(
            frozenset[ConversationKey]().union(*(plan.conversations for plan in plans)),
            correspondent=self._planning.correspondent,
            secrets={secret for plan in plans for secret in plan.secrets},
            until=self._until,
        )

    def _mail(self, recipient: Recipient) -> Mail:
        return Mail(self._transaction, recipient, deadline=self._until)

    def _unasked(self, n: int) -> Decision:
        recipient = self._transaction.envelope.recipients[n]
        return Decision(recipient, self._failing.defer, self._mail(recipient).copy)

    def _has_gone_round(self) -> bool:
        message = self._transaction.message
        return (
            message.hop_count > self._policy.received_limit
            or count_own(message, self._means.instance) > self._policy.own_received_limit
        )

    async def _is_awaited_probe(self, recipient: Recipient) -> bool:
        name = probe_name(self._transaction, recipient)
        if not name:
            return False
        return await self._means.runner.on_disk(self._means.probes.claim, name, timeout=DISK_S)

    # -- one recipient ---------------------------------------------------------------------------------------

    async def _decide(self, plan: Plan, act: Act, before: Sequence[Decision], *, is_poison: bool) -> Decision:
        said = act.settled(plan.recipient)
        if said is not None:
            return self._as_settled(plan, said)
        twin = _twin(plan, before)
        if twin is not None:
            return replace(twin, recipient=plan.recipient)
        if is_poison:
            verdict, route = self._failing.poison(plan, act)
            plan.mail._revoke()
            return Decision(plan.recipient, verdict, plan.mail.copy, route, is_poison=True)
        if self._goes_on_after_failures:
            await act.mark()
        decision = await self._walk(plan, act)
        said = act.settled(plan.recipient)
        if said is not None:
            # Found by the handler's first use of the database: what it wants counts for nothing.
            return self._as_settled(plan, said)
        if act.has_settled_late:
            # It was told so of somebody else, and next time it is known before anybody is asked.
            raise AlreadySettled("an earlier attempt has settled some of the recipients")
        if self._comes_back(decision):
            self._log.would_loop(self._transaction, plan.recipient.address)
            return replace(decision, verdict=self._failing.defer)
        return decision

    @property
    def _goes_on_after_failures(self) -> bool:
        return self._policy.on_error != "defer" or self._planning.routes.have_on_error

    def _as_settled(self, plan: Plan, said: Reply) -> Decision:
        plan.mail._revoke()
        self._log.settled_again(self._transaction, said)
        copy = self._mail(plan.recipient).copy
        return Decision(plan.recipient, Consume(), copy, SETTLED, said, is_settled=True)

    def _comes_back(self, decision: Decision) -> bool:
        """Whether the mail would be handed on to an address that Postfix hands to us (design law 8)."""
        address = decision.recipient.address
        if not isinstance(decision.verdict, Accept) or address.ascii_domain not in self._policy.domains:
            return False
        return any(recipient.address == address for recipient in decision.copy.recipients)

    async def _walk(self, plan: Plan, act: Act) -> Decision:
        mail = plan.mail
        try:
            verdict, route = await self._walking.judge(plan, act)
        except FailedAt as failed:
            mail._revoke()
            mail._restore()
            verdict = await self._failing.after(failed.step, act, self._asking.left)
            route = failed.step.match.route.name
            return Decision(plan.recipient, verdict, mail.copy, route, has_failed=True)
        # A task or a thread that a handler has left behind must not edit what is decided.
        mail._revoke()
        act.take(mail.effects)
        if isinstance(verdict, Consume) and self._means.conversations.is_there:
            self._report(plan.recipient, act)
        return Decision(plan.recipient, verdict, mail.copy, route)

    def _report(self, recipient: Recipient, act: Act) -> None:
        """Tell a sender who asked for it that the application has its mail (RFC 3461 §4.1)."""
        notice = delivery_notice(
            self._transaction.envelope,
            self._transaction.message,
            recipient,
            hostname=self._means.hostname,
            trace=self._transaction.trace,
            at=self._means.clock.now(),
        )
        if notice is not None:
            act.send(Outgoing(*notice, "notice"))


def _twin(plan: Plan, before: Sequence[Decision]) -> Decision | None:
    """The decision for the same address, named twice in the envelope: its conversations have heard the mail."""
    if not plan.conversations:
        return None
    address = plan.recipient.address
    return next((decision for decision in before if decision.recipient.address == address), None)
