"""Where states live: a unit of work is one transaction, whatever the store.

Law: design laws 3 to 5. How a store of one's own is written is in docs/howto/state-store.md.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from lamsonproxy.mail.conversation import Asked, Found, Outgoing, Timer, Work
from lamsonproxy.mail.reply import Reply

if TYPE_CHECKING:
    from asyncio import Future


class Unit(Protocol):
    """One database transaction around the handlers of one unit of work (design laws 3 to 5).

    It begins when it is told to, or, where nothing had to be locked, when a handler first uses `db`. Either way it
    looks first whether its mail was settled before. Methods raise StoreError; ConflictError where the same unit may
    well succeed when it is done again from its beginning.
    """

    @property
    def is_open(self) -> bool:
        """Whether it has begun, so that there is something to commit or to roll back."""

    @property
    def found(self) -> Found | None:
        """What it found when it began."""

    @property
    def has_conflict(self) -> bool:
        """Whether a statement of a handler failed in a way that makes it worth doing all of it again, whatever the
        handler made of it."""

    @property
    def db(self) -> Any:
        """The handlers' session: a SQLAlchemy `Session` or `AsyncSession` in this transaction.

        Raises AppError where there is no database. Using it raises AlreadySettled when the mail was settled before.
        """

    async def begin(self, *, until: float) -> Found:
        """Begin: lock the conversations in the order of their ids, then read. Nothing when it has begun already.

        `until` is a time of the clock; beyond it, or beyond `lock_wait_s`, StoreError.
        """

    async def mark(self) -> None:
        """Remember this moment. Nothing when it has not begun."""

    async def restore(self) -> None:
        """Undo what handlers did in the database since the last mark, or everything where none was set."""

    async def write(self, work: Work) -> None:
        """Flush what handlers have added to their session, write all this, and try everything that can fail: deferred
        constraints included. Begins if need be."""

    async def settle(self, work: Work) -> None:
        """`write` and `commit` at once, where nothing is to be relayed or kept between them."""

    async def add(self, outgoing: Outgoing) -> None:
        """Put one more mail into the outbox, after the relay."""

    async def amend(self, settled: Mapping[str, Reply]) -> None:
        """Our answers as they are after the relay."""

    async def commit(self) -> None:
        """After downstream's 250. A commit whose outcome is unknown is looked up by its settled rows: when this
        returns it has happened. Raises StoreError, and then it has not, or nobody can know."""

    async def rollback(self, *, after: "Future[Any] | None" = None) -> None:
        """Nothing happened. From now on the session raises; with `after`, the rollback itself waits for the end of
        that call, in which a handler may still use it, and this returns before. Never raises."""


class Conversations(Protocol):
    """Where states live."""

    @property
    def is_there(self) -> bool:
        """Whether there is a database at all."""

    def unit(self, asked: Asked) -> Unit:
        """A unit of work that has not begun."""

    async def failed(self, key: str, now: datetime) -> int:
        """Count a failure of the mail with this settled key, in a transaction of its own; give how many there were.
        Raises StoreError."""

    async def forget(self, keys: Sequence[str]) -> None:
        """The mails with these settled keys will not come again: their answers were read. Raises StoreError."""

    async def failures(self, keys: Sequence[str]) -> Mapping[str, int]:
        """How often the mails with these settled keys have failed; those that never did are left out. Raises
        StoreError."""


class Timers(Protocol):
    """Timers of conversations."""

    async def claim(self, limit: int, *, now: datetime, lease_until: datetime) -> Sequence[Timer]:
        """Timers that are due and that nobody else is about to run. Raises StoreError."""


class Retention(Protocol):
    """What the database keeps, and for how long. Raises StoreError."""

    async def forget_old(self, now: datetime) -> int:
        """Delete what is older than it may become, a little at a time; give how many rows went."""

    async def counts(self) -> Mapping[tuple[str, str], int]:
        """How many conversations stand in each state, by machine and state; START is nobody's."""
