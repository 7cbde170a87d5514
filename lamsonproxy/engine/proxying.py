"""One mail before the queue: its recipients one at a time, and then its message.

The remote client hears each reply as soon as it is given. So handlers of `phase="rcpt"` are asked first, then
downstream, whose own words are the reply; and at the end of data the mail goes on where the asking has ended.

With `speed_adjust` Postfix has promised every recipient already, and one refusal at RCPT would fail the whole mail
(SMTPD_PROXY_README). There RCPT is always 250, and what was refused waits for the fold.

Law: as for every door (`Engine`); and whatever downstream has heard of a mail that does not go on is taken back
before our last word.
"""

from collections.abc import Awaitable, Callable

from lamsonproxy.app.routing import Routes
from lamsonproxy.engine.decision import UNMATCHED
from lamsonproxy.engine.gating import TAKEN, Earlier, Gating, Heard, log_refusal
from lamsonproxy.engine.policy import RELAY_SHARE, DoorPolicy, Means
from lamsonproxy.engine.settling import to_our_client
from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.envelope import Recipient
from lamsonproxy.mail.probe import may_be_probe
from lamsonproxy.mail.reply import TROUBLE, Reply, with_trace
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.mail.verdict import reply_to
from lamsonproxy.ports import Inquiry

Settle = Callable[[Transaction, DoorPolicy, Callable[[], bool], Earlier], Awaitable[Reply]]
"""The engine's settling of a mail of which something happened earlier."""


class Proxying:
    """One mail on its way in. Give it each RCPT, then the message or nothing; `end` it in any case."""

    def __init__(self, routes: Routes, means: Means, policy: DoorPolicy, settle: Settle) -> None:
        self._routes = routes
        self._means = means
        self._policy = policy
        self._settle = settle
        self._inquiry: Inquiry | None = None
        self._refused: dict[int, Heard] = {}
        self._deferred: Reply | None = None
        self._has_failed = False

    async def ask(self, transaction: Transaction) -> Reply:
        """Answer the RCPT of the last recipient so far. Never raises what handlers or downstream do."""
        begun = self._means.clock.monotonic()
        heard = await self._hear(transaction, begun + self._policy.rcpt_timeout_s)
        if heard.reply.is_positive:
            return heard.reply
        if self._policy.speed_adjust:
            self._refused[len(transaction.envelope.recipients) - 1] = heard
            self._deferred = self._deferred or (heard.reply if heard.reply.is_transient else None)
            return TAKEN
        log_refusal(self._means, transaction, heard, begun)
        return heard.reply

    async def settle(self, transaction: Transaction, withdrawn: Callable[[], bool]) -> Reply:
        """Settle the mail, whose recipients are those that were taken at RCPT. Never raises."""
        earlier = Earlier(self._inquiry, self._refused, self._deferred)
        try:
            return await self._settle(transaction, self._policy, withdrawn, earlier)
        finally:
            await self.end()

    async def end(self) -> None:
        """It is over: downstream forgets what has not been delivered. Never raises."""
        inquiry, self._inquiry = self._inquiry, None
        if inquiry is not None:
            await inquiry.end()

    async def _hear(self, transaction: Transaction, deadline: float) -> Heard:
        until = deadline - self._policy.rcpt_timeout_s * RELAY_SHARE
        heard = await Gating(self._routes, self._means, self._policy, transaction, until).run()
        if not heard.reply.is_positive:
            return heard
        recipient = transaction.envelope.recipients[-1]
        if self._policy.unmatched == "reject" and self._is_unmatched(transaction, recipient):
            return Heard(reply_to(UNMATCHED), UNMATCHED)
        return await self._ask_downstream(transaction, recipient, deadline)

    def _is_unmatched(self, transaction: Transaction, recipient: Recipient) -> bool:
        if may_be_probe(transaction.envelope.sender, recipient):
            return False  # Its header will tell.
        return next(self._routes.matches(recipient.address.spec), None) is None

    async def _ask_downstream(self, transaction: Transaction, recipient: Recipient, deadline: float) -> Heard:
        if self._inquiry is None:
            self._inquiry = self._means.courier.inquiry(transaction.envelope)
        try:
            return Heard(to_our_client(await self._inquiry.ask(recipient, deadline=deadline)))
        except RemoteError as error:
            if not self._has_failed:
                self._means.log.relay_failed(transaction, error)
            self._has_failed = True
            # For the whole mail: those that downstream has taken before hang on the same connection.
            self._deferred = with_trace(TROUBLE, transaction.trace)
            return Heard(self._deferred)
