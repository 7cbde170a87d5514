"""Conversations where there is no database: nothing is begun, nothing can fail."""

from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.ports import Unit


class EmptyUnit:
    """A unit of work without rows."""

    is_empty = True

    async def flush(self) -> None:
        return None

    async def commit(self) -> None:
        return None

    async def rollback(self) -> None:
        return None


class NoConversations:
    """Fulfils `ports.Conversations` for stateless applications."""

    async def begin(self, transaction: Transaction) -> Unit:
        return _EMPTY


_EMPTY = EmptyUnit()
