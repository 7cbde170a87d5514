"""An outbox with mail in it, for those who test what sends it: a database, and rows as a unit of work writes them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import OutgoingKind
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Due
from lamsonproxy.state.database import Database
from lamsonproxy.state.engines import DatabaseSettings
from lamsonproxy.state.outbox import SqlOutbox
from lamsonproxy.state.tables import content, metadata, outbox
from tests.databases import DATABASES, empty_database
from tests.doubles import FakeClock
from tests.relay_rig import envelope

CONTENT = b"Subject: hello\r\n\r\n.\r\n"
TAKEN = Reply(250, "2.0.0", "Ok: queued as 4F0")
NO_SUCH_USER = Reply(550, "5.1.1", "No such user")
GREYLISTED = Reply(450, "4.2.0", "Greylisted")
LEASE = timedelta(seconds=300)
TRACE = "7QF3M2K9ZA"


KINDS = tuple(f"{name}{loop}" for name in DATABASES for loop in ("", " on the loop"))
"""The databases over which a contract is tested, with the drivers of both kinds of application."""


@asynccontextmanager
async def database_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Database]:
    """A new database of one of these kinds."""
    name, _, on_the_loop = kind.partition(" ")
    with empty_database(name, request, folder) as url:
        async with database_at(url, is_async=bool(on_the_loop)) as database:
            yield database


@asynccontextmanager
async def database_at(url: str, *, is_async: bool = False) -> AsyncIterator[Database]:
    """A database with our tables, empty; closed at the end."""
    database = Database(DatabaseSettings(url, lock_wait_s=5), is_async=is_async)
    await database.transaction(metadata.create_all)
    try:
        yield database
    finally:
        await database.close()


def sqlite_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'lamson.db'}"


def write(
    connection: Connection,
    batches: Sequence[Sequence[str]],
    octets: bytes,
    conversation: str,
    now: datetime,
    kind: OutgoingKind = "send_on",
) -> list[int]:
    """One mail: a row for each batch of recipients. Gives the rows' numbers."""
    written = connection.execute(insert(content), {"octets": octets}).inserted_primary_key
    assert written is not None
    rows = [
        {
            "content": written[0],
            "conversation": conversation,
            "kind": kind,
            "envelope": envelope(*recipients).to_json(),
            "trace": TRACE,
            "written_at": now,
            "due_at": now,
        }
        for recipients in batches
    ]
    return [connection.execute(insert(outbox).returning(outbox.c.id), row).scalar_one() for row in rows]


def words(due: Due) -> tuple[bytes, list[str]]:
    """A claimed mail, as a test speaks of it: octets and recipients."""
    return due.outgoing.content, [recipient.address.raw for recipient in due.outgoing.envelope.recipients]


class Rig:
    """An outbox, the clock by which it is asked, and what stands in the tables."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.clock = clock
        self.outbox = SqlOutbox(database)

    async def has(
        self,
        *batches: Sequence[str],
        octets: bytes = CONTENT,
        conversation: str = "c1",
        kind: OutgoingKind = "send_on",
    ) -> list[int]:
        """A mail is written, to bob when nobody is named."""
        them = batches or (["bob@example.net"],)
        return await self.database.transaction(write, them, octets, conversation, self.clock.now(), kind)

    async def claim(self, limit: int = 10) -> list[Due]:
        now = self.clock.now()
        return list(await self.outbox.claim(limit, now=now, lease_until=now + LEASE))

    async def settle(self, due: Due, replies: dict[str, Reply]) -> None:
        """Settle by raw address; who is not named heard nothing. Tried again in a minute."""
        now = self.clock.now()
        by_address = {Address(raw): reply for raw, reply in replies.items()}
        await self.outbox.settle(due, by_address, now=now, retry_at=now + timedelta(seconds=60))

    async def take_all(self, due: Due) -> None:
        """Downstream takes all of it."""
        await self.settle(due, dict.fromkeys(words(due)[1], TAKEN))

    async def contents(self) -> int:
        """How many mails' octets are there."""
        return len(await self.database.transaction(lambda c: c.execute(select(content.c.id)).all()))

    async def dead(self) -> list[tuple[str, str]]:
        """The reply and the envelope of each dead letter, oldest first."""
        rows = select(outbox.c.reply, outbox.c.envelope).where(outbox.c.is_dead).order_by(outbox.c.id)
        return [(row[0], row[1]) for row in await self.database.transaction(lambda c: c.execute(rows).all())]
