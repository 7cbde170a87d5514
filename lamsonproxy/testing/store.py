"""The database of a world, and who goes over it: outbox, timers, retention.

Law: as in stores.py, but nobody sweeps: `work` does all that is due, and what follows from it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, Table, false, func, select, true

from lamsonproxy.app.machines import Machines
from lamsonproxy.config import Settings
from lamsonproxy.mail.conversation import START, ConversationKey, Timer
from lamsonproxy.outbox import Sending
from lamsonproxy.ports import Clock, Courier, MailLog
from lamsonproxy.state.database import Database
from lamsonproxy.state.outbox import SqlOutbox
from lamsonproxy.state.retention import SqlRetention
from lamsonproxy.state.schema import prepare
from lamsonproxy.state.sql import SqlConversations
from lamsonproxy.state.tables import conversation, outbox, timer
from lamsonproxy.state.timers import SqlTimers
from lamsonproxy.stores import ages, database_settings, pace
from lamsonproxy.timers import Ticking, Ticks


class Store:
    """One database. Made and used on one loop."""

    def __init__(
        self, url: str, settings: Settings, machines: Machines, courier: Courier, log: MailLog, clock: Clock
    ) -> None:
        """Raises ConfigError."""
        self.settings = database_settings(url, settings)
        self._clock, self._log = clock, log
        self._database = Database(self.settings, is_async=machines.is_async)
        self.conversations = SqlConversations(self._database, clock)
        # No chance: the pause before the next attempt is always the whole one.
        self._sending = Sending(SqlOutbox(self._database), courier, log, clock, pace(settings), lambda: 1.0)
        self._retention = SqlRetention(self._database, ages(settings))
        self._ticking: Ticking | None = None

    async def open(self, tables: Sequence[object], fire: Callable[[Timer], Awaitable[None]]) -> None:
        """Make the tables. Raises ConfigError, StoreError and AppError."""
        await asyncio.to_thread(prepare, self.settings, tables)
        self._ticking = Ticking(SqlTimers(self._database), fire, self._log, self._clock, Ticks())

    async def work(self) -> None:
        """Run the timers that are due, and send what is due."""
        assert self._ticking is not None, "it was opened"
        await self._ticking.once()
        await self._sending.once()

    async def forget_old(self) -> None:
        """Take away what is older than it may become."""
        await self._retention.forget_old(self._clock.now())

    async def next_due(self, after: datetime) -> datetime | None:
        """When the next timer or the next mail is due; None when nothing waits."""
        moments = await self._database.transaction(_next_due, after)
        return min(moments, default=None)

    async def state_of(self, key: ConversationKey) -> str:
        return await self._database.transaction(_state_of, key)

    async def close(self) -> None:
        await self._database.close()


def _next_due(connection: Connection, after: datetime) -> list[datetime]:
    found = (_first_after(connection, timer, after), _first_after(connection, outbox, after))
    return [moment for moment in found if moment is not None]


def _first_after(connection: Connection, table: Table, after: datetime) -> datetime | None:
    # What was claimed and not done is due again when its lease is over.
    moment = func.coalesce(table.c.lease_until, table.c.due_at)
    is_waiting = table.c.is_dead == false() if "is_dead" in table.c else true()
    return connection.scalar(select(func.min(moment)).where(moment > after, is_waiting))


def _state_of(connection: Connection, key: ConversationKey) -> str:
    found = connection.scalar(select(conversation.c.state).where(conversation.c.id == key.id))
    return found or START
