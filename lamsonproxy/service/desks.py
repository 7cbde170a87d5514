"""What stands behind a door: the engine, with the door's policy.

Law: a desk decides nothing; it says which of the engine's answers a door of its kind gives.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from lamsonproxy.engine import DoorPolicy, Engine
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.transaction import Transaction


@dataclass(frozen=True, slots=True)
class EngineDesk:
    """The desk behind a door: the engine, with the door's policy."""

    engine: Engine
    policy: DoorPolicy

    async def settle(self, transaction: Transaction, withdrawn: Callable[[], bool]) -> AsyncIterator[Reply]:
        yield await self.engine.settle(transaction, self.policy, withdrawn)

    def heard(self, transaction: Transaction) -> None:
        self.engine.heard(transaction)


class EachDesk(EngineDesk):
    """The desk behind a door that has an answer for each recipient."""

    def settle(self, transaction: Transaction, withdrawn: Callable[[], bool]) -> AsyncIterator[Reply]:
        return self.engine.settle_each(transaction, self.policy, withdrawn)


@dataclass(frozen=True, slots=True)
class EngineGate:
    """The gate of a door where downstream is asked with the message: `phase="rcpt"` handlers alone."""

    engine: Engine
    policy: DoorPolicy

    async def ask(self, transaction: Transaction) -> Reply:
        return await self.engine.ask_gate(transaction, self.policy)

    async def forget(self, trace: str) -> None:
        return None
