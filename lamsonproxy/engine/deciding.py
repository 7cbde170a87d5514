"""What is to happen to each recipient's mail: the handlers are asked, and only asked.

Law: handlers run once per recipient, in envelope order, each on a private copy (design law 7). Nothing that a
handler raises, returns or fails to return gets further than the log; the recipient's mail is deferred then, or
what `on_error` of the route or the door says, and its copy is as it came.
"""

from dataclasses import dataclass, replace

from lamsonproxy.app.application import verdict_from
from lamsonproxy.app.mail import Copy, Mail
from lamsonproxy.app.routing import Match, Routes
from lamsonproxy.engine.policy import DISK_S, DoorPolicy, Means
from lamsonproxy.mail.envelope import Recipient
from lamsonproxy.mail.fold import Fate, Outcome
from lamsonproxy.mail.probe import probe_name
from lamsonproxy.mail.reply import TROUBLE
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
from lamsonproxy.runner import Overran, Raised

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

    @property
    def is_for_all(self) -> bool:
        """Whether the fold is settled by this one, whatever is decided for the others."""
        return self.outcome.fate is Fate.DEFERRED or self.outcome.whole


class Deciding:
    """The deciding of one mail, until a time of the clock."""

    def __init__(
        self, routes: Routes, means: Means, policy: DoorPolicy, transaction: Transaction, until: float
    ) -> None:
        self._routes = routes
        self._runner, self._log, self._clock = means.runner, means.log, means.clock
        self._probes = means.probes
        self._policy = policy
        self._transaction = transaction
        self._until = until

    async def run(self) -> list[Decision]:
        """Decide for each recipient, until one decides for all: whoever comes next would only be asked twice."""
        decisions: list[Decision] = []
        for recipient in self._transaction.envelope.recipients:
            decisions.append(await self._decide(recipient))
            if decisions[-1].is_for_all:
                break
        return decisions

    async def _decide(self, recipient: Recipient) -> Decision:
        mail = Mail(self._transaction, recipient, deadline=self._until)
        if self._transaction.message.received_count > self._policy.received_limit:
            return Decision(recipient, TOO_MANY_HOPS, mail.copy)
        if await self._is_awaited_probe(recipient):
            return Decision(recipient, Consume(), mail.copy, PROBE)
        route = ""
        for match in self._routes.matches(recipient.address.spec):
            route = match.route.name
            verdict = await self._ask(match, mail)
            if verdict is not None:
                return Decision(recipient, verdict, mail.copy, route)
        if not route and self._policy.unmatched == "reject":
            return Decision(recipient, UNMATCHED, mail.copy)
        return Decision(recipient, ACCEPT, mail.copy, route)

    async def _is_awaited_probe(self, recipient: Recipient) -> bool:
        name = probe_name(self._transaction, recipient)
        return bool(name) and await self._runner.on_disk(self._probes.claim, name, timeout=DISK_S)

    async def _ask(self, match: Match, mail: Mail) -> Verdict | None:
        route = match.route
        begun = self._clock.monotonic()
        ran = await self._runner.run(route.handler, mail, match.captures, timeout=self._until - begun)
        seconds = self._clock.monotonic() - begun
        if isinstance(ran, Overran):
            mail._revoke()
            self._log.handler_overran(self._transaction, route.name, seconds)
            return self._after_failure(match, mail)
        self._log.handler_ran(self._transaction, route.name, seconds)
        try:
            if isinstance(ran, Raised):
                raise ran.error
            return verdict_from(ran.value)
        except BaseException as error:
            # Everything a handler may raise, KeyboardInterrupt included: it came out of a value, not out of us.
            self._log.handler_failed(self._transaction, route.name, error)
            return self._after_failure(match, mail)

    def _after_failure(self, match: Match, mail: Mail) -> Verdict:
        mail._restore()
        match match.route.on_error or self._policy.on_error:
            case "accept":
                return ACCEPT
            case "quarantine":
                return Quarantine("the handler failed")
            case "defer":
                return replace(FAILED, text=f"{FAILED.text} ({self._transaction.trace})")
