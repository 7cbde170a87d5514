"""What is said to one RCPT: the `phase="rcpt"` handlers are asked, before downstream is.

Law: there is no message, so nothing is kept and nothing goes on; the worst that happens here is that a recipient is
refused who might have been taken. What fails is 451, unless `on_error` of the route or the door says `accept`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from lamsonproxy.app.announced import announced
from lamsonproxy.app.application import rcpt_verdict_from
from lamsonproxy.app.routing import Match, Routes
from lamsonproxy.engine.asking import Asking, HandlerFailed
from lamsonproxy.engine.policy import ATTEMPTS, DoorPolicy, Means
from lamsonproxy.errors import ConflictError, StoreError
from lamsonproxy.mail.conversation import Asked, Work
from lamsonproxy.mail.reply import TROUBLE, Reply
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.mail.verdict import ACCEPT, Accept, Defer, Reject, name_of, reply_to
from lamsonproxy.ports import Offers

NO_WORK = Work()
TAKEN = Reply(250, "2.1.5", "Ok")


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said to one RCPT, by whom, and with which verdict."""

    reply: Reply
    verdict: Accept | Reject | Defer = ACCEPT
    route: str = ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What has become of a mail at its RCPTs, before its message came."""

    offers: Offers | None = None
    """Where downstream has been asked; None where the courier has yet to ask."""
    refused: Mapping[int, Heard] = field(default_factory=dict)
    """Who was refused without being told, by the place in the envelope."""
    deferred: Reply | None = None
    """The answer, if it is certain that everything must be sent again."""


NOTHING_EARLIER = Earlier()


class Gating:
    """The gate for the last recipient of a mail's envelope so far, until a time of the clock."""

    def __init__(
        self, routes: Routes, means: Means, policy: DoorPolicy, transaction: Transaction, until: float
    ) -> None:
        self._routes = routes
        self._means = means
        self._asking = Asking(means, transaction, until)
        self._policy = policy
        self._transaction = transaction
        self._until = until

    async def run(self) -> Heard:
        """Ask until somebody decides; whom no handler is for is taken."""
        recipient = self._transaction.envelope.recipients[-1]
        for match in self._routes.matches(recipient.address.spec, "rcpt"):
            try:
                verdict = await self._ask(match)
            except HandlerFailed:
                verdict = self._after_failure(match)
            if verdict is not None:
                taken = isinstance(verdict, Accept)
                return Heard(TAKEN if taken else reply_to(verdict), verdict, match.route.name)
        return Heard(TAKEN)

    async def _ask(self, match: Match) -> Accept | Reject | Defer | None:
        """One handler, with a short transaction of its own. Raises HandlerFailed."""
        try:
            for attempt in count(1):
                try:
                    return await self._attempt(match)
                except ConflictError as error:
                    if attempt == ATTEMPTS:
                        raise
                    self._means.log.done_again(self._transaction, error)
        except StoreError as error:
            self._means.log.store_failed(self._transaction, error)
        raise HandlerFailed

    async def _attempt(self, match: Match) -> Accept | Reject | Defer | None:
        now = self._means.clock.now()
        unit = self._means.conversations.unit(Asked(self._transaction.trace, now))
        recipient = self._transaction.envelope.recipients[-1]
        subject = announced(self._transaction, recipient, self._until, now, unit)
        route = match.route
        try:
            verdict = await self._asking.ask(
                route.name,
                route.handler,
                subject,
                match.captures,
                rcpt_verdict_from,
                is_our_fault=lambda: unit.has_conflict,
            )
            if unit.is_open:
                await unit.write(NO_WORK)
                await unit.commit()
            return verdict
        except HandlerFailed:
            if unit.has_conflict:
                raise ConflictError("a statement of a handler met another transaction") from None
            raise
        finally:
            # One that has not begun too: a handler that overran might begin it, and nobody would end it.
            await unit.rollback(after=self._asking.left)

    def _after_failure(self, match: Match) -> Accept | Defer:
        if (match.route.on_error or self._policy.on_error) == "accept":
            return ACCEPT
        # A quarantine keeps messages, and there is none yet.
        return Defer(TROUBLE.status, f"{TROUBLE.text} ({self._transaction.trace})")


def log_refusal(means: Means, transaction: Transaction, heard: Heard, begun: float) -> None:
    """The one line of a recipient whose mail ends at RCPT."""
    means.log.decided(
        transaction,
        len(transaction.envelope.recipients) - 1,
        verdict=name_of(heard.verdict),
        route=heard.route,
        reply=heard.reply,
        queued_as="",
        seconds=means.clock.monotonic() - begun,
    )
