"""Conversations in a SQL database.

Law: what is counted whatever becomes of a mail is counted in a transaction of its own, beside the mail's.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from lamsonproxy.crash import crash_at
from lamsonproxy.mail.conversation import Asked
from lamsonproxy.ports import Clock
from lamsonproxy.state import reading, writing
from lamsonproxy.state.database import Database
from lamsonproxy.state.tables import settled
from lamsonproxy.state.unit import SqlUnit


class SqlConversations:
    """Fulfils `ports.Conversations`."""

    is_there = True

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def unit(self, asked: Asked) -> "SqlUnit":
        return SqlUnit(self._database, self._clock, asked)

    async def failed(self, key: str, now: datetime) -> int:
        return await self._database.transaction(writing.count_failure, key, now)

    async def forget(self, keys: Sequence[str]) -> None:
        await self._database.transaction(writing.forget, settled, keys)
        crash_at("settled-forgotten")

    async def failures(self, keys: Sequence[str]) -> Mapping[str, int]:
        return await self._database.transaction(reading.failures, list(keys)) if keys else {}
