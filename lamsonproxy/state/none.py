"""Conversations where there is no database: units in which nothing can be begun.

Law: an application that needs none never notices; one that does hears a sentence.
"""

from asyncio import Future
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lamsonproxy.errors import AppError, StoreError
from lamsonproxy.mail.conversation import Asked, Found, Outgoing, Work
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Unit

NO_DATABASE = "There is no database: name one by `database` in lamson.toml."


class EmptyUnit:
    """A unit of work without rows."""

    is_open = False
    found: Found | None = None
    has_conflict = False

    @property
    def db(self) -> Any:
        raise AppError(NO_DATABASE)

    async def begin(self, *, until: float) -> Found:
        raise StoreError(NO_DATABASE)

    async def mark(self) -> None:
        return None

    async def restore(self) -> None:
        return None

    async def write(self, work: Work) -> None:
        raise StoreError(NO_DATABASE)

    async def settle(self, work: Work) -> None:
        raise StoreError(NO_DATABASE)

    async def add(self, outgoing: Outgoing) -> None:
        raise StoreError(NO_DATABASE)

    async def amend(self, settled: Mapping[str, Reply]) -> None:
        return None

    async def commit(self) -> None:
        return None

    async def rollback(self, *, after: "Future[Any] | None" = None) -> None:
        return None


class NoConversations:
    """Fulfils `ports.Conversations` for applications that need none."""

    is_there = False

    def unit(self, asked: Asked) -> Unit:
        return EmptyUnit()

    async def failed(self, key: str, now: datetime) -> int:
        raise StoreError(NO_DATABASE)

    async def forget(self, keys: Sequence[str]) -> None:
        return None

    async def failures(self, keys: Sequence[str]) -> Mapping[str, int]:
        return {}
