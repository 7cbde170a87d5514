"""Short transactions of our own, and what their SQL has in common.

Law: all SQL of ours is a function of a synchronous `Connection`; who runs it, in a thread or on the loop, is the
database's business. No act here waits for anything but the database.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

SHORT_S = 30.0
"""Seconds for one short transaction, the wait for a connection included."""


class Database(Protocol):
    """Runs acts."""

    async def run(self, act: Callable[[Connection], T], *, timeout: float) -> T:
        """Run the act in a transaction and commit it. Raises StoreError, and then nothing has happened or nobody can
        know; what else the act raises rolls back and goes through."""
