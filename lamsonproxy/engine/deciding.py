"""What is to happen to each recipient's mail: the handlers are asked, and only asked.

Law: handlers run once per recipient, in envelope order, each on a private copy (design law 7). Nothing that a
handler raises, returns or fails to return gets further than the log; the recipient's mail is deferred then, or
what `on_error` of the route or the door says, and its copy is as it came.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lamsonproxy.app.application import verdict_from
from lamsonproxy.app.mail import Copy, Mail
from lamsonproxy.app.routing import Match, Routes
from lamsonproxy.engine.asking import Asking, HandlerFailed
from lamsonproxy.engine.guarding import Heard
from lamsonproxy.engine.policy import DISK_S, DoorPolicy, Means
from lamsonproxy.mail.envelope import Recipient
from lamsonproxy.mail.fold import Fate, Outcome
from lamsonproxy.mail.probe import probe_name
from lamsonproxy.mail.reply import TROUBLE, Reply
from lamsonproxy.mail.trace import count_own
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
    reply_to,
)

TOO_MANY_HOPS = Reject("5.4.6", "Too many hops", whole=True)
UNMATCHED = Reject("5.1.1", "Unknown recipient")
PROBE = "probe"
"""What the log and the metrics name as the route of an awaited probe."""
FAILED = Defer(TROUBLE.status, TROUBLE.text)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for one recipient, and the copy that its handlers worked on."""

    recipient: Recipient
    verdict: Verdict
    copy: Copy
    route: str = ""
    said: Reply | None = None
    """The refusal at RCPT, ours or downstream's, where it was kept for the fold."""

    @property
    def is_redirected(self) -> bool:
        """Whether the mail goes to another address than its recipient's."""
        return self.copy.recipient.address != self.recipient.address

    @property
    def outcome(self) -> Outcome:
        if self.said is not None:
            return Outcome(Fate.DEFERRED if self.said.is_transient else Fate.REFUSED, self.said)
        match self.verdict:
            case Accept():
                return Outcome(Fate.PASS, reply_to(self.verdict))
            case Reject(whole=whole):
                return Outcome(Fate.REFUSED, reply_to(self.verdict), whole)
            case Defer():
                return Outcome(Fate.DEFERRED, reply_to(self.verdict))
            case Consume() | Discard() | Quarantine():
                return Outcome(Fate.TAKEN, reply_to(self.verdict))

    @property
    def is_for_all(self) -> bool:
        """Whether the fold is settled by this one, whatever is decided for the others."""
        return self.outcome.fate is Fate.DEFERRED or self.outcome.whole


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
    ) -> None:
        """`refused` are the recipients that were refused at RCPT already, by their place in the envelope."""
        self._routes = routes
        self._runner, self._probes = means.runner, means.probes
        self._log, self._clock, self._instance = means.log, means.clock, means.instance
        self._asking = Asking(means, transaction, until)
        self._policy = policy
        self._transaction = transaction
        self._until = until
        self._refused = refused

    async def run(self) -> list[Decision]:
        """Decide for each recipient, until one decides for all: whoever comes next would only be asked twice."""
        decisions: list[Decision] = []
        for n, recipient in enumerate(self._transaction.envelope.recipients):
            heard = self._refused.get(n)
            decisions.append(self._as_heard(recipient, heard) if heard else await self._decide(recipient))
            if decisions[-1].is_for_all:
                break
        return decisions

    async def run_each(self) -> list[Decision]:
        """Decide for each recipient by itself, until one decides for all. Whoever has not begun when the time is over
        is deferred unasked: Postfix sends it again, without those that were served."""
        decisions: list[Decision] = []
        for recipient in self._transaction.envelope.recipients:
            is_late = self._clock.monotonic() >= self._until
            decisions.append(self._unasked(recipient) if is_late else await self._decide(recipient))
            if decisions[-1].outcome.whole:
                break
        return decisions

    def _unasked(self, recipient: Recipient) -> Decision:
        copy = Mail(self._transaction, recipient, deadline=self._until).copy
        return Decision(recipient, self._failed, copy)

    def _as_heard(self, recipient: Recipient, heard: Heard) -> Decision:
        copy = Mail(self._transaction, recipient, deadline=self._until).copy
        return Decision(recipient, heard.verdict, copy, heard.route, heard.reply)

    async def _decide(self, recipient: Recipient) -> Decision:
        decision = await self._walk(recipient)
        if self._comes_back(decision):
            self._log.would_loop(self._transaction, recipient.address)
            return replace(decision, verdict=self._failed)
        return decision

    def _comes_back(self, decision: Decision) -> bool:
        """Whether the mail would be handed on to an address that Postfix hands to us (design law 8)."""
        address = decision.recipient.address
        if not isinstance(decision.verdict, Accept) or address.ascii_domain not in self._policy.domains:
            return False
        return any(recipient.address == address for recipient in decision.copy.recipients)

    async def _walk(self, recipient: Recipient) -> Decision:
        mail = Mail(self._transaction, recipient, deadline=self._until)
        verdict, route = await self._judge(recipient, mail)
        # A task or a thread that a handler has left behind must not edit what is decided.
        mail._revoke()
        return Decision(recipient, verdict, mail.copy, route)

    async def _judge(self, recipient: Recipient, mail: Mail) -> tuple[Verdict, str]:
        """The verdict, and the name of the route that gave it."""
        if self._has_gone_round():
            return TOO_MANY_HOPS, ""
        if await self._is_awaited_probe(recipient):
            return Consume(), PROBE
        route = ""
        for match in self._routes.matches(recipient.address.spec):
            route = match.route.name
            verdict = await self._ask(match, mail)
            if verdict is not None:
                return verdict, route
        if not route and self._policy.unmatched == "reject":
            return UNMATCHED, ""
        return ACCEPT, route

    def _has_gone_round(self) -> bool:
        message = self._transaction.message
        return (
            message.hop_count > self._policy.received_limit
            or count_own(message, self._instance) > self._policy.own_received_limit
        )

    async def _is_awaited_probe(self, recipient: Recipient) -> bool:
        name = probe_name(self._transaction, recipient)
        return bool(name) and await self._runner.on_disk(self._probes.claim, name, timeout=DISK_S)

    async def _ask(self, match: Match, mail: Mail) -> Verdict | None:
        try:
            return await self._asking.ask(match, mail, verdict_from)
        except HandlerFailed:
            return self._after_failure(match, mail)

    def _after_failure(self, match: Match, mail: Mail) -> Verdict:
        # Revoked first, or what still runs might be handed the fresh copy.
        mail._revoke()
        mail._restore()
        match match.route.on_error or self._policy.on_error:
            case "accept":
                return ACCEPT
            case "quarantine":
                return Quarantine("the handler failed")
            case "defer":
                return self._failed

    @property
    def _failed(self) -> Defer:
        return replace(FAILED, text=f"{FAILED.text} ({self._transaction.trace})")
