"""Answers of which nobody knows yet whether they were read.

Where Postfix gives no queue id (before the queue) the settled key is made of the octets alone, and the same octets may
be another mail later. So its row goes as soon as the client's next command shows that it has read our answer (design
law 3).

Law: the same octets wait until what they may be mistaken for is forgotten. What the database would not forget is tried
again with the next one, and goes with its age at last.
"""

import asyncio

from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.ports import Conversations, MailLog

LIMIT = 10_000
"""Mails of which we wait to see that our answer was read: more than there are connections."""

WAIT_S = 15.0
"""Seconds that a mail waits for its like to be forgotten."""


class Unheard:
    """Settled keys made without a queue id."""

    def __init__(self, conversations: Conversations, log: MailLog) -> None:
        self._conversations = conversations
        self._log = log
        self._keys: dict[str, frozenset[str]] = {}
        """By trace, while nobody knows whether the answer was read."""
        self._over: set[str] = set()
        """To be forgotten."""
        self._forgetting: asyncio.Task[None] | None = None

    def remember(self, transaction: Transaction, keys: frozenset[str]) -> None:
        """These keys stand in the database."""
        if not keys or transaction.envelope.xforward.ident:
            return
        while len(self._keys) >= LIMIT:
            # The oldest: its client went away without a word.
            del self._keys[next(iter(self._keys))]
        self._keys[transaction.trace] = self._keys.get(transaction.trace, frozenset()) | keys

    def heard(self, transaction: Transaction) -> None:
        """The client has read our answer, so this mail does not come again."""
        self._over |= self._keys.pop(transaction.trace, frozenset())
        if self._over and (self._forgetting is None or self._forgetting.done()):
            self._forgetting = asyncio.ensure_future(self._forget(transaction))

    async def wait(self, transaction: Transaction) -> None:
        """Until what was heard is forgotten, where this mail could be mistaken for it."""
        if self._forgetting is not None and not transaction.envelope.xforward.ident:
            await asyncio.wait((self._forgetting,), timeout=WAIT_S)

    async def _forget(self, transaction: Transaction) -> None:
        while self._over:
            keys = tuple(self._over)
            try:
                await self._conversations.forget(keys)
            except Exception as error:
                self._log.store_failed(transaction, error)
                return
            self._over.difference_update(keys)
