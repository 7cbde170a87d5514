"""Conversations where there is no database: mail that only passes needs none.

Law: nothing here fails before something is wanted that only a database can do; then it says so.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn

from lamsonproxy.errors import AppError, StoreError
from lamsonproxy.mail.conversation import Asked, Found, Outgoing, Work
from lamsonproxy.mail.reply import Reply

MISSING = "no database is configured: set `database`, sqlite:///var/lamson.db for example"


class NoUnit:
    """Fulfils `ports.Unit` as long as nothing is asked of it."""

    is_open = False
    has_conflict = False
    found = None

    @property
    def db(self) -> NoReturn:
        raise AppError(MISSING)

    async def begin(self, *, until: float) -> Found:
        raise StoreError(MISSING)

    async def mark(self) -> None:
        return None

    async def restore(self) -> None:
        return None

    async def write(self, work: Work) -> None:
        raise StoreError(MISSING)

    async def add(self, outgoing: Outgoing) -> None:
        raise StoreError(MISSING)

    async def amend(self, settled: Mapping[str, Reply]) -> None:
        return None

    async def commit(self) -> None:
        return None

    async def rollback(self, *, after: "asyncio.Future[Any] | None" = None) -> None:
        return None


class NoConversations:
    """Fulfils `ports.Conversations` for stateless applications."""

    def unit(self, asked: Asked) -> NoUnit:
        return NoUnit()

    async def failed(self, key: str, now: datetime) -> int:
        raise StoreError(MISSING)
