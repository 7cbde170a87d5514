"""What becomes of a mail whose handler failed.

    on_error = "defer"        451, nothing has happened; Postfix tries again
    on_error = "accept"       the mail as it came goes on
    on_error = "quarantine"   the mail as it came is kept

With `poison_after` a mail that was deferred so often is not tried again: it is kept in `undeliverable`, the
conversation that it would have been for goes to its machine's ERROR, where it has one, and Postfix hears 250 (H7).

Law: what the failed handler wrote or sent counts for nothing. The failures are counted outside its transaction and
after its end: the count would be rolled back with it, or wait for it where a database has one writer.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from lamsonproxy.engine.act import Act
from lamsonproxy.engine.planning import Plan, Step
from lamsonproxy.engine.policy import DoorPolicy, Means
from lamsonproxy.errors import StoreError
from lamsonproxy.mail.conversation import ERROR
from lamsonproxy.mail.envelope import Recipient
from lamsonproxy.mail.reply import TROUBLE
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.mail.verdict import ACCEPT, Defer, Quarantine, Verdict

FAILED = Defer(TROUBLE.status, TROUBLE.text)


class Failing:
    """The failing of one mail's handlers."""

    def __init__(self, means: Means, policy: DoorPolicy, transaction: Transaction) -> None:
        self._means = means
        self._policy = policy
        self._transaction = transaction

    @property
    def defer(self) -> Defer:
        """451, with the trace."""
        return replace(FAILED, text=f"{FAILED.text} ({self._transaction.trace})")

    async def after(self, step: Step, act: Act, left: "asyncio.Future[Any] | None") -> Verdict:
        """What is to happen after a handler failed at this step. Raises StoreError."""
        on_error = step.match.route.on_error or self._policy.on_error
        # One that still runs, in the same transaction: that can only be rolled back now.
        if on_error == "defer" or (act.is_open and left is not None):
            return self.defer
        await act.restore()
        return ACCEPT if on_error == "accept" else Quarantine("the handler failed")

    async def poisoned(self, recipients: Iterable[Recipient]) -> frozenset[Recipient]:
        """Those whose mail has failed too often. Never raises: without a database nothing is known of them."""
        if not self._policy.poison_after or not self._means.conversations.is_there:
            return frozenset()
        keys = {recipient: self._transaction.key(recipient) for recipient in recipients}
        try:
            counts = await self._means.conversations.failures(tuple(keys.values()))
        except StoreError as error:
            self._means.log.store_failed(self._transaction, error)
            return frozenset()
        limit = self._policy.poison_after
        return frozenset(recipient for recipient, key in keys.items() if counts.get(key, 0) >= limit)

    def poison(self, plan: Plan, act: Act) -> tuple[Verdict, str]:
        """The end of one of them, and the route that it would have been for."""
        route = ""
        for step in plan.steps:
            where, route = step.conversation, step.match.route.name
            if where is not None and act.state_of(where) == step.match.route.state:
                if act.machines.has_state(where.machine, ERROR):
                    act.touch(where, plan.recipient.address, step.match.captures)
                    act.move(where, ERROR, route)
                break
        return Quarantine("its handlers failed too often"), route

    async def count(self, recipients: Iterable[Recipient]) -> None:
        """The mail of these has failed once more. Never raises: it is counted the next time."""
        if not self._policy.poison_after or not self._means.conversations.is_there:
            return
        try:
            for recipient in recipients:
                key = self._transaction.key(recipient)
                await self._means.conversations.failed(key, self._means.clock.now())
        except StoreError as error:
            self._means.log.store_failed(self._transaction, error)
