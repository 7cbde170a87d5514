"""The proxy door: before the queue, where the remote client hears every reply.

On the wire it is the filter door. What is different is when things are said: Postfix gives us each RCPT while its own
client waits (SMTPD_PROXY_README), so a mail has a reception from its first RCPT on, which asks handlers and downstream
at once, and goes on with the message when that has come.

Law: each reception is ended exactly once, by the mail's end or the client's. Postfix hears a reply of ours to whatever
it says, for a dropped connection is "queue file write error" to its client and a notice to its postmaster.
"""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.transaction import Transaction


class Reception(Protocol):
    """One mail on its way in."""

    async def ask(self, transaction: Transaction) -> Reply:
        """Whether the last recipient so far is taken."""

    async def settle(self, transaction: Transaction, withdrawn: Callable[[], bool]) -> Reply:
        """Decide, relay, commit, and give the answer."""

    async def end(self) -> None:
        """It has ended: downstream forgets what has not been delivered. Never raises."""


class ProxyDesk:
    """The gate and the desk of a proxy door."""

    def __init__(self, receive: Callable[[], Reception], heard: Callable[[Transaction], None]) -> None:
        self._receive = receive
        self._heard = heard
        self._receptions: dict[str, Reception] = {}

    async def ask(self, transaction: Transaction) -> Reply:
        """See `Gate`."""
        reception = self._receptions.get(transaction.trace)
        if reception is None:
            reception = self._receptions[transaction.trace] = self._receive()
        return await reception.ask(transaction)

    async def settle(self, transaction: Transaction, withdrawn: Callable[[], bool]) -> AsyncIterator[Reply]:
        """See `Desk`."""
        yield await self._receptions[transaction.trace].settle(transaction, withdrawn)

    def heard(self, transaction: Transaction) -> None:
        """See `Desk`."""
        self._heard(transaction)

    async def forget(self, trace: str) -> None:
        """See `Gate`."""
        reception = self._receptions.pop(trace, None)
        if reception is not None:
            await reception.end()
