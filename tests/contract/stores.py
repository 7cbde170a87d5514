"""What stands behind the port `Conversations` in its contract suite, and a short way to say what a unit does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, select

from lamsonproxy.mail.conversation import (
    START,
    Asked,
    ConversationKey,
    Move,
    Outgoing,
    Question,
    Work,
    digest_of,
)
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Conversations, Unit
from lamsonproxy.state.database import Database
from lamsonproxy.state.engines import DatabaseSettings
from lamsonproxy.state.memory import MemoryConversations
from lamsonproxy.state.schema import prepare
from lamsonproxy.state.sql import SqlConversations
from lamsonproxy.state.tables import content, outbox, transition
from tests.databases import DATABASES, empty_database
from tests.doubles import FakeClock
from tests.relay_rig import envelope

LOCK_WAIT_S = 10.0
OK = Reply(250, "2.0.0", "Ok")
ALICE = ConversationKey("app.lists", "cooks", "alice@example.org")
BOB = ConversationKey("app.lists", "cooks", "bob@example.org")

SQL_KINDS = tuple(f"{name}{loop}" for name in DATABASES for loop in ("", " async"))
KINDS = ("memory", *SQL_KINDS)

_T = TypeVar("_T")


class Store:
    """A store, and units of work in it. `other` stands for another process with the same database."""

    def __init__(self, conversations: Conversations, other: Conversations, clock: FakeClock) -> None:
        self.conversations = conversations
        self.other = other
        self.clock = clock

    @property
    def is_async(self) -> bool:
        return False

    @property
    def has_one_writer(self) -> bool:
        return False

    def asked(self, *keys: ConversationKey, **more: Any) -> Asked:
        asked = Asked("TRACE", self.clock.now(), frozenset(keys), correspondent="alice@example.org")
        return replace(asked, **more)

    async def begun(self, *keys: ConversationKey, of: Conversations | None = None, **more: Any) -> Unit:
        unit = (of or self.conversations).unit(self.asked(*keys, **more))
        await unit.begin(until=self.clock.monotonic() + LOCK_WAIT_S)
        return unit

    async def does(self, work: Work, *keys: ConversationKey, **more: Any) -> None:
        """A whole unit."""
        unit = await self.begun(*keys, **more)
        await unit.write(work)
        await unit.commit()

    async def state(self, key: ConversationKey) -> str:
        unit = await self.begun(key)
        found = unit.found
        await unit.rollback()
        assert found is not None
        return found.standings[key].state

    async def outgoing(self) -> list[tuple[str, bytes]]:
        """Each mail in the outbox, oldest first: its conversation and its octets."""
        raise NotImplementedError

    async def steps(self) -> list[tuple[str, str]]:
        """The history: from where, to where."""
        raise NotImplementedError


class Memory(Store):
    def __init__(self, clock: FakeClock) -> None:
        self.memory = MemoryConversations(clock, lock_wait_s=LOCK_WAIT_S)
        super().__init__(self.memory, self.memory, clock)

    async def outgoing(self) -> list[tuple[str, bytes]]:
        return [(mail.conversation, mail.content) for mail in self.memory.contents.outgoing]

    async def steps(self) -> list[tuple[str, str]]:
        return [(step.move.old, step.move.new) for step in self.memory.contents.steps]


class Sql(Store):
    def __init__(self, database: Database, second: Database, clock: FakeClock) -> None:
        super().__init__(SqlConversations(database, clock), SqlConversations(second, clock), clock)
        self.database = database

    @property
    def is_async(self) -> bool:
        return self.database.is_async

    @property
    def has_one_writer(self) -> bool:
        return self.database.engine.dialect.name == "sqlite"

    async def reads(self, act: Callable[[Connection], _T]) -> _T:
        return await self.database.transaction(act)

    async def outgoing(self) -> list[tuple[str, bytes]]:
        joined = outbox.join(content, outbox.c.content == content.c.id)
        wanted = select(outbox.c.conversation, content.c.octets).select_from(joined).order_by(outbox.c.id)
        return [(row[0], row[1]) for row in await self.reads(lambda c: c.execute(wanted).all())]

    async def steps(self) -> list[tuple[str, str]]:
        wanted = select(transition.c.old, transition.c.new).order_by(transition.c.id)
        return [(row[0], row[1]) for row in await self.reads(lambda c: c.execute(wanted).all())]

    async def in_handler(self, act: Callable[[Any], _T], unit: Unit) -> _T:
        """Use `mail.db` as a handler does: in a thread, or on the loop. `act` is given a Session either way."""
        if self.is_async:
            return await unit.db.run_sync(act)  # type: ignore[no-any-return]  # a Session's
        return await asyncio.to_thread(lambda: act(unit.db))


@asynccontextmanager
async def sql_store(url: str, *, is_async: bool) -> AsyncIterator[Sql]:
    settings = DatabaseSettings(url, connections=10, lock_wait_s=LOCK_WAIT_S)
    await asyncio.to_thread(prepare, settings)
    async with AsyncExitStack() as stack:
        first, second = (Database(settings, is_async=is_async) for _ in range(2))
        stack.push_async_callback(first.close)
        stack.push_async_callback(second.close)
        yield Sql(first, second, FakeClock())


@asynccontextmanager
async def store_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Store]:
    """A new store of this kind."""
    if kind == "memory":
        yield Memory(FakeClock())
        return
    name, _, is_async = kind.partition(" ")
    with empty_database(name, request, folder) as url:
        async with sql_store(url, is_async=bool(is_async)) as store:
            yield store


def step(key: ConversationKey, new: str, old: str = START) -> Move:
    return Move(key, old, new, f"app.lists.{old}")


def mail(text: str = "hello", *recipients: str, conversation: str = "") -> Outgoing:
    return Outgoing(envelope(*recipients), f"{text}\r\n".encode(), "reply", conversation)


def question(
    clock: FakeClock, secret: str = "s3cret", *, hours: int = 48, key: ConversationKey = ALICE
) -> Question:
    return Question(
        name="join",
        target="cooks@lists.example.org",
        correspondent=key.correspondent,
        digest=digest_of(secret),
        asked_at=clock.now(),
        expires_at=clock.now() + timedelta(hours=hours),
        envelope=envelope("cooks@lists.example.org NOTIFY=NEVER", sender=key.correspondent),
        content=b"Subject: let me in\r\n\r\n",
    )
