"""The port `Timers` over each database: what is due, and who has it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import ConversationKey, Timer
from lamsonproxy.state.database import Database
from lamsonproxy.state.rows import timer_row
from lamsonproxy.state.tables import timer as table
from lamsonproxy.state.timers import SqlTimers
from tests.doubles import FakeClock
from tests.outboxes import KINDS, database_of

LEASE = timedelta(seconds=900)


class Rig:
    """Timers of somebody, and the clock by which they are due."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FakeClock()
        self.timers = SqlTimers(database)

    async def has(self, who: str = "bob@example.net", *, in_s: float = 0.0) -> Timer:
        timer = Timer(
            ConversationKey("app.lists", "cooks", who),
            state="PENDING",
            to="EXPIRED",
            due_at=self.clock.now() + timedelta(seconds=in_s),
            recipient=Address("c\udcf6oks@lists.example.org"),
            captures={"list_name": "cooks", "secret": None},
        )
        await self.database.transaction(lambda c: c.execute(insert(table), timer_row(timer)).rowcount)
        return timer

    async def claim(self, limit: int = 10) -> list[Timer]:
        now = self.clock.now()
        return list(await self.timers.claim(limit, now=now, lease_until=now + LEASE))


@pytest.fixture(params=KINDS)
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    async with database_of(request.param, request, tmp_path) as database:
        yield Rig(database)


async def test_a_timer_is_claimed_when_it_is_due_as_it_was_written(rig: Rig) -> None:
    timer = await rig.has(in_s=60)
    assert await rig.claim() == []
    rig.clock.advance(60)
    assert await rig.claim() == [timer]


async def test_a_claimed_timer_is_nobody_elses_until_its_lease_is_over(rig: Rig) -> None:
    timer = await rig.has()
    await rig.claim()
    assert await rig.claim() == []
    rig.clock.advance(LEASE.total_seconds())
    assert await rig.claim() == [timer]


async def test_the_oldest_come_first_and_no_more_than_asked_for(rig: Rig) -> None:
    for n in (3, 1, 2):
        await rig.has(f"{n}@example.net", in_s=n)
    rig.clock.advance(60)
    claimed = await rig.claim(2)
    assert [timer.conversation.correspondent for timer in claimed] == ["1@example.net", "2@example.net"]


async def test_those_who_claim_at_the_same_time_share_the_timers(rig: Rig) -> None:
    timers = [await rig.has(f"{n}@example.net") for n in range(20)]
    claims = await asyncio.gather(*(rig.claim(3) for _ in range(10)))
    claimed = [timer for claim in (*claims, await rig.claim(20)) for timer in claim]
    assert len(claimed) == 20 and all(timer in claimed for timer in timers)


async def test_a_timer_that_cannot_be_read_stops_nobody(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    broken = await rig.has("broken@example.net")
    timer = await rig.has()
    breaking = update(table).where(table.c.conversation == broken.conversation.id).values(timer="{}")
    await rig.database.transaction(lambda connection: connection.execute(breaking).rowcount)
    assert await rig.claim() == [timer]
    assert broken.conversation.id in caplog.text
