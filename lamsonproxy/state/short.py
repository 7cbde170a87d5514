"""What the stores of this package ask of a database: short transactions of their own.

Law: all SQL of ours is a function of a synchronous `Connection`; who runs it, in a thread or on the loop, is the
database's business.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Transactions(Protocol):
    """Runs acts."""

    async def transaction(self, act: Callable[..., T], *args: Any) -> T:
        """Do an act, a function of a Connection and these, in a transaction of its own. Raises StoreError, and then
        nothing has happened or nobody can know; what else the act raises rolls back and goes through."""
