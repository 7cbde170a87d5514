"""What we keep of one mail ourselves: copies in the quarantine, and a DSN about those that were refused.

Law: everything is durable before the relay and counts after downstream's 250 (design law 7). An attempt takes back
what it held itself and nothing else: the same mail may have been promised by an attempt before.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from lamsonproxy.app.mail import Copy
from lamsonproxy.crash import crash_at
from lamsonproxy.engine.addressing import Unserved
from lamsonproxy.engine.decision import Decision
from lamsonproxy.engine.policy import DISK_S, Means
from lamsonproxy.mail.dsn import Refusal, failure_notice
from lamsonproxy.mail.envelope import Recipient
from lamsonproxy.mail.fold import Fold, Outcome
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.mail.verdict import Quarantine
from lamsonproxy.ports import Held


class Keeping:
    """The keeping of one mail; what is to be held is held until a time of the clock."""

    def __init__(self, means: Means, transaction: Transaction, until: float) -> None:
        self._means = means
        self._transaction = transaction
        self._until = until
        self._held: list[Held] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held."""
        return not self._held

    async def hold(
        self,
        decisions: Sequence[Decision],
        outcomes: Sequence[Outcome],
        folded: Fold,
        unserved: Sequence[Unserved] = (),
    ) -> None:
        """Make durable what is to be kept. Raises StorageError."""
        for n, decision in enumerate(decisions):
            if decision.is_settled:
                continue
            if isinstance(decision.verdict, Quarantine) and decision.is_poison:
                await self._hold_undeliverable(decision.copy, decision.verdict.reason, decision.recipient)
            elif isinstance(decision.verdict, Quarantine):
                await self._hold_copy(decision.copy, decision.verdict.reason, decision.recipient)
            elif n in folded.strays:
                await self._hold_copy(decision.copy, _refused(outcomes[n].reply), decision.recipient)
        for one in unserved:
            # Named after both: two copies that differ may go to the same added address.
            owner = one.decision.recipient
            await self._hold_copy(one.decision.copy, _refused(one.reply), owner, one.recipient)
        strays = [Refusal(decisions[n].recipient, outcomes[n].reply) for n in folded.strays]
        if strays:
            await self._hold_notice(strays)

    async def hold_refused(self, decisions: Sequence[Decision], reply: Reply) -> None:
        """Keep a copy that downstream refused after it had taken another one. Raises StorageError."""
        for decision in decisions:
            await self._hold_copy(decision.copy, _refused(reply), decision.recipient)
        await self._hold_notice([Refusal(decision.recipient, reply) for decision in decisions])

    async def release(self) -> None:
        """From now on it counts. Raises StorageError."""
        for held in self._held:
            await self._means.runner.on_disk(held.release, timeout=DISK_S)

    async def cancel(self) -> None:
        """Take back what has not been released. Never raises: the answer is older than this, and stays.

        One time limit for all: what a dead disk leaves held counts nowhere, and Postfix waits.
        """
        until = self._means.clock.monotonic() + DISK_S
        for held in self._held:
            remaining = until - self._means.clock.monotonic()
            try:
                await self._means.runner.on_disk(held.cancel, timeout=remaining)
            except Exception as error:
                self._means.log.storage_failed(self._transaction, error)

    async def _hold_copy(self, copy: Copy, reason: str, *recipients: Recipient) -> None:
        """Hold a copy for the last of these, under the name of all."""
        envelope = replace(self._transaction.envelope, recipients=recipients[-1:])

        def hold(name: str) -> Held:
            return self._means.quarantine.hold(name, envelope, copy.content.parts(), reason)

        await self._hold(hold, *recipients)
        crash_at("quarantine-held")

    async def _hold_undeliverable(self, copy: Copy, reason: str, recipient: Recipient) -> None:
        envelope = replace(self._transaction.envelope, recipients=(recipient,))

        def hold(name: str) -> Held:
            return self._means.undeliverable.hold(name, envelope, copy.content.parts(), reason)

        await self._hold(hold, recipient)

    async def _hold_notice(self, strays: Sequence[Refusal]) -> None:
        notice = failure_notice(
            self._transaction.envelope,
            self._transaction.message,
            strays,
            hostname=self._means.hostname,
            trace=self._transaction.trace,
            at=self._means.clock.now(),
        )
        if notice is None:
            return
        envelope, content = notice

        def hold(name: str) -> Held:
            return self._means.notices.hold(name, envelope, (content,))

        await self._hold(hold, strays[0].recipient)
        crash_at("notice-held")

    async def _hold(self, hold: Callable[[str], Held], *recipients: Recipient) -> None:
        is_given_up = threading.Event()

        def act() -> Held:
            # In the thread too: the name is a hash over all of the mail.
            held = hold(self._transaction.key(*recipients))
            if is_given_up.is_set():
                held.cancel()
            return held

        remaining = self._until - self._means.clock.monotonic()
        try:
            self._held.append(await self._means.runner.on_disk(act, timeout=min(DISK_S, remaining)))
        except BaseException:
            # Each retry would leave a copy behind on a disk that is merely slow.
            is_given_up.set()
            raise


def _refused(reply: Reply) -> str:
    return f"refused: {reply}"
